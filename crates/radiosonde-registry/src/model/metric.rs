//! One metric and everything that is said about it.

use std::{fmt, str::FromStr};

use super::{ExponentialBuckets, Registry, Status};
use crate::names;

/// One metric.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default = "crate::schema::forms::metric")
)]
#[non_exhaustive]
pub struct MetricSpec {
    /// Its name, the same in every format.
    pub name: String,
    /// `type` in the file.
    #[cfg_attr(feature = "schema", schemars(rename = "type"))]
    pub metric_type: MetricType,
    /// The unit of its values, such as `seconds`; `1` where there is none. A registry that was
    /// read without errors has one on every metric.
    pub unit: Option<String>,
    /// One sentence that says what is measured.
    pub help: String,
    /// Names of its labels, each declared in [`Registry::labels`].
    pub labels: Vec<String>,
    /// Who answers for it, declared in [`Registry::owners`]. Default: nobody, where
    /// no owners are declared.
    pub owner: Option<String>,
    /// Who writes it. Default: [`Source::App`].
    pub source: Source,
    /// Where it is in its life. Default: [`Status::Stable`]. `"deprecated": true` in its place is
    /// accepted and means a deprecation without a date.
    pub status: Status,
    /// Version of its meaning and labels, from 1; from 2 on its name says so, as in `runs_v2_total`.
    /// Default: 1.
    pub version: u32,
    /// Seconds between two writes when all is well. Default: not known.
    pub interval_s: Option<u64>,
    /// Upper bounds of a histogram, rising, without `+Inf`. Default: empty, the recorder's own.
    pub buckets: Vec<f64>,
    /// Upper bounds of a histogram as powers of one factor, in the place of `buckets`. Default: none.
    pub exponential_buckets: Option<ExponentialBuckets>,
    /// How values of several series are put together. Default: not said.
    pub aggregation: Option<Aggregation>,
    /// The group of metrics it belongs to on dashboards.
    pub family: Option<String>,
    /// What its value is compared with, and how far it may be off.
    pub variance: Option<Variance>,
    /// How often its value is renewed where it comes from. Default: not said.
    pub refresh: Option<Refresh>,
    /// How long it is kept, the finest resolution first. A text such as `"90d"` in the file is one
    /// entry without a step. Default: empty, as long as the store keeps it.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::forms::retention"))]
    pub retention: Vec<Retention>,
    /// Labels this metric may have. Default: [`Registry::max_labels`].
    pub max_labels: Option<usize>,
    /// Its name and unit in OTLP. Default: the same as here.
    pub otel: Option<OtelNames>,
    /// Whether every series exists at 0 from the start. Default: yes for counters and histograms
    /// whose labels are all enumerated.
    pub zero_init: Option<bool>,
    /// Label sets it may have in one process. Default: [`Registry::series_limit`].
    pub series_limit: Option<usize>,
    /// Lints it may break, each with a reason.
    pub lint_allow: Vec<LintAllowance>,
    /// The query it is derived from; for [`Source::Derived`] only.
    pub expression: Option<String>,
    /// Sums over its series under names of their own, made at each scrape; for counters and
    /// histograms only. Default: none.
    pub rollups: Vec<Rollup>,
}

impl MetricSpec {
    /// A metric of that name and type with every other field at its default.
    pub fn new(name: &str, metric_type: MetricType) -> Self {
        Self {
            name: name.to_owned(),
            metric_type,
            unit: None,
            help: String::new(),
            labels: Vec::new(),
            owner: None,
            source: Source::App,
            status: Status::Stable,
            version: 1,
            interval_s: None,
            buckets: Vec::new(),
            exponential_buckets: None,
            aggregation: None,
            family: None,
            variance: None,
            refresh: None,
            retention: Vec::new(),
            max_labels: None,
            otel: None,
            zero_init: None,
            series_limit: None,
            lint_allow: Vec::new(),
            expression: None,
            rollups: Vec::new(),
        }
    }

    /// What to call it in its next version, which has the number behind.
    ///
    /// ```
    /// use radiosonde_registry::{MetricSpec, MetricType};
    ///
    /// let runs = MetricSpec::new("runs_total", MetricType::Counter);
    /// assert_eq!(runs.next_version(), ("runs_v2_total".to_owned(), 2));
    /// ```
    pub fn next_version(&self) -> (String, u32) {
        let next = self.version.saturating_add(1);
        let is_total = self.metric_type == MetricType::Counter && self.name.ends_with("_total");
        let base = match is_total {
            true => self.name.strip_suffix("_total").unwrap_or(&self.name),
            false => &self.name,
        };
        // Another number, as in `packets_v4`, is part of what is measured.
        let stem = base.strip_suffix(&format!("_v{}", self.version)).unwrap_or(base);
        (names::versioned(stem, Some(next), is_total), next)
    }

