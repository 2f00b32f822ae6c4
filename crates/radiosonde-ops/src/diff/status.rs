//! Deprecations: promises with an end.

use radiosonde_registry::{Deprecation, MetricSpec, Status};

use super::changes::{Changes, word};
use crate::Day;

/// The first day after the days that a deprecation promises; `None` without a date.
pub(super) fn end(deprecation: &Deprecation) -> Option<Day> {
    let since: Day = deprecation.since.as_ref()?.parse().ok()?;
    Some(since.plus(deprecation.emit_days))
}

pub(super) fn compare(path: &str, old: &MetricSpec, new: &MetricSpec, changes: &mut Changes) {
    let path = format!("{path}.status");
    let (before, after) = match (&old.status, &new.status) {
        (Status::Stable, Status::Deprecated(after)) => {
            let until = end(after).map(|end| format!("until {end}"));
            let change = changes.compatible(path, "deprecated");
            change.new = until;
            return;
        }
        (Status::Deprecated(_), Status::Stable) => {
            let _ = changes.compatible(path, "deprecation undone");
            return;
        }
        (Status::Deprecated(before), Status::Deprecated(after)) => (before, after),
        _ => return,
    };
    let show = |end: Option<Day>| end.map_or_else(|| "no day".to_owned(), |end| end.to_string());
    let (ended, ends) = (end(before), end(after));
    if ended != ends {
        let earlier = match (ended, ends) {
            (Some(ended), Some(ends)) => ends < ended,
            // So far it had no end, or it has none any more: nothing was promised, or more is.
            _ => false,
        };
        let change = match earlier {
            true => {
                let fix = "keep the day that was announced: readers have planned with it";
                changes.breaking(path.clone(), "end moved", fix)
            }
            false => changes.compatible(path.clone(), "end moved"),
        };
        let _ = change.told(&show(ended), &show(ends));
    }
    let path = format!("{path}.replaced_by");
    changes.field(path, &before.replaced_by, &after.replaced_by, None, word);
}
