//! Every row of the decision table, kills at each step of the protocol, and poison.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use super::*;
use crate::filter::Filter;
use crate::format::{Builder, Record, Site};
use crate::journal::{Journal, Placement};
use crate::open::Interrupted;
use crate::slot::Slot;
use crate::stage::ToStage;
use crate::value::Value;
use crate::{Control, Drain, Lease};

pub(super) const FILE: &str = "events-2026-11-21.jsonl";

/// One line `ring sequence message` per record.
#[derive(Default)]
pub(super) struct Lines {
    panic_on: Option<&'static str>,
    /// Panics outside of the encoding of a record, with a batch in which this is.
    panic_in_show: Option<&'static str>,
    /// So many batches begin with a panic.
    panics_in_begin: u32,
}

impl Sink for Lines {
    fn begin(&mut self, _now: SystemTime) {
        if let Some(left) = self.panics_in_begin.checked_sub(1) {
            self.panics_in_begin = left;
            panic!("begin");
        }
    }
    fn file(&self, _kind: Kind) -> &str {
        FILE
    }
    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        let line = format!("{ring} {} {} {}\n", record.sequence, site.name, record.message);
        batch.lines(record.kind).extend_from_slice(line.as_bytes());
        assert_ne!(Some(record.message), self.panic_on, "poison");
    }
    fn interrupted(&self, found: &Interrupted, record: &mut Builder<'_>) -> bool {
        let lived = found.died_ns.saturating_sub(found.span.start_ns);
        let Interrupted { span, .. } = found;
        let text =
            format!("{} of {:?} lived {lived} on {}", span.site.name, span.context, span.thread);
        record.message(Value::Str(&text));
        true
    }
    fn show(&mut self, batch: &Batch) -> [bool; 3] {
        let lines = String::from_utf8_lossy(batch.bytes(Kind::Event));
        assert!(self.panic_in_show.is_none_or(|poison| !lines.contains(poison)), "poison");
        [false; 3]
    }
    fn move_to(&mut self, _slot: u32) {}
    fn renamed(&self, file: &str) -> String {
        file.to_owned()
    }
    fn next_part(&mut self, _is_taken: &dyn Fn(&str) -> bool) {}
    fn alternate(&self, file: &str, part: u32) -> String {
        format!("{}.{part}.jsonl", file.trim_end_matches(".jsonl"))
    }
}

pub(super) struct Dead {
    pub(super) root: tempfile::TempDir,
    pub(super) slot: Slot,
    pub(super) instance: PathBuf,
    pub(super) journal: Journal,
}

/// An instance whose process recorded `messages` and died before draining any.
pub(super) fn dead(messages: &[&str]) -> Dead {
    let root = tempfile::tempdir().unwrap();
    let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
    let instance = slot.create_instance(b"{}").unwrap().path;
    let placement = Placement::Directory(instance.clone());
    let journal = Journal::open(placement, Filter::at(Level::Trace)).unwrap();
    let dead = Dead { root, slot, instance, journal };
    messages.iter().for_each(|message| dead.record(message));
    dead
}

impl Dead {
    pub(super) fn record(&self, message: &str) {
        let describe = || Descriptor { name: "tick".into(), ..Descriptor::default() };
        let site = self.journal.site(1, describe);
        self.journal.record(Kind::Event, Level::Info, &site, &[], |record| {
            record.message(Value::Str(message));
        });
    }

    pub(super) fn recover(&self) -> io::Result<Recovered> {
        self.recover_until(&mut || true)
    }

    pub(super) fn recover_until(&self, between: &mut dyn FnMut() -> bool) -> io::Result<Recovered> {
        let (root, mut sink) = (self.root.path(), Lines::default());
        let instance = self.slot.left_behind()?.pop().expect("remains are there");
        match Remains::open(root, instance, &mut sink)? {
            Ok(remains) => remains.replay(root, &mut sink, between)?.finish(),
            Err(set_aside) => Ok(set_aside),
        }
    }

    pub(super) fn lines(&self) -> String {
        fs::read_to_string(self.root.path().join(FILE)).unwrap_or_default()
    }

    /// The state after "stage ready": the first record staged for the end of the file.
    fn stage(&self, offset: u64, bytes: &str) -> Stage {
        let mut image = Image::open(&self.instance.join("rings/1.ring")).unwrap();
        let length = image.next().unwrap().expect("a record");
        self.stage_of(&[(1, image.position() + length as u64)], offset, bytes)
    }

