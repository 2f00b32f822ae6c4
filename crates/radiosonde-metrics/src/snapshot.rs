//! What the metrics of a process are at one moment, in plain data.

use std::sync::Arc;

use radiosonde_registry::{MetricType, Registry};

use crate::exposition::Exemplar;

/// Label names and values, sorted by name.
pub type Labels = Vec<(Arc<str>, Arc<str>)>;

/// Every family with at least one series, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The families.
    pub families: Vec<Family>,
}

/// One metric with all of its series.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// Its name, the same in every format.
    pub name: Arc<str>,
    /// Its type; every series has a value of that type.
    pub metric_type: MetricType,
    /// The unit of its values. Default: none known.
    pub unit: Option<Arc<str>>,
    /// What is measured, in one sentence. Default: empty.
    pub help: Arc<str>,
    /// Its series, sorted by their labels.
    pub series: Vec<Series>,
    /// Of a roll-up: the labels of the metric it sums. A constant label of such a name would claim
    /// to know which of the values it is.
    pub(crate) summed_over: Option<Arc<[Arc<str>]>>,
}

/// One label set and its value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Series {
    /// The labels, sorted by name, constant labels included.
    pub labels: Labels,
    /// The value.
    pub value: Value,
    /// Writes of counters and histograms that were made inside a trace, by rising bucket; at most
    /// one for each bucket. Default: none.
    pub exemplars: Vec<Exemplar>,
}

/// The cumulative value of a series.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A count of things.
    Counter(u64),
    /// A counter of something that is not counted in whole numbers, such as CPU seconds.
    FloatCounter(f64),
    /// A value that goes up and down.
    Gauge(f64),
    /// Counts by bucket.
    Histogram {
        /// Upper bounds, rising, without `+Inf`.
        bounds: Arc<[f64]>,
        /// Values per bucket, **not** cumulative; one longer than `bounds`, the last is `+Inf`.
        counts: Vec<u64>,
        /// Sum of the values.
        sum: f64,
        /// Number of values: the sum of `counts`.
        count: u64,
        /// How the bounds were made, if they are powers of one base.
        exponential: Option<Exponential>,
    },
    /// Quantiles, count and sum of values.
    Summary {
        /// Number of values.
        count: u64,
        /// Sum of the values.
        sum: f64,
        /// Each quantile, between 0 and 1 and rising, and its value over the last minutes. Empty
        /// when none are known.
        quantiles: Vec<(f64, f64)>,
    },
}

/// Bounds that are consecutive powers of a base, as exponential histograms of OpenTelemetry have
/// them: `bounds[i]` is 2^((offset + i) / 2^scale), rounded.
///
/// `counts[1]` is then the bucket of OpenTelemetry with the index `offset`. What is not above
/// `bounds[0]` is its zero bucket, with `bounds[0]` as the threshold; what is above all bounds has no
/// place there but the next bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exponential {
    /// How fine: 2^scale bounds for each doubling.
    pub scale: i8,
    /// Which power of the base `bounds[0]` is.
    pub offset: i32,
}

impl Series {
    /// A series without exemplars. `labels` are sorted by name.
    pub fn new(labels: Labels, value: Value) -> Self {
        Self { labels, value, exemplars: Vec::new() }
    }
}

impl Snapshot {
    /// The family of that name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name.as_ref() == name)
    }

    /// The value of the series with exactly these labels, in any order.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<&Value> {
        let mut wanted = labels.to_vec();
        wanted.sort_unstable();
        let same = |series: &&Series| {
            series.labels.iter().map(|(name, value)| (&**name, &**value)).eq(wanted.iter().copied())
        };
        self.family(name)?.series.iter().find(same).map(|series| &series.value)
    }

    /// Adds a whole family. One that is there already under that name gets the series added, and
    /// keeps its type, unit and help.
    pub fn push(&mut self, family: Family) {
        match self.families.iter_mut().find(|there| there.name == family.name) {
            Some(there) => there.series.extend(family.series),
            None => self.families.push(family),
        }
    }

    /// Adds a counter series. Unit and help are those of [`Registry::builtin`], if it has the name.
    pub fn counter(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.add(name, MetricType::Counter, labels, Value::Counter(value));
    }

    /// Adds a series of a counter of fractions, such as seconds. Otherwise as
    /// [`Snapshot::counter`].
    pub fn float_counter(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Counter, labels, Value::FloatCounter(value));
    }

    /// Adds a gauge series. Otherwise as [`Snapshot::counter`].
    pub fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Gauge, labels, Value::Gauge(value));
    }

    /// Adds a family that is known not to be there: no search.
    pub(crate) fn push_new(&mut self, family: Family) {
        self.families.push(family);
    }

    /// Adds a family that may be there, unless it is empty.
    pub(crate) fn push_filled(&mut self, family: Family) {
        if !family.series.is_empty() {
            self.push(family);
        }
    }

    fn add(&mut self, name: &str, metric_type: MetricType, labels: &[(&str, &str)], value: Value) {
        let labels = labels.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value)));
        let series = Series::new(labels.collect(), value);
        if let Some(there) = self.families.iter_mut().find(|family| &*family.name == name) {
            there.series.push(series);
            return;
        }
        self.families.push(Family { series: vec![series], ..Family::builtin(name, metric_type) });
    }

    /// Attaches the constant labels, sorts, and lets the last one of equal label sets win.
    pub(crate) fn finish(&mut self, constants: &[(Arc<str>, Arc<str>)]) {
        self.families.retain(|family| !family.series.is_empty());
        self.families.sort_by(|a, b| a.name.cmp(&b.name));
        for family in &mut self.families {
            for series in &mut family.series {
                let own = series.labels.len();
                let attached = constants.iter().filter(|constant| {
                    let summed = family.summed_over.iter().flat_map(|labels| labels.iter());
                    !summed.clone().any(|label| *label == constant.0)
                });
                for constant in attached {
                    if !series.labels[..own].iter().any(|(name, _)| *name == constant.0) {
                        series.labels.push(constant.clone());
                    }
                }
                series.labels.sort_by(|a, b| a.0.cmp(&b.0));
            }
            // The sort is stable: of equal label sets the one added last stands last.
            family.series.sort_by(|a, b| a.labels.cmp(&b.labels));
            family.series.dedup_by(|later, kept| {
                let same = later.labels == kept.labels;
                if same {
                    std::mem::swap(later, kept);
                }
                same
            });
        }
    }
}

impl Family {
    /// An empty family without unit and help.
    pub fn new(name: &str, metric_type: MetricType) -> Self {
        let (name, help) = (Arc::from(name), Arc::from(""));
        Self { name, metric_type, unit: None, help, series: Vec::new(), summed_over: None }
    }

    /// An empty family with what [`Registry::builtin`] says about the name, if anything.
    pub(crate) fn builtin(name: &str, metric_type: MetricType) -> Self {
        let mut family = Self::new(name, metric_type);
        if let Some(spec) = Registry::builtin().metric(name) {
            family.unit = spec.unit.as_deref().map(Arc::from);
            family.help = Arc::from(spec.help.as_str());
        }
        family
    }
}
