//! The types of `registry.json` and the questions asked of them.

use std::{collections::BTreeMap, fmt, path::Path, str::FromStr};

use crate::{builtin, decode, error::RegistryErrors, source};

/// Series a metric may have in one process when nothing else is said.
pub const DEFAULT_SERIES_LIMIT: usize = 200;

/// Days the paired `<name>_deprecated` counter is written when a deprecation does not say.
pub const DEFAULT_EMIT_DAYS: u32 = 14;

/// What a service says about its metrics: the content of `registry.json`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Registry {
    /// Version of the format; 1.
    pub schema_version: u32,
    /// The service the registry belongs to. Default: none, any service.
    pub service: Option<String>,
    /// Limits by environment. Default: none, see [`Registry::series_limit`].
    pub environments: BTreeMap<String, Environment>,
    /// Labels every series carries; a metric may declare them itself, otherwise their values come
    /// from `init!` or the resource attributes. Default: none.
    pub required_labels: Vec<String>,
    /// Labels a metric may have, required ones counted, `le` and `quantile` not. Default: no limit.
    pub max_labels: Option<usize>,
    /// Every label a metric may name, with what its values may be.
    pub labels: BTreeMap<String, LabelSpec>,
    /// Who answers for a metric.
    pub owners: BTreeMap<String, Owner>,
    /// The metrics, in the order of the file.
    pub metrics: Vec<MetricSpec>,
    /// Alert definitions, as written.
    pub alerts: Vec<serde_json::Value>,
    /// Dashboard definitions, as written.
    pub dashboards: Vec<serde_json::Value>,
    /// Service level objectives, as written.
    pub slos: Vec<serde_json::Value>,
    /// Report definitions, as written.
    pub reports: Vec<serde_json::Value>,
}

impl Registry {
    /// Reads a registry from its text; `file` is what messages call it.
    ///
    /// # Errors
    /// Every problem found: syntax (then only that one), unknown and repeated keys, wrong types,
    /// and everything the lints hold against the content.
    pub fn parse(file: &str, text: &str) -> Result<Self, RegistryErrors> {
        decode::parse(file, text)
    }

    /// Reads a registry from a file.
    ///
    /// # Errors
    /// As [`Registry::parse`], and when the file is missing, unreadable, not a regular file, over
    /// 4 MiB or not UTF-8.
    pub fn load(path: &Path) -> Result<Self, RegistryErrors> {
        source::read(path).and_then(|text| Self::parse(&path.display().to_string(), &text))
    }

    /// The registry of the metrics radiosonde writes itself: process, tokio, http, and its own
    /// books. Series limit 2,000 per metric; users never list these.
    pub fn builtin() -> &'static Self {
        builtin::registry()
    }

    /// The metric of that name. Looks through the list: build a map for a hot path.
    pub fn metric(&self, name: &str) -> Option<&MetricSpec> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// How many label sets a metric may have in one process in that environment.
    ///
    /// An environment without a limit has [`DEFAULT_SERIES_LIMIT`], and so has a registry without
    /// environments. An unknown environment, or none, gets the strictest of those declared: a
    /// misspelt name must not loosen a limit.
    pub fn series_limit(&self, environment: Option<&str>) -> usize {
        match environment.and_then(|name| self.environments.get(name)) {
            Some(environment) => environment.series_limit.unwrap_or(DEFAULT_SERIES_LIMIT),
            None => self.strictest_series_limit(),
        }
    }

    /// The smallest series limit over all environments.
    pub(crate) fn strictest_series_limit(&self) -> usize {
        let limits = self.environments.values();
        limits
            .map(|environment| environment.series_limit.unwrap_or(DEFAULT_SERIES_LIMIT))
            .min()
            .unwrap_or(DEFAULT_SERIES_LIMIT)
    }
}

/// Limits of one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// Label sets (a histogram is one) a metric may have in one process. Default: 200.
    pub series_limit: Option<usize>,
    /// Label sets a metric may have over all processes, as a daily check counts them in
    /// Prometheus, ignoring `instance`, `job`, `le` and `quantile`. Default: 200.
    pub fleet_limit: Option<usize>,
}