    /// The same, for what the rings had up to these positions.
    pub(super) fn stage_of(&self, ranges: &[(u32, u64)], offset: u64, bytes: &str) -> Stage {
        let path = self.root.path().join(FILE);
        let file =
            fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).unwrap();
        let (mut stage, mut batch) = Stage::create(&self.instance.join("stage"), false).unwrap();
        batch.lines(Kind::Event).extend_from_slice(bytes.as_bytes());
        let lines = batch.of(Kind::Event);
        let inode = file.metadata().unwrap().ino();
        let target = ToStage { file: FILE, inode, offset, on_new_line: false, lines };
        stage.ready(ranges, &[target], None).unwrap();
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
    // A directory in the place of the counter of attempts: an error that has nothing to
    // do with the records.
    let attempts = dead.instance.join("attempts");
    fs::create_dir(&attempts).unwrap();
    for _ in 0..5 {
        assert!(dead.recover().is_err());
        assert!(dead.instance.exists());
    }
    fs::remove_dir(&attempts).unwrap();
    assert_eq!(dead.recover().unwrap().records, [2, 0, 0]);
    assert_eq!(dead.lines(), BOTH);
}

#[test]
fn remains_that_kill_their_reader_are_set_aside_and_can_be_tried_again() {
    let dead = dead(&["a"]);
    fs::write(dead.instance.join("attempts"), [ATTEMPTS_MAX]).unwrap();
    let place = dead.recover().unwrap().quarantined.unwrap();
    assert!(place.join("rings/1.ring").exists(), "nothing is deleted");
    assert_eq!(dead.lines(), "");
    assert_eq!(dead.slot.quarantined(), [place]);
    dead.slot.retry_quarantined().unwrap();
    dead.recover().unwrap();
    assert_eq!(dead.lines(), FIRST);
}

#[test]
fn a_process_is_charged_for_a_death_while_encoding_and_for_no_other() {
    let attempts =
        |dead: &Dead| fs::read(dead.instance.join("attempts")).map_or(0, |bytes| bytes[0]);
    // Killed between batches, as often as it may be: nothing is counted, everything arrives.
    let killed = dead(&["a", "b"]);
    for _ in 0..10 {
        let ended = killed.recover_until(&mut || false);
        assert_eq!(
            ended.map_or_else(|error| error.kind(), |_| io::ErrorKind::Interrupted),
            io::ErrorKind::Interrupted
        );
        if !killed.instance.exists() {
            break;
        }
        assert_eq!(attempts(&killed), 0);
    }
    assert_eq!(killed.lines(), BOTH);

    // After a death the records go one by one; deaths at other places are not added up.
    let careful = dead(&["a", "b"]);
    let elsewhere = Deaths { count: ATTEMPTS_MAX - 1, place: 7 };
    elsewhere.write(&careful.instance).unwrap();
    let mut batches = 0;
    let recovered = careful.recover_until(&mut || {
        batches += 1;
        true
    });
    assert_eq!(recovered.unwrap().records, [2, 0, 0]);
    assert_eq!((batches, careful.lines()), (2, BOTH.to_owned()));
}

#[test]
fn a_record_that_kills_three_readers_at_its_place_is_set_aside() {
    let dead = dead(&["a", "poison", "b"]);
    let place = |dead: &Dead| Deaths::read(&dead.instance).unwrap();
    // What a reader leaves that dies while it encodes: the note of that moment.
    let dies_at = |position: u64| {
        let found = place(&dead);
        let count = if found.place == position { found.count + 1 } else { 1 };
        Deaths { count, place: position }.write(&dead.instance).unwrap();
    };
    dies_at(0);
    // The next one gets the first record through, alone, and dies over the second.
    assert!(dead.recover_until(&mut || false).is_err());
    assert_eq!(dead.lines(), FIRST);
    let second = FIRST_RECORD;
    (0..3).for_each(|_| dies_at(second));
    assert!(dead.recover().unwrap().quarantined.is_some());
    assert_eq!(dead.lines(), FIRST);
}

/// Bytes of a record with a message of up to eight: 40 of header, and the message, padded.
const FIRST_RECORD: u64 = 48;

#[test]
fn foreign_and_torn_files_among_the_rings_cost_themselves_only_and_are_kept() {
    let dead = dead(&["a"]);
    let rings = dead.instance.join("rings");
    fs::write(rings.join("7.ring"), "not a ring at all").unwrap();
    fs::write(rings.join("8.ring"), vec![0; 8192]).unwrap();
    fs::write(rings.join("9.ring"), "").unwrap();
    fs::copy(rings.join("1.ring"), rings.join("1.ring.bak")).unwrap();
    fs::create_dir(rings.join("10.ring")).unwrap();
    std::os::unix::fs::symlink(rings.join("1.ring"), rings.join("11.ring")).unwrap();
    let recovered = dead.recover().unwrap();
    assert_eq!(recovered.unreadable.len(), 4, "{recovered:?}");
    assert_eq!(dead.lines(), FIRST, "a copy is not read a second time");
    let place = recovered.quarantined.unwrap();
    assert_eq!(fs::read(place.join("rings/7.ring")).unwrap(), b"not a ring at all");
    assert!(!dead.instance.exists());
}

