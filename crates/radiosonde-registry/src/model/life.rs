//! Where a metric is in its life.

/// Days the paired `<name>_deprecated` counter is written when a deprecation does not say.
pub const DEFAULT_EMIT_DAYS: u32 = 14;

/// Where a metric is in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(schema_with = "crate::schema::forms::status")
)]
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
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
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
