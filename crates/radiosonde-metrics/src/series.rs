//! One series: its identity, its value, and the writes to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use metrics::{CounterFn, GaugeFn, HistogramFn};
use radiosonde_registry::MetricType;

use crate::clock::Clock;
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

/// A gauge nobody has set. Such a one must not show: 0 would be a measurement that nobody made. In the
/// value itself, so that both change at once; no write can leave a NaN there.
const UNSET: u64 = f64::NAN.to_bits();

/// A live series.
#[derive(Debug)]
pub(crate) struct Series {
    identity: Arc<Identity>,
    cell: Cell,
    /// On an overflow set: where each write is counted as folded.
    folded: Option<Arc<Entry>>,
    /// Whether it was written since somebody last looked. Beside the value, in a line of memory that
    /// a write takes anyway.
    written: AtomicBool,
    /// Of a deprecated metric: counts its writes.
    pair: Option<Arc<AtomicU64>>,
    /// Of a batch gauge: when its value was computed.
    computed: Option<Box<Computed>>,
}

/// When a value was computed, in milliseconds since 1970; 0 as long as there is none.
#[derive(Debug)]
struct Computed {
    at: AtomicU64,
    clock: Clock,
}

/// Values as shared atomics; floats as their bits.
#[derive(Debug)]
enum Cell {
    Counter(AtomicU64),
    /// [`UNSET`] until the first write that is taken.
    Gauge(AtomicU64),
    Histogram {
        bounds: Arc<[f64]>,
        counts: Box<[AtomicU64]>,
        sum: AtomicU64,
    },
    Summary {
        count: AtomicU64,
        sum: AtomicU64,
    },
}

