//! What one series weighs: the heap of many, less the heap of few.
//!
//! Two processes are asked, one with few series and one with 10,000 more; the difference belongs to
//! the series between, tables and whatever else a metric needs included. What a pipeline has in any
//! case cancels out; `with all` is the heap of the larger one by its series, with nothing cancelled.

use crate::harness::heap::Heap;
use crate::harness::{Measured, Round, Size, child};
use crate::metrics::scrape::subject::Registry;
use crate::metrics::values::{Kind, SERIES, metrics_for, names, series};
use std::sync::Barrier;

/// Series of the two processes. What a thread keeps of some series at most is full in both.
const FEW: usize = 3_000;
const MANY: usize = 13_000;
/// So often each thread writes each series.
const WRITES: usize = 2;

/// One round: bytes for each series.
pub(crate) fn run<R: Registry>(
    round: &Round,
    kind: Kind,
    threads: usize,
) -> Result<Measured, String> {
    if let Size::Bursts(wanted) = round.size {
        return held::<R>(kind, wanted, threads);
    }
    let names = [0, 1, 2].map(|at| round.names[at].as_str());
    let ask =
        |wanted| child::ask(&child::arguments(names, Size::Bursts(wanted), &round.folder), &[]);
    let (few, many) = (ask(FEW)?, ask(MANY)?);
    let each = (many.median - few.median) / (MANY - FEW) as f64;
    let figures = vec![("with_all", many.median / MANY as f64)];
    Ok(Measured { samples: vec![each], books: few.books.plus(many.books), figures })
}

/// The heap of so many series, in bytes.
fn held<R: Registry>(kind: Kind, wanted: usize, threads: usize) -> Result<Measured, String> {
    let names = names(kind, metrics_for(wanted));
    let labels: Vec<[String; 3]> = (0..SERIES).map(series).collect();
    let before = Heap::now()?;
    let registry = R::start(kind, &names)?;
    let write = || {
        for (metric, _) in names.iter().enumerate() {
            for labels in labels.iter().flat_map(|labels| [labels; WRITES]) {
                registry.write(metric, labels, 0.2);
            }
        }
    };
    // All threads are there when the heap is looked at.
    let (written, looked) = (Barrier::new(threads), Barrier::new(threads));
    let held = std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| {
                write();
                let _ = written.wait();
                let _ = looked.wait();
            });
        }
        write();
        let _ = written.wait();
        let now = Heap::now();
        let _ = looked.wait();
        now
    })?;
    let held = held.since(before).in_use as f64;
    let writes = (names.len() * SERIES * WRITES * threads) as u64;
    let books = crate::metrics::scrape::books(&registry, &names, writes)?;
    Ok(Measured { samples: vec![held], books, figures: Vec::new() })
}
