//! Every row of the decision table, kills at each step of the protocol, and poison.

use std::time::{Duration, SystemTime};

use super::*;
use crate::filter::Filter;
use crate::format::{Record, Site};
use crate::journal::{Journal, Placement};
use crate::value::Value;
use crate::{Control, Drain};

const FILE: &str = "events-2026-11-21.jsonl";

/// One line `ring sequence message` per record.
#[derive(Default)]
struct Lines {
    panic_on: Option<&'static str>,
}

impl Sink for Lines {
    fn begin(&mut self, _now: SystemTime) {}
    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        let line = format!("{ring} {} {} {}\n", record.sequence, site.name, record.message);
        batch.lines(record.kind, FILE).extend_from_slice(line.as_bytes());
        assert_ne!(Some(record.message), self.panic_on, "poison");
    }
    fn committed(&mut self, _batch: &Batch) {}
    fn alternate(&self, file: &str, part: u32) -> String {
        format!("{}.{part}.jsonl", file.trim_end_matches(".jsonl"))
    }
}

struct Dead {
    root: tempfile::TempDir,
    instance: PathBuf,
    journal: Journal,
}

/// An instance whose process recorded `messages` and died before draining any.
fn dead(messages: &[&str]) -> Dead {
    let root = tempfile::tempdir().unwrap();
    let instance = root.path().join("inst/0/abcdefgh");
    crate::slot::create_directory(&instance.join("rings")).unwrap();
    let placement = Placement::Directory(instance.clone());
    let journal = Journal::open(placement, Filter::at(Level::Trace)).unwrap();
    let dead = Dead { root, instance, journal };
    messages.iter().for_each(|message| dead.record(message));
    dead
}

impl Dead {
    fn record(&self, message: &str) {
        let describe = || Descriptor { name: "tick".into(), ..Descriptor::default() };
        let site = self.journal.site(1, describe);
        self.journal.record(Kind::Event, Level::Info, &site, &[], |record| {
            record.message(Value::Str(message));
        });
    }

    fn recover(&self) -> io::Result<Recovered> {
        let mut sink = Lines::default();
        match Remains::open(self.root.path(), &self.instance, &mut sink)? {
            Ok(remains) => {
                remains.replay(self.root.path(), &mut sink, &Unsynced::default(), &mut || true)
            }
            Err(set_aside) => Ok(set_aside),
        }
    }

    fn lines(&self) -> String {
        fs::read_to_string(self.root.path().join(FILE)).unwrap_or_default()
    }

    /// The state after "stage ready": the first record staged for the end of the file.
    fn stage(&self, offset: u64, bytes: &str) -> Stage {
        let path = self.root.path().join(FILE);
        let file =
            fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).unwrap();
        let mut image = Image::open(&self.instance.join("rings/1.ring")).unwrap();
        assert!(image.read(&mut Vec::new()).unwrap());
        let mut stage = Stage::create(&self.instance.join("stage")).unwrap();
        let inode = file.metadata().unwrap().ino();
        let target = Staged { file: FILE.into(), inode, offset, bytes: bytes.into() };
        stage.ready(&[(1, image.position())], &[target]).unwrap();
        stage
    }
}

const FIRST: &str = "1 0 tick a\n";
const BOTH: &str = "1 0 tick a\n1 1 tick b\n";

#[test]
fn what_was_never_drained_is_recovered_once_and_the_remains_are_removed() {
    let dead = dead(&["a", "b"]);
    let recovered = dead.recover().unwrap();
    assert_eq!(recovered.records, [2, 0, 0]);
    assert_eq!(dead.lines(), BOTH);
    assert!(!dead.instance.exists());
}

#[test]
fn a_ready_batch_is_completed_wherever_the_kill_fell() {
    // File content at the kill, and what must stand there afterwards.
    for already in 0..=FIRST.len() {
        let dead = dead(&["a", "b"]);
        let path = dead.root.path().join(FILE);
        fs::write(&path, "old\n").unwrap();
        let _stage = dead.stage(4, FIRST);
        let torn = format!("old\n{}", &FIRST[..already]);
        fs::write(&path, torn).unwrap();
        let recovered = dead.recover().unwrap();
        assert_eq!(dead.lines(), format!("old\n{BOTH}"), "killed after {already} bytes");
        assert_eq!(recovered.staged_bytes, (FIRST.len() - already) as u64);
        assert_eq!(recovered.maybe_duplicates, 0);
    }
}

#[test]
fn a_ready_batch_whose_file_went_on_is_done_already() {
    let dead = dead(&["a", "b"]);
    let _stage = dead.stage(0, FIRST);
    fs::write(dead.root.path().join(FILE), format!("{FIRST}later\n")).unwrap();
    assert_eq!(dead.recover().unwrap().staged_bytes, 0);
    assert_eq!(dead.lines(), format!("{FIRST}later\n1 1 tick b\n"));
}

