//! Which call sites make spans that nobody misses in a trace that is not sampled.
//!
//! A span that is switched off leaves the context as it is. That is right where it would be entered
//! inside of its parent, and wrong where it takes the context to another thread or task. Which of
//! both a call site does is not known before it was seen doing it: so spans of traces that are not
//! sampled are made at first, and their call sites remembered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tracing_core::Metadata;

/// Call sites by their address, whose lowest bit says that they are needed. Only grows, to a bound;
/// what finds no place is needed.
#[derive(Debug)]
pub(crate) struct Callsites {
    places: Box<[AtomicUsize; PLACES]>,
    /// Whether any call site can be switched off: before, none is asked.
    has_any: AtomicBool,
}

/// A power of two.
const PLACES: usize = 2048;
/// Places looked at for a call site.
const PROBES: usize = 8;
const NEEDED: usize = 1;

impl Default for Callsites {
    fn default() -> Self {
        Self {
            places: Box::new([const { AtomicUsize::new(0) }; PLACES]),
            has_any: AtomicBool::new(false),
        }
    }
}

impl Callsites {
    /// Whether spans of this call site can be switched off.
    #[inline]
    pub(crate) fn are_dispensable(&self, metadata: &Metadata<'_>) -> bool {
        let key = key(metadata);
        let first = self.places[first(key)].load(Ordering::Relaxed);
        first == key || (first != 0 && self.are_dispensable_slowly(key))
    }

    #[cold]
    fn are_dispensable_slowly(&self, key: usize) -> bool {
        for place in self.places(key) {
            match place.load(Ordering::Relaxed) {
                0 => return false,
                found if found == key => return true,
                _ => {}
            }
        }
        false
    }

    /// Whether call sites have to ask each time.
    pub(crate) fn have_any(&self) -> bool {
        self.has_any.load(Ordering::Relaxed)
    }

    /// Remembers what was seen of a call site: needed once, it stays so. Whether it is the first that
    /// can be switched off: call sites have to ask from now on.
    pub(crate) fn learn(&self, metadata: &Metadata<'_>, is_dispensable: bool) -> bool {
        let key = key(metadata);
        let value = if is_dispensable { key } else { key | NEEDED };
        for place in self.places(key) {
            match place.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed) {
                // Sampled spans do not pay for it where nothing was ever left out.
                Ok(_) => return is_dispensable && !self.has_any.swap(true, Ordering::Relaxed),
                Err(found) if found & !NEEDED == key => {
                    if !is_dispensable {
                        place.store(value, Ordering::Relaxed);
                    }
                    return false;
                }
                Err(_) => {}
            }
        }
        false
    }

    #[inline]
    fn places(&self, key: usize) -> impl Iterator<Item = &AtomicUsize> {
        let first = first(key);
        (0..PROBES).map(move |step| &self.places[(first + step) % PLACES])
    }
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