#[test]
fn a_stage_that_is_no_file_is_passed_over() {
    let dead = dead(&["a"]);
    fs::create_dir(dead.instance.join("stage")).unwrap();
    let recovered = dead.recover().unwrap();
    assert_eq!(dead.lines(), FIRST);
    assert!(recovered.quarantined.is_some());
}

#[test]
fn a_ring_of_another_version_is_kept_for_it() {
    let dead = dead(&["a"]);
    let ring = dead.instance.join("rings/1.ring");
    let mut bytes = fs::read(&ring).unwrap();
    bytes[8] = 99;
    fs::write(&ring, bytes).unwrap();
    let recovered = dead.recover().unwrap();
    assert!(recovered.unreadable[0].1.contains("another version"));
    assert!(recovered.quarantined.unwrap().join("rings/1.ring").exists());
}

#[test]
fn a_batch_with_a_file_of_its_own_is_completed_there_when_recovery_was_killed() {
    for already in 0..=FIRST.len() {
        let dead = dead(&["a"]);
        let path = dead.root.path().join(FILE);
        fs::write(&path, "old\n").unwrap();
        let _stage = dead.stage(4, FIRST);
        fs::remove_file(&path).unwrap();
        // As the killed recovery left it.
        let own = dead.root.path().join("events-2026-11-21.1.jsonl");
        fs::write(&own, &FIRST[..already]).unwrap();
        dead.recover().unwrap();
        assert_eq!(fs::read_to_string(own).unwrap(), FIRST);
        assert!(!dead.root.path().join("events-2026-11-21.2.jsonl").exists());
    }
}

#[test]
fn without_call_sites_the_records_still_become_lines() {
    let dead = dead(&["a"]);
    fs::write(dead.instance.join("callsites"), "garbage").unwrap();
    dead.recover().unwrap();
    assert_eq!(dead.lines(), "1 0 log a\n");
}

/// A drain of the instance, as its living process runs it.
fn drain(dead: &Dead, sink: Lines, unsynced: &Unsynced) -> std::thread::JoinHandle<()> {
    let slot = Slot::take(dead.root.path(), &mut |_, _| {}).unwrap();
    let lease = Lease::new(dead.root.path(), slot);
    let notify = Box::new(|_notice| {});
    let drain = Drain::new(&dead.journal, Some(lease), unsynced, Box::new(sink), notify);
    std::thread::spawn(move || drain.run())
}

pub(super) const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_live_drain_writes_each_record_once_and_the_books_add_up() {
    let dead = dead(&["a", "poison", "b"]);
    let unsynced = Unsynced::default();
    let thread = drain(&dead, Lines { panic_on: Some("poison"), ..Lines::default() }, &unsynced);
    let control: &Control = dead.journal.control();
    assert!(control.flush(PATIENCE));
    dead.record("c");
    assert!(control.flush(PATIENCE));
    assert_eq!(dead.lines(), "1 0 tick a\n1 2 tick b\n1 3 tick c\n");
    let account = dead.journal.account(Kind::Event);
    assert_eq!(
        (account.offered, account.delivered, account.rejected, account.pending),
        (4, 3, 1, 0)
    );
    unsynced.sync().unwrap();
    assert!(dead.journal.close(PATIENCE));
    assert!(control.stop(PATIENCE));
    thread.join().unwrap();
    dead.record("too late");
    let account = dead.journal.account(Kind::Event);
    assert_eq!(account.dropped, [(DropReason::AfterShutdown, 1)]);
    assert_eq!(account.offered, 5);
}

#[test]
fn a_drain_that_panics_goes_on_where_it_was() {
    let dead = dead(&["a", "b", "poison", "c"]);
    let panics_in_begin = 3;
    let sink = Lines { panic_in_show: Some("poison"), panics_in_begin, ..Lines::default() };
    let thread = drain(&dead, sink, &Unsynced::default());
    assert!(dead.journal.control().flush(PATIENCE));
    // What cannot be shown is written all the same, and nothing twice.
    assert_eq!(dead.lines(), "1 0 tick a\n1 1 tick b\n1 2 tick poison\n1 3 tick c\n");
    dead.record("d");
    assert!(dead.journal.control().flush(PATIENCE));
    let account = dead.journal.account(Kind::Event);
    assert_eq!((account.delivered, account.rejected, account.pending), (5, 0, 0));
    assert_eq!(dead.journal.drain_restarts(), 4);
    assert!(dead.journal.control().stop(PATIENCE));
    thread.join().unwrap();
}

