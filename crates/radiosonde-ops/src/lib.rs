//! Operations from the registry: what a `registry.json` has to answer for today, and what changed
//! between two of them.
//!
//! ```text
//! registry.json:31:22: metrics[4].status.deprecated.since: `parse_ms` is deprecated since 2026-11-01; …
//! registry.json:52:21: metrics[7].expression: no metric writes `runs_totl`; did you mean `runs_total`?
//! ```
//!
//! [`check`] adds to the lints of `radiosonde-registry` what needs a date or a parser of PromQL, or
//! is left to be said in a draft;
//! [`diff`] tells which changes between two registries break dashboards, queries or code, and what
//! to do instead. Programs that write metrics do not need this crate: it is what the command
//! `radiosonde ops` and a test of a registry are made of.
//!
//! ```
//! use radiosonde_ops::{Day, check_document};
//! use radiosonde_registry::RegistryDocument;
//!
//! let text = r#"{
//!   "schema_version": 1,
//!   "metrics": [
//!     {"name": "job:runs:rate5m", "type": "gauge", "unit": "runs", "help": "Runs a second.",
//!      "source": "derived", "expression": "sum(rate(runs_totl[5m]))"},
//!     {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs started."}
//!   ]
//! }"#;
//! let document = RegistryDocument::of("registry.json", text.to_owned());
//! let checked = check_document(&document, Day::today());
//! assert_eq!(
//!     checked.findings[0].to_string(),
//!     "registry.json:5:41: metrics[0].expression: no metric writes `runs_totl`; \
//!      did you mean `runs_total`?"
//! );
//! ```
//!
//! # Failure
//!
//! Nothing here panics, whatever a file holds: files over 4 MiB are refused unread, expressions
//! over 4 KiB unparsed.
#![forbid(unsafe_code)]

mod check;
mod cycle;
mod diff;
mod expression;
mod expressions;
mod known;

pub use check::{Checked, check, check_document};
pub use diff::{Change, diff};
pub use radiosonde_registry::{
    Day, LintRule, MetricType, NotADay, Registry, RegistryDocument, RegistryError, RegistryErrors,
    Source, lints, schema::json_schema,
};
