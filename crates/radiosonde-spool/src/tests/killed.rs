//! Real processes on a real disk, each killed by a signal (SIGKILL) at another of its operations on
//! files: before it, or with half of a write done. Also while they recover, evict and sync.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::files::{Disk, Files, Mode, OpenFile, Space};

const FOLDER: &str = "SPOOL_TEST_FOLDER";
const KILL_AT: &str = "SPOOL_TEST_KILL_AT";
const THIS_TEST: &str = "tests::killed::whenever_a_process_is_killed_the_next_one_goes_on";
/// Batches each process appends.
const BATCHES: u64 = 10;

/// The disk, until the process is killed.
#[derive(Debug, Default)]
struct Killer {
    at: u64,
    operations: AtomicU64,
}

#[derive(Debug)]
struct Victim(Arc<dyn OpenFile>, Arc<Killer>);

impl Killer {
    /// Whether it is time.
    fn is_now(&self) -> bool {
        self.operations.fetch_add(1, Ordering::Relaxed) == self.at / 2
    }

    /// Dies before an operation, or, at odd numbers, in a write.
    fn turn(&self, write: Option<&dyn Fn()>) {
        if self.is_now() {
            if let (Some(write), 1) = (write, self.at % 2) {
                write();
            }
            let this = rustix::process::getpid();
            rustix::process::kill_process(this, rustix::process::Signal::KILL).unwrap();
        }
    }
}

#[derive(Debug)]
struct Killing(Arc<Killer>);

impl Files for Killing {
    fn create_dir(&self, path: &Path) -> std::io::Result<()> {
        self.0.turn(None);
        Disk.create_dir(path)
    }

    fn check_dir(&self, path: &Path) -> std::io::Result<()> {
        Disk.check_dir(path)
    }

    fn list(&self, path: &Path, most: usize) -> std::io::Result<Vec<String>> {
        Disk.list(path, most)
    }

    fn open(&self, path: &Path, mode: Mode) -> std::io::Result<Arc<dyn OpenFile>> {
        if mode == Mode::New {
            self.0.turn(None);
        }
        Ok(Arc::new(Victim(Disk.open(path, mode)?, Arc::clone(&self.0))))
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.0.turn(None);
        Disk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> std::io::Result<()> {
        self.0.turn(None);
        Disk.unlink(path)
    }

    fn remove_dir(&self, path: &Path) -> std::io::Result<()> {
        self.0.turn(None);
        Disk.remove_dir(path)
    }

    fn sync_dir(&self, _: &Path) -> std::io::Result<()> {
        // What is on the disk itself is not what this is about, and takes its time.
        self.0.turn(None);
        Ok(())
    }

    fn usage(&self, path: &Path) -> std::io::Result<u64> {
        Disk.usage(path)
    }

    fn space(&self, _: &Path) -> std::io::Result<Space> {
        Ok(Space { free: 1 << 40, total: 1 << 40 })
    }
}

impl OpenFile for Victim {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> std::io::Result<usize> {
        self.0.read_at(bytes, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> std::io::Result<usize> {
        let half = || drop(self.0.write_at(&bytes[..bytes.len() / 2], at));
        self.1.turn(Some(&half));
        self.0.write_at(bytes, at)
    }

    fn length(&self) -> std::io::Result<u64> {
        self.0.length()
    }

    fn set_length(&self, length: u64) -> std::io::Result<()> {
        self.1.turn(None);
        self.0.set_length(length)
    }

    fn allocate(&self, bytes: u64) -> std::io::Result<()> {
        self.1.turn(None);
        self.0.allocate(bytes)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.1.turn(None);
        Ok(())
    }
}

fn killed_options() -> Options {
    let mut options = options(&[("events", 1, 0), ("debug", 0, 0)]);
    options.cap_bytes = 5 * 4096;
    options
}

/// What the processes say they did, line by line: it outlasts them as it is written at once.
struct Diary(std::fs::File);

impl Diary {
    fn open(folder: &Path) -> Self {
        let mut options = std::fs::OpenOptions::new();
        Self(options.append(true).create(true).open(folder.join("diary")).unwrap())
    }

