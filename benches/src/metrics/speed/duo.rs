//! Two threads at once, and one alone, in turns within the same process.
//!
//! Each thread stays on a core of its own. Batches are short, 60 µs, and both threads begin each
//! together; a pair of batches counts only when neither was interrupted (its processor time is the
//! time that passed) and they were at it together for most of it. On a machine too busy for that, a
//! turn counts as it came, and the figure `interrupted` says so.

use super::batch::{batch, calibrate, thread_ns};
use super::solo::books;
use super::subject::Work;
use crate::harness::{Measured, Round, stats};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a batch takes, in nanoseconds.
const BATCH_NS: u64 = 60_000;
/// Batches of one turn.
const BATCHES: usize = 60;
/// Turns of a round: one thread alone, then both.
const TURNS: usize = 12;
/// Turns in a round of a quick run.
const TURNS_QUICK: usize = 4;
/// A turn with fewer batches that count says nothing.
const KEPT_MIN: usize = 3;
/// How long turns are tried on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of the time that passed, how much has to be processor time.
const UNINTERRUPTED: f64 = 0.95;
/// Of a batch, how much both have to be at it together.
const TOGETHER: f64 = 0.8;

/// One batch of one thread.
#[derive(Clone, Copy)]
struct Batch {
    started: Instant,
    ended: Instant,
    cpu_ns: u64,
}

impl Batch {
    fn uninterrupted(&self) -> bool {
        let passed = (self.ended - self.started).as_nanos() as f64;
        self.cpu_ns as f64 >= passed * UNINTERRUPTED
    }

    fn together(&self, other: &Batch) -> bool {
        let both =
            self.ended.min(other.ended).saturating_duration_since(self.started.max(other.started));
        let longest = (self.ended - self.started).max(other.ended - other.started);
        both.as_secs_f64() >= longest.as_secs_f64() * TOGETHER
    }
}

/// One round: nanoseconds for a call of one of two threads; and how that compares with one alone.
pub(crate) fn run<W: Work>(round: &Round) -> Result<Measured, String> {
    let cores = cores()?;
    let work = W::start()?;
    let mut count = 0;
    let calls = calibrate(&work, BATCH_NS, &mut count);
    let turns = round.size.of(TURNS, TURNS_QUICK);
    let shared = Shared { calls, made: AtomicUsize::new(count as usize), ..Shared::default() };
    let Turns { alone, both, busy } = std::thread::scope(|scope| -> Result<Turns, String> {
        let second = scope.spawn(|| second(&work, &shared, cores[1]));
        let result = first(&work, &shared, cores[0], turns);
        // The second waits for the next turn, or for this.
        shared.kind.store(END, Ordering::Release);
        shared.turn.wait();
        second.join().map_err(|_| "the second thread panicked".to_owned())?;
        result
    })?;
    let ratio = stats::median(&both).zip(stats::median(&alone)).map(|(both, alone)| both / alone);
    let ratio = ratio.map(|ratio| ("of_one_thread", ratio));
    let figures = ratio.into_iter().chain(busy.then_some(("interrupted", 1.0))).collect();
    let made = shared.made.load(Ordering::Relaxed) as u64;
    Ok(Measured { samples: both, books: books(&work, made)?, figures })
}

/// What both threads know.
#[derive(Default)]
struct Shared {
    calls: usize,
    /// Calls that were made.
    made: AtomicUsize,
    /// What the next turn is.
    kind: AtomicUsize,
    /// Where both wait, asleep, for the next turn.
    turn: Turn,
    /// How many have come to the start of their batches.
    ready: AtomicUsize,
    /// Batches of the second thread in the last turn.
    others: std::sync::Mutex<Vec<Batch>>,
}

struct Turn(Barrier);

impl Default for Turn {
    fn default() -> Self {
        Turn(Barrier::new(2))
    }
}

impl Turn {
    fn wait(&self) {
        let _ = self.0.wait();
    }
}

const BOTH: usize = 1;
const END: usize = 2;

/// Nanoseconds for a call, a figure for each turn.
#[derive(Default)]
struct Turns {
    alone: Vec<f64>,
    both: Vec<f64>,
    /// No batch was uninterrupted: the figures are those of a turn as it came.
    busy: bool,
}

