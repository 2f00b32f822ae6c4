//! Service level objectives.

use std::collections::BTreeMap;

use super::{Comparison, LabelMatch, Severity};

/// One objective: how much has to be good over which time.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct SloSpec {
    /// Its name in rules and on dashboards: small letters, digits, `-` and `_`, at most 64.
    pub id: String,
    /// What is promised to whom.
    pub description: String,
    /// Who answers for it, declared in [`Registry::owners`](crate::Registry::owners).
    pub owner: Option<String>,
    /// The share that has to be good, above 0 and below 1: 0.9999 is 99.99 %.
    pub objective: f64,
    /// The time it is reckoned over, such as `30d`.
    pub window: String,
    /// What counts as good.
    pub indicator: Indicator,
    /// Speeds of spending the budget that alert. Default: the usual ones, 14.4 times over 1 hour
    /// and 6 times over 6 hours as `critical`, 1 time over 3 days as `warning`.
    pub burn_rates: Vec<BurnRate>,
}

/// What counts as good, in one of three forms: `good_expr` and `total_expr`; `metric` with `good`
/// (of a counter: the share of what it counts); or `metric` with `op` and `threshold` (of a
/// histogram: the share of measured values, of a gauge: the share of time).
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Indicator {
    /// The metric looked at.
    pub metric: Option<String>,
    /// `where` in the file: the series that count at all, by label. Default: all.
    #[cfg_attr(feature = "schema", schemars(rename = "where"))]
    pub matchers: BTreeMap<String, LabelMatch>,
    /// The series of a counter that are good, by label.
    pub good: BTreeMap<String, LabelMatch>,
    /// How a good value compares with the threshold. For a histogram `<=`.
    pub op: Option<Comparison>,
    /// What values are compared with, in the unit of the metric. For a histogram one of its buckets.
    pub threshold: Option<f64>,
    /// PromQL: how much was good within `$window`.
    pub good_expr: Option<String>,
    /// PromQL: how much there was within `$window`.
    pub total_expr: Option<String>,
    /// Metrics the expressions read that are to be checked; each occurs in one of them.
    pub metrics: Vec<String>,
}

/// An alert on how fast the budget is spent.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct BurnRate {
    /// How many times faster than the budget allows; above 0.
    pub factor: f64,
    /// The time looked back on, such as `1h`.
    pub window: String,
    /// A shorter time that has to burn as fast, so that the alert ends soon, such as `5m`. Default:
    /// a twelfth of `window`.
    pub short_window: Option<String>,
    /// How urgent it is.
    pub severity: Severity,
}
