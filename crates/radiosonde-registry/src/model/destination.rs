//! Where messages and reports go.

/// One place a message or report is sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Destination {
    /// What kind of place it is.
    pub kind: DestinationKind,
    /// The channel, address, folder, page, project or service. For `discord` and `webhook` the name
    /// of the environment variable that holds the address, which is a secret.
    pub to: String,
}

/// A kind of place messages and reports go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DestinationKind {
    /// A page of Confluence.
    Confluence,
    /// A Discord channel.
    Discord,
    /// A mail address.
    Email,
    /// A folder of the repository or of the file system.
    File,
    /// A project of Jira.
    Jira,
    /// A service of PagerDuty.
    Pagerduty,
    /// A feed file.
    Rss,
    /// A Slack channel.
    #[default]
    Slack,
    /// An HTTP address.
    Webhook,
}
