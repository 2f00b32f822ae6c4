//! What the tests of rings share: a drain that writes plain lines, and an end for tests that hang.
#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that hangs says so")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use radiosonde_record::{
    Account, Batch, Builder, Descriptor, Drain, DropReason, Filter, Instance, Journal, Kind, Lease,
    Level, Notice, Placement, Record, Sink, Slot, Unsynced, Value, suppress_thread,
};

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test alone in its program, and ends the program should it hang.
pub(crate) fn bounded<R>(test: impl FnOnce() -> R) -> R {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone: MutexGuard<'_, ()> = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (done, ended) = mpsc::channel::<()>();
    let name = thread::current().name().unwrap_or_default().to_owned();
    thread::spawn(move || {
        if ended.recv_timeout(PATIENCE * 3) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{name} hangs");
            std::process::abort();
        }
    });
    let result = test();
    drop(done);
    result
}

/// Waits for a condition that must come true.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Writes a line per record.
struct Lines {
    /// Called for each.
    also: Box<dyn FnMut() + Send>,
}

impl Sink for Lines {
    fn begin(&mut self, _now: SystemTime) {}

    fn file(&self, kind: Kind) -> &str {
        ["events.txt", "spans.txt", "metrics.txt"][kind as usize]
    }

    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        (self.also)();
        let Record { sequence, timestamp_ns, level, truncated, message, .. } = record;
        let site = &site.name;
        let text: usize = record.fields().map(|(_, value)| length(&value)).sum();
        let mut line =
            format!("{ring} {sequence} {timestamp_ns} {level} {truncated} {site} {text} ");
        line.push_str(&message[..message.len().min(100)]);
        line.push('\n');
        batch.lines(record.kind).extend_from_slice(line.as_bytes());
    }

    fn show(&mut self, _batch: &Batch) -> [bool; 3] {
        [false; 3]
    }

    fn move_to(&mut self, _slot: u32) {}

    fn renamed(&self, file: &str) -> String {
        file.to_owned()
    }

    fn next_part(&mut self, _is_taken: &dyn Fn(&str) -> bool) {}

    fn alternate(&self, file: &str, part: u32) -> String {
        format!("{part}.{file}")
    }
}

fn length(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => text.len(),
        _ => 0,
    }
}

/// A line, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) ring: u32,
    pub(crate) sequence: u64,
    pub(crate) timestamp_ns: u64,
    pub(crate) level: String,
    pub(crate) truncated: bool,
    pub(crate) site: String,
    /// Bytes of text in fields.
    pub(crate) text: usize,
    /// The first hundred bytes.
    pub(crate) message: String,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(8, ' ');
        Some(Self {
            ring: parts.next()?.parse().ok()?,
            sequence: parts.next()?.parse().ok()?,
            timestamp_ns: parts.next()?.parse().ok()?,
            level: parts.next()?.to_owned(),
            truncated: parts.next()?.parse().ok()?,
            site: parts.next()?.to_owned(),
            text: parts.next()?.parse().ok()?,
            message: parts.next()?.to_owned(),
        })
    }
}

