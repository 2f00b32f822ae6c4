//! What one stretch of code did to one series.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use radiosonde_context::Context;
use radiosonde_registry::MetricType;

use crate::snapshot::Labels;
use crate::sync::{read, write};

/// What code under a job did to one series between two changes of its context.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delta {
    /// The metric.
    pub name: Arc<str>,
    /// Its type.
    pub metric_type: MetricType,
    /// Its unit. Default: none known.
    pub unit: Option<Arc<str>>,
    /// The labels of the write, sorted by name; without the constant labels of the process.
    pub labels: Labels,
    /// What was done.
    pub value: DeltaValue,
}

/// The change of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DeltaValue {
    /// By how much a counter rose.
    Counter(u64),
    /// The last value a gauge was brought to.
    Gauge(f64),
    /// The values a histogram or summary was given.
    Distribution(Distribution),
}

/// Values in short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl DeltaValue {
    /// Takes up a later change of the same series.
    pub(crate) fn absorb(&mut self, later: Self) {
        match (self, later) {
            (Self::Counter(n), Self::Counter(more)) => *n = n.saturating_add(more),
            (Self::Distribution(all), Self::Distribution(more)) => {
                all.count = all.count.saturating_add(more.count);
                all.sum = (all.sum + more.sum).clamp(f64::MIN, f64::MAX);
                all.min = all.min.min(more.min);
                all.max = all.max.max(more.max);
            }
            (here, later) => *here = later,
        }
    }
}

/// What is called with each delta.
pub(crate) type OnDelta = Arc<dyn Fn(&Context, &Delta) + Send + Sync>;

/// Where the deltas of one [`crate::Metrics`] go.
#[derive(Default)]
pub(crate) struct Sink {
    /// Cheaper than the lock: whether there is anybody to deliver to.
    active: AtomicBool,
    callback: RwLock<Option<OnDelta>>,
}

impl Sink {
    pub(crate) fn set(&self, callback: OnDelta) {
        *write(&self.callback) = Some(callback);
        self.active.store(true, Ordering::Release);
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    pub(crate) fn callback(&self) -> Option<OnDelta> {
        read(&self.callback).clone()
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}
