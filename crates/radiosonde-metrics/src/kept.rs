//! Per thread: the series it writes through the macros of the `metrics` crate, by their keys.
//!
//! Only what has a series of its own is kept by its key. Writes that are refused or folded, and values
//! that are counted as redacted, are looked up each time: a flood of them displaces nothing.

use std::cell::RefCell;
use std::sync::Arc;

use metrics::Key;
use radiosonde_registry::MetricType;

use crate::family::Guarded;
use crate::handle::Handle;
use crate::sought::is_same_text;

/// Keys a thread keeps: 64 sets of four, in about 100 KB. Beyond that, those that came first in their
/// set go.
const SETS: usize = 64;
const WAYS: usize = 4;

/// What a handle is asked for with.
pub(crate) struct Wanted<'w> {
    pub(crate) key: &'w Key,
    pub(crate) metric_type: MetricType,
}

impl Wanted<'_> {
    /// Of the key and the type: one key may be asked for as two types.
    fn hash(&self) -> u64 {
        self.key.get_hash() ^ self.metric_type as u64
    }
}

struct Entry {
    key: Key,
    metric_type: MetricType,
    handle: Arc<Handle>,
}

#[derive(Default)]
struct Set {
    /// Of the entries, apart from them: which one it is takes a look at one place.
    hashes: [u64; WAYS],
    entries: [Option<Entry>; WAYS],
    next: u8,
}

thread_local! {
    static FOLDED: RefCell<Option<Arc<Handle>>> = const { RefCell::new(None) };
    static KEPT: RefCell<Vec<Set>> = const { RefCell::new(Vec::new()) };
}

/// The handle of that key, if the thread keeps it.
#[inline]
pub(crate) fn find(wanted: &Wanted<'_>) -> Option<Arc<Handle>> {
    let hash = wanted.hash();
    let found = KEPT.try_with(|kept| {
        let kept = kept.try_borrow().ok()?;
        let [first, second] = places(hash);
        let find = |place: usize| kept.get(place)?.find(hash, wanted);
        find(first).or_else(|| find(second)).cloned()
    });
    // An error means that the thread is ending.
    found.ok().flatten()
}

pub(crate) fn keep(wanted: &Wanted<'_>, handle: &Arc<Handle>) {
    let hash = wanted.hash();
    let keep = |kept: &RefCell<Vec<Set>>| {
        let Ok(mut kept) = kept.try_borrow_mut() else { return };
        if kept.is_empty() {
            kept.resize_with(SETS, Set::default);
        }
        let [first, second] = places(hash);
        let has_room = |place: &usize| kept.get(*place).is_some_and(Set::has_room);
        let place = [first, second].into_iter().find(has_room).unwrap_or(first);
        let Some(set) = kept.get_mut(place) else { return };
        let at = usize::from(set.next) % WAYS;
        set.next = set.next.wrapping_add(1);
        if let (Some(known), Some(entry)) = (set.hashes.get_mut(at), set.entries.get_mut(at)) {
            *known = hash;
            let (key, metric_type) = (wanted.key.clone(), wanted.metric_type);
            *entry = Some(Entry { key, metric_type, handle: handle.clone() });
        }
    };
    let _ = KEPT.try_with(keep);
}

/// The handle of the overflow set that the thread wrote last, if it is this one. So a flood of new
/// values costs no memory, not even for a moment.
pub(crate) fn folded(family: &Arc<Guarded>, place: usize) -> Arc<Handle> {
    let make = || Arc::new(Handle::new(family.clone(), place));
    let find = |folded: &RefCell<Option<Arc<Handle>>>| {
        let Ok(mut folded) = folded.try_borrow_mut() else { return make() };
        if let Some(known) = folded.as_ref().filter(|known| known.is_of(family, place)) {
            return known.clone();
        }
        folded.insert(make()).clone()
    };
    FOLDED.try_with(find).unwrap_or_else(|_| make())
}

/// The two sets a key may be in: of so many keys as there is room for, hardly one goes before its time.
/// The low bits of the hash say little where keys are alike.
fn places(hash: u64) -> [usize; 2] {
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [(mixed >> 56) as usize % SETS, (mixed >> 40) as usize % SETS]
}

impl Set {
    #[inline]
    fn find(&self, hash: u64, wanted: &Wanted<'_>) -> Option<&Arc<Handle>> {
        // All of them, and then one branch: which it is cannot be foretold.
        let same = self.hashes.map(|known| known == hash);
        let at = same.iter().rev().fold(WAYS, |at, same| if *same { 0 } else { at + 1 });
        let entry = self.entries.get(at)?.as_ref()?;
        entry.is_for(wanted).then_some(&entry.handle)
    }

    fn has_room(&self) -> bool {
        self.entries.last().is_some_and(Option::is_none)
    }
}

impl Entry {
    #[inline]
    fn is_for(&self, wanted: &Wanted<'_>) -> bool {
        self.metric_type == wanted.metric_type && is_same(&self.key, wanted.key)
    }
}

/// Whether two keys are equal. Texts in the same place are: the kept key holds on to its own, so
/// that nothing else can be there.
#[inline]
fn is_same(kept: &Key, key: &Key) -> bool {
    let same = |a: &str, b: &str| std::ptr::eq(a, b) || is_same_text(a.as_bytes(), b.as_bytes());
    let (mut one, mut other) = (kept.labels(), key.labels());
    same(kept.name(), key.name())
        && one.len() == other.len()
        && one
            .by_ref()
            .zip(other.by_ref())
            .all(|(one, other)| same(one.key(), other.key()) && same(one.value(), other.value()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key is in one of two sets, of which the one with room takes it.
    #[test]
    fn nearly_all_of_two_hundred_keys_have_a_place() {
        let mut taken = [0; SETS];
        let keys: Vec<u64> =
            (0..200).map(|n| Key::from_name(format!("key-{n}")).get_hash()).collect();
        let placed = keys.iter().filter(|key| {
            let place = places(**key).into_iter().find(|place| taken[*place] < WAYS);
            place.inspect(|place| taken[*place] += 1).is_some()
        });
        let placed = placed.count();
        assert!(placed >= 190, "{placed}");
    }
}
