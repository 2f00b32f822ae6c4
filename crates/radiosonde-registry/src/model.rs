//! The types of `registry.json` and the questions asked of them.

mod alert;
mod buckets;
mod dashboard;
mod destination;
mod label;
mod life;
mod metric;
mod modules;
mod owner;
mod query;
mod report;
mod slo;

use std::{collections::BTreeMap, path::Path};

pub use self::{
    alert::{AlertSpec, AlertTest, Escalation, Replay, Runbook, Severity, Suppression, TestSeries},
    buckets::ExponentialBuckets,
    dashboard::{
        DEFAULT_COLUMNS, DashboardSpec, Link, PanelKind, PanelSpec, Priority, Threshold,
        ThresholdLevel,
    },
    destination::{Destination, DestinationKind},
    label::LabelSpec,
    life::{DEFAULT_EMIT_DAYS, Deprecation, Status},
    metric::{
        Aggregation, LintAllowance, MetricSpec, MetricType, OtelNames, Refresh, Retention, Rollup,
        Source, UnknownMetricType, Variance,
    },
    modules::{ModulePolicy, ModuleSpec},
    owner::Owner,
    query::{Comparison, LabelMatch, NamedQuery, Query, QueryAggregation},
    report::{Cadence, ReportFormat, ReportSection, ReportSpec, Schedule, SectionKind, Weekday},
    slo::{BurnRate, Indicator, SloSpec},
};
use crate::{builtin, decode, error::RegistryErrors, source};

/// Series a metric may have in one process when nothing else is said.
pub const DEFAULT_SERIES_LIMIT: usize = 200;

/// What a service says about its metrics: the content of `registry.json`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
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
    /// Who answers for a metric. Where any is declared, every metric needs one.
    pub owners: BTreeMap<String, Owner>,
    /// What becomes of metrics that are not registered and come from other crates, by module path
    /// such as `sqlx` or `tower_http::metrics`. See [`Registry::module`].
    pub modules: BTreeMap<String, ModuleSpec>,
    /// The metrics, in the order of the file.
    pub metrics: Vec<MetricSpec>,
    /// When somebody is told.
    pub alerts: Vec<AlertSpec>,
    /// What people look at.
    pub dashboards: Vec<DashboardSpec>,
    /// Service level objectives.
    pub slos: Vec<SloSpec>,
    /// What is written up, and for whom.
    pub reports: Vec<ReportSpec>,
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

    /// How many label sets a metric may have over all processes in that environment: see
    /// [`Environment::fleet_limit`]. Defaults, and what an unknown environment gets, are as for
    /// [`Registry::series_limit`].
    pub fn fleet_limit(&self, environment: Option<&str>) -> usize {
        let limit =
            |environment: &Environment| environment.fleet_limit.unwrap_or(DEFAULT_SERIES_LIMIT);
        match environment.and_then(|name| self.environments.get(name)) {
            Some(environment) => limit(environment),
            None => self.environments.values().map(limit).min().unwrap_or(DEFAULT_SERIES_LIMIT),
        }
    }

    /// What is said about metrics of that module: the entry with the longest path that is the
    /// module or stands above it. `None` when there is none.
    pub fn module(&self, path: &str) -> Option<(&str, &ModuleSpec)> {
        let above = |listed: &str| {
            path.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let found = self.modules.iter().filter(|(listed, _)| above(listed));
        found.max_by_key(|(listed, _)| listed.len()).map(|(listed, spec)| (listed.as_str(), spec))
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
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Environment {
    /// Label sets (a histogram is one) a metric may have in one process. Default: 200.
    pub series_limit: Option<usize>,
    /// Label sets a metric may have over all processes, as a daily check counts them in
    /// Prometheus, ignoring `instance`, `job`, `le` and `quantile`. Default: 200.
    pub fleet_limit: Option<usize>,
}
