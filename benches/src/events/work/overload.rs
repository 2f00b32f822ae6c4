//! Two producers at full speed for some seconds, with the defaults of each candidate: which share of
//! the events is lost, what the candidate says about it, and how much memory it takes.
//!
//! A queue without bounds would take all there is: past one GiB the producers stop.

use crate::events::lines::Seen;
use crate::events::subject::{Fields, Subject};
use crate::harness::{Measured, Round, process};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time at full speed.
const FOR: Duration = Duration::from_secs(10);
/// Time at full speed in a quick run.
const FOR_QUICK: Duration = Duration::from_secs(2);
/// Memory a candidate may take.
const MEMORY_MAX_BYTES: u64 = 1 << 30;
/// Memory a candidate may take in a quick run: what is queued has to be written as well.
const MEMORY_MAX_BYTES_QUICK: u64 = 256 << 20;
/// Time between two looks at the memory.
const LOOK: Duration = Duration::from_millis(5);
/// Events between two looks at whether to stop.
const TOGETHER: u64 = 64;
/// Who produces.
const PRODUCERS: u64 = 2;

/// One round.
pub(crate) fn run<S: Subject + Sync>(round: &Round) -> Result<Measured, String> {
    let memory_max = round.size.of(MEMORY_MAX_BYTES, MEMORY_MAX_BYTES_QUICK);
    let subject = S::start(&round.folder)?;
    let before = process::resident_bytes();
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let each = std::thread::scope(|scope| {
        let producers = [0, 1].map(|producer| {
            let (subject, stop) = (&subject, &stop);
            scope.spawn(move || produce(subject, producer, stop))
        });
        let enough = || process::resident_bytes().saturating_sub(before) > memory_max;
        while started.elapsed() < round.size.of(FOR, FOR_QUICK) && !enough() {
            std::thread::sleep(LOOK);
        }
        stop.store(true, Ordering::Relaxed);
        producers.map(|producer| producer.join().unwrap_or(0))
    });
    let seconds = started.elapsed().as_secs_f64();
    let ended = subject.finish()?;
    let grown = process::resident_max_bytes().saturating_sub(before);
    let events = each.iter().sum();
    let possible = each.iter().max().unwrap_or(&0) * PRODUCERS;
    let books = Seen::of(&round.folder, possible)?.books(events, &ended);
    Ok(Measured {
        samples: vec![books.lost as f64 / events as f64],
        books,
        figures: vec![
            ("calls_per_s", events as f64 / seconds),
            ("seconds", seconds),
            ("memory_max_bytes", grown as f64),
        ],
    })
}

fn produce<S: Subject>(subject: &S, producer: u64, stop: &AtomicBool) -> u64 {
    let list = Fields::list();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..TOGETHER {
            subject.event(&Fields::numbered(&list, number * PRODUCERS + producer));
            number += 1;
        }
    }
    number
}
