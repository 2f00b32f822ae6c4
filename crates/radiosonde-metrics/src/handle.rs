//! Writing one series.

use std::sync::Arc;

use metrics::{CounterFn, GaugeFn, HistogramFn};
use radiosonde_context::has_job_or_trace;

use crate::cells;
use crate::family::Guarded;

/// The way to one series: works on every thread.
#[derive(Clone, Copy)]
pub(crate) struct Write<'f> {
    /// The arena of its cells, where a write is done with the value; otherwise none.
    arena: u64,
    cell: u32,
    place: u32,
    family: &'f Arc<Guarded>,
}

impl<'f> Write<'f> {
    pub(crate) fn new(family: &'f Arc<Guarded>, place: usize) -> Self {
        let (arena, cell) = family.at_hand(place);
        Self { arena, cell, place: place as u32, family }
    }

    /// From what [`Write::parts`] said of the same family.
    #[inline]
    pub(crate) fn from_parts(
        family: &'f Arc<Guarded>,
        (arena, cell, place): (u64, u32, u32),
    ) -> Self {
        Self { arena, cell, place, family }
    }

    pub(crate) fn parts(&self) -> (u64, u32, u32) {
        (self.arena, self.cell, self.place)
    }

    #[inline]
    pub(crate) fn increment(&self, by: u64) {
        let counted = cells::add_at_hand(self.arena, self.cell, by);
        if !counted || has_job_or_trace() {
            self.family.count(self.place as usize, by, counted);
        }
    }

    pub(crate) fn absolute(&self, value: u64) {
        self.family.raise(self.place as usize, value);
    }

    pub(crate) fn change_gauge(&self, operand: f64, change: impl Fn(f64) -> f64) {
        self.family.change_gauge(self.place as usize, operand, change);
    }

    #[inline]
    pub(crate) fn record(&self, value: f64) {
        let bucket = self.family.bucket(value);
        let count = self.cell + bucket;
        let sum = self.cell + self.family.buckets();
        // What is not a number compares with nothing, and an infinity is no value either.
        let counted = value.is_finite() && cells::record_at_hand(self.arena, count, sum, value);
        if !counted || has_job_or_trace() {
            self.family.record(self.place as usize, value, 1, counted);
        }
    }
}

/// A [`Write`] that keeps its family. Apart from its neighbours in memory: threads count the users of
/// theirs up and down all the time.
#[repr(align(128))]
pub(crate) struct Handle {
    family: Arc<Guarded>,
    parts: (u64, u32, u32),
}

impl Handle {
    pub(crate) fn new(family: Arc<Guarded>, place: usize) -> Self {
        let parts = Write::new(&family, place).parts();
        Self { family, parts }
    }

    #[inline]
    fn write(&self) -> Write<'_> {
        Write::from_parts(&self.family, self.parts)
    }
}

impl CounterFn for Handle {
    fn increment(&self, value: u64) {
        self.write().increment(value);
    }

    fn absolute(&self, value: u64) {
        self.write().absolute(value);
    }
}

impl GaugeFn for Handle {
    fn increment(&self, value: f64) {
        self.write().change_gauge(value, |before| before + value);
    }

    fn decrement(&self, value: f64) {
        self.write().change_gauge(value, |before| before - value);
    }

    fn set(&self, value: f64) {
        self.write().change_gauge(value, |_| value);
    }
}

impl HistogramFn for Handle {
    fn record(&self, value: f64) {
        self.write().record(value);
    }

    fn record_many(&self, value: f64, count: usize) {
        match count {
            0 => {}
            1 => self.write().record(value),
            many => self.family.record(self.parts.2 as usize, value, many as u64, false),
        }
    }
}
