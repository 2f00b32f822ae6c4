//! What of a query an index can judge: times and ids.

use crate::query::Query;
use crate::sealed::filter::{Key, Kind};

/// Times and ids a line must have. What it leaves out may still be no match; what it excludes is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// In microseconds: the first wanted, and the first no longer wanted, both rounded outwards.
    since: Option<i64>,
    until: Option<i64>,
    /// Of each group a line has at least one.
    groups: Vec<Vec<Key>>,
}

impl Wanted {
    pub(crate) fn of(query: &Query) -> Self {
        let exact = [(Kind::Job, &query.job), (Kind::Session, &query.session)];
        let mut groups: Vec<Vec<Key>> = exact
            .into_iter()
            .filter_map(|(kind, id)| Some(vec![Key::asked(kind, id.as_deref()?)?]))
            .collect();
        let traces: Option<Vec<Key>> =
            query.traces.iter().map(|trace| Key::asked(Kind::Trace, trace)).collect();
        // One of them may be just the beginning of an id.
        groups.extend(traces.filter(|keys| !keys.is_empty()));
        let since = query.since.map(|ts| ts.as_nanosecond().div_euclid(1_000));
        let until = query.until.map(|ts| (ts.as_nanosecond() + 999).div_euclid(1_000));
        Self {
            since: since.and_then(|ts| i64::try_from(ts).ok()),
            until: until.and_then(|ts| i64::try_from(ts).ok()),
            groups,
        }
    }

    /// Whether a line between these times, in microseconds rounded down, may be wanted.
    pub(super) fn overlaps(&self, (first, last): (i64, i64)) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        // A stretch without times (`first` above `last`) has no line a query for times finds.
        first <= last
            && self.since.is_none_or(|since| last >= since)
            && self.until.is_none_or(|until| first < until)
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Whether a stretch may hold a wanted line, where `has` tells which ids it may hold.
    pub(super) fn holds(&self, has: impl Fn(Key) -> bool) -> bool {
        self.groups.iter().all(|group| group.iter().any(|key| has(*key)))
    }
}
