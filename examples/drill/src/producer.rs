//! A thread that records, each call with its number.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drill::acks::Acks;
use drill::text;
use radiosonde_record::with_current;
use tracing::field::Empty;

use crate::catalog;

/// Steps of a paced producer between two flushes: well below what its ring holds.
const BURST: u64 = 20;
/// Every so many steps one goes to a metric as well.
const METRIC_EVERY: u64 = 4;
/// How long a paced producer waits for the drain, before it looks whether it shall stop.
const FLUSH_WITHIN: Duration = Duration::from_millis(100);

/// One thread's calls. They go to all signals in turn, and by every way in.
pub(crate) struct Producer {
    index: usize,
    acks: Acks,
    call: u64,
}

impl Producer {
    pub(crate) fn new(index: usize, acks: Acks) -> Self {
        Self { index, acks, call: 0 }
    }

    /// Never more than a burst on the way: of these calls none may be dropped.
    pub(crate) fn run_paced(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            (0..BURST).for_each(|_| self.step());
            let flush = || with_current(|journal| journal.control().flush(FLUSH_WITHIN));
            while flush() == Some(false) && !stop.load(Ordering::Acquire) {
                // Flushing comes back at once when the drain has ended.
                std::thread::yield_now();
            }
        }
    }

    /// As fast as it can: the ring is full most of the time, and what finds it full is dropped.
    pub(crate) fn run_eagerly(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            self.step();
        }
    }

    fn step(&mut self) {
        let producer = self.index;
        self.call(|call| {
            radiosonde::event!("drill.tick", producer, call, text = text::of(call), "tick {call}");
        });
        let span = tracing::info_span!("drill.step", producer, call = Empty);
        span.in_scope(|| self.call(|call| tracing::info!(producer, call, "inside")));
        // A span is recorded when it ends.
        self.call(|call| {
            span.record("call", call);
            drop(span);
        });
        if self.call.is_multiple_of(METRIC_EVERY) {
            // A job's change of a counter is a line of its own when the job's scope ends.
            self.call(|call| {
                let job = format!("{producer}-{call}");
                let count = || metrics::counter!(catalog::DRILL_CALLS_TOTAL).increment(1);
                radiosonde::scope().job(&job).run(count);
            });
        }
    }

    fn call(&mut self, record: impl FnOnce(u64)) {
        self.call += 1;
        let call = self.call;
        self.acks.around(call, || record(call));
    }
}
