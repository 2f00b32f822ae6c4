//! The cost of a call for its caller, below the rate at which anyone's worker falls behind.
//!
//! Bursts of 64 calls, 1 ms apart: at most 64,000 calls a second, so that no queue fills up and what
//! is measured is the caller's own work, with warm caches as in a busy request. The clock is read
//! once per burst: its 25 ns do not matter.

use crate::events::lines::Seen;
use crate::events::subject::Subject;
use crate::harness::{Measured, Round, Size};
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
    let samples = measure(bursts, |number| subject.event(number));
    let ended = subject.finish()?;
    let events = calls(bursts);
    let books = Seen::of(&round.folder, events)?.books(events, &ended);
    Ok(Measured { samples, books, figures: Vec::new() })
}

/// As [`run`], for a limit: it writes no lines.
pub(crate) fn limit<S: Subject>(round: &Round) -> Result<Measured, String> {
    let subject = S::start(&round.folder)?;
    let samples = measure(bursts(round), |number| subject.event(number));
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

/// Nanoseconds per call, one figure for each burst. `call` is given the number of the call. Its name
/// is what callgrind looks for: see `instructions`.
#[inline(never)]
fn measure(bursts: usize, mut call: impl FnMut(u64)) -> Vec<f64> {
    let mut number = 0;
    for _ in 0..WARM_UP {
        call(number);
        number += 1;
    }
    let mut samples = Vec::with_capacity(bursts);
    for _ in 0..bursts {
        std::thread::sleep(PAUSE);
        let started = Instant::now();
        for _ in 0..BURST {
            call(number);
            number += 1;
        }
        samples.push(started.elapsed().as_nanos() as f64 / BURST as f64);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_made_once_and_numbered() {
        let mut seen = Vec::new();
        let samples = measure(3, |number| seen.push(number));
        assert_eq!(samples.len(), 3);
        assert_eq!(seen, (0..calls(3)).collect::<Vec<u64>>());
    }
}