/// A journal with rings in files. Its drain runs from [`Host::drain`] to [`Host::end`].
pub(crate) struct Host {
    pub(crate) root: tempfile::TempDir,
    pub(crate) journal: Journal,
    pub(crate) instance: Instance,
    slot: Slot,
    drain: Option<JoinHandle<()>>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        let instance = slot.create_instance(b"{}").unwrap();
        let placement = Placement::Directory(instance.path.clone());
        let journal = Journal::open(placement, Filter::at(Level::Trace)).unwrap();
        Self { root, journal, instance, slot, drain: None }
    }

    /// Starts the drain.
    pub(crate) fn drain(&mut self) {
        let drain = self.drain_at_hand(|| {});
        self.run(drain);
    }

    /// Runs a drain that was at hand.
    pub(crate) fn run(&mut self, drain: Drain) {
        let run = move || {
            suppress_thread();
            drain.run();
        };
        self.drain = Some(thread::Builder::new().name("drain".to_owned()).spawn(run).unwrap());
    }

    /// A drain that does nothing by itself, and calls `also` for each record it encodes.
    pub(crate) fn drain_at_hand(&self, also: impl FnMut() + Send + 'static) -> Drain {
        let lease = Some(Lease::new(self.root.path(), self.slot.clone()));
        let refused = |notice| assert!(!matches!(notice, Notice::Refused { .. }), "{notice:?}");
        let (sink, refused) = (Box::new(Lines { also: Box::new(also) }), Box::new(refused));
        Drain::new(&self.journal, lease, &Unsynced::default(), sink, refused)
    }

    /// Draining as of now.
    pub(crate) fn draining() -> Self {
        let mut host = Self::new();
        host.drain();
        host
    }

    /// Closes the journal and drains it to its end: the books, which add up, and the lines, which
    /// are those the books speak of.
    pub(crate) fn end(&mut self) -> (Account, Vec<Line>) {
        let control = self.journal.control();
        assert!(control.flush(PATIENCE), "what was recorded is drained");
        assert!(self.journal.close(PATIENCE), "no call is under way");
        assert!(control.stop(PATIENCE), "the drain ends");
        self.drain.take().unwrap().join().unwrap();
        let account = self.account();
        assert_eq!((account.pending, account.rejected), (0, 0), "{account:?}");
        let lines = self.lines();
        assert_eq!(lines.len() as u64, account.delivered, "{account:?}");
        let ids: HashSet<_> = lines.iter().map(|line| (line.ring, line.sequence)).collect();
        assert_eq!(ids.len(), lines.len(), "ids are unique");
        (account, lines)
    }

    /// The books of events.
    pub(crate) fn account(&self) -> Account {
        let account = self.journal.account(Kind::Event);
        let became = account.delivered + account.rejected + account.dropped_total();
        assert_eq!(account.offered, became + account.pending, "{account:?}");
        account
    }

    /// What is in the day file.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let text = fs::read_to_string(self.root.path().join("events.txt")).unwrap_or_default();
        text.lines().map(|line| Line::parse(line).unwrap_or_else(|| panic!("{line}"))).collect()
    }

    /// The ring files there are, with their sizes.
    pub(crate) fn rings(&self) -> Vec<(PathBuf, u64)> {
        rings(&self.instance.path)
    }

    /// Records an event of some level.
    pub(crate) fn record(&self, level: Level, message: &str) {
        record(&self.journal, level, message);
    }
}

/// The ring files of an instance, with their sizes.
pub(crate) fn rings(instance: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(instance.join("rings")).unwrap().flatten();
    entries.map(|entry| (entry.path(), entry.metadata().unwrap().len())).collect()
}

/// Records an event of some level.
pub(crate) fn record(journal: &Journal, level: Level, message: &str) {
    record_with(journal, level, |record| record.message(Value::Str(message)));
}

/// Records what `build` fills in.
pub(crate) fn record_with(journal: &Journal, level: Level, build: impl FnOnce(&mut Builder<'_>)) {
    let site = journal.site(16, || Descriptor { name: "tick".to_owned(), ..Default::default() });
    journal.record(Kind::Event, level, &site, &[], build);
}

/// How many were dropped for a reason.
pub(crate) fn dropped(account: &Account, reason: DropReason) -> u64 {
    let found = account.dropped.iter().find(|(of, _)| *of == reason);
    found.map_or(0, |(_, count)| *count)
}

/// Numbers that are missing among those of each ring: each is a record that was dropped.
pub(crate) fn gaps(lines: &[Line]) -> u64 {
    let mut last = std::collections::HashMap::new();
    for line in lines {
        let (highest, count) = last.entry(line.ring).or_insert((0, 0));
        *highest = line.sequence.max(*highest);
        *count += 1;
    }
    last.values().map(|(highest, count)| highest + 1 - count).sum()
}
