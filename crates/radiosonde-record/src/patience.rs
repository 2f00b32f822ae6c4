//! How long a thread may wait for room in its ring, all its calls together.
//!
//! One call waits [`WAIT_MAX`] at most, and the next may wait again: so a burst passes as fast as the
//! drain takes it, and whole. Two bounds keep the application from paying for a drain that does not
//! keep up. A drain that stands still is waited for [`IN_VAIN_MAX`] times in a row, and then no more
//! until it has given back a quarter of the ring. And a thread has an allowance, which it gets back
//! slowly: under overload without an end it is late by a tenth of the time, and what does not fit is
//! dropped.

use std::time::{Duration, Instant};

/// The longest wait of one call.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(1);
/// Waits in a row that end without the drain having given anything back: longer than a scheduler keeps a
/// thread that has work from its processor, and than most disks take to make room in a file while they
/// sync another.
const IN_VAIN_MAX: u32 = 100;
/// What a thread may wait: as long as the drain takes for several hundred thousand records.
const ALLOWANCE: Duration = Duration::from_secs(5);
/// Which part of the time that passes it gets back.
const SHARE: u32 = 10;
/// What it owes at most: a process that is stopped in the middle of a wait waits for hours.
const OWED_MAX: Duration = Duration::from_secs(10);

/// What a thread has waited of late. The clock is passed in.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// What it has waited and not got back, as of then.
    owed: Duration,
    as_of: Option<Instant>,
    /// Waits in a row that were in vain, while the tail of the ring stood here.
    in_vain: u32,
    tail: u64,
}

impl Patience {
    /// Whether a call may wait now, as far as the allowance goes.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let before = self.as_of.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(before);
        self.owed = self.owed.saturating_sub(passed / SHARE);
        self.owed + WAIT_MAX <= ALLOWANCE
    }

    /// A call has waited so long.
    pub(crate) fn spend(&mut self, took: Duration) {
        self.owed = self.owed.saturating_add(took).min(OWED_MAX);
    }

    /// A wait has ended without room, with the tail there. Whether the next call may wait as well.
    pub(crate) fn was_in_vain(&mut self, tail: u64) -> bool {
        if tail != self.tail {
            (self.tail, self.in_vain) = (tail, 0);
        }
        self.in_vain += 1;
        self.in_vain < IN_VAIN_MAX
    }

    /// The same thread's in another ring, whose tail is there.
    pub(crate) fn in_ring(self, tail: u64) -> Self {
        Self { tail, ..self }
    }

    /// What was waited and not got back, and the waits in vain in a row.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn state(&self) -> (Duration, u32) {
        (self.owed, self.in_vain)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_micros(500);

    /// Calls one after another that find no room, for so long; what they waited of it.
    fn overloaded(patience: &mut Patience, now: &mut Instant, lasts: Duration) -> Duration {
        let (end, mut waited) = (*now + lasts, Duration::ZERO);
        while *now < end {
            let took = if patience.allows(*now) { WAIT_MAX } else { Duration::ZERO };
            patience.spend(took);
            waited += took;
            *now += took + STEP;
        }
        waited
    }

    #[test]
    fn a_burst_is_waited_for_and_overload_without_an_end_takes_a_tenth() {
        let (mut patience, mut now) = (Patience::default(), Instant::now());
        let burst = overloaded(&mut patience, &mut now, Duration::from_secs(7));
        assert!(burst > Duration::from_secs(4), "{burst:?}: whole");
        for minutes in [1, 10] {
            let lasts = Duration::from_secs(60 * minutes);
            let waited = overloaded(&mut patience, &mut now, lasts);
            assert!(waited <= ALLOWANCE + lasts / SHARE, "{waited:?} of {lasts:?}");
            assert!(waited >= lasts / SHARE - WAIT_MAX, "{waited:?} of {lasts:?}");
        }
        now += ALLOWANCE * SHARE;
        let again = overloaded(&mut patience, &mut now, Duration::from_secs(7));
        assert!(again > Duration::from_secs(4), "{again:?}: after a rest");
    }

    #[test]
    fn a_process_that_was_stopped_in_a_wait_waits_again_soon() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        assert!(patience.allows(now));
        patience.spend(Duration::from_secs(86_400));
        assert!(!patience.allows(now));
        assert!(patience.allows(now + OWED_MAX * SHARE));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing_back() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        assert!(patience.allows(now));
        patience.spend(ALLOWANCE);
        for now in [now, now - Duration::from_secs(1), now - Duration::from_secs(1)] {
            assert!(!patience.allows(now));
        }
    }

    #[test]
    fn waits_in_vain_are_counted_until_the_tail_moves() {
        let mut patience = Patience::default();
        let mut waits = |tail| (1..).find(|_| !patience.was_in_vain(tail)).unwrap_or_default();
        assert_eq!([0, 0, 800, 1600, 1600].map(&mut waits), [100, 1, 100, 100, 1]);
        let mut patience = patience.in_ring(64);
        assert!(!patience.was_in_vain(64), "another ring is no movement");
    }
}
