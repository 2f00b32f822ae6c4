//! Reports: what is written up, when, and who gets it.

use super::{Destination, NamedQuery};

/// One report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct ReportSpec {
    /// The name it is asked for by: small letters, digits, `-` and `_`, at most 64.
    pub id: String,
    /// The heading.
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it, declared in [`Registry::owners`](crate::Registry::owners).
    pub owner: Option<String>,
    /// When it is made. Default: on request only.
    pub schedule: Option<Schedule>,
    /// The forms it is made in. Default: Markdown.
    pub formats: Vec<ReportFormat>,
    /// Its parts, in order.
    pub sections: Vec<ReportSection>,
    /// Where it goes. Default: nowhere, it is printed.
    pub destinations: Vec<Destination>,
    /// How old its data may be, such as `2h`; with older data it is not sent. Default: `2h`.
    pub max_age: Option<String>,
}

/// When a report is made: `every`, `weekday` and `time`, or a `cron` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Schedule {
    /// How often.
    pub every: Option<Cadence>,
    /// The day of the week; with `weekly` and `biweekly`.
    pub weekday: Option<Weekday>,
    /// The time of day, `HH:MM` from 00:00 to 23:59.
    pub time: Option<String>,
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: Option<String>,
    /// The zone of the times, such as `America/Los_Angeles`. Default: `UTC`.
    pub timezone: Option<String>,
}

/// How often a report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Cadence {
    /// Once in two weeks: in those with an even number (ISO 8601).
    Biweekly,
    /// Once a day.
    Daily,
    /// Once a month, on its first day.
    Monthly,
    /// Once a week.
    Weekly,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Weekday {
    /// The first.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The last.
    Sunday,
}

/// A form a report is made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ReportFormat {
    /// One file with its pictures inside.
    Html,
    /// Text for people and repositories.
    Markdown,
    /// Pages.
    Pdf,
}

/// One part of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct ReportSection {
    /// The heading.
    pub title: String,
    /// What it holds.
    pub kind: SectionKind,
    /// Markdown that introduces it, or all of it for `text`.
    pub text: Option<String>,
    /// What is asked; for `metrics`, `projection` and `variance`. `variance` without any shows every
    /// metric that has a variance.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::forms::named_queries"))]
    pub queries: Vec<NamedQuery>,
    /// The uid of the dashboard; for `dashboard`.
    pub dashboard: Option<String>,
    /// The alerts meant, by id; for `active_alerts` and `alert_review`. Default: all.
    pub alerts: Vec<String>,
    /// The objectives meant, by id; for `slos`. Default: all.
    pub slos: Vec<String>,
}

/// What a part of a report holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SectionKind {
    /// Alerts that fire now.
    ActiveAlerts,
    /// How often alerts fired, how many were held back and how long they took.
    AlertReview,
    /// The panels of a dashboard.
    Dashboard,
    /// Values of metrics and how they moved.
    Metrics,
    /// Where metrics will be if they go on like this.
    Projection,
    /// Objectives and what is left of their budgets.
    Slos,
    /// Words only.
    #[default]
    Text,
    /// Metrics against their baselines.
    Variance,
}