    /// The upper bounds that are given for it, one way or the other; empty when none are, or those
    /// that are cannot be used.
    pub fn bounds(&self) -> Vec<f64> {
        if !self.buckets.is_empty() {
            return self.buckets.clone();
        }
        let exponential = self.exponential_buckets.and_then(|buckets| buckets.bounds());
        exponential.map(|(_, bounds)| bounds).unwrap_or_default()
    }

    /// Whether every label has a list of values, so that all series are known beforehand.
    /// True without labels.
    pub fn is_enumerated(&self, registry: &Registry) -> bool {
        self.enumerated_product(registry).is_some()
    }

    /// How many series the lists of values of its labels make; 1 without labels, `None` when a
    /// label is free or not declared. Stops at `usize::MAX`.
    pub fn enumerated_product(&self, registry: &Registry) -> Option<usize> {
        self.labels.iter().try_fold(1_usize, |product, label| {
            let values = registry.labels.get(label)?.values.as_ref()?;
            Some(product.saturating_mul(values.len()))
        })
    }

    /// Whether the metric may break that lint.
    pub fn allows(&self, rule: &str) -> bool {
        self.lint_allow.iter().any(|allowance| allowance.rule == rule)
    }
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MetricType {
    /// Only ever rises.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by bucket.
    Histogram,
    /// Count and sum of values, with quantiles.
    Summary,
}

impl MetricType {
    /// As it is written in the registry and in day files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }

    /// What the names of the series it is written in add to its own; nothing where its name is that
    /// of its series.
    ///
    /// ```
    /// use radiosonde_registry::MetricType;
    ///
    /// assert_eq!(MetricType::Summary.parts(), ["_count", "_sum"]);
    /// assert!(MetricType::Gauge.parts().is_empty());
    /// ```
    pub const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::Gauge => &[],
            Self::Histogram => &["_bucket", "_count", "_sum"],
            Self::Summary => &["_count", "_sum"],
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MetricType {
    type Err = UnknownMetricType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "counter" => Ok(Self::Counter),
            "gauge" => Ok(Self::Gauge),
            "histogram" => Ok(Self::Histogram),
            "summary" => Ok(Self::Summary),
            _ => Err(UnknownMetricType),
        }
    }
}

/// A text that names no metric type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMetricType;

impl fmt::Display for UnknownMetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown metric type; use counter, gauge, histogram or summary")
    }
}

impl std::error::Error for UnknownMetricType {}

/// Who writes a metric. Only [`Source::App`] and [`Source::Batch`] get constants in a catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Source {
    /// The running application.
    #[default]
    App,
    /// A job that runs now and then.
    Batch,
    /// A query over other metrics.
    Derived,
    /// Something else; it is listed here so that dashboards and alerts may name it.
    External,
}

/// What the value of a metric is compared with.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Variance {
    /// What it is compared with: a metric, or a name the comparing job knows.
    pub baseline: Option<String>,
    /// How far it may be off, as a share of the baseline: 0.05 is 5 %.
    pub tolerance: Option<f64>,
}

/// What a metric is called in OTLP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct OtelNames {
    /// Name of the instrument.
    pub name: Option<String>,
    /// Its UCUM unit, such as `s` or `By`.
    pub unit: Option<String>,
}

/// Leave for a metric to break a lint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct LintAllowance {
    /// The lint, such as `counter_suffix`; one of [`crate::lints`].
    pub rule: String,
    /// Why; never empty.
    pub reason: String,
}

/// The sum of a metric's series over the labels that are left out: fewer series under another name.
///
/// What was folded past the cap is part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Rollup {
    /// Its name, different from that of every metric. The lints about names hold for it, and so do
    /// the metric's `lint_allow`.
    pub name: String,
    /// The labels that are kept; some of the metric's own, never all. Default: none, one series.
    pub by: Vec<String>,
    /// One sentence that says what is measured. Default: the help of the metric.
    pub help: Option<String>,
}

/// How values of several series are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Aggregation {
    /// Their mean.
    Avg,
    /// How many there are.
    Count,
    /// The one written last.
    Last,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// Their sum.
    Sum,
}

/// How often a value is renewed where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Refresh {
    /// Once a day.
    Daily,
    /// Once an hour.
    Hourly,
    /// Within five minutes.
    Realtime,
    /// Once a week.
    Weekly,
}

/// How long values are kept at one resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Retention {
    /// How long, as Prometheus writes durations: `90d`, `13w`, `36h`.
    pub keep: String,
    /// Time between two points, such as `30s`. Default: as they were scraped.
    pub step: Option<String>,
}
