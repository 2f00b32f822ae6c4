//! The limit: adding to a place in memory that is known, as every thread may.

use crate::harness::Role;
use crate::metrics::speed::subject::{Capped, Subject};
use crate::metrics::values::{BOUNDS, PAIRS, Pair};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Atomic additions.
pub(crate) struct Limit {
    one: AtomicU64,
    counters: Vec<AtomicU64>,
    histograms: Vec<Buckets>,
}

/// A histogram whose sum is one of whole microseconds: one addition.
#[derive(Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum: AtomicU64,
}

impl Subject for Limit {
    const NAME: &'static str = "limit";
    const ROLE: Role = Role::Limit;
    const PACKAGES: &'static [&'static str] = &[];

    fn start() -> Result<Self, String> {
        let counters = (0..PAIRS).map(|_| AtomicU64::new(0)).collect();
        let histograms = (0..PAIRS).map(|_| Buckets::default()).collect();
        Ok(Limit { one: AtomicU64::new(0), counters, histograms })
    }

    #[inline]
    fn cached(&self) {
        self.one.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn enums(&self) {
        self.one.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        self.counters[pair.index].fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        let Buckets { counts, sum } = &self.histograms[pair.index];
        counts[BOUNDS.partition_point(|bound| *bound < seconds)].fetch_add(1, Ordering::Relaxed);
        sum.fetch_add((seconds * 1e6) as u64, Ordering::Relaxed);
    }

    fn shown(&self, _name: &str) -> Result<Option<u64>, String> {
        let counts = self.histograms.iter().flat_map(|histogram| &histogram.counts);
        let all = self.counters.iter().chain(counts).chain([&self.one]);
        Ok(Some(all.map(|count| count.load(Ordering::Relaxed)).sum()))
    }
}

impl Capped for Limit {
    const NAME: &'static str = "limit";
    const ROLE: Role = Role::Limit;
    const PACKAGES: &'static [&'static str] = &[];

    fn start() -> Result<Self, String> {
        <Self as Subject>::start()
    }

    #[inline]
    fn visit(&self, _visitor: &str) {
        self.one.fetch_add(1, Ordering::Relaxed);
    }

    fn shown(&self) -> Result<Option<u64>, String> {
        Subject::shown(self, "")
    }
}

/// Memory of the thread's own: what two threads cannot slow down but by running at all.
pub(crate) struct Alone;

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(0) };
    static ALL: [Cell<u64>; PAIRS] = const { [const { Cell::new(0) }; PAIRS] };
}

impl Subject for Alone {
    const NAME: &'static str = "thread-local";
    const ROLE: Role = Role::Floor;
    const PACKAGES: &'static [&'static str] = &[];

    fn start() -> Result<Self, String> {
        Ok(Alone)
    }

    #[inline]
    fn cached(&self) {
        OWN.with(|own| own.set(std::hint::black_box(own).get() + 1));
    }

    #[inline]
    fn enums(&self) {
        self.cached();
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        ALL.with(|all| all[pair.index].set(all[pair.index].get() + 1));
    }

    fn histogram(&self, _pair: &Pair, _seconds: f64) {}

    fn shown(&self, _name: &str) -> Result<Option<u64>, String> {
        Ok(None)
    }
}
