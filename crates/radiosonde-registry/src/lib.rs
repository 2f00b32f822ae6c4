//! The metric registry of radiosonde: the model of `registry.json`, its lints and its limits.
//!
//! A registry says which metrics exist, what they mean, which labels they may carry and how many
//! series each may grow to. Everything else (the guard in front of the recorder, `catalog!`, the
//! generated dashboards and rules) reads it from here. What is wrong with a file is reported
//! completely, with file, line, column, path and what to do:
//!
//! ```text
//! registry.json:12:17: metrics[3].type: unknown metric type `countr`; use counter, gauge, histogram or summary
//! registry.json:14:5: metrics[4].lables: unknown key `lables`; did you mean `labels`?
//! ```
//!
//! Beside the metrics a registry may hold what is generated from it: alerts with their runbooks,
//! dashboards, service level objectives and reports. They are checked against the metrics they
//! name. The feature `schema` adds `schema::json_schema()`, from which editors complete and
//! underline; it is for tools, applications do without.
//!
//! ```
//! # use radiosonde_registry::Registry;
//! let text = r#"{
//!   "schema_version": 1,
//!   "metrics": [{"name": "queue_depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait."}],
//!   "alerts": [{"id": "queue-long", "summary": "Jobs wait too long", "severity": "warning",
//!               "metric": "queue_dept", "op": ">", "threshold": 100, "for": "10m"}]
//! }"#;
//! let errors = Registry::parse("registry.json", text).expect_err("a name is misspelt");
//! assert_eq!(
//!     errors.to_string(),
//!     "registry.json:5:25: alerts[0].metric: unknown metric `queue_dept`; did you mean `queue_depth`?"
//! );
//! ```
//!
//! # Example
//!
//! ```
//! use radiosonde_registry::{MetricType, Registry};
//!
//! let text = r#"{
//!   "schema_version": 1,
//!   "labels": {"outcome": {"values": ["success", "failure"]}},
//!   "owners": {"platform": {"email": "platform@example.org"}},
//!   "metrics": [{"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs started.",
//!                "labels": ["outcome"], "owner": "platform"}]
//! }"#;
//! let registry = Registry::parse("registry.json", text)?;
//! let runs = registry.metric("runs_total").expect("it is in the text above");
//! assert_eq!(runs.metric_type, MetricType::Counter);
//! assert_eq!(runs.enumerated_product(&registry), Some(2));
//! assert_eq!(registry.series_limit(Some("production")), 200);
//! # Ok::<(), radiosonde_registry::RegistryErrors>(())
//! ```
//!
//! # Lints
//!
//! What cannot work is always refused: a label nobody declared, two metrics that write one name, a
//! pattern that lets any text in, a roll-up that sums nothing. Conventions can be broken for a
//! reason, which stands in the file; [`lints`] names them all:
//!
//! ```text
//! "lint_allow": [{"rule": "total_suffix", "reason": "name fixed by the source document"}]
//! ```
//!
//! An allowance that is not needed is refused as well. A first registry stays short: an owner is
//! asked of every metric only when `owners` declares any.
//!
//! # Failure
//!
//! Nothing here panics, whatever the bytes: a file is refused with [`RegistryErrors`], which holds
//! every problem found and not only the first (100, and how many more there are). Files over 4 MiB
//! are refused unread, and registries of more than 10,000 metrics or labels unjudged.
#![forbid(unsafe_code)]

mod builtin;
pub mod code;
mod day;
mod decode;
mod document;
mod duration;
mod error;
mod fields;
mod lint;
mod locate;
mod merge;
mod model;
mod names;
mod report;
#[cfg(feature = "schema")]
pub mod schema;
mod shape;
mod source;
mod tree;

pub use day::{Day, NotADay};
pub use document::{Place, RegistryDocument, closest_name};
pub use error::{RegistryError, RegistryErrors};
pub use lint::{LintRule, lints, units_per_second};
pub use merge::{Conflict, LabelsByFile, Merged};
pub use model::{
    Aggregation, AlertSpec, AlertTest, BurnRate, Cadence, Comparison, DEFAULT_COLUMNS,
    DEFAULT_EMIT_DAYS, DEFAULT_SERIES_LIMIT, DashboardSpec, Deprecation, Destination,
    DestinationKind, Environment, Escalation, ExponentialBuckets, Indicator, LabelMatch, LabelSpec,
    Link, LintAllowance, MetricSpec, MetricType, ModulePolicy, ModuleSpec, NamedQuery, OtelNames,
    Owner, PanelKind, PanelSpec, Priority, Query, QueryAggregation, Refresh, Registry, Replay,
    ReportFormat, ReportSection, ReportSpec, Retention, Rollup, Runbook, Schedule, SectionKind,
    Severity, SloSpec, Source, Status, Suppression, TestSeries, Threshold, ThresholdLevel,
    UnknownMetricType, Variance, Weekday,
};
pub use names::{SUMMARY_QUANTILES, sample_names};
pub use shape::{LABEL_VALUE_BYTES_MAX, id_shape, is_command};
pub use source::RegistrySource;
