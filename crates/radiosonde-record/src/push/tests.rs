//! Waits for room, by a clock that is not the machine's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use crate::filter::Filter;
use crate::format::seal;
use crate::journal::Placement;
use crate::ring::{Consumer, Source as _};
use crate::thread::{is_recorded, patiently};

/// Bytes of each record.
const LENGTH: usize = 152;
/// What the drain gives back at once: so many records, or what takes so long.
const BATCH: u64 = 200;
const BATCH_TIME: Duration = Duration::from_micros(300);
const MICROSECOND: Duration = Duration::from_micros(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A drain, as the simulated clock has it.
#[derive(Clone, Copy)]
struct Pace {
    record: Duration,
    /// It does nothing for so long, each time after so many records.
    pause: (Duration, u64),
}

/// The clock, and the drain.
struct Machine {
    journal: Journal,
    consumers: Vec<Consumer>,
    now: Instant,
    /// `None` stands still.
    pace: Option<Pace>,
    /// What was taken so far, and until when the drain is busy with it.
    taken: u64,
    busy_until: Instant,
}

impl Time for Machine {
    fn now(&mut self) -> Instant {
        self.now
    }

    fn sleep(&mut self, step: Duration) {
        // As timers are.
        self.pass(2 * step);
    }
}

impl Machine {
    fn pass(&mut self, time: Duration) {
        self.now += time;
        let Some(pace) = self.pace else { return };
        self.journal.take_new_consumers(&mut self.consumers);
        while self.busy_until < self.now {
            let records = self.next_batch(pace);
            if records == 0 {
                self.busy_until = self.now;
                return;
            }
            let (pause, every) = pace.pause;
            let pauses = (self.taken + records) / every - self.taken / every;
            self.taken += records;
            self.busy_until += pace.record * records as u32 + pause * pauses as u32;
        }
    }

    /// Gives back what was taken last, and takes the next records. How many.
    fn next_batch(&mut self, pace: Pace) -> u64 {
        let mut records = 0;
        for consumer in &mut self.consumers {
            consumer.release(consumer.position());
            while records < BATCH
                && pace.record * (records as u32) < BATCH_TIME
                && let Some(length) = consumer.next().unwrap()
            {
                consumer.advance(consumer.position() + length as u64);
                records += 1;
            }
        }
        records
    }
}

/// A thread of the application, and what its calls have waited.
struct Caller {
    machine: Machine,
    producer: Producer,
    began: Instant,
    waited: Duration,
    longest: Duration,
}

impl Caller {
    fn new(pace: Option<Pace>) -> Self {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Trace)).unwrap();
        let (producer, now) = (journal.producer().unwrap(), Instant::now());
        let (consumers, taken) = Default::default();
        let machine = Machine { journal, consumers, now, pace, taken, busy_until: now };
        let (waited, longest) = Default::default();
        Self { machine, producer, began: now, waited, longest }
    }

    /// As [`Push::to`].
    fn call(&mut self) {
        let fill = |record: &mut [u8], stamp| {
            record[..4].copy_from_slice(&(LENGTH as u32).to_le_bytes());
            seal(record, stamp);
        };
        let (kind, level) = (Kind::Event, Level::Info);
        let Self { machine, producer, .. } = self;
        let (journal, called) = (machine.journal.clone(), machine.now);
        if producer.is_pressed() {
            journal.grow(producer);
        }
        producer.begin(kind);
        if let Err(full) = producer.push(LENGTH, kind, level, false, fill) {
            let push = Push::new((kind, level), LENGTH, fill);
            push.slow().full_by(machine, &journal, producer, full);
        }
        producer.end();
        let took = machine.now - called;
        self.waited += took;
        self.longest = self.longest.max(took);
    }

    fn calls(&mut self, count: u64, pause: Duration) {
        for _ in 0..count {
            self.call();
            self.machine.pass(pause);
        }
    }

    fn dropped(&self) -> u64 {
        self.machine.journal.account(Kind::Event).dropped_total()
    }
}

/// A drain that exports over OTLP as well, on a machine that has other things to do.
const BUSY: Pace =
    Pace { record: Duration::from_micros(8), pause: (Duration::from_millis(10), 7000) };

