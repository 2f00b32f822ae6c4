//! Metrics that cannot explode: every write is checked against the registry, every metric has an
//! exact cap, and what is refused is counted with its reason.
//!
//! What a scrape shows, written as text (crate `radiosonde-prometheus`):
//!
//! ```text
//! # HELP ingestion_runs_total Ingestion executions.
//! # TYPE ingestion_runs_total counter
//! ingestion_runs_total{outcome="success",provider="acme"} 1
//! # HELP radiosonde_metric_writes_refused_total Writes to metrics that were refused or folded into overflow, by reason.
//! # TYPE radiosonde_metric_writes_refused_total counter
//! radiosonde_metric_writes_refused_total{metric="ingestion_runs_total",reason="label_undeclared"} 1
//! ```
//!
//! ```
//! use radiosonde_metrics::{Metrics, Settings, Value};
//! use radiosonde_registry::Registry;
//!
//! let text = r#"{"schema_version": 1,
//!   "labels": {"outcome": {"values": ["success", "failure"]}, "provider": {"max_values": 20}},
//!   "metrics": [{"name": "ingestion_runs_total", "type": "counter", "unit": "runs",
//!     "help": "Ingestion executions.", "labels": ["provider", "outcome"]}]}"#;
//! let registry = Some(Registry::parse("registry.json", text)?);
//! let metrics = Metrics::new(Settings { registry, ..Settings::default() });
//!
//! metrics::with_local_recorder(&metrics.recorder(), || {
//!     metrics::counter!("ingestion_runs_total", "provider" => "acme", "outcome" => "success")
//!         .increment(1);
//!     metrics::counter!("ingestion_runs_total", "user" => "u-1").increment(1);
//! });
//!
//! let labels = [("provider", "acme"), ("outcome", "success")];
//! let value = metrics.snapshot().value("ingestion_runs_total", &labels).cloned();
//! assert_eq!(value, Some(Value::Counter(1)));
//! assert!(metrics.refusals()[0].to_string().starts_with(
//!     "1 write to `ingestion_runs_total` refused: label `user` is not declared (in "));
//! # Ok::<(), radiosonde_registry::RegistryErrors>(())
//! ```
//!
//! # What is refused
//!
//! See [`Reason`]. With a registry: metrics and labels it does not have, missing labels, values
//! off its lists and patterns. Always: values shaped like ids, more series than the cap, NaN and
//! infinities. Negative values of a histogram are taken, and then its sum may fall: a sum of
//! values that are not negative never does. Counters stop at `u64::MAX`, sums at `f64::MAX`.
//!
//! # Past the cap
//!
//! The cap is exact, also under concurrency. A counter or histogram folds into one overflow set
//! per combination of enumerated labels: free labels become `_other`, and
//! `otel_metric_overflow="true"` is added; these sets stand outside the cap. Gauges are refused.
//! Nothing is evicted by itself: a full metric stays full until the process restarts, or somebody
//! calls [`Metrics::retire`].
//!
//! What is written past the cap is looked at: [`Refusal::exploded`] names the label that has more
//! values than there is room for, about how many, and the module that writes them. How full a metric
//! is, is in `radiosonde_series{metric}` and `radiosonde_series_limit{metric}`.
//!
//! # Life
//!
//! Docs of the workspace, `docs/metrics.md`, tell it for operators. Beside a deprecated metric stands
//! `<name>_deprecated`, which counts its writes for `emit_days` from `since`; what day it is, is
//! judged once, by [`Settings::clock`]. Metrics with `interval_s` have
//! `metric_last_seen_timestamp_seconds{metric}` and `metric_interval_seconds{metric}`, as exact as
//! [`Metrics::note_writes`] is called often; a write costs a store for it, beside the value.
//! Gauges with the source `batch` keep the time of each value, go on with those of an earlier process
//! ([`Metrics::batch_values`], [`Metrics::restore_batch`]) and have
//! `last_update_timestamp_seconds{metric}`. [`Metrics::ingest`] counts the runs of their jobs.
//!
//! Roll-ups are sums of the series of the same snapshot, what was folded included; they have no part
//! in caps and in `radiosonde_series`. A snapshot takes time in proportion to the series there are,
//! for each roll-up of theirs once more.
//!
//! # Metrics of other crates
//!
//! With a registry and [`Settings::own_crates`], an unregistered metric of another crate is treated
//! as `modules` in the registry says: refused, observed, or (by default) observed within a limit
//! that all metrics of that crate share, which is exact as well; how full it is, is in
//! `radiosonde_namespace_series{module}` and `radiosonde_namespace_series_limit{module}`.
//!
//! # Without a registry
//!
//! Metrics are observed: any of up to 2,000 metrics, any labels, 200 series each. Names are made
//! fit for Prometheus (`http.requests` becomes `http_requests`), as those in a registry already
//! are. Histograms get the bounds of [`buckets`]. [`Metrics::registry_draft`] makes a registry of
//! what was observed.
//!
//! # Behaviour under failure
//!
//! Nothing here fails or panics, and nothing blocks but for a short lock while a series is new.
//! Memory is bounded by the registry, without one by the limits above, and not by what is written. In
//! a forked child nothing is recorded and nothing shown.
#![deny(unsafe_code)]

mod batch;
mod beside;
mod blame;
pub mod buckets;
mod caller;
mod catalogue;
mod cells;
mod clock;
mod constants;
mod delta;
mod distinct;
mod divert;
mod draft;
mod exemplars;
mod exposition;
mod family;
mod fault;
#[doc(hidden)]
pub mod fitted;
mod front;
mod handle;
mod hub;
mod index;
mod ingest;
mod kept;
mod labels;
mod lasting;
mod ledger;
mod life;
mod looked;
mod observed;
mod own;
mod recorder;
mod redaction;
mod refusal;
mod registered;
mod retire;
mod rollup;
mod scraper;
mod segmented;
mod series;
mod shape;
mod shown;
mod snapshot;
mod sought;
mod sync;
mod told;
pub mod typed;
mod values;
mod window;

pub use batch::{BatchValue, Restored};
pub use blame::Exploded;
pub use clock::Clock;
pub use delta::{Delta, DeltaValue, Distribution};
pub use exposition::{Exemplar, Exposition, Head, Point, Scrape};
pub use front::Front;
pub use hub::{Collector, Metrics, OnDelta, OnProblem, Settings};
pub use ingest::Ingest;
pub use lasting::Lasting;
pub use radiosonde_registry::{MetricType, RegistrySource};
pub use recorder::{AlreadyInstalled, Recorder};
pub use refusal::{Reason, Refusal};
pub use snapshot::{Exponential, Family, Labels, Series, Snapshot, Value};

/// Compiles a metric registry into a library as `mod catalog`, without the rest of radiosonde: see
/// [`typed`] for what is in it, and `radiosonde::catalog!` for applications.
///
/// ```
/// radiosonde_metrics::catalog!("tests/registry.json"); // relative to the caller's Cargo.toml
///
/// # fn main() {
/// catalog::runs_total(catalog::Outcome::Success).increment(1);
/// # }
/// ```
///
/// Until an application has a recorder, writes do nothing.
#[macro_export]
macro_rules! catalog {
    ($($path:tt)*) => { $crate::__private::catalog!([$crate] $($path)*); };
}

/// What the expansion of the macro refers to. Not for users.
#[doc(hidden)]
pub mod __private {
    pub use radiosonde_macros::catalog;
}