/// What the values of a label may be: a list, a pattern, or at most so many different ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelSpec {
    /// All values there are; others are refused.
    pub values: Option<Vec<String>>,
    /// A regular expression a value has to match as a whole. Kept as written.
    pub pattern: Option<String>,
    /// Different values one process may write; later ones fold into the overflow set.
    pub max_values: Option<usize>,
    /// What the label means.
    pub description: Option<String>,
}

/// Who answers for a metric and where they are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owner {
    /// A name for people.
    pub name: Option<String>,
    /// Slack channel, such as `#telemetry`.
    pub slack: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// PagerDuty service.
    pub pagerduty: Option<String>,
    /// Jira project.
    pub jira: Option<String>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricSpec {
    /// Its name, the same in every format.
    pub name: String,
    /// `type` in the file.
    pub metric_type: MetricType,
    /// The unit of its values, such as `seconds`; `1` where there is none. A registry that was
    /// read without errors has one on every metric.
    pub unit: Option<String>,
    /// One sentence that says what is measured.
    pub help: String,
    /// Names of its labels, each declared in [`Registry::labels`].
    pub labels: Vec<String>,
    /// Who answers for it, declared in [`Registry::owners`]. Default: nobody.
    pub owner: Option<String>,
    /// Who writes it. Default: [`Source::App`].
    pub source: Source,
    /// Where it is in its life. Default: [`Status::Stable`]. `"deprecated": true` beside it is
    /// accepted and means a deprecation without a date.
    pub status: Status,
    /// Version of its meaning and labels, from 1. Default: 1.
    pub version: u32,
    /// Seconds between two writes when all is well. Default: not known.
    pub interval_s: Option<u64>,
    /// Upper bounds of a histogram, rising, without `+Inf`. Default: empty, the recorder's own.
    pub buckets: Vec<f64>,
    /// How values of several series are put together, such as `sum` or `p95`.
    pub aggregation: Option<String>,
    /// The group of metrics it belongs to on dashboards.
    pub family: Option<String>,
    /// What its value is compared with, and how far it may be off.
    pub variance: Option<Variance>,
    /// How fresh it is: such as `realtime`, `hourly`, `daily`.
    pub refresh: Option<String>,
    /// How long it is kept, such as `90d`.
    pub retention: Option<String>,
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
            aggregation: None,
            family: None,
            variance: None,
            refresh: None,
            retention: None,
            max_labels: None,
            otel: None,
            zero_init: None,
            series_limit: None,
            lint_allow: Vec::new(),
            expression: None,
        }
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

/// Where a metric is in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// On its way out.
    Deprecated(Deprecation),
    /// In use.
    #[default]
    Stable,
}

/// Since when a metric is deprecated and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deprecation {
    /// First day, `YYYY-MM-DD`. Default: not known.
    pub since: Option<String>,
    /// The metric to use instead.
    pub replaced_by: Option<String>,
    /// Days from `since` on which `<name>_deprecated` is written beside it. Default: 14.
    pub emit_days: u32,
}

impl Default for Deprecation {
    fn default() -> Self {
        Self { since: None, replaced_by: None, emit_days: DEFAULT_EMIT_DAYS }
    }
}

/// What the value of a metric is compared with.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Variance {
    /// What it is compared with: a metric, or a name the comparing job knows.
    pub baseline: Option<String>,
    /// How far it may be off, as a share of the baseline: 0.05 is 5 %.
    pub tolerance: Option<f64>,
}

/// What a metric is called in OTLP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtelNames {
    /// Name of the instrument.
    pub name: Option<String>,
    /// Its UCUM unit, such as `s` or `By`.
    pub unit: Option<String>,
}

/// Leave for a metric to break a lint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LintAllowance {
    /// The lint, such as `counter_suffix`.
    pub rule: String,
    /// Why; never empty.
    pub reason: String,
}
