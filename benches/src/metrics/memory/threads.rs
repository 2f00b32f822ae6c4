//! Many threads that all write to many histograms.

use crate::harness::heap::Heap;
use crate::harness::{Measured, Round, process};
use crate::metrics::scrape::books;
use crate::metrics::scrape::subject::Registry;
use crate::metrics::values::{Kind, SERIES, metrics_for, names, series};
use std::sync::Barrier;

const THREADS: usize = 500;
const THREADS_QUICK: usize = 100;
const HISTOGRAMS: usize = 1_000;
/// Memory for the stack of each.
const STACK: usize = 512 * 1024;

/// One round: megabytes.
pub(crate) fn run<R: Registry>(round: &Round) -> Result<Measured, String> {
    let threads = round.size.of(THREADS, THREADS_QUICK);
    let names = names(Kind::Histogram, metrics_for(HISTOGRAMS));
    let labels: Vec<[String; 3]> = (0..SERIES).map(series).collect();
    let empty = Heap::now()?;
    let registry = R::start(Kind::Histogram, &names)?;
    let started = Heap::now()?.since(empty);
    let resident = process::resident_bytes();
    // Started, written, looked at: all threads are there each time.
    let steps = [(); 3].map(|()| Barrier::new(threads + 1));
    let held = std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                let _ = steps[0].wait();
                for (metric, _) in names.iter().enumerate() {
                    labels.iter().for_each(|labels| registry.write(metric, labels, 0.2));
                }
                let _ = steps[1].wait();
                let _ = steps[2].wait();
            };
            let spawned = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            // The others would wait for ever.
            spawned.expect("a thread");
        }
        // Threads have been allocated, and have not yet written.
        let before = Heap::now();
        let _ = steps[0].wait();
        let _ = steps[1].wait();
        let now = Heap::now();
        let grown = process::resident_bytes().saturating_sub(resident);
        let _ = steps[2].wait();
        now.and_then(|now| Ok((now.since(before?), grown)))
    });
    let (held, grown) = held?;
    let bytes = (started.in_use + held.in_use) as f64;
    let writes = (threads * names.len() * SERIES) as u64;
    Ok(Measured {
        samples: vec![bytes / 1e6],
        books: books(&registry, &names, writes)?,
        figures: vec![("resident_max_bytes", grown as f64)],
    })
}
