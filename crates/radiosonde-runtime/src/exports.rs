//! What the thread `radiosonde-io` does for what is sent over OTLP: it tells of losses and of receivers
//! that do not answer, and takes over what processes that have ended left.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use radiosonde_events::Redactions;
use radiosonde_record::{Level, Slot};

use crate::adopter::Adopter;
use crate::io_thread::unfiltered_event;
use crate::otlp::Gap;
use crate::telemetry::Telemetry;

/// Between two looks at the spools and their destinations.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks as long as it is not known yet what earlier processes left: a short program has no
/// time to lose.
const FIRST_LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Between two looks at what others have left. All processes of a directory do this, each at times of its
/// own.
const ADOPTION_INTERVAL: Duration = Duration::from_secs(60);

/// The upkeep of what is sent.
#[derive(Debug)]
pub(crate) struct Exports {
    /// Our own slot, in which earlier owners may have left something.
    slot: Option<Slot>,
    next: Instant,
    /// `None` before the first one.
    next_adoption: Option<Instant>,
    adopter: Option<Adopter>,
    redactions: Redactions,
}

impl Exports {
    pub(crate) fn new(slot: Option<Slot>, redactions: Redactions, now: Instant) -> Self {
        Self { slot, next: now, next_adoption: None, adopter: None, redactions }
    }

    /// When the next look is due, if anything is sent.
    pub(crate) fn next(&self, telemetry: &Telemetry) -> Option<Instant> {
        telemetry.otlp().is_on().then_some(self.next)
    }

    pub(crate) fn when_due(&mut self, telemetry: &Telemetry) {
        let now = Instant::now();
        if now < self.next || !telemetry.otlp().is_on() {
            return;
        }
        self.tell(telemetry);
        self.adopt_when_due(telemetry, now);
        let is_first = self.next_adoption.is_none();
        self.next = now + if is_first { FIRST_LOOK_INTERVAL } else { LOOK_INTERVAL };
    }

    /// What is left to do before the end. A short program that has had no time yet still begins to send what
    /// others have left.
    pub(crate) fn last(&mut self, telemetry: &Telemetry) {
        if telemetry.otlp().is_on() && self.next_adoption.is_none() {
            self.adopt_when_due(telemetry, Instant::now());
        }
        self.tell(telemetry);
    }

    /// The end, for which nobody waits longer than until then.
    pub(crate) fn end(self, telemetry: &Telemetry, until: Instant) {
        if let Some(adopter) = self.adopter {
            adopter.end(telemetry, until);
        }
    }

    /// What is in rings comes first: it is recovered into the same spools.
    fn adopt_when_due(&mut self, telemetry: &Telemetry, now: Instant) {
        let is_due = self.next_adoption.is_none_or(|due| now >= due);
        if !is_due || !telemetry.files().is_recovered() {
            return;
        }
        // The drain has recovered all slots just now.
        let recovers = self.next_adoption.is_some();
        self.next_adoption = Some(now + spread(ADOPTION_INTERVAL));
        let (Some(root), Some(slot)) = (telemetry.directory(), &self.slot) else {
            return telemetry.otlp().set_adopted();
        };
        if self.adopter.is_none() {
            self.adopter = Adopter::start(telemetry, root, slot, &self.redactions);
        }
        match &self.adopter {
            Some(adopter) => adopter.look(telemetry, recovers),
            None => telemetry.otlp().set_adopted(),
        }
    }

    /// What is to be told, told now.
    fn tell(&self, telemetry: &Telemetry) {
        let otlp = telemetry.otlp();
        otlp.tell_gaps(&mut |gap| tell_of_gap(telemetry, gap));
        otlp.tell(telemetry.problems());
    }
}

/// Somewhere between three quarters and five quarters of a time.
fn spread(time: Duration) -> Duration {
    // Another number with each state: no more is asked of it.
    let random = RandomState::new().hash_one(0_u8) % 1_000;
    time * 3 / 4 + time * u32::try_from(random).unwrap_or(0) / 2_000
}

/// A loss stands in the log, and reaches the receiver as well. Whether it is recorded.
fn tell_of_gap(telemetry: &Telemetry, gap: &Gap) -> bool {
    gap.describe(|text, meta| unfiltered_event(telemetry, (Level::Warning, Gap::EVENT), text, meta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_a_directory_look_at_different_times() {
        let times: Vec<Duration> = (0..100).map(|_| spread(ADOPTION_INTERVAL)).collect();
        let (least, most) = (Duration::from_secs(45), Duration::from_secs(75));
        assert!(times.iter().all(|time| (least..=most).contains(time)), "{times:?}");
        assert!(times.iter().any(|time| *time != times[0]), "{times:?}");
    }
}
