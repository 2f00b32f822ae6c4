//! The cost of a call for its caller, below the rate at which anyone's worker falls behind.
//!
//! Bursts of 64 calls, 1 ms apart: at most 64,000 calls a second, so that no queue fills up and what
//! is measured is the caller's own work, with warm caches as in a busy request. The clock is read
//! once per burst: its 25 ns do not matter.

use crate::events::lines::Seen;
use crate::events::subject::{Fields, Subject};
use crate::harness::{Measured, Round, Size};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Calls in one burst.
pub(crate) const BURST: usize = 64;
/// Time between two bursts.
const PAUSE: Duration = Duration::from_millis(1);
/// Calls before the first measured burst: buffers, caches and call sites are set up by then.
const WARM_UP: usize = 200;
/// Bursts in a round.
const BURSTS: usize = 300;
/// Bursts in a round of a quick run.
const BURSTS_QUICK: usize = 60;

/// One round: nanoseconds per event.
pub(crate) fn run<S: Subject>(round: &Round) -> Result<Measured, String> {
    let bursts = bursts(round);
    let subject = S::start(&round.folder)?;
    let samples = measure(bursts, |fields| subject.event(fields));
    let ended = subject.finish()?;
    let events = calls(bursts);
    let books = Seen::of(&round.folder, events)?.books(events, &ended);
    Ok(Measured { samples, books, figures: Vec::new() })
}

/// As [`run`], for a limit: it writes no lines.
pub(crate) fn limit<S: Subject>(round: &Round) -> Result<Measured, String> {
    let subject = S::start(&round.folder)?;
    let samples = measure(bursts(round), |fields| subject.event(fields));
    Ok(Measured { samples, ..Measured::default() })
}

fn bursts(round: &Round) -> usize {
    match round.size {
        Size::Bursts(bursts) => bursts,
        size => size.of(BURSTS, BURSTS_QUICK),
    }
}

/// How many calls a round of so many bursts makes.
fn calls(bursts: usize) -> u64 {
    (WARM_UP + bursts * BURST) as u64
}

/// Nanoseconds per call, one figure for each burst. `call` is given the fields of each event.
fn measure(bursts: usize, mut call: impl FnMut(&Fields)) -> Vec<f64> {
    let mut number = 0;
    let mut fields = |count: usize| {
        let next: Vec<Fields> = (number..number + count as u64).map(Fields::of).collect();
        number += count as u64;
        next
    };
    burst(&fields(WARM_UP), &mut call);
    let mut samples = Vec::with_capacity(bursts);
    for _ in 0..bursts {
        let fields = fields(BURST);
        std::thread::sleep(PAUSE);
        let started = Instant::now();
        burst(&fields, &mut call);
        samples.push(started.elapsed().as_nanos() as f64 / BURST as f64);
    }
    samples
}

/// The calls and nothing else. Callgrind looks for its name: see `instructions`.
#[inline(never)]
fn burst(all: &[Fields], call: &mut impl FnMut(&Fields)) {
    for fields in all {
        call(black_box(fields));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_made_once_and_numbered() {
        let mut seen = Vec::new();
        let samples = measure(3, |fields| seen.push(fields.items));
        assert_eq!(samples.len(), 3);
        assert_eq!(seen, (0..calls(3)).collect::<Vec<u64>>());
    }
}
