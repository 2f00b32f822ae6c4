//! One series: its identity, its value, and the writes to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{CounterFn, GaugeFn, HistogramFn};
use radiosonde_registry::MetricType;

use crate::delta::{DeltaValue, Distribution};
use crate::family::Info;
use crate::ledger;
use crate::refusal::{Entry, Reason};
use crate::snapshot::{Labels, Value};

/// Which series it is. Shared with the ledgers of threads, which may outlive the family.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) info: Arc<Info>,
    /// Sorted by name, without the constant labels.
    pub(crate) labels: Labels,
}

/// A live series.
#[derive(Debug)]
pub(crate) struct Series {
    identity: Arc<Identity>,
    cell: Cell,
    /// On an overflow set: where each write is counted as folded.
    folded: Option<Arc<Entry>>,
}

/// Values as shared atomics; floats as their bits.
#[derive(Debug)]
enum Cell {
    Counter(AtomicU64),
    Gauge(AtomicU64),
    Histogram { bounds: Arc<[f64]>, counts: Box<[AtomicU64]>, sum: AtomicU64 },
    Summary { count: AtomicU64, sum: AtomicU64 },
}

impl Series {
    pub(crate) fn new(identity: Identity, folded: Option<Arc<Entry>>) -> Self {
        let cell = match identity.info.metric_type {
            MetricType::Gauge => Cell::Gauge(AtomicU64::new(0)),
            MetricType::Histogram => {
                let bounds = identity.info.bounds.clone();
                let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
                Cell::Histogram { bounds, counts, sum: AtomicU64::new(0) }
            }
            MetricType::Summary => {
                Cell::Summary { count: AtomicU64::new(0), sum: AtomicU64::new(0) }
            }
            // A type that a later registry adds is counted rather than lost.
            _ => Cell::Counter(AtomicU64::new(0)),
        };
        Self { identity: Arc::new(identity), cell, folded }
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.identity.labels
    }

    pub(crate) fn value(&self) -> Value {
        match &self.cell {
            Cell::Counter(value) => Value::Counter(value.load(Ordering::Relaxed)),
            Cell::Gauge(bits) => Value::Gauge(load_f64(bits)),
            Cell::Histogram { bounds, counts, sum } => {
                let counts: Vec<u64> = counts.iter().map(|n| n.load(Ordering::Relaxed)).collect();
                let count = counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
                Value::Histogram { bounds: bounds.clone(), counts, sum: load_f64(sum), count }
            }
            Cell::Summary { count, sum } => {
                Value::Summary { count: count.load(Ordering::Relaxed), sum: load_f64(sum) }
            }
        }
    }

    fn count_fold(&self, writes: u64) {
        if let Some(folded) = &self.folded {
            folded.count(writes);
        }
    }

    fn refuse_value(&self, value: f64, writes: u64) {
        let entry = self.identity.info.refusals.entry(Reason::Value);
        entry.describe(|| format!("the value {value}"), None);
        entry.count(writes);
    }

    fn change_gauge(&self, operand: f64, change: impl Fn(f64) -> f64) {
        let Cell::Gauge(bits) = &self.cell else { return };
        if !operand.is_finite() {
            return self.refuse_value(operand, 1);
        }
        let mut refused = 0.0;
        let result = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            let after = change(f64::from_bits(before));
            refused = after;
            after.is_finite().then(|| after.to_bits())
        });
        match result {
            Ok(before) => {
                ledger::add(&self.identity, DeltaValue::Gauge(change(f64::from_bits(before))));
            }
            Err(_) => self.refuse_value(refused, 1),
        }
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        let Cell::Counter(cell) = &self.cell else { return };
        self.count_fold(1);
        let before = cell.load(Ordering::Relaxed);
        // A counter that wrapped would read as a restart, so it stops at the top. Short of the
        // upper half no set of concurrent additions of this size can wrap.
        if before < u64::MAX / 2 && value < u64::from(u32::MAX) {
            cell.fetch_add(value, Ordering::Relaxed);
        } else {
            saturating_add(cell, value);
        }
        if value > 0 {
            ledger::add(&self.identity, DeltaValue::Counter(value));
        }
    }

    fn absolute(&self, value: u64) {
        let Cell::Counter(cell) = &self.cell else { return };
        self.count_fold(1);
        let before = cell.fetch_max(value, Ordering::Relaxed);
        if value > before {
            ledger::add(&self.identity, DeltaValue::Counter(value - before));
        }
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.change_gauge(value, |before| before + value);
    }

    fn decrement(&self, value: f64) {
        self.change_gauge(value, |before| before - value);
    }

    fn set(&self, value: f64) {
        self.change_gauge(value, |_| value);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let writes = count as u64;
        if writes == 0 {
            return;
        }
        if !value.is_finite() {
            return self.refuse_value(value, writes);
        }
        let (sum, slot) = match &self.cell {
            Cell::Histogram { bounds, counts, sum } => {
                // `le` is inclusive: a value belongs to the first bound that is not below it.
                (sum, counts.get(bounds.partition_point(|bound| *bound < value)))
            }
            Cell::Summary { count, sum } => (sum, Some(count)),
            Cell::Counter(_) | Cell::Gauge(_) => return,
        };
        self.count_fold(writes);
        if let Some(slot) = slot {
            saturating_add(slot, writes);
        }
        #[expect(clippy::cast_precision_loss, reason = "2^53 values at once do not happen")]
        let added = value * writes as f64;
        add_f64(sum, added);
        let sum = added.clamp(f64::MIN, f64::MAX);
        let step = Distribution { count: writes, sum, min: value, max: value };
        ledger::add(&self.identity, DeltaValue::Distribution(step));
    }
}

fn saturating_add(cell: &AtomicU64, value: u64) {
    let _ =
        cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_add(value)));
}

/// Adds and stays finite: an infinite sum could never be told from a broken one again.
fn add_f64(bits: &AtomicU64, value: f64) {
    let _ = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
        Some((f64::from_bits(before) + value).clamp(f64::MIN, f64::MAX).to_bits())
    });
}

fn load_f64(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Ordering::Relaxed))
}
