//! One thread: its processor time for a batch of about 4 ms.

use super::batch::{WARM_UP, batch, calibrate, thread_ns};
use super::subject::Work;
use crate::harness::{Books, Measured, Round, Size};

/// How long a batch takes, in nanoseconds.
const BATCH_NS: u64 = 4_000_000;
/// Batches of a round: fewer than would make a 99th percentile.
const BATCHES: usize = 15;
/// Batches in a round of a quick run.
const BATCHES_QUICK: usize = 5;
/// Calls in one burst under callgrind.
pub(crate) const BURST: usize = 512;

/// One round: nanoseconds of processor time for a call.
pub(crate) fn run<W: Work>(round: &Round) -> Result<Measured, String> {
    let work = W::start()?;
    let mut count = 0;
    if let Size::Bursts(bursts) = round.size {
        return counted(&work, bursts);
    }
    let calls = calibrate(&work, BATCH_NS, &mut count);
    let samples = (0..round.size.of(BATCHES, BATCHES_QUICK)).map(|_| {
        let started = thread_ns();
        batch(&work, count as usize, calls);
        let took = thread_ns() - started;
        count += calls as u64;
        took as f64 / calls as f64
    });
    let samples = samples.collect();
    Ok(Measured { samples, books: books(&work, count)?, figures: Vec::new() })
}

/// So many bursts, without a figure.
fn counted<W: Work>(work: &W, bursts: usize) -> Result<Measured, String> {
    // The first calls are not counted: they are made by another function.
    for number in 0..WARM_UP {
        work.call(number);
    }
    for burst in 0..bursts {
        batch(work, WARM_UP + burst * BURST, BURST);
    }
    let books = books(work, (WARM_UP + bursts * BURST) as u64)?;
    Ok(Measured { samples: vec![0.0], books, figures: Vec::new() })
}

/// What became of so many calls.
pub(crate) fn books<W: Work>(work: &W, calls: u64) -> Result<Books, String> {
    let Some(shown) = work.shown()? else { return Ok(Books::default()) };
    if shown > calls {
        return Err(format!("{shown} calls are shown, {calls} were made"));
    }
    Ok(Books { events: calls, lost: calls - shown, ..Books::default() })
}
