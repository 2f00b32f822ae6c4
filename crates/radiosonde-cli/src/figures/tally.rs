//! Counting what comes often, whatever else comes.

use std::collections::HashMap;

/// Counts by name, of a bounded number of names: when they are too many, the rarer half is summed
/// up without names. What came often is kept whenever it came; what was dropped and comes again is
/// counted from then on, so that a count is at most as much too low as the rest says.
#[derive(Debug)]
pub(crate) struct Tally<T> {
    of: HashMap<String, T>,
    most: usize,
    rest: Rest,
}

/// What has no names any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Times that a name was dropped.
    pub(crate) names: u64,
    /// What they weighed.
    pub(crate) weight: u64,
}

/// What is counted.
pub(crate) trait Weight: Default {
    /// How much it matters.
    fn weight(&self) -> u64;
}

impl<T: Weight> Tally<T> {
    /// One of at most so many names.
    pub(crate) fn new(most: usize) -> Self {
        Self { of: HashMap::new(), most: most.max(2), rest: Rest::default() }
    }

    /// What is counted under a name.
    pub(crate) fn of(&mut self, name: &str) -> &mut T {
        if !self.of.contains_key(name) {
            if self.of.len() >= self.most {
                self.drop_half();
            }
            let _ = self.of.insert(name.to_owned(), T::default());
        }
        self.of.entry(name.to_owned()).or_default()
    }

    /// The names with what was counted, what weighs most first, and the rest. Of equal ones the names
    /// decide.
    pub(crate) fn sorted(&self) -> (Vec<(&str, &T)>, Rest) {
        let mut all: Vec<_> = self.of.iter().map(|(name, of)| (name.as_str(), of)).collect();
        all.sort_unstable_by(|(a, of_a), (b, of_b)| {
            of_b.weight().cmp(&of_a.weight()).then_with(|| a.cmp(b))
        });
        (all, self.rest)
    }

    fn drop_half(&mut self) {
        let mut all: Vec<(String, T)> = self.of.drain().collect();
        // Of equal ones the names decide, so that the answer is the same every time.
        all.sort_unstable_by(|(a, of_a), (b, of_b)| {
            of_b.weight().cmp(&of_a.weight()).then_with(|| a.cmp(b))
        });
        for (_, dropped) in all.drain(self.most / 2..) {
            self.rest.names += 1;
            self.rest.weight = self.rest.weight.saturating_add(dropped.weight());
        }
        self.of.extend(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight for u64 {
        fn weight(&self) -> u64 {
            *self
        }
    }

    #[test]
    fn what_comes_often_stays_among_any_number_of_others() {
        let count = || {
            let mut tally = Tally::<u64>::new(10);
            for number in 0..10_000 {
                *tally.of(&format!("once-{number}")) += 1;
                if number % 5 == 0 {
                    *tally.of("often") += 1;
                }
            }
            tally
        };
        let tally = count();
        let (names, rest) = tally.sorted();
        assert!(names.len() <= 10);
        assert_eq!(names[0], ("often", &2_000));
        let kept: u64 = names.iter().map(|(_, count)| **count).sum();
        assert_eq!(kept + rest.weight, 12_000, "nothing is lost");
        assert_eq!(count().sorted(), (names, rest), "and the same every time");
    }
}
