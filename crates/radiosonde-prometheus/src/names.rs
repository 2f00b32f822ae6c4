//! The names that a text has used up: each may stand for one thing only.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::Range;

/// A set of names, compared byte by byte, that keeps its memory when it is cleared.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    spans: Vec<Range<usize>>,
    /// Open addressing: one more than the index into `spans`, 0 where nothing is. A power of two
    /// long, and at most half full.
    slots: Vec<usize>,
    state: RandomState,
}

/// A name in two parts: what it begins with, and its suffix.
pub(crate) type Parts<'a> = (&'a str, &'a str);

impl Names {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.slots.fill(0);
    }

    pub(crate) fn contains(&self, name: Parts<'_>) -> bool {
        self.slot(name).is_some_and(|slot| self.slots.get(slot).is_some_and(|index| *index != 0))
    }

    /// Adds a name; one that is there already stays.
    pub(crate) fn insert(&mut self, name: Parts<'_>) {
        if (self.spans.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let Some(slot) = self.slot(name) else { return };
        let Some(index) = self.slots.get_mut(slot).filter(|index| **index == 0) else { return };
        let start = self.text.len();
        self.text.push_str(name.0);
        self.text.push_str(name.1);
        self.spans.push(start..self.text.len());
        *index = self.spans.len();
    }

    /// Where the name is, or would be.
    fn slot(&self, name: Parts<'_>) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut hasher = self.state.build_hasher();
        hasher.write(name.0.as_bytes());
        hasher.write(name.1.as_bytes());
        let mut slot = hasher.finish() as usize & mask;
        // Ends: half of the slots are free.
        while let Some(span) = self.slots.get(slot)?.checked_sub(1) {
            if self.spans.get(span).is_some_and(|span| self.is(span, name)) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        Some(slot)
    }

    fn is(&self, span: &Range<usize>, (stem, suffix): Parts<'_>) -> bool {
        let there = self.text.get(span.clone()).unwrap_or_default();
        there.strip_prefix(stem) == Some(suffix)
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(64);
        self.slots.clear();
        self.slots.resize(slots, 0);
        let text = std::mem::take(&mut self.text);
        for index in 0..self.spans.len() {
            let name = self.spans.get(index).and_then(|span| text.get(span.clone()));
            if let Some(slot) = self.empty_slot(name.unwrap_or_default())
                && let Some(slot) = self.slots.get_mut(slot)
            {
                *slot = index + 1;
            }
        }
        self.text = text;
    }

    /// The first free slot for a name that is known not to be there.
    fn empty_slot(&self, name: &str) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut hasher = self.state.build_hasher();
        hasher.write(name.as_bytes());
        let mut slot = hasher.finish() as usize & mask;
        while *self.slots.get(slot)? != 0 {
            slot = (slot + 1) & mask;
        }
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_they_are_split() {
        let mut names = Names::default();
        assert!(!names.contains(("", "")));
        for round in 0..2 {
            for n in 0..1000 {
                let stem = format!("metric_{n}");
                assert!(!names.contains((&stem, "_sum")), "{round} {n}");
                names.insert((&stem, "_sum"));
                names.insert((&stem, "_sum"));
            }
            assert_eq!(names.spans.len(), 1000);
            for n in 0..1000 {
                assert!(names.contains((&format!("metric_{n}_sum"), "")));
                assert!(names.contains(("metric_", &format!("{n}_sum"))));
                assert!(!names.contains((&format!("metric_{n}"), "")));
                assert!(!names.contains((&format!("metric_{n}"), "_su")));
            }
            names.clear();
            assert!(!names.contains(("metric_1_sum", "")));
        }
    }
}
