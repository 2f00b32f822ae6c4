//! An event below the level of the filter, which is set at run time: nanoseconds of each.

use crate::events::subject::{Fields, Subject};
use crate::harness::{Measured, Round};
use std::hint::black_box;
use std::time::Instant;

/// Events in one sample: the clock disappears among them.
const EVENTS: u64 = 20_000;
/// Samples in a round.
const SAMPLES: usize = 200;
/// Samples in a round of a quick run.
const SAMPLES_QUICK: usize = 40;

/// One round.
pub(crate) fn run<S: Subject>(round: &Round) -> Result<Measured, String> {
    let subject = S::start(&round.folder)?;
    let mut samples = Vec::new();
    // One more: the first is to find everything in the caches.
    for sample in 0..=round.size.of(SAMPLES, SAMPLES_QUICK) {
        let fields = &Fields::of(sample as u64);
        let started = Instant::now();
        for _ in 0..EVENTS {
            subject.disabled(black_box(fields));
        }
        if sample > 0 {
            samples.push(started.elapsed().as_nanos() as f64 / EVENTS as f64);
        }
    }
    let ended = subject.finish()?;
    let seen = crate::events::lines::Seen::of(&round.folder, EVENTS)?;
    if seen.lines > 0 {
        return Err(format!("{} lines of events that are filtered out", seen.lines));
    }
    let counted = ended.counted.filter(|count| *count > 0);
    counted.map_or(Ok(Measured { samples, ..Measured::default() }), |count| {
        Err(format!("{count} drops of events that are filtered out"))
    })
}
