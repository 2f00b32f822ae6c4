//! What a label may be.

use super::LintAllowance;

/// What the values of a label may be: a list, a pattern, or at most so many different ones. A
/// pattern and a number go together; a list stands alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct LabelSpec {
    /// All values there are; others are refused.
    pub values: Option<Vec<String>>,
    /// A regular expression a value has to match as a whole, without look-around, back-references
    /// and `\p`. Kept as written.
    pub pattern: Option<String>,
    /// Different values one process may write; later ones fold into the overflow set.
    pub max_values: Option<usize>,
    /// What the label means.
    pub description: Option<String>,
    /// Lints it may break, each with a reason.
    pub lint_allow: Vec<LintAllowance>,
}
