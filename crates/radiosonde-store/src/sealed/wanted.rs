//! What of a query an index can judge: times, ids and values.

use crate::level::Level;
use crate::query::condition::Own;
use crate::query::{Condition, Query};
use crate::sealed::filter::{Key, Kind};
use crate::sealed::values::Field;

/// Times, ids and values a line must have. What it leaves out may still be no match; what it excludes is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// In microseconds: the first wanted, and the first no longer wanted, both rounded outwards.
    since: Option<i64>,
    until: Option<i64>,
    /// Of each group a line has at least one.
    groups: Vec<Group>,
    /// Of each of these fields a line has one of the values.
    values: Vec<(Field, Vec<Vec<u8>>)>,
    /// Of each of these fields a line has a value that a condition accepts.
    conditions: Vec<(Field, Condition)>,
}

/// Ids of one kind.
#[derive(Clone, Debug)]
struct Group {
    kind: Kind,
    keys: Vec<Key>,
}

impl Group {
    /// `None` where a filter cannot tell.
    fn of_one(kind: Kind, id: &str) -> Option<Self> {
        Some(Self { kind, keys: vec![Key::asked(kind, id)?] })
    }
}

impl Wanted {
    pub(crate) fn of(query: &Query) -> Self {
        let exact = [(Kind::Job, &query.job), (Kind::Session, &query.session)];
        let mut groups: Vec<Group> = exact
            .into_iter()
            .filter_map(|(kind, id)| Group::of_one(kind, id.as_deref()?))
            .collect();
        let traces: Option<Vec<Key>> =
            query.traces.iter().map(|trace| Key::asked(Kind::Trace, trace)).collect();
        // One of them may be just the beginning of an id.
        let traces = traces.filter(|keys| !keys.is_empty());
        groups.extend(traces.map(|keys| Group { kind: Kind::Trace, keys }));
        groups.extend(query.conditions.iter().filter_map(group));
        let field = |condition: &Condition| Some((field(condition)?, condition.clone()));
        let since = query.since.map(|ts| ts.as_nanosecond().div_euclid(1_000));
        let until = query.until.map(|ts| (ts.as_nanosecond() + 999).div_euclid(1_000));
        Self {
            since: since.and_then(|ts| i64::try_from(ts).ok()),
            until: until.and_then(|ts| i64::try_from(ts).ok()),
            groups,
            values: values(query),
            conditions: query.conditions.iter().filter_map(field).collect(),
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

    /// The same for filters that have the traces of others as these were written: they rule out none.
    pub(super) fn without_traces(&self) -> Self {
        let mut wanted = self.clone();
        wanted.groups.retain(|group| group.kind != Kind::Trace);
        wanted
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.groups.is_empty()
    }

    /// How many ids there are to be asked for.
    pub(super) fn keys(&self) -> usize {
        self.groups.iter().map(|group| group.keys.len()).sum()
    }

    /// Whether a stretch may hold a wanted line, where `has` tells which ids it may hold.
    pub(super) fn holds<E>(&self, mut has: impl FnMut(Key) -> Result<bool, E>) -> Result<bool, E> {
        for group in &self.groups {
            let mut may_hold = false;
            for key in &group.keys {
                may_hold = may_hold || has(*key)?;
            }
            if !may_hold {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn has_values(&self) -> bool {
        !self.values.is_empty() || !self.conditions.is_empty()
    }

    /// Whether not every value of a field will do.
    pub(super) fn asks(&self, field: Field) -> bool {
        let known = self.values.iter().map(|(known, _)| known);
        known.chain(self.conditions.iter().map(|(known, _)| known)).any(|known| *known == field)
    }

    /// Whether a line with this value of a field may be wanted.
    pub(super) fn accepts(&self, field: Field, value: &[u8]) -> bool {
        let is_among = |values: &[Vec<u8>]| values.iter().any(|wanted| wanted == value);
        self.values.iter().all(|(known, values)| *known != field || is_among(values))
            && self.conditions.iter().all(|(known, condition)| {
                *known != field || condition.accepts(value) != Some(false)
            })
    }
}

/// What a condition asks of filters.
fn group(condition: &Condition) -> Option<Group> {
    let (own, id) = condition.id()?;
    let kind = match own {
        Own::JobId => Kind::Job,
        Own::SessionId => Kind::Session,
        Own::TraceId => Kind::Trace,
        _ => return None,
    };
    Group::of_one(kind, id)
}

/// The field whose values tell where a condition may hold.
fn field(condition: &Condition) -> Option<Field> {
    // Where a line has no value is told of no field.
    match condition.own().filter(|_| !condition.is_negated())? {
        Own::Evt => Some(Field::Event),
        Own::Level => Some(Field::Level),
        Own::MachineId => Some(Field::Machine),
        Own::Service => Some(Field::Service),
        Own::WorkerId => Some(Field::Worker),
        _ => None,
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
