//! What becomes of metrics of other crates.

/// What is said about the metrics of a module that are not in the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct ModuleSpec {
    /// What becomes of them. Default: [`ModulePolicy::Namespace`].
    pub policy: ModulePolicy,
    /// Series that all metrics of the module may have together with [`ModulePolicy::Namespace`],
    /// and each of them with [`ModulePolicy::Allow`]. Default: 200.
    pub series_limit: Option<usize>,
}

/// What becomes of metrics of another crate that are not in the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ModulePolicy {
    /// Each is recorded, with a limit of its own, as if there were no registry.
    Allow,
    /// They are recorded and share one limit.
    #[default]
    Namespace,
    /// They are refused and counted, like unregistered metrics of the program itself.
    Refuse,
}