impl Series {
    pub(crate) fn new(identity: Identity, folded: Option<Arc<Entry>>) -> Self {
        let life = &identity.info.life;
        let pair = life.pair.as_ref().map(|pair| pair.writes.clone());
        let computed = life.computed_by.clone();
        let computed = computed.map(|clock| Box::new(Computed { at: AtomicU64::new(0), clock }));
        let cell = match identity.info.metric_type {
            MetricType::Gauge => Cell::Gauge(AtomicU64::new(UNSET)),
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
        let written = AtomicBool::new(false);
        Self { identity: Arc::new(identity), cell, folded, written, pair, computed }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.identity.info.name
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.identity.labels
    }

    /// The value; none of a gauge that was never set. Counters and histograms begin at 0, which is
    /// what they have counted.
    pub(crate) fn value(&self) -> Option<Value> {
        Some(match &self.cell {
            Cell::Counter(value) => Value::Counter(value.load(Ordering::Relaxed)),
            Cell::Gauge(bits) => Value::Gauge(set_value(bits.load(Ordering::Relaxed))?),
            Cell::Histogram { bounds, counts, sum } => {
                let counts: Vec<u64> = counts.iter().map(|n| n.load(Ordering::Relaxed)).collect();
                let count = counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
                Value::Histogram {
                    bounds: bounds.clone(),
                    counts,
                    sum: load_f64(sum),
                    count,
                    exponential: None,
                }
            }
            Cell::Summary { count, sum } => Value::Summary {
                count: count.load(Ordering::Relaxed),
                sum: load_f64(sum),
                quantiles: Vec::new(),
            },
        })
    }

    /// Whether it has a value to show.
    pub(crate) fn has_value(&self) -> bool {
        match &self.cell {
            Cell::Gauge(bits) => set_value(bits.load(Ordering::Relaxed)).is_some(),
            _ => true,
        }
    }

    /// A gauge begins at 0 because the registry says so.
    pub(crate) fn begin_at_zero(&self) {
        if let Cell::Gauge(bits) = &self.cell {
            let _ = bits.compare_exchange(UNSET, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Whether it was written since the last call. What was written before is seen afterwards.
    pub(crate) fn take_written(&self) -> bool {
        self.written.load(Ordering::Relaxed) && self.written.swap(false, Ordering::Acquire)
    }

    /// The value of a batch gauge and when it was computed, in milliseconds since 1970.
    pub(crate) fn computed(&self) -> Option<(f64, u64)> {
        let (Cell::Gauge(bits), Some(computed)) = (&self.cell, &self.computed) else { return None };
        // The time first: a value that comes in between has one of its own, and is looked at again.
        let at = computed.at.load(Ordering::Acquire);
        (at > 0).then(|| (load_f64(bits), at))
    }

    /// Takes up a value of an earlier process, unless there is a newer one. Before anybody writes.
    pub(crate) fn restore(&self, value: f64, at: u64) -> bool {
        let (Cell::Gauge(bits), Some(computed)) = (&self.cell, &self.computed) else {
            return false;
        };
        if computed.at.load(Ordering::Acquire) >= at {
            return false;
        }
        bits.store(value.to_bits(), Ordering::Relaxed);
        computed.at.store(at, Ordering::Release);
        true
    }

    /// Notes writes that were taken.
    fn note(&self, writes: u64) {
        if let Some(folded) = &self.folded {
            folded.count(writes);
        }
        if let Some(pair) = &self.pair {
            pair.fetch_add(writes, Ordering::Relaxed);
        }
        if let Some(computed) = &self.computed {
            computed.at.store(computed.clock.millis().max(1), Ordering::Release);
        }
        self.written.store(true, Ordering::Release);
    }

    fn refuse_value(&self, value: f64, writes: u64) {
        let entry = self.identity.info.refusals.entry(Reason::Value);
        entry.describe(|| format!("the value {value}"), crate::caller::Caller::default());
        entry.count(writes);
    }

    fn change_gauge(&self, operand: f64, change: impl Fn(f64) -> f64) {
        let Cell::Gauge(bits) = &self.cell else { return };
        if !operand.is_finite() {
            return self.refuse_value(operand, 1);
        }
        let mut refused = 0.0;
        let change = |before| change(set_value(before).unwrap_or(0.0));
        let result = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            let after = change(before);
            refused = after;
            after.is_finite().then(|| after.to_bits())
        });
        match result {
            Ok(before) => {
                self.note(1);
                ledger::add(&self.identity, DeltaValue::Gauge(change(before)));
            }
            Err(_) => self.refuse_value(refused, 1),
        }
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        let Cell::Counter(cell) = &self.cell else { return };
        let before = cell.load(Ordering::Relaxed);
        // A counter that wrapped would read as a restart, so it stops at the top. Short of the
        // upper half no set of concurrent additions of this size can wrap.
        if before < u64::MAX / 2 && value < u64::from(u32::MAX) {
            cell.fetch_add(value, Ordering::Relaxed);
        } else {
            saturating_add(cell, value);
        }
        self.note(1);
        if value > 0 {
            ledger::add(&self.identity, DeltaValue::Counter(value));
        }
    }

    fn absolute(&self, value: u64) {
        let Cell::Counter(cell) = &self.cell else { return };
        let before = cell.fetch_max(value, Ordering::Relaxed);
        self.note(1);
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
        if let Some(slot) = slot {
            saturating_add(slot, writes);
        }
        #[expect(clippy::cast_precision_loss, reason = "2^53 values at once do not happen")]
        let added = value * writes as f64;
        add_f64(sum, added);
        self.note(writes);
        let sum = added.clamp(f64::MIN, f64::MAX);
        let step = Distribution { count: writes, sum, min: value, max: value };
        ledger::add(&self.identity, DeltaValue::Distribution(step));
    }
}

/// What a series of that family is before the first write.
pub(crate) fn zero(info: &Info) -> Value {
    match info.metric_type {
        MetricType::Gauge => Value::Gauge(0.0),
        MetricType::Histogram => Value::Histogram {
            bounds: info.bounds.clone(),
            counts: vec![0; info.bounds.len() + 1],
            sum: 0.0,
            count: 0,
            exponential: None,
        },
        MetricType::Summary => Value::Summary { count: 0, sum: 0.0, quantiles: Vec::new() },
        _ => Value::Counter(0),
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

/// The value of a gauge, if it has one.
fn set_value(bits: u64) -> Option<f64> {
    (bits != UNSET).then(|| f64::from_bits(bits))
}

fn load_f64(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Ordering::Relaxed))
}
