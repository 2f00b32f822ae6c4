//! Which call sites make spans that nobody misses in a trace that is not sampled.
//!
//! A span that is switched off leaves the context as it is. That is right where it would be entered
//! inside of its parent, and wrong where it takes the context to another thread or task. Which of
//! both a call site does is known by watching it: some hundred spans in a row have to be such that
//! nobody misses them, and some are drawn by lot that are made afterwards all the same. One of those
//! that is missed, and the call site makes all of its spans from then on.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use tracing_core::Metadata;

/// Call sites by their address, and what was seen of them. Only grows, to a bound; what finds no place
/// is needed.
#[derive(Debug)]
pub(crate) struct Callsites {
    places: Box<[Place]>,
    /// Whether any call site can be switched off: before, none is asked.
    has_any: AtomicBool,
}

#[derive(Debug, Default)]
struct Place {
    key: AtomicUsize,
    /// Spans in a row that nobody missed, or [`NEEDED`].
    seen: AtomicU32,
}

/// A power of two.
const PLACES: usize = 2048;
/// Places looked at for a call site.
const PROBES: usize = 8;
/// Spans that are watched before the first is left out.
pub(crate) const WATCHED: u32 = 256;
/// Of so many that could be left out one is made and watched, by lot: a count would always find the same
/// span of a loop.
const LOOKED_AT: u64 = 256;
/// One was missed.
const NEEDED: u32 = u32::MAX;

thread_local! {
    static LOTS: Cell<u64> = const { Cell::new(0) };
}

impl Default for Callsites {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| Place::default()).collect();
        Self { places, has_any: AtomicBool::new(false) }
    }
}

impl Place {
    #[inline(always)]
    fn is_dispensable(&self) -> bool {
        (WATCHED..NEEDED).contains(&self.seen.load(Ordering::Relaxed))
    }
}

impl Callsites {
    /// Whether a span of this call site is left out.
    #[inline]
    pub(crate) fn leave_out(&self, metadata: &Metadata<'_>) -> bool {
        let key = key(metadata);
        let place = &self.places[first(key)];
        let found = place.key.load(Ordering::Relaxed);
        let is_dispensable = if found == key {
            place.is_dispensable()
        } else {
            found != 0 && self.are_dispensable_slowly(key)
        };
        is_dispensable && !is_drawn()
    }

    /// A span of this call site was missed, or would have been.
    pub(crate) fn need(&self, metadata: &Metadata<'_>) {
        let _is_first = self.learn(metadata, false);
    }

    #[cold]
    fn are_dispensable_slowly(&self, key: usize) -> bool {
        let mut places = self.places(key);
        let found = places.find(|place| [0, key].contains(&place.key.load(Ordering::Relaxed)));
        found.is_some_and(Place::is_dispensable)
    }

    /// Whether call sites have to ask each time.
    pub(crate) fn have_any(&self) -> bool {
        self.has_any.load(Ordering::Relaxed)
    }

    /// Remembers what was seen of a call site: needed once, it stays so. Whether it is the first that
    /// can be switched off: call sites have to ask from now on.
    pub(crate) fn learn(&self, metadata: &Metadata<'_>, is_dispensable: bool) -> bool {
        let key = key(metadata);
        let is_its = |place: &&Place| match place.key.load(Ordering::Relaxed) {
            0 => {
                let taken =
                    place.key.compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed);
                taken.is_ok() || taken == Err(key)
            }
            found => found == key,
        };
        let Some(place) = self.places(key).find(is_its) else { return false };
        if !is_dispensable {
            place.seen.store(NEEDED, Ordering::Relaxed);
            return false;
        }
        let seen = place.seen.load(Ordering::Relaxed);
        if seen >= WATCHED {
            return false;
        }
        // Should another thread have been faster, it has counted, or knows better.
        let counted =
            place.seen.compare_exchange(seen, seen + 1, Ordering::Relaxed, Ordering::Relaxed);
        // Sampled spans do not pay for it where nothing was ever left out.
        seen + 1 == WATCHED && counted.is_ok() && !self.has_any.swap(true, Ordering::Relaxed)
    }

    #[inline]
    fn places(&self, key: usize) -> impl Iterator<Item = &Place> {
        let first = first(key);
        (0..PROBES).map(move |step| &self.places[(first + step) % PLACES])
    }
}

/// Draws a lot. By a congruential generator of 64 bits, whose upper bits are good enough for that.
#[inline(always)]
fn is_drawn() -> bool {
    let next = LOTS.get().wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    LOTS.set(next);
    next >> (u64::BITS - LOOKED_AT.ilog2()) == 0
}

/// Where a call site is looked for first. Addresses of statics say nothing in their low bits.
#[inline(always)]
fn first(key: usize) -> usize {
    (key >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize) >> (usize::BITS - PLACES.ilog2())
}

/// Whether spans of this call site are missed, whatever becomes of them: they change ids, or stand at
/// a boundary, where their own id is what is sent on.
pub(crate) fn matter(metadata: &Metadata<'_>) -> bool {
    let names = ["job_id", "worker_id", "session_id", "otel.kind"];
    names.iter().any(|name| metadata.fields().field(name).is_some())
}

fn key(metadata: &Metadata<'_>) -> usize {
    std::ptr::from_ref(metadata).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    static METADATA: Metadata<'static> = tracing_core::metadata! {
        name: "span",
        target: "test",
        level: tracing_core::Level::INFO,
        fields: &[],
        callsite: &CALLSITE,
        kind: tracing_core::metadata::Kind::SPAN,
    };
    static CALLSITE: Callsite = Callsite;
    struct Callsite;
    impl tracing_core::callsite::Callsite for Callsite {
        fn set_interest(&self, _: tracing_core::subscriber::Interest) {}
        fn metadata(&self) -> &Metadata<'_> {
            &METADATA
        }
    }

    #[test]
    fn spans_are_left_out_after_many_that_nobody_missed_until_one_is() {
        let callsites = Callsites::default();
        for nth in 1..=WATCHED {
            assert!(!callsites.leave_out(&METADATA), "{nth}");
            assert_eq!(callsites.learn(&METADATA, true), nth == WATCHED, "{nth}");
        }
        assert!(callsites.have_any());
        // Each of a loop's spans has its turn.
        for of_loop in 1..=8 {
            let drawn = |nth: &u64| !callsites.leave_out(&METADATA) && nth.is_multiple_of(of_loop);
            let made = (0..100 * LOOKED_AT).filter(drawn).count() as u64;
            assert!((50..200).contains(&(made * of_loop)), "{made} of a loop of {of_loop}");
        }
        callsites.need(&METADATA);
        for _ in 0..2 * WATCHED {
            assert!(!callsites.learn(&METADATA, true));
            assert!(!callsites.leave_out(&METADATA), "it was missed once");
        }
    }
}
