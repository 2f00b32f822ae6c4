//! The kill tests' drill: threads that emit numbered events and acknowledge each in a shared file
//! mapping, so that a test can kill the process and hold the day files against the numbers.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde::__private::AckCounter;

/// Starts `threads` producers; they end with the process. Numbers count from 1 in each.
///
/// # Errors
/// The file of acknowledgements cannot be mapped, or no thread can be had.
pub fn start(threads: usize, acknowledgements: &Path) -> io::Result<()> {
    for index in 0..threads {
        let counter = AckCounter::open(acknowledgements, index)?;
        let name = format!("drill-{index}");
        let _detached =
            std::thread::Builder::new().name(name).spawn(move || tick(index, &counter))?;
    }
    Ok(())
}

/// About 20,000 events a second: bursts of twenty, a millisecond apart, and none while the drain is
/// behind. The drill is about events that were accepted, not about rings that are full.
fn tick(index: usize, counter: &AckCounter) {
    let mut next = Instant::now();
    for seq in 1_u64.. {
        radiosonde::event!("drill.tick", producer = index, seq = seq, "tick");
        // After the call: what is acknowledged was accepted.
        counter.store(seq);
        if seq % BURST == 0 {
            while radiosonde::__private::pending_events() > PENDING_MAX {
                std::thread::sleep(PAUSE);
            }
            next += PAUSE;
            match next.checked_duration_since(Instant::now()) {
                Some(rest) => std::thread::sleep(rest),
                // Behind schedule, on a busy machine: do not catch up in one rush.
                None => next = Instant::now(),
            }
        }
    }
}

const BURST: u64 = 20;
/// Well below what one ring holds.
const PENDING_MAX: u64 = 1_000;
const PAUSE: Duration = Duration::from_millis(1);
