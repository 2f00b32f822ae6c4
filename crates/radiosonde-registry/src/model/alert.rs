//! Alerts: when somebody is told, who, and what they do then.

use super::{Comparison, Destination, NamedQuery, Query};

/// One alert.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct AlertSpec {
    /// Its name in rules, runbooks and messages: small letters, digits, `-` and `_`, at most 64.
    pub id: String,
    /// One line for the message; says what is wrong for whom.
    pub summary: String,
    /// More about it, for the message's second paragraph.
    pub description: Option<String>,
    /// How urgent it is.
    pub severity: Severity,
    /// Who answers for it, declared in [`Registry::owners`](crate::Registry::owners). A critical
    /// alert has one. Default: the owner of the metric.
    pub owner: Option<String>,
    /// The group of rules it is evaluated with. Default: the service.
    pub group: Option<String>,
    /// What is looked at; its fields stand beside the others in the file. With `expr` the text
    /// holds the comparison too.
    #[cfg_attr(feature = "schema", schemars(flatten))]
    pub query: Query,
    /// How the value is compared; with `metric` only.
    pub op: Option<Comparison>,
    /// What the value is compared with, in the unit of the metric; with `metric` only.
    pub threshold: Option<f64>,
    /// `for` in the file: how long it has to hold before anyone is told, such as `10m`. Default: at
    /// once.
    #[cfg_attr(feature = "schema", schemars(rename = "for"))]
    pub hold: Option<String>,
    /// How long it goes on firing when the cause is gone, such as `5m`. Default: not at all.
    pub keep_firing_for: Option<String>,
    /// What to do when it fires. A critical alert has one.
    pub runbook: Option<Runbook>,
    /// Who is told, instead of the owner's contacts. Default: PagerDuty and Slack for `critical`,
    /// Slack and Jira for `warning`, Slack for `info`.
    pub notify: Vec<Destination>,
    /// What becomes of it when nobody acts or things get worse. Default: nothing.
    pub escalates_to: Option<Escalation>,
    /// How repeated messages are held back.
    pub suppression: Option<Suppression>,
    /// Cases that show when it fires and when not.
    pub test_cases: Vec<AlertTest>,
    /// What has to be shown on past data before it goes live.
    pub replay: Option<Replay>,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Severity {
    /// Read in a digest.
    Info,
    /// Answered the same day.
    #[default]
    Warning,
    /// Somebody is woken.
    Critical,
}

impl Severity {
    /// As it is written in the registry and in the label `severity`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What to do when an alert fires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Runbook {
    /// What to look at, in order; at least one step.
    pub checks: Vec<String>,
    /// Queries that show whether it is true.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::forms::named_queries"))]
    pub queries: Vec<NamedQuery>,
    /// What has to be the case for a roll-back.
    pub rollback: Vec<String>,
    /// Texts to send, with `{{…}}` where something is to be filled in.
    pub communication: Vec<String>,
}

/// Where an alert goes when it is not enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Escalation {
    /// The more urgent alert over the same thing; while it fires this one is held back.
    pub alert: Option<String>,
    /// Who is told when it is still unresolved.
    pub owner: Option<String>,
    /// After what time the owner is told, such as `30m`.
    pub after: Option<String>,
}

/// How repeated messages of one alert are held back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Suppression {
    /// Alerts that agree in these labels make one message. Default: all labels of the alert.
    pub group_by: Vec<String>,
    /// Time after which an alert that still fires is told again, such as `30m`. Default: `30m` for
    /// `critical`, `1h` for the others.
    pub rearm: Option<String>,
    /// Time over which messages are collected into one, such as `4h`. Default: sent at once.
    pub digest: Option<String>,
}

/// A case that shows when an alert fires, in the terms of `promtool test rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct AlertTest {
    /// What is shown.
    pub name: String,
    /// The series there are.
    pub series: Vec<TestSeries>,
    /// Time between two values, such as `1m`. Default: `1m`.
    pub interval: Option<String>,
    /// The time asked about, from the first value, such as `10m`.
    pub at: String,
    /// Whether the alert fires then.
    pub fires: bool,
}

/// The values of a series in a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct TestSeries {
    /// Name and labels, such as `jobs_failed_total{queue="low"}`.
    pub series: String,
    /// Its values as `promtool` takes them, such as `0 1 2+1x10 _ stale`.
    pub values: String,
}

/// What an alert has to show on past and then on live data.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Replay {
    /// Days of the past it is run over, from 1. Default: 14.
    pub days: Option<u32>,
    /// Time it runs over live data before anyone is told, such as `48h`. Default: none.
    pub soak: Option<String>,
    /// The largest share of firings that may be noise, from 0 to 1. Default: 0.05.
    pub max_noise: Option<f64>,
}
