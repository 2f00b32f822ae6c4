//! What the thread `radiosonde-io` does for what is sent over OTLP: it tells of losses and of receivers
//! that do not answer, and takes over what processes that have ended left.

use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use radiosonde_context::Context;
use radiosonde_events::Redactions;
use radiosonde_record::{Level, Slot, Value, suppress_thread, survive_size_limit};

use crate::io_thread::own_event;
use crate::otlp::Gap;
use crate::recovery;
use crate::telemetry::Telemetry;
use crate::words::counted;

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
    /// A thread looks at what others have left.
    is_adopting: Arc<AtomicBool>,
    redactions: Redactions,
}

impl Exports {
    pub(crate) fn new(slot: Option<Slot>, redactions: Redactions, now: Instant) -> Self {
        let is_adopting = Arc::default();
        Self { slot, next: now, next_adoption: None, is_adopting, redactions }
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

    /// What is left to do before the end.
    pub(crate) fn last(&mut self, telemetry: &Telemetry) {
        if telemetry.otlp().is_on() && self.next_adoption.is_none() {
            self.adopt_when_due(telemetry, Instant::now());
        }
        self.tell(telemetry);
    }

    /// What is in rings comes first: it is recovered into the same spools.
    fn adopt_when_due(&mut self, telemetry: &Telemetry, now: Instant) {
        let is_due = self.next_adoption.is_none_or(|due| now >= due);
        if !is_due || !telemetry.files().is_recovered() {
            return;
        }
        let is_first = self.next_adoption.is_none();
        self.next_adoption = Some(now + spread(ADOPTION_INTERVAL));
        if is_first {
            // The drain has recovered all slots just now.
            if let Some(root) = telemetry.directory() {
                telemetry.otlp().adopt(root, self.slot.as_ref(), telemetry.problems());
            }
            telemetry.otlp().set_adopted();
        } else if let Some(slot) = &self.slot {
            self.adopt_aside(telemetry, slot);
        }
    }

    /// Recovers and adopts on a thread of its own, as this one has other things to do. Killed with the
    /// process at any moment, it is done again by the next one.
    fn adopt_aside(&self, telemetry: &Telemetry, slot: &Slot) {
        let Some(root) = telemetry.directory().map(Path::to_owned) else { return };
        if self.is_adopting.swap(true, Ordering::AcqRel) {
            return;
        }
        let (telemetry, slot) = (telemetry.clone(), slot.clone());
        let (redactions, is_adopting) = (self.redactions.clone(), Arc::clone(&self.is_adopting));
        let run = move || {
            suppress_thread();
            let (problems, otlp) = (telemetry.problems(), telemetry.otlp());
            let adopt = || {
                let found = recovery::run_later(&root, slot.number(), &redactions, problems, otlp);
                telemetry.recovered().add(&found);
                otlp.adopt(&root, Some(&slot), problems);
            };
            let ended = catch_unwind(AssertUnwindSafe(|| survive_size_limit(adopt)));
            if ended.is_err() {
                problems.say(
                    "a panic while looking at what other processes have left",
                    "report it with the version of radiosonde; `radiosonde spool drain` does the same",
                );
            }
            is_adopting.store(false, Ordering::Release);
        };
        let name = "radiosonde-adopt".to_owned();
        if thread::Builder::new().name(name).spawn(run).is_err() {
            self.is_adopting.store(false, Ordering::Release);
        }
    }

    /// What is to be told, told now.
    fn tell(&self, telemetry: &Telemetry) {
        let otlp = telemetry.otlp();
        for gap in otlp.take_gaps() {
            tell_of_gap(telemetry, &gap);
        }
        otlp.gaps_told();
        otlp.tell(telemetry.problems());
        otlp.tend_dead(telemetry.problems());
    }
}

/// Somewhere between three quarters and five quarters of a time.
fn spread(time: Duration) -> Duration {
    // Another number with each state: no more is asked of it.
    let random = RandomState::new().hash_one(0_u8) % 1_000;
    time * 3 / 4 + time * u32::try_from(random).unwrap_or(0) / 2_000
}

/// A loss stands in the log, and reaches the receiver as well.
fn tell_of_gap(telemetry: &Telemetry, gap: &Gap) {
    let time = |ns: u64| {
        let at = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
        format!("{at:.3}")
    };
    let (from, to) = (time(gap.from_ns), time(gap.to_ns));
    let mut meta = vec![
        ("stream", Value::Str(gap.stream)),
        ("reason", Value::Str(gap.reason)),
        ("records", Value::U64(gap.records)),
        ("bytes", Value::U64(gap.bytes)),
        ("from", Value::Str(&from)),
        ("to", Value::Str(&to)),
    ];
    if let Some(instance) = &gap.instance {
        meta.push(("instance", Value::Str(instance)));
    }
    let text = format!(
        "{} of the stream {} will not be sent: {}",
        counted(gap.records, "record"),
        gap.stream,
        gap.reason
    );
    let none = Context::default();
    own_event(telemetry, &none, Level::Warning, "radiosonde.gap", &text, &meta);
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
