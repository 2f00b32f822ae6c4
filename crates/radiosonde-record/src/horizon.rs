//! Up to when a look of the drain takes records.
//!
//! One ring is looked at after the other: of a thread that goes on in a larger ring in between, the
//! second ring's records would come before the last of the first. So what is younger than the look
//! waits for the next one, a millisecond later. Only for that: where the clock was set back, or
//! stands still, a record is younger than every look, and is taken all the same.

use std::time::{Duration, Instant};

/// Records from this time on are not taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Horizon(u64);

/// What the clocks of two threads may disagree by, and a call may take from its clock to its ring.
const UNSETTLED_NS: u64 = 20_000;
/// By then every record is older than some look, by a clock that goes on.
const HELD_MAX: Duration = Duration::from_millis(2);

impl Horizon {
    /// Whatever is there: nobody records any more, or somebody waits for it.
    pub(crate) const NONE: Self = Self(u64::MAX);

    /// A look that begins now. The clock must be read before the first ring is looked at, also at
    /// whether there are new ones.
    pub(crate) fn at(now_ns: u64) -> Self {
        Self(now_ns.saturating_sub(UNSETTLED_NS))
    }

    /// A look for somebody who waits for what was recorded before now.
    pub(crate) fn awaited(now_ns: u64) -> Self {
        Self(now_ns)
    }

    /// Whether a record of this time is taken.
    #[inline]
    pub(crate) fn reaches(self, time_ns: u64) -> bool {
        // A damaged record may be of the last of all times.
        time_ns < self.0 || self.0 == u64::MAX
    }
}

/// The oldest record that waits for another look, and since when by the clock nobody sets.
#[derive(Debug, Default)]
pub(crate) struct Held(Option<(u64, Instant)>);

impl Held {
    /// Whether one waits.
    pub(crate) fn is_any(&self) -> bool {
        self.0.is_some()
    }

    /// This horizon, for a look that begins now, or none.
    pub(crate) fn bound(&self, horizon: Horizon, now: Instant) -> Horizon {
        let is_stuck = |since: Instant| now.saturating_duration_since(since) >= HELD_MAX;
        match self.0 {
            Some((_, since)) if is_stuck(since) => Horizon::NONE,
            _ => horizon,
        }
    }

    /// A look has ended that began then; the oldest record it has left.
    pub(crate) fn look(&mut self, held_ns: Option<u64>, began: Instant) {
        self.0 = held_ns.map(|held_ns| match self.0 {
            Some((before_ns, since)) if before_ns == held_ns => (held_ns, since),
            _ => (held_ns, began),
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_or_stands_still_keeps_nothing_waiting() {
        for clock in [0, 500_000_000] {
            let ahead = clock + 500_000_000;
            let (mut held, mut now) = (Held::default(), Instant::now());
            let mut looks = 0;
            while !held.bound(Horizon::at(clock), now).reaches(ahead) {
                held.look(Some(ahead), now);
                assert!(held.is_any());
                now += Duration::from_millis(1);
                looks += 1;
            }
            assert_eq!(looks, 2, "milliseconds");
            held.look(None, now);
            assert!(!held.is_any());
        }
    }

    #[test]
    fn without_a_horizon_every_time_is_taken() {
        for time in [0, 1, u64::MAX - 1, u64::MAX] {
            assert!(Horizon::NONE.reaches(time), "{time}");
        }
        assert!(!Horizon::awaited(u64::MAX - 1).reaches(u64::MAX));
    }

    #[test]
    fn under_sustained_load_each_look_has_a_horizon() {
        let (mut held, mut now, mut clock) = (Held::default(), Instant::now(), 1_000_000);
        for _ in 0..100 {
            let horizon = held.bound(Horizon::at(clock), now);
            assert!(!horizon.reaches(clock), "something is always too young");
            held.look(Some(clock), now);
            clock += 100_000;
            now += Duration::from_micros(100);
        }
    }
}
