//! Writing one series.

use std::sync::Arc;

use metrics::{CounterFn, GaugeFn, HistogramFn};
use radiosonde_context::has_job_or_trace;

use crate::cells;
use crate::divert::elsewhere;
use crate::family::Guarded;

/// The way to one series: works on every thread.
#[derive(Clone, Copy)]
pub(crate) struct Write<'f> {
    /// The arena of its cells, where a write is done with the value; otherwise none.
    arena: u64,
    at: At,
    family: &'f Arc<Guarded>,
}

/// The place of a series in its family, and its first cell. One number: what is written in two parts
/// and read as one at once takes longer than all of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(u64);

/// Far from all cells there may be, and far from the end of the numbers.
const ASIDE: u32 = u32::MAX / 2;

impl At {
    #[inline(always)]
    pub(crate) fn new(place: usize, cell: u32) -> Self {
        // A family has fewer series than fit.
        Self(u64::from(cell) << 32 | u64::from(place as u32))
    }

    /// Of a series where more is to be noted than the value: no thread has a cell with that number, so
    /// that each write is handed to the family.
    #[inline(always)]
    pub(crate) fn aside(place: usize) -> Self {
        Self::new(place, ASIDE)
    }

    /// Whether it is from [`At::aside`].
    pub(crate) fn is_aside(self) -> bool {
        self.cell() == ASIDE
    }

    #[inline(always)]
    fn cell(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline(always)]
    fn place(self) -> usize {
        self.0 as u32 as usize
    }

    /// As a number that is never 0.
    #[inline(always)]
    pub(crate) fn to_bits(self) -> u64 {
        self.0 + 1
    }

    /// From [`At::to_bits`]; none from 0.
    #[inline(always)]
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        bits.checked_sub(1).map(Self)
    }
}

impl<'f> Write<'f> {
    pub(crate) fn new(family: &'f Arc<Guarded>, place: usize) -> Self {
        let (arena, cell) = family.at_hand(place);
        Self { arena, at: At::new(place, cell), family }
    }

    /// From the parts of one to the same family.
    #[inline(always)]
    pub(crate) fn from_parts(family: &'f Arc<Guarded>, arena: u64, at: At) -> Self {
        Self { arena, at, family }
    }

    #[inline(always)]
    pub(crate) fn increment(&self, by: u64) {
        if let Some(there) = elsewhere(self.family, self.at.place()) {
            return there.counter().increment(by);
        }
        let counted = cells::add_at_hand(self.arena, self.at.cell(), by);
        if !counted || has_job_or_trace() {
            self.family.count(self.at.place(), by, counted);
        }
    }

    pub(crate) fn absolute(&self, value: u64) {
        if let Some(there) = elsewhere(self.family, self.at.place()) {
            return there.counter().absolute(value);
        }
        self.family.raise(self.at.place(), value);
    }

    /// Whether the write was taken.
    pub(crate) fn change_gauge(&self, operand: f64, change: impl Fn(f64) -> f64) -> bool {
        if let Some(there) = elsewhere(self.family, self.at.place()) {
            return there.change_gauge(operand, change);
        }
        self.family.change_gauge(self.at.place(), operand, change)
    }

    #[inline(always)]
    pub(crate) fn record(&self, value: f64) {
        if let Some(there) = elsewhere(self.family, self.at.place()) {
            return there.histogram().record(value);
        }
        let bucket = self.family.bucket(value);
        let count = self.at.cell() + bucket;
        let sum = self.at.cell() + self.family.buckets();
        // What is not a number compares with nothing, and an infinity is no value either.
        let counted = value.is_finite() && cells::record_at_hand(self.arena, count, sum, value);
        if !counted {
            self.family.record(self.at.place(), value, 1);
        } else if has_job_or_trace() {
            self.family.recorded(self.at.place(), bucket, value);
        }
    }
}

/// A [`Write`] that keeps its family. Apart from its neighbours in memory: threads count the users of
/// theirs up and down all the time. By its size and not by an alignment, which takes ten times as long
/// to allocate.
pub(crate) struct Handle {
    family: Arc<Guarded>,
    arena: u64,
    at: At,
    _apart: [u64; 12],
}

impl Handle {
    pub(crate) fn new(family: Arc<Guarded>, place: usize) -> Self {
        let Write { arena, at, .. } = Write::new(&family, place);
        Self { family, arena, at, _apart: [0; 12] }
    }

    /// Whether it writes that series.
    pub(crate) fn is_of(&self, family: &Arc<Guarded>, place: usize) -> bool {
        Arc::ptr_eq(&self.family, family) && self.at.place() == place
    }

    #[inline]
    pub(crate) fn write(&self) -> Write<'_> {
        Write::from_parts(&self.family, self.arena, self.at)
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
        let _taken = self.write().change_gauge(value, |before| before + value);
    }

    fn decrement(&self, value: f64) {
        let _taken = self.write().change_gauge(value, |before| before - value);
    }

    fn set(&self, value: f64) {
        let _taken = self.write().change_gauge(value, |_| value);
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
            many => match elsewhere(&self.family, self.at.place()) {
                Some(there) => there.histogram().record_many(value, many),
                None => self.family.record(self.at.place(), value, many as u64),
            },
        }
    }
}
