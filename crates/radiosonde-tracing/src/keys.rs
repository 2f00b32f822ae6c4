//! Sets of keys of a call site.

/// Keys by their place at the call site. A record has room for no more of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys([u64; 4]);

impl Keys {
    /// Whether this key is one of them. Those no record has room for are: nothing is done about them.
    #[inline(always)]
    pub(crate) fn have(&self, index: usize) -> bool {
        self.0.get(index / 64).is_none_or(|word| word & bit(index) != 0)
    }

    /// Adds a key. Whether it is a new one.
    #[inline(always)]
    pub(crate) fn insert(&mut self, index: usize) -> bool {
        let Some(word) = self.0.get_mut(index / 64) else { return false };
        let before = *word;
        *word = before | bit(index);
        before != *word
    }

    /// Adds all of `others`. How many are new.
    pub(crate) fn join(&mut self, others: Self) -> u32 {
        let before = self.count();
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= other;
        }
        self.count() - before
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

#[inline(always)]
fn bit(index: usize) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_apart_and_counted_once() {
        let mut keys = Keys::default();
        for index in 0..256 {
            assert!(!keys.have(index) && keys.insert(index) && keys.have(index), "{index}");
            assert!(!keys.insert(index), "{index}");
        }
        assert!(keys.have(256) && !keys.insert(usize::MAX));
        let (mut some, mut others) = (Keys::default(), Keys::default());
        [1, 64, 200].into_iter().for_each(|index| _ = some.insert(index));
        [1, 65, 200, 255].into_iter().for_each(|index| _ = others.insert(index));
        assert_eq!((some.join(others), some.join(others)), (2, 0));
        assert!([1, 64, 65, 200, 255].iter().all(|index| some.have(*index)));
    }
}