    fn say(&mut self, line: &str) {
        use std::io::Write as _;
        self.0.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn read(folder: &Path) -> Vec<(String, u64)> {
        let text = std::fs::read_to_string(folder.join("diary")).unwrap_or_default();
        let words = text.lines().map(|line| line.split_once(' ').unwrap());
        words.map(|(word, number)| (word.to_owned(), number.parse().unwrap())).collect()
    }
}

/// The records of a batch: one frame each, of this stream.
fn append_batch(spool: &Spool, batch: u64) {
    for stream in [1, 0] {
        append(&spool.stream(stream), batch, 8 * (batch - 1), &[(2, 300), (5, 700), (1, 40)]);
    }
}

/// A process: goes on where the one before it was killed.
fn process(folder: &Path, at: u64) {
    let path = folder.join("spool");
    let world = World {
        files: Arc::new(Killing(Arc::new(Killer { at, operations: AtomicU64::new(0) }))),
        ..World::real()
    };
    let mut diary = Diary::open(folder);
    let known = Diary::read(folder);
    let has_begun = known.iter().any(|(word, _)| word == "created");
    let spool = if path.exists() && has_begun {
        Spool::open_in(world, &path, &killed_options()).unwrap()
    } else {
        // As the owner does: one that was never made whole is nobody's.
        let _ = std::fs::remove_dir_all(&path);
        Spool::create_in(world, &path, MANIFEST, &killed_options()).unwrap()
    };
    diary.say("created 0");
    // What a stage does: the batch of which nobody knows whether it is whole is appended again.
    let count = |word: &str| known.iter().filter(|(known, _)| known == word).count() as u64;
    let first = count("appended") + 1;
    for batch in first..first + BATCHES {
        append_batch(&spool, batch);
        diary.say(&format!("appended {batch}"));
        if batch % 3 == 0 {
            let stream = spool.stream(0);
            let limit = Limit { records: 10, bytes: 5000 };
            let taken: Vec<Taken> = (0..2).filter_map(|_| stream.take(limit).unwrap()).collect();
            for taken in taken.iter().rev() {
                taken_records(taken).iter().for_each(|record| diary.say(&format!("sent {record}")));
                settle(&stream, taken);
                taken_records(taken)
                    .iter()
                    .for_each(|record| diary.say(&format!("settled {record}")));
            }
        }
        if batch % 4 == 0 {
            spool.sync().unwrap();
        }
    }
}

#[test]
fn whenever_a_process_is_killed_the_next_one_goes_on() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let at = std::env::var(KILL_AT).unwrap().parse().unwrap();
        process(&PathBuf::from(folder), at);
        return;
    }
    let run = |folder: &Path, at: u64| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", THIS_TEST, "--nocapture"]).env(FOLDER, folder);
        let output = command.env(KILL_AT, at.to_string()).output().unwrap();
        let was_killed = output.status.signal() == Some(9);
        assert!(was_killed || output.status.success(), "{at}: {output:?}");
        was_killed
    };
    // Every place of a first process is too many for a short test; a long one takes them all.
    let stride = std::env::var("XTASK_SPOOL_KILLS").map_or(7, |_| 1);
    let (mut kills, mut evicted) = (0, 0);
    for at in (0..).step_by(stride) {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path();
        if !run(folder, at) {
            break;
        }
        // The next one dies as well, somewhere in its recovery or behind it.
        run(folder, (at * 7) % 97);
        run(folder, u64::MAX);
        kills += 1;
        evicted += check(folder, &format!("killed at {at}"));
    }
    assert!(evicted > 0, "nothing was evicted");
    assert!(kills > 30, "{kills}");
    println!("{kills} processes were killed once, their next ones as well");
}

/// Whatever was said to be appended is settled, or comes now, or is counted; once. How many are lost.
fn check(folder: &Path, place: &str) -> u64 {
    let known = Diary::read(folder);
    let of = |word: &str| -> Vec<u64> {
        known.iter().filter(|(known, _)| known == word).map(|(_, number)| *number).collect()
    };
    let (sent, settled) = (of("sent"), of("settled"));
    let appended = 8 * of("appended").len() as u64;
    let spool = Spool::open(&folder.join("spool"), &killed_options()).unwrap();
    let found = account(&spool, 0);
    assert_eq!(found.appended.records, appended, "{place}: {found:?}");
    assert_eq!(account(&spool, 1).appended.records, appended, "{place}");
    let records = drain(&spool.stream(0), ALL);
    let found = account(&spool, 0);
    let twice = records.iter().find(|record| settled.contains(record));
    assert_eq!(twice, None, "{place}: settled, and came again");
    let gone = (0..appended).filter(|record| !records.contains(record) && !sent.contains(record));
    assert_eq!(gone.count() as u64, found.dropped_in_all().records, "{place}: {found:?}");
    let debug = drain(&spool.stream(1), ALL).len() as u64;
    let lost = account(&spool, 1).dropped_in_all().records;
    assert_eq!(debug + lost, appended, "{place}");
    let told: u64 = tell(&spool).iter().map(|gap| gap.lost.records).sum();
    assert_eq!(told, found.dropped_in_all().records + lost, "{place}");
    spool.remove().unwrap();
    assert!(!folder.join("spool").exists(), "{place}");
    told
}
