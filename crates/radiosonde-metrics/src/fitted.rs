//! Snapshots under the names that are written, for who writes them in another form than text: the same
//! names everywhere. Not for users.

use std::borrow::Cow;

use radiosonde_registry::MetricType;

pub use crate::exposition::{Group, grouped, mended_buckets};
use crate::exposition::{fitted_labels, reserved};
use crate::snapshot::Series;

/// The labels of a series, in their order, under the names they are written under: reserved ones and
/// repeated ones are left out.
pub fn labels(
    series: &Series,
    metric_type: MetricType,
) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let named = series.labels.iter().map(|(name, value)| (&**name, &**value));
    fitted_labels(named, reserved(metric_type))
}
