//! The door of the `metrics` crate's macros.

use std::fmt;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use radiosonde_context::is_forked_child;
use radiosonde_registry::MetricType;

use crate::caller::Caller;
use crate::family::Resolved;
use crate::hub::Hub;

/// Guards what the macros of the `metrics` crate write. Cheap to clone.
///
/// A handle of a refused write does nothing but count each write made through it. A handle that
/// was taken when the metric was full keeps writing to the overflow set. In a forked child, where a
/// lock may be held by a thread that does not exist, new handles do nothing.
#[derive(Clone)]
pub struct Recorder(Arc<Hub>);

impl Recorder {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self(hub)
    }

    /// `wanted` is the handle's type; a summary in the registry is written as a histogram.
    pub(crate) fn resolve(
        &self,
        key: &Key,
        metadata: &Metadata<'_>,
        wanted: MetricType,
    ) -> Resolved {
        let caller = Caller::of(metadata);
        match self.0.catalogue.family(key.name(), wanted, caller, &self.0.told) {
            Err(entry) => {
                entry.want(wanted, key);
                Resolved::Refused(entry)
            }
            Ok(family) => {
                let accepts = match family.info.metric_type {
                    MetricType::Summary => wanted == MetricType::Histogram,
                    metric_type => wanted == metric_type,
                };
                family.resolve(accepts, key, &self.0.redactor, caller)
            }
        }
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>, help: &str, metric_type: MetricType) {
        if is_forked_child() {
            return;
        }
        let unit = unit.map(|unit| unit.as_str());
        self.0.catalogue.describe(name.as_str(), metric_type, unit, help, &self.0.told);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description, MetricType::Counter);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description, MetricType::Gauge);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description, MetricType::Histogram);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        if is_forked_child() {
            return Counter::noop();
        }
        match self.resolve(key, metadata, MetricType::Counter) {
            Resolved::Series(series) => Counter::from_arc(series),
            Resolved::Refused(entry) => Counter::from_arc(entry),
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        if is_forked_child() {
            return Gauge::noop();
        }
        match self.resolve(key, metadata, MetricType::Gauge) {
            Resolved::Series(series) => Gauge::from_arc(series),
            Resolved::Refused(entry) => Gauge::from_arc(entry),
        }
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        if is_forked_child() {
            return Histogram::noop();
        }
        match self.resolve(key, metadata, MetricType::Histogram) {
            Resolved::Series(series) => Histogram::from_arc(series),
            Resolved::Refused(entry) => Histogram::from_arc(entry),
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}
