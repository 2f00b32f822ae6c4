//! Processes of one directory and their clock, as far as day files are concerned.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use radiosonde_events::upkeep::{Retention, Upkeep};
use radiosonde_events::{DaySink, Filing, Live, Now, Owner, Redactions, log_event};
use radiosonde_record::{
    Drain, Filter, Instance, Journal, Kind, Lease, Level, Placement, Sink, Slot, Unsynced,
    with_journal,
};
use radiosonde_redact::Rules;

/// The clock of all processes: seconds since 1970.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

/// 2025-10-06T12:00:00Z
const BEGIN: u64 = 1_759_752_000;
pub(crate) const DAY: u64 = 86_400;

impl Clock {
    pub(crate) fn new() -> Self {
        Self::at(BEGIN)
    }

    /// Seconds since 1970.
    pub(crate) fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds)))
    }

    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn shared(&self) -> Now {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }

    pub(crate) fn jump(&self, seconds: i64) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now.saturating_add_signed(seconds).max(BEGIN / 2), Ordering::Relaxed);
    }
}

/// A process, as far as its files are concerned.
pub(crate) struct Process {
    journal: Journal,
    drain: Drain,
    live: Live,
    slot: Slot,
    _instance: Instance,
}

impl Process {
    pub(crate) fn start(root: &Path, clock: &Clock, part_bytes: u64) -> Self {
        Self::start_with(root, clock, part_bytes, |sink| Box::new(sink))
    }

    /// As [`Process::start`], with something around its sink.
    pub(crate) fn start_with(
        root: &Path,
        clock: &Clock,
        part_bytes: u64,
        around: impl FnOnce(DaySink) -> Box<dyn Sink>,
    ) -> Self {
        let owner = Owner::new("shop", "1.0.0", None, Rules::standard());
        let slot = Slot::take(root, &mut |_, _| {}).unwrap();
        let instance = slot.create_instance(&owner.to_json()).unwrap();
        let placement = Placement::Directory(instance.files.clone());
        let journal = Journal::open(placement, Filter::at(Level::Trace)).unwrap();
        let live = Live::default();
        let filing = Filing::new(root, &live).part_bytes(part_bytes).clock(clock.shared());
        let sink = DaySink::new(owner, &instance.id, slot.number(), Redactions::default(), None);
        let sink = around(sink.filing(filing));
        let lease = Lease::new(root, slot.clone());
        let notify = Box::new(|notice| panic!("{notice:?}"));
        let drain = Drain::new(&journal, Some(lease), &Unsynced::default(), sink, notify);
        Self { journal, drain, live, slot, _instance: instance }
    }

    pub(crate) fn record(&self, numbers: std::ops::Range<u64>) {
        with_journal(&self.journal, || {
            for number in numbers {
                log_event("tick", Level::Info, "life", &format!("number {number}"), &[]);
            }
        });
    }

    pub(crate) fn drain(&mut self) {
        // What is younger than a look waits for the next one.
        for _ in 0..3 {
            self.drain.turn();
        }
    }

    /// Drains until nothing is pending.
    pub(crate) fn settle(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.journal.account(Kind::Event).pending > 0 {
            assert!(Instant::now() < deadline, "records stay pending");
            self.drain.turn();
        }
    }

    pub(crate) fn upkeep(&self, root: &Path, retention: Retention) -> Upkeep {
        Upkeep::new(root, Some(self.slot.clone()), &self.live, retention)
            .seal_after(Some(Duration::ZERO))
    }
}
