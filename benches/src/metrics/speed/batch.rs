//! One batch of calls, and the clocks around it.

use super::subject::Work;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

/// Processor time of this thread so far, in nanoseconds.
pub(crate) fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The calls and nothing else. Callgrind looks for its name: see `instructions`.
///
/// Nothing is known about the candidate from one call to the next, as between two requests: what a
/// handle points to has to be loaded each time.
#[inline(never)]
pub(crate) fn batch<W: Work>(work: &W, first: usize, calls: usize) {
    for number in first..first + calls {
        black_box(work).call(number);
    }
}

/// How many calls take about that long, once series are made and caches are filled.
pub(crate) fn calibrate<W: Work>(work: &W, wanted_ns: u64, count: &mut u64) -> usize {
    let mut timed = |calls: usize| {
        let started = thread_ns();
        batch(work, *count as usize, calls);
        *count += calls as u64;
        (thread_ns() - started).max(1)
    };
    timed(WARM_UP);
    let mut calls = 64;
    loop {
        let took = timed(calls);
        if took >= wanted_ns / 2 || calls >= MOST {
            return (calls as u64 * wanted_ns / took).clamp(1, MOST as u64) as usize;
        }
        calls *= 2;
    }
}

/// Calls before anything is measured: all combinations occur in half as many.
pub(crate) const WARM_UP: usize = 4096;
/// No batch is larger.
const MOST: usize = 1 << 26;