#[test]
fn a_file_that_changed_or_vanished_is_left_alone_and_the_batch_gets_its_own() {
    let spoil: [fn(&Path); 3] = [
        |path| fs::write(path, "somebody else\n").unwrap(),
        |path| fs::remove_file(path).unwrap(),
        |path| {
            fs::rename(path, path.with_extension("moved")).unwrap();
            fs::write(path, "").unwrap();
        },
    ];
    for (case, spoil) in spoil.into_iter().enumerate() {
        let dead = dead(&["a", "b"]);
        let path = dead.root.path().join(FILE);
        fs::write(&path, "old\n").unwrap();
        let _stage = dead.stage(4, FIRST);
        spoil(&path);
        let recovered = dead.recover().unwrap();
        assert_eq!(recovered.maybe_duplicates, 1, "case {case}");
        let own = dead.root.path().join("events-2026-11-21.1.jsonl");
        assert_eq!(fs::read_to_string(own).unwrap(), FIRST, "case {case}");
        assert!(dead.lines().ends_with("1 1 tick b\n"), "case {case}");
    }
}

#[test]
fn a_recovery_that_fails_can_be_repeated_and_loses_nothing() {
    let dead = dead(&["a", "b"]);
    let path = dead.root.path().join(FILE);
    // A directory in the file's place: nothing can be written.
    fs::create_dir(&path).unwrap();
    for _ in 0..5 {
        assert!(dead.recover().is_err());
        assert!(dead.instance.exists());
    }
    fs::remove_dir(&path).unwrap();
    assert_eq!(dead.recover().unwrap().records, [2, 0, 0]);
    assert_eq!(dead.lines(), BOTH);
}

#[test]
fn remains_that_kill_their_reader_are_set_aside_at_the_fourth_attempt() {
    let dead = dead(&["a"]);
    fs::write(dead.instance.join("attempts"), [ATTEMPTS_MAX]).unwrap();
    let place = dead.recover().unwrap().quarantined.unwrap();
    assert!(place.join("rings/1.ring").exists(), "nothing is deleted");
    assert_eq!(dead.lines(), "");
}

#[test]
fn foreign_and_torn_files_among_the_rings_cost_themselves_only() {
    let dead = dead(&["a"]);
    fs::write(dead.instance.join("rings/7.ring"), "not a ring at all").unwrap();
    fs::write(dead.instance.join("rings/8.ring"), vec![0; 8192]).unwrap();
    fs::write(dead.instance.join("rings/9.ring"), "").unwrap();
    let recovered = dead.recover().unwrap();
    assert_eq!(recovered.unreadable.len(), 1, "{recovered:?}");
    assert_eq!(dead.lines(), FIRST);
}

#[test]
fn without_call_sites_the_records_still_become_lines() {
    let dead = dead(&["a"]);
    fs::write(dead.instance.join("callsites"), "garbage").unwrap();
    dead.recover().unwrap();
    assert_eq!(dead.lines(), "1 0 log a\n");
}

#[test]
fn the_live_drain_writes_each_record_once_and_the_books_add_up() {
    let dead = dead(&["a", "poison", "b"]);
    let sink = Lines { panic_on: Some("poison") };
    let unsynced = Unsynced::default();
    let drain = Drain::new(
        &dead.journal,
        Some(dead.root.path()),
        &unsynced,
        Box::new(sink),
        false,
        Box::new(|_notice| {}),
    );
    let thread = std::thread::spawn(move || drain.run());
    let control: &Control = dead.journal.control();
    assert!(control.flush(Duration::from_secs(20)));
    dead.record("c");
    assert!(control.flush(Duration::from_secs(20)));
    assert_eq!(dead.lines(), "1 0 tick a\n1 2 tick b\n1 3 tick c\n");
    let account = dead.journal.account(Kind::Event);
    assert_eq!(
        (account.offered, account.delivered, account.rejected, account.pending),
        (4, 3, 1, 0)
    );
    unsynced.sync().unwrap();
    dead.journal.close();
    assert!(control.stop(Duration::from_secs(20)));
    thread.join().unwrap();
    dead.record("too late");
    let account = dead.journal.account(Kind::Event);
    assert_eq!(account.dropped, [(DropReason::AfterShutdown, 1)]);
    assert_eq!(account.offered, 5);
}

#[test]
fn an_inline_site_needs_no_call_sites_file() {
    let dead = dead(&[]);
    let descriptor = Descriptor { name: "inline".into(), ..Descriptor::default() };
    let site = Site::Inline(descriptor);
    dead.journal.record(Kind::Event, Level::Info, &site, &[], |record| {
        record.message(Value::Str("x"));
    });
    dead.recover().unwrap();
    assert_eq!(dead.lines(), "1 0 inline x\n");
}