fn first<W: Work>(work: &W, shared: &Shared, core: usize, wanted: usize) -> Result<Turns, String> {
    pin(core)?;
    let begun = Instant::now();
    let mut turns = Turns::default();
    let calls = shared.calls as f64;
    let cost = |batch: &Batch| batch.cpu_ns as f64 / calls;
    let cost_of_both = |(one, other): (&Batch, &Batch)| f64::midpoint(cost(one), cost(other));
    loop {
        let alone = batches(work, shared, false);
        shared.ready.store(0, Ordering::Release);
        shared.kind.store(BOTH, Ordering::Release);
        shared.turn.wait();
        let own = batches(work, shared, true);
        shared.turn.wait();
        let others = shared.others.lock().map_err(|_| "the second thread panicked")?;
        let kept: Vec<f64> = alone.iter().filter(|b| b.uninterrupted()).map(cost).collect();
        let fit = |(one, other): &(&Batch, &Batch)| {
            one.uninterrupted() && other.uninterrupted() && one.together(other)
        };
        let pairs = own.iter().zip(&*others);
        let kept_both: Vec<f64> = pairs.clone().filter(fit).map(cost_of_both).collect();
        if kept.len() >= KEPT_MIN && kept_both.len() >= KEPT_MIN {
            turns.alone.extend(stats::median(&kept));
            turns.both.extend(stats::median(&kept_both));
        } else if begun.elapsed() > PATIENCE && turns.both.is_empty() {
            turns.alone.extend(stats::median(&alone.iter().map(cost).collect::<Vec<f64>>()));
            turns.both.extend(stats::median(&pairs.map(cost_of_both).collect::<Vec<f64>>()));
            turns.busy = true;
        }
        let enough = turns.both.len() >= wanted;
        if enough || (begun.elapsed() > PATIENCE && !turns.both.is_empty()) {
            return Ok(turns);
        }
    }
}

fn second<W: Work>(work: &W, shared: &Shared, core: usize) {
    // Where it cannot be done for one, it could not for the other, who says so.
    let _ = pin(core);
    loop {
        shared.turn.wait();
        if shared.kind.load(Ordering::Acquire) == END {
            return;
        }
        let own = batches(work, shared, true);
        if let Ok(mut others) = shared.others.lock() {
            *others = own;
        }
        shared.turn.wait();
    }
}

/// One turn: batches, each begun together with the other thread if there is one.
fn batches<W: Work>(work: &W, shared: &Shared, with_other: bool) -> Vec<Batch> {
    let mut batches = Vec::with_capacity(BATCHES);
    let from = shared.made.fetch_add(BATCHES * shared.calls, Ordering::Relaxed);
    for at in 0..BATCHES {
        if with_other {
            shared.ready.fetch_add(1, Ordering::AcqRel);
            while shared.ready.load(Ordering::Acquire) < 2 * (at + 1) {
                std::hint::spin_loop();
            }
        }
        let started = Instant::now();
        let cpu = thread_ns();
        batch(work, from + at * shared.calls, shared.calls);
        let cpu_ns = thread_ns() - cpu;
        batches.push(Batch { started, ended: Instant::now(), cpu_ns });
    }
    batches
}

/// The first two cores this process may run on.
fn cores() -> Result<[usize; 2], String> {
    let set = sched_getaffinity(None).map_err(|error| format!("no affinity: {error}"))?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core));
    match (cores.next(), cores.next()) {
        (Some(one), Some(other)) => Ok([one, other]),
        _ => Err("two threads need two cores".into()),
    }
}

fn pin(core: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| format!("cannot pin a thread: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_batches_that_ran_at_the_same_time_uninterrupted_count() {
        let zero = Instant::now();
        let batch = |start: u64, end: u64, cpu: u64| {
            let at = |us| zero + Duration::from_micros(us);
            Batch { started: at(start), ended: at(end), cpu_ns: cpu * 1000 }
        };
        assert!(batch(0, 60, 60).uninterrupted());
        assert!(!batch(0, 60, 50).uninterrupted());
        assert!(batch(0, 60, 60).together(&batch(5, 62, 57)));
        assert!(!batch(0, 60, 60).together(&batch(20, 80, 60)));
        assert!(!batch(0, 60, 60).together(&batch(70, 130, 60)));
        assert!(!batch(0, 60, 60).together(&batch(0, 30, 30)));
    }
}
