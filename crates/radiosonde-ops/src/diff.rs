//! What changed between two registries, and whether anybody has to follow.
//!
//! Breaking is what makes a query, a panel, an alert or a caller of a typed handle see something
//! else than before, or nothing: names, types, units, label sets, values that go, bounds, limits
//! that fall. A new name beside the old one breaks nobody, which is what every fix comes down to.

mod changes;
mod label;
mod metric;
mod operations;
mod registry;
mod rollup;
mod status;

use radiosonde_registry::Registry;

pub use self::changes::Change;
use crate::Day;

/// The changes from one registry to another, the breaking ones first, each group by path. What
/// deprecations allow depends on the day.
///
/// ```
/// use radiosonde_ops::{Day, Registry, diff};
///
/// let with_unit = |unit: &str| {
///     let text = format!(
///         r#"{{"schema_version": 1, "metrics": [{{"name": "runs_total", "type": "counter",
///           "unit": "{unit}", "help": "Runs started."}}]}}"#
///     );
///     Registry::parse("registry.json", &text)
/// };
/// let changes = diff(&with_unit("runs")?, &with_unit("jobs")?, Day::today());
/// assert_eq!(
///     changes[0].to_string(),
///     "metrics.runs_total.unit: changed from runs to jobs; publish it as `runs_v2_total` with \
///      version 2 and deprecate `runs_total`"
/// );
/// assert!(changes[0].is_breaking());
/// # Ok::<(), radiosonde_ops::RegistryErrors>(())
/// ```
pub fn diff(old: &Registry, new: &Registry, today: Day) -> Vec<Change> {
    let mut changes = changes::Changes::default();
    registry::compare(old, new, &mut changes);
    label::compare(old, new, &mut changes);
    metric::compare(old, new, today, &mut changes);
    operations::compare(old, new, &mut changes);
    changes.sorted()
}