#[test]
fn what_was_refused_and_given_back_is_not_read_again_after_a_panic() {
    let dead = dead(&["poison"; 200]);
    let poison = Some("poison");
    let sink = Lines { panic_on: poison, panic_in_show: Some("last"), ..Lines::default() };
    let thread = drain(&dead, sink, &Unsynced::default());
    assert!(dead.journal.control().flush(PATIENCE));
    dead.record("last");
    assert!(dead.journal.control().flush(PATIENCE));
    let account = dead.journal.account(Kind::Event);
    assert_eq!((account.delivered, account.rejected, account.pending), (1, 200, 0));
    assert!(dead.journal.control().stop(PATIENCE));
    thread.join().unwrap();
}

#[test]
fn under_sustained_load_a_new_thread_is_drained_and_flush_and_stop_are_heard() {
    let dead = dead(&[]);
    let thread = drain(&dead, Lines::default(), &Unsynced::default());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    dead.record("load");
                }
            });
        }
        scope.spawn(|| dead.record("newcomer")).join().unwrap();
        assert!(dead.journal.control().flush(PATIENCE));
        assert!(dead.lines().contains(" newcomer\n"));
        let account = dead.journal.account(Kind::Event);
        let sum = account.delivered + account.rejected + account.dropped_total() + account.pending;
        assert_eq!(account.offered, sum);
        assert!(account.pending < account.offered, "{account:?}");
        assert!(dead.journal.close(PATIENCE), "no call is under way for ever");
        assert!(dead.journal.control().stop(PATIENCE));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    thread.join().unwrap();
    let account = dead.journal.account(Kind::Event);
    assert_eq!(account.pending, 0, "after close and stop nothing is left: {account:?}");
    assert_eq!(dead.lines().lines().count() as u64, account.delivered);
}

#[test]
fn a_batch_that_waits_for_the_disk_gets_a_new_place_when_its_file_has_changed() {
    let spoil: [fn(&Path); 4] = [
        |path| fs::write(path, "").unwrap(),
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, "old\nsomebody else\n").unwrap(),
        |_| {},
    ];
    for (case, spoil) in spoil.into_iter().enumerate() {
        let dead = dead(&[]);
        let path = dead.root.path().join(FILE);
        fs::write(&path, "old\n").unwrap();
        let (stage, mut batch) = Stage::create(&dead.instance.join("stage"), false).unwrap();
        let mut writer = Writer::new(dead.root.path(), Some(stage), Unsynced::default());
        batch.lines(Kind::Event).extend_from_slice(FIRST.as_bytes());
        writer.stage(&batch, &[], &Lines::default()).unwrap();
        writer.fail_once();
        spoil(&path);
        writer.finish(&batch, &mut Lines::default()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(FIRST), "case {case}: {text:?}");
        assert!(!text.contains('\0') && text.matches(FIRST).count() == 1, "case {case}: {text:?}");
    }
}

#[test]
fn callers_know_that_the_drain_waits_for_its_disk() {
    let dead = dead(&["a"]);
    let alternates = (1..100).map(|part| Lines::default().alternate(FILE, part));
    let names: Vec<_> = std::iter::once(FILE.to_owned()).chain(alternates).collect();
    names.iter().for_each(|name| fs::create_dir(dead.root.path().join(name)).unwrap());
    let lease = Some(Lease::new(dead.root.path(), dead.slot.clone()));
    let (sink, unsynced) = (Box::new(Lines::default()), Unsynced::default());
    let mut drain = Drain::new(&dead.journal, lease, &unsynced, sink, Box::new(|_| {}));
    let control = dead.journal.control();
    let _everything_now = control.flush_async();
    drain.turn();
    assert!(control.is_blocked());
    names.iter().for_each(|name| fs::remove_dir(dead.root.path().join(name)).unwrap());
    drain.turn();
    assert!(!control.is_blocked());
    assert_eq!(dead.lines(), FIRST);
}

#[test]
fn a_name_that_is_taken_by_something_else_is_passed_over() {
    let dead = dead(&["a"]);
    fs::create_dir(dead.root.path().join(FILE)).unwrap();
    let thread = drain(&dead, Lines::default(), &Unsynced::default());
    assert!(dead.journal.control().flush(PATIENCE));
    let stand_in = dead.root.path().join("events-2026-11-21.1.jsonl");
    assert_eq!(fs::read_to_string(stand_in).unwrap(), FIRST);
    assert!(dead.journal.control().stop(PATIENCE));
    thread.join().unwrap();
}

#[test]
fn an_inline_site_needs_no_call_sites_file() {
    let dead = dead(&[]);
    let descriptor = Descriptor { name: "inline".into(), ..Descriptor::default() };
    let site = Site::from(descriptor);
    dead.journal.record(Kind::Event, Level::Info, &site, &[], |record| {
        record.message(Value::Str("x"));
    });
    dead.recover().unwrap();
    assert_eq!(dead.lines(), "1 0 inline x\n");
}
