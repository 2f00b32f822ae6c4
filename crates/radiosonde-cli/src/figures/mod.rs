//! Figures over any number of lines, in bounded memory.

pub(crate) mod before;
pub(crate) mod sequences;
pub(crate) mod sketch;
pub(crate) mod starts;
pub(crate) mod tally;
pub(crate) mod timeline;

/// What can be added up.
pub(crate) trait Merge: Clone + Default {
    /// Adds another one.
    fn merge(&mut self, other: &Self);
}

impl Merge for u64 {
    fn merge(&mut self, other: &Self) {
        *self = self.saturating_add(*other);
    }
}
