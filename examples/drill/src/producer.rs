//! A thread that records, each call with its number.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drill::acks::{Acks, Spans};
use drill::text;
use radiosonde_record::with_current;
use tracing::Span;
use tracing::field::Empty;

use crate::catalog;

/// Steps of a paced producer between two flushes: well below what its ring holds.
const BURST: u64 = 20;
/// Every so many steps one goes to a metric as well.
const METRIC_EVERY: u64 = 4;
/// Every so many steps a span is opened that stays open for a while.
const HELD_EVERY: u64 = 8;
/// Spans that are held open at a time: more than a thread's first block of slots takes.
const HELD: usize = 24;
/// How long a paced producer waits for the drain, before it looks whether it shall stop.
const FLUSH_WITHIN: Duration = Duration::from_millis(100);

/// One thread's calls. They go to all signals in turn, and by every way in.
pub(crate) struct Producer {
    index: usize,
    acks: Acks,
    call: u64,
    steps: u64,
    held: VecDeque<Span>,
    /// Spans held so far, those that were closed among them.
    held_ever: u64,
}

impl Producer {
    pub(crate) fn new(index: usize, acks: Acks) -> Self {
        Self { index, acks, call: 0, steps: 0, held: VecDeque::new(), held_ever: 0 }
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
        self.close_held(0);
    }

    /// As fast as it can: the ring is full most of the time, and what finds it full is dropped.
    pub(crate) fn run_eagerly(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            self.step();
        }
        self.close_held(0);
    }

    fn step(&mut self) {
        let producer = self.index;
        self.call(|call| {
            radiosonde::event!("drill.tick", producer, call, text = text::of(call), "tick {call}");
        });
        self.steps += 1;
        let step = self.steps;
        let open = || tracing::info_span!("drill.step", producer, call = Empty);
        let span = self.acks.opening(Spans::Steps, step, open);
        span.in_scope(|| self.call(|call| tracing::info!(producer, call, "inside")));
        // A span is recorded when it ends.
        self.close(Spans::Steps, step, span);
        if step.is_multiple_of(HELD_EVERY) {
            self.close_held(HELD - 1);
            self.hold();
        }
        if self.call.is_multiple_of(METRIC_EVERY) {
            // A job's change of a counter is a line of its own when the job's scope ends.
            self.call(|call| {
                let job = format!("{producer}-{call}");
                let count = || metrics::counter!(catalog::DRILL_CALLS_TOTAL).increment(1);
                radiosonde::scope().job(&job).run(count);
            });
        }
    }

    /// Opens a span that stays open. Its job says which one it is.
    fn hold(&mut self) {
        self.held_ever += 1;
        let (producer, number) = (self.index, self.held_ever);
        let job_id = text::held(producer, number);
        let open = || tracing::info_span!("drill.held", producer, job_id, call = Empty);
        let span = self.acks.opening(Spans::Held, number, open);
        self.held.push_back(span);
    }

    /// Closes the oldest held spans until so many are left.
    fn close_held(&mut self, left: usize) {
        while self.held.len() > left
            && let Some(span) = self.held.pop_front()
        {
            let number = self.held_ever - self.held.len() as u64;
            self.close(Spans::Held, number, span);
        }
    }

    fn close(&mut self, spans: Spans, number: u64, span: Span) {
        self.call += 1;
        let (acks, call) = (&self.acks, self.call);
        acks.closing(spans, number, || {
            acks.around(call, || {
                span.record("call", call);
                drop(span);
            });
        });
    }

    fn call(&mut self, record: impl FnOnce(u64)) {
        self.call += 1;
        let call = self.call;
        self.acks.around(call, || record(call));
    }
}
