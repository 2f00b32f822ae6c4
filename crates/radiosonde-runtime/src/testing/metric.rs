//! Metrics as a test looks at them.

use std::fmt;
use std::sync::Arc;

use radiosonde_metrics::{Family, MetricType, Snapshot, Value};

use crate::metric_lines::title;

/// What was done to a metric inside of the capture: one series, or several together.
#[derive(Clone, PartialEq)]
pub struct Metric {
    name: Arc<str>,
    metric_type: MetricType,
    /// Those that were asked for, or those of the series.
    labels: Vec<(Arc<str>, Arc<str>)>,
    series: usize,
    value: f64,
    count: u64,
}

impl Metric {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The labels, sorted by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Counter, gauge, histogram or summary.
    pub fn metric_type(&self) -> MetricType {
        self.metric_type
    }

    /// By how much a counter rose, or the value of a gauge; of a histogram or summary the sum of its
    /// values. Where several series are meant, of all together.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// How many values a histogram or summary was given; of other metrics 0.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many series there are: 1, unless fewer labels were asked for than they have.
    pub fn series(&self) -> usize {
        self.series
    }

    fn add(&mut self, value: &Value) {
        self.series += 1;
        match *value {
            Value::Counter(count) => self.value += count as f64,
            Value::FloatCounter(value) | Value::Gauge(value) => self.value += value,
            Value::Histogram { sum, count, .. } | Value::Summary { sum, count, .. } => {
                self.value += sum;
                self.count += count;
            }
            // A value of a later version of the crate.
            _ => {}
        }
    }

    fn new(family: &Family, labels: Vec<(Arc<str>, Arc<str>)>) -> Self {
        let (name, metric_type) = (family.name.clone(), family.metric_type);
        Self { name, metric_type, labels, series: 0, value: 0.0, count: 0 }
    }

    /// The series of that name with these labels, and perhaps more, as one.
    pub(super) fn of(snapshot: &Snapshot, name: &str, labels: &[(&str, &str)]) -> Option<Self> {
        let family = snapshot.family(name)?;
        let mut asked = labels.to_vec();
        asked.sort_unstable();
        let asked = asked.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value)));
        let mut all = Self::new(family, asked.collect());
        let is_meant = |series: &&radiosonde_metrics::Series| {
            all.labels.iter().all(|label| series.labels.contains(label))
        };
        let meant: Vec<_> = family.series.iter().filter(is_meant).collect();
        meant.iter().for_each(|series| all.add(&series.value));
        (all.series > 0).then_some(all)
    }

    /// Each series, but those radiosonde counts for itself.
    pub(super) fn all(snapshot: &Snapshot) -> Vec<Self> {
        let own = |family: &&Family| {
            let name = &*family.name;
            !name.starts_with("radiosonde_") && name != "metric_last_seen_timestamp_seconds"
        };
        let of = |family: &Family| {
            let series = family.series.iter().map(|series| {
                let mut one = Self::new(family, series.labels.clone());
                one.add(&series.value);
                one
            });
            series.collect::<Vec<_>>()
        };
        snapshot.families.iter().filter(own).flat_map(of).collect()
    }

    /// `name{label="value"}`
    pub(super) fn title(&self) -> String {
        title(&self.name, &self.labels)
    }

    pub(super) fn is_distribution(&self) -> bool {
        matches!(self.metric_type, MetricType::Histogram | MetricType::Summary)
    }
}

/// `runs_total{outcome="success"} 3`, `seconds{} 2 values, sum 1.5`
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, count, .. } = self;
        let title = self.title();
        match self.is_distribution() {
            true => write!(f, "{title} {}, sum {value}", crate::words::counted(*count, "value")),
            false => write!(f, "{title} {value}"),
        }
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
