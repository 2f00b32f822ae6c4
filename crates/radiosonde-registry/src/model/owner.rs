//! Who answers for what.

/// Who answers for a metric and where they are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
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
