//! The names of the spans that are open: records hold ids only, and people want to read a path.

use std::fmt;
use std::hint;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use radiosonde_context::SpanId;

/// Names and parents of open spans, for a console that shows where an event happened. Clones share
/// the table.
///
/// A [`Layer`](crate::Layer) that was given one fills it; whoever reads the records takes a span
/// out when its record has come, because the events of a closed span are read after it was closed.
/// At most 4,096 spans are kept. Beyond that the oldest of those that were closed give way, and
/// then the oldest that are open: their events are shown without them.
#[derive(Clone, Default)]
pub struct OpenSpans(Arc<[Shard; SHARDS]>);

/// Locks, so that threads at work seldom meet at one.
const SHARDS: usize = 16;
/// Spans of one lock. Ids are random, so that all fill alike.
const SHARD_SPANS_MAX: usize = 4096 / SHARDS;
/// Names in a path, at most: deeper nesting is not read by anybody, and a circle of ids ends.
const PATH_MAX: usize = 16;
/// Looks at a lock that is taken, before a span goes without its name. Less than a microsecond:
/// who holds it only looks through one shard, unless the system has stopped it there.
const LOOKS_MAX: usize = 64;

type Shard = Mutex<Vec<Entry>>;

struct Entry {
    id: u64,
    /// 0 for a root.
    parent: u64,
    name: &'static str,
    closed: bool,
}

impl OpenSpans {
    /// Appends the names of a span and those around it, the outermost first. Nothing for a span that
    /// is not known; the names up to the first one that is not, otherwise.
    pub fn path(&self, span: SpanId, names: &mut Vec<&'static str>) {
        let start = names.len();
        let mut next = number(span);
        while next != 0 && names.len() - start < PATH_MAX {
            let shard = lock(self.shard(next));
            let Some(entry) = shard.iter().find(|entry| entry.id == next) else { break };
            names.push(entry.name);
            next = entry.parent;
        }
        names[start..].reverse();
    }

    /// The record of a span has come: nothing of it follows.
    pub fn ended(&self, span: SpanId) {
        let id = number(span);
        let mut shard = lock(self.shard(id));
        if let Some(at) = shard.iter().position(|entry| entry.id == id) {
            // The order stays: it is that of their age.
            let _ended = shard.remove(at);
        }
    }

    /// A span was opened. On a thread of the application, which does not wait: when the table is in
    /// use for longer than a few looks, the span goes without its name.
    pub(crate) fn opened(&self, span: SpanId, parent: u64, name: &'static str) {
        let id = number(span);
        let Some(mut shard) = soon(self.shard(id)) else { return };
        if shard.len() >= SHARD_SPANS_MAX {
            let closed = shard.iter().position(|entry| entry.closed);
            let _oldest = shard.remove(closed.unwrap_or(0));
        }
        shard.push(Entry { id, parent, name, closed: false });
    }

    /// A span was closed. Its record follows, unless it was not sampled or there was no room.
    pub(crate) fn closed(&self, span: SpanId) {
        let id = number(span);
        let Some(mut shard) = soon(self.shard(id)) else { return };
        if let Some(entry) = shard.iter_mut().find(|entry| entry.id == id) {
            entry.closed = true;
        }
    }

    fn shard(&self, id: u64) -> &Shard {
        &self.0[(id % SHARDS as u64) as usize]
    }
}

impl fmt::Debug for OpenSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSpans").finish_non_exhaustive()
    }
}

fn number(span: SpanId) -> u64 {
    u64::from_be_bytes(span.to_bytes())
}

fn lock(shard: &Shard) -> MutexGuard<'_, Vec<Entry>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn soon(shard: &Shard) -> Option<MutexGuard<'_, Vec<Entry>>> {
    for _ in 0..LOOKS_MAX {
        match shard.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => hint::spin_loop(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> SpanId {
        SpanId::from_bytes(number.to_be_bytes()).unwrap_or_else(|| panic!("{number} is no id"))
    }

    fn path(spans: &OpenSpans, span: u64) -> Vec<&'static str> {
        let mut names = Vec::new();
        spans.path(id(span), &mut names);
        names
    }

    #[test]
    fn a_path_leads_from_the_outermost_span_that_is_known() {
        let spans = OpenSpans::default();
        spans.opened(id(1), 0, "http.request");
        spans.opened(id(2), 1, "load_order");
        spans.opened(id(3), 99, "below a remote parent");
        assert_eq!(path(&spans, 2), ["http.request", "load_order"]);
        assert_eq!(path(&spans, 3), ["below a remote parent"]);
        assert_eq!(path(&spans, 4), [""; 0]);
        // What was closed may still have events on their way; what has ended has none.
        spans.closed(id(1));
        assert_eq!(path(&spans, 2), ["http.request", "load_order"]);
        spans.ended(id(1));
        assert_eq!(path(&spans, 2), ["load_order"]);
    }

    #[test]
    fn a_circle_has_an_end() {
        let spans = OpenSpans::default();
        spans.opened(id(1), 2, "hen");
        spans.opened(id(2), 1, "egg");
        assert_eq!(path(&spans, 1).len(), PATH_MAX);
    }

    #[test]
    fn the_table_is_bounded_and_the_closed_give_way_before_the_oldest() {
        let spans = OpenSpans::default();
        let of_one_shard = |nth: usize| (nth * SHARDS) as u64;
        for nth in 1..=SHARD_SPANS_MAX {
            spans.opened(id(of_one_shard(nth)), 0, "span");
        }
        spans.closed(id(of_one_shard(7)));
        spans.opened(id(of_one_shard(1_000)), 0, "new");
        assert_eq!(path(&spans, of_one_shard(7)), [""; 0]);
        assert_eq!(path(&spans, of_one_shard(1)), ["span"]);
        spans.opened(id(of_one_shard(1_001)), 0, "newer");
        assert_eq!(path(&spans, of_one_shard(1)), [""; 0]);
        for nth in 2_000..12_000 {
            spans.opened(id(nth), 0, "many");
        }
        let kept: usize = spans.0.iter().map(|shard| lock(shard).len()).sum();
        assert_eq!(kept, 4096);
    }

    #[test]
    fn a_call_does_not_wait_for_the_table() {
        let spans = OpenSpans::default();
        let reader = lock(spans.shard(1));
        spans.opened(id(1), 0, "nameless");
        spans.closed(id(1));
        drop(reader);
        assert_eq!(path(&spans, 1), [""; 0]);
    }
}