#[test]
#[cfg_attr(miri, ignore = "takes minutes there")]
fn a_burst_passes_whole_and_no_call_of_it_waits_for_longer_than_a_millisecond() {
    let mut caller = Caller::new(Some(BUSY));
    caller.calls(200_000, MICROSECOND);
    assert_eq!(caller.dropped(), 0);
    assert!(caller.waited > SECOND, "{:?}: it was a burst", caller.waited);
    assert!(caller.longest < WAIT_MAX + 3 * WAIT_STEP, "{:?}", caller.longest);
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes there")]
fn under_overload_without_an_end_a_thread_waits_a_tenth_of_the_time() {
    let pace = Pace { record: 500 * MICROSECOND, pause: (10 * MILLISECOND, 1000) };
    let mut caller = Caller::new(Some(pace));
    for _ in 0..10 {
        caller.calls(100_000, 50 * MICROSECOND);
        let passed = caller.machine.now - caller.began;
        assert!(caller.waited <= 5 * SECOND + passed / 10, "{:?} of {passed:?}", caller.waited);
    }
    let passed = caller.machine.now - caller.began;
    assert!(caller.waited > passed / 20, "{:?} of {passed:?}", caller.waited);
    assert!(caller.dropped() > 500_000, "{} dropped", caller.dropped());
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes there")]
fn a_drain_that_stands_still_is_waited_for_a_hundred_times_and_no_more() {
    let mut caller = Caller::new(None);
    caller.calls(50_000, MICROSECOND);
    let (waited, dropped) = (caller.waited, caller.dropped());
    assert!(dropped > 0);
    let once = WAIT_MAX + 2 * WAIT_STEP;
    assert!((100 * WAIT_MAX..=100 * once).contains(&waited), "{waited:?}");
    assert_eq!(caller.producer.patience().state().1, 100);
    caller.calls(50_000, MICROSECOND);
    assert_eq!((caller.waited, caller.dropped()), (waited, dropped + 50_000));
    // It goes on, and stops again: that is another stall.
    caller.machine.pace = Some(Pace { record: MICROSECOND, ..BUSY });
    caller.machine.pass(SECOND);
    caller.machine.pace = None;
    caller.calls(50_000, MICROSECOND);
    assert!((200 * WAIT_MAX..=200 * once).contains(&caller.waited), "{:?}", caller.waited);
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes there")]
fn a_drain_that_waits_for_its_disk_is_not_waited_for() {
    let mut caller = Caller::new(None);
    caller.machine.journal.control().set_blocked(true);
    caller.calls(50_000, MICROSECOND);
    assert!(caller.dropped() > 0);
    assert_eq!(caller.waited, Duration::ZERO);
    caller.machine.journal.control().set_blocked(false);
    caller.machine.pace = Some(BUSY);
    let dropped = caller.dropped();
    caller.calls(50_000, MICROSECOND);
    assert!(caller.waited > Duration::ZERO);
    assert_eq!(caller.dropped(), dropped, "as soon as it goes on, calls wait and nothing is lost");
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes there")]
fn who_would_rather_be_late_waits_past_the_allowance() {
    let mut caller = Caller::new(Some(Pace { record: MILLISECOND, pause: (SECOND, 2000) }));
    patiently(10 * SECOND, || caller.calls(20_000, MICROSECOND));
    assert_eq!(caller.dropped(), 0);
    assert!(caller.waited > 10 * SECOND, "{:?}", caller.waited);
    assert_eq!(caller.producer.patience().state().0, Duration::ZERO, "at nobody's expense");
}

#[test]
fn a_caller_learns_of_its_own_drops_and_of_nobody_elses() {
    let mut caller = Caller::new(None);
    assert!(is_recorded(|| caller.call()));
    std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut others = Caller::new(None);
            others.machine.journal.control().set_blocked(true);
            let is_recorded = is_recorded(|| {
                while others.dropped() == 0 {
                    others.call();
                }
            });
            (is_recorded, others)
        });
        let (is_recorded, _) = others.join().unwrap();
        assert!(!is_recorded);
    });
    assert!(is_recorded(|| caller.call()));
    caller.machine.journal.control().set_blocked(true);
    while caller.dropped() == 0 {
        caller.call();
    }
    let mut inner = true;
    assert!(!is_recorded(|| inner = is_recorded(|| caller.call())));
    assert!(!inner);
    assert!(is_recorded(|| ()), "those before do not count");
}

#[test]
fn what_comes_after_the_end_is_not_recorded() {
    let journal = Journal::open(Placement::Memory, Filter::at(Level::Trace)).unwrap();
    let site = crate::Site::from(crate::Descriptor::default());
    let record = || journal.record(Kind::Event, Level::Info, &site, &[], |_| ());
    assert!(is_recorded(record));
    journal.close(Duration::ZERO);
    assert!(!is_recorded(record));
}
