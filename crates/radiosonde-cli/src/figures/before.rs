//! What counters stood at when a span of time began: their last snapshots before it.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};
use radiosonde_store::Query;

/// The last of each before a moment.
#[derive(Debug)]
pub(crate) struct Before<K, T> {
    since: Option<Timestamp>,
    of: HashMap<K, (Timestamp, T)>,
    is_full: bool,
}

/// The query that finds what there was before its time as well.
pub(crate) fn with_before(query: &Query) -> Query {
    let mut query = query.clone();
    // Before all times there is nothing.
    query.since = query.since.map(|since| since.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN));
    query
}

impl<K, T> Default for Before<K, T> {
    fn default() -> Self {
        Self { since: None, of: HashMap::new(), is_full: false }
    }
}

impl<K: Eq + Hash, T> Before<K, T> {
    /// Of a span of time that begins there; of all times there is no before.
    pub(crate) fn new(since: Option<Timestamp>) -> Self {
        Self { since, ..Self::default() }
    }

    /// Whether a moment is before the span.
    pub(crate) fn is_before(&self, ts: Timestamp) -> bool {
        self.since.is_some_and(|since| ts < since)
    }

    /// Takes what one stood at.
    pub(crate) fn take(&mut self, of: K, ts: Timestamp, stood: T) {
        if self.of.len() >= KEPT_MAX && !self.of.contains_key(&of) {
            self.is_full = true;
            return;
        }
        let kept = self.of.get(&of).is_some_and(|(kept, _)| *kept > ts);
        if !kept {
            let _ = self.of.insert(of, (ts, stood));
        }
    }

    /// What one stood at when the span began, whose first snapshot in it is from then.
    pub(crate) fn of(&self, of: &K, first: Timestamp) -> Option<&(Timestamp, T)> {
        self.of.get(of).filter(|_| !self.is_begin(first))
    }

    /// Whether a snapshot is from when the span begins: it tells itself what there was by then.
    pub(crate) fn is_begin(&self, ts: Timestamp) -> bool {
        self.since == Some(ts)
    }

    /// Whether there were more than have room: one that is not there may have been.
    pub(crate) const fn is_full(&self) -> bool {
        self.is_full
    }
}

/// Snapshots come once a minute unless somebody says otherwise. What is older says nothing about where
/// a series stood later, as in Prometheus.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(5);
const KEPT_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_before_a_span_is_what_it_begins_with() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut before = Before::new(Some(at(100)));
        assert_eq!([99, 100].map(|second| before.is_before(at(second))), [true, false]);
        for (second, stood) in [(40, 4), (90, 9), (60, 6)] {
            before.take("a", at(second), stood);
        }
        assert_eq!(before.of(&"a", at(110)), Some(&(at(90), 9)));
        assert_eq!((before.of(&"a", at(100)), before.of(&"b", at(110))), (None, None));
        let all = Before::<&str, u64>::new(None);
        assert!(!all.is_before(Timestamp::MIN));
        let mut full = Before::new(Some(at(100)));
        for number in 0..=KEPT_MAX {
            assert!(!full.is_full());
            full.take(number, at(1), number);
        }
        assert!(full.is_full());
        full.take(7, at(2), 0);
        assert_eq!(full.of(&7, at(110)), Some(&(at(2), 0)));
    }
}
