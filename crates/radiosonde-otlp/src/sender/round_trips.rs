//! How long a collector took to answer, for whoever has to know whether it will in time.

use std::time::Duration;

/// Answers that are remembered.
const KEPT: usize = 8;

/// The last answers of a collector to a lane.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundTrips {
    took: [Duration; KEPT],
    /// How many there were.
    count: usize,
}

impl RoundTrips {
    /// An answer took so long, connecting included; or none came for so long.
    pub(super) fn took(&mut self, took: Duration) {
        self.took[self.count % KEPT] = took;
        self.count = self.count.wrapping_add(1);
    }

    /// What the slowest of them took; none before the first.
    pub(super) fn slowest(&self) -> Option<Duration> {
        (self.count > 0).then(|| self.took.iter().copied().max().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_the_last_counts() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.slowest(), None);
        for millis in [3, 900, 5, 0, 0, 0, 0, 0] {
            trips.took(Duration::from_millis(millis));
            let slowest = if millis == 3 { 3 } else { 900 };
            assert_eq!(trips.slowest(), Some(Duration::from_millis(slowest)));
        }
        trips.took(Duration::ZERO);
        trips.took(Duration::ZERO);
        assert_eq!(trips.slowest(), Some(Duration::from_millis(5)));
    }
}
