//! What scrapers have been shown: a series comes at 0 first, so that `increase` over the scrapes
//! counts what it began with.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::exposition::Point;
use crate::family::Guarded;

/// Series that are computed which are kept as seen. Past these, values are shown as they are.
const SEEN_MAX: usize = 100_000;

/// Milliseconds from the start of the metrics during which the first scrape may show series at 0:
/// later, it would put the work of weeks into the moment between two scrapes.
const YOUNG_MS: u64 = 5 * 60 * 1000;

/// Stands for a family as a whole, where series have their labels.
const FAMILY: &str = "\0";

/// What completed scrapes have shown, and what the last one wrote.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    hashes: RandomState,
    /// Series that are computed, by name and labels.
    seen: HashSet<u64>,
    completed: bool,
    pending: Pending,
}

/// What the last scrape wrote, until somebody says that it was made whole.
#[derive(Debug, Default)]
struct Pending {
    written: bool,
    families: Vec<(Arc<Guarded>, usize)>,
    seen: Vec<u64>,
}

impl Shown {
    /// A scrape begins: what the last one wrote, and was not completed, counts for nothing.
    pub(crate) fn begin(&mut self) {
        self.pending = Pending::default();
    }

    /// The scrape is written.
    pub(crate) fn written(&mut self) {
        self.pending.written = true;
    }

    /// What the last scrape wrote has been seen.
    pub(crate) fn complete(&mut self) {
        if !self.pending.written {
            return;
        }
        let Pending { families, seen, .. } = std::mem::take(&mut self.pending);
        for (family, count) in families {
            let _ = family.shown.fetch_max(count, Ordering::Relaxed);
        }
        self.seen.extend(seen);
        self.completed = true;
    }

    /// Whether what is new may be shown at 0, in metrics of that age.
    pub(crate) fn may_begin(&self, age_ms: u64) -> bool {
        self.completed || age_ms < YOUNG_MS
    }

    /// Notes that the first so many series of a family are written.
    pub(crate) fn note_family(&mut self, family: &Arc<Guarded>, count: usize) {
        if count > family.shown.load(Ordering::Relaxed) {
            self.pending.families.push((family.clone(), count));
        }
    }

    /// Notes that a family is computed now, where its series were shown, or would have been. Those
    /// of it that a scraper has seen by then are not to fall to 0.
    pub(crate) fn is_taken_over(&mut self, family: &Arc<Guarded>) -> bool {
        let is_first = self.is_new(&family.info.name, FAMILY);
        let was_shown = family.shown.load(Ordering::Relaxed) > 0;
        self.note_family(family, family.all_series().count());
        is_first && was_shown
    }

    /// Whether a series that is computed was not seen yet; notes it.
    pub(crate) fn is_new(&mut self, name: &str, labels: &str) -> bool {
        let hash = self.hashes.hash_one((name, labels));
        let known = self.seen.len() + self.pending.seen.len();
        if self.seen.contains(&hash) || known >= SEEN_MAX {
            return false;
        }
        self.pending.seen.push(hash);
        true
    }
}

/// The point a series begins with, whose value is that of a sum; none of gauges. `zeros` are the
/// counts of no values.
pub(crate) fn beginning<'p>(point: &Point<'p>, zeros: &'p mut Vec<u64>) -> Option<Point<'p>> {
    Some(match point {
        Point::Counter(_) => Point::Counter(0),
        Point::FloatCounter(_) => Point::FloatCounter(0.0),
        Point::Gauge(_) => return None,
        Point::Histogram { bounds, counts, .. } => {
            zeros.clear();
            zeros.resize(counts.len(), 0);
            Point::Histogram { bounds, counts: zeros, sum: 0.0 }
        }
        Point::Summary { quantiles, .. } => Point::Summary { quantiles, sum: 0.0, count: 0 },
    })
}
