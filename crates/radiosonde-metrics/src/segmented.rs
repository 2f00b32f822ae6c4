//! A list that only grows, read without a lock.

use std::sync::OnceLock;

/// Places of the first segment; each further one has twice as many as the one before.
const FIRST: usize = 8;

/// Enough for 2³¹ places.
const SEGMENTS: usize = 29;

/// Values by a number that counts from 0, each set once. Memory follows the largest number that was
/// set.
#[derive(Debug)]
pub(crate) struct Segmented<T> {
    segments: [OnceLock<Box<[OnceLock<T>]>>; SEGMENTS],
}

impl<T> Default for Segmented<T> {
    fn default() -> Self {
        Self { segments: [const { OnceLock::new() }; SEGMENTS] }
    }
}

impl<T> Segmented<T> {
    /// The value of that place, if it is set.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        let (segment, offset, _) = locate(place);
        self.segments.get(segment)?.get()?.get(offset)?.get()
    }

    /// The value of that place, set by `make` if it is not; none past 2³¹.
    pub(crate) fn get_or_init(&self, place: usize, make: impl FnOnce() -> T) -> Option<&T> {
        let (segment, offset, size) = locate(place);
        let places = self.segments.get(segment)?;
        let places = places.get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        places.get(offset).map(|place| place.get_or_init(make))
    }
}

/// Segment and offset of a place, and the size of the segment.
#[inline]
fn locate(place: usize) -> (usize, usize, usize) {
    let nth = (place / FIRST + 1).ilog2() as usize;
    // The first holds places 0 to 7, the second 8 to 23, the third 24 to 55.
    let before = FIRST * ((1 << nth) - 1);
    (nth, place - before, FIRST << nth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_one_another_without_a_gap() {
        let mut expected = (0, 0);
        for place in 0..10_000 {
            let (segment, offset, size) = locate(place);
            assert_eq!((segment, offset), expected, "{place}");
            expected = if offset + 1 == size { (segment + 1, 0) } else { (segment, offset + 1) };
        }
    }

    #[test]
    fn what_is_set_first_stays() {
        let list = Segmented::default();
        assert_eq!(list.get(1_000), None::<&usize>);
        for place in [1_000, 0, 7, 8, 23, 24, 1_000] {
            assert_eq!(list.get_or_init(place, || place), Some(&place));
        }
        assert_eq!(list.get_or_init(24, || 5), Some(&24));
        assert_eq!((list.get(24), list.get(25)), (Some(&24), None));
        assert_eq!(list.get_or_init(usize::MAX - 8, || 1), None);
    }
}
