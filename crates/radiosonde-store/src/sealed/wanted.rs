//! What of a query an index can judge: times, ids and values.

use crate::level::Level;
use crate::query::Query;
use crate::sealed::filter::{Key, Kind};
use crate::sealed::values::Field;

/// Times, ids and values a line must have. What it leaves out may still be no match; what it excludes is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// In microseconds: the first wanted, and the first no longer wanted, both rounded outwards.
    since: Option<i64>,
    until: Option<i64>,
    /// Of each group a line has at least one.
    groups: Vec<Vec<Key>>,
    /// Of each of these fields a line has one of the values.
    values: Vec<(Field, Vec<Vec<u8>>)>,
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
            values: values(query),
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

    /// How many ids there are to be asked for.
    pub(super) fn keys(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// Whether a stretch may hold a wanted line, where `has` tells which ids it may hold.
    pub(super) fn holds<E>(&self, mut has: impl FnMut(Key) -> Result<bool, E>) -> Result<bool, E> {
        for group in &self.groups {
            let mut may_hold = false;
            for key in group {
                may_hold = may_hold || has(*key)?;
            }
            if !may_hold {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// The values of a field one of which a line must have; `None` when it may have any.
    pub(super) fn values(&self, field: Field) -> Option<&[Vec<u8>]> {
        let found = self.values.iter().find(|(known, _)| *known == field);
        found.map(|(_, values)| values.as_slice())
    }
}

fn values(query: &Query) -> Vec<(Field, Vec<Vec<u8>>)> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let mut values = Vec::new();
    let exact = [
        (Field::Machine, &query.machine),
        (Field::Worker, &query.worker),
        (Field::Service, &query.service),
    ];
    for (field, id) in exact {
        values.extend(id.as_deref().map(|id| (field, vec![bytes(id)])));
    }
    if let Some(least) = query.level {
        let levels = Level::ALL.into_iter().filter(|level| *level >= least);
        values.push((Field::Level, levels.map(|level| bytes(level.as_str())).collect()));
    }
    if !query.evt.is_empty() {
        values.push((Field::Event, query.evt.iter().map(|evt| bytes(evt)).collect()));
    }
    values
}
