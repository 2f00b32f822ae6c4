//! One event every 100 µs: the caller finds everybody asleep, and may have to wake them.
//!
//! Between two events the thread waits busily for the time to come: a thread that sleeps pays for its
//! own waking, whoever it logs to. Each event is timed by itself, with two looks at the clock; what
//! the clock costs is in every figure, also in that of the limit.

use crate::events::lines::Seen;
use crate::events::subject::{Fields, Subject};
use crate::harness::{Measured, Round, stats};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Time from one event to the next.
const EVERY: Duration = Duration::from_micros(100);
/// Events before the first measured one.
const WARM_UP: u64 = 200;
/// Measured events of a round: ten are beyond the 99.9th percentile.
const EVENTS: u64 = 10_000;
/// Measured events in a round of a quick run.
const EVENTS_QUICK: u64 = 2_000;

/// One round: nanoseconds of each event.
pub(crate) fn run<S: Subject>(round: &Round) -> Result<Measured, String> {
    let events = round.size.of(EVENTS, EVENTS_QUICK);
    let subject = S::start(&round.folder)?;
    let mut measured = measure(events, |fields| subject.event(fields))?;
    let ended = subject.finish()?;
    let calls = WARM_UP + events;
    measured.books = Seen::of(&round.folder, calls)?.books(calls, &ended);
    Ok(measured)
}

/// As [`run`], for a limit: it writes no lines.
pub(crate) fn limit<S: Subject>(round: &Round) -> Result<Measured, String> {
    let subject = S::start(&round.folder)?;
    measure(round.size.of(EVENTS, EVENTS_QUICK), |fields| subject.event(fields))
}

fn measure(events: u64, mut call: impl FnMut(&Fields)) -> Result<Measured, String> {
    for number in 0..WARM_UP {
        call(&Fields::of(number));
    }
    let mut samples = Vec::with_capacity(events as usize);
    let mut next = Instant::now();
    for number in WARM_UP..WARM_UP + events {
        let fields = black_box(Fields::of(number));
        next += EVERY;
        // From here on if this thread was off the processor: no crowd of events afterwards.
        next = next.max(Instant::now());
        while Instant::now() < next {
            std::hint::spin_loop();
        }
        let started = Instant::now();
        call(&fields);
        samples.push(started.elapsed().as_nanos() as f64);
    }
    let p999 = stats::quantile(&samples, 0.999).ok_or("no samples")?;
    Ok(Measured { samples, figures: vec![("p999", p999)], ..Measured::default() })
}
