//! Keeps house among the day files, on the thread `radiosonde-io`: seals closed ones, removes old
//! ones, and counts what it did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use radiosonde_events::Removed;
use radiosonde_events::upkeep::{Failed, RemovedFile, Retention, Rule, Step, Task, Upkeep, Upkept};
use radiosonde_events::{Filing, Live};
use radiosonde_record::Slot;
use serde::Serialize;

use crate::problem::{Problem, Problems};
use crate::settings::{FileSettings, KeptFiles, Limits};

/// Between two looks at the directory.
const INTERVAL: Duration = Duration::from_secs(10);
/// A clock that runs ahead of time by more than this was set.
const CLOCK_JUMP: Duration = Duration::from_secs(60 * 60);

/// What became of day files in this process: how many were sealed, and removed by which rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FilesReport {
    /// By which rules they are kept; `None` when there is no directory.
    pub kept: Option<KeptFiles>,
    /// Files that were sealed.
    pub sealed: u64,
    /// Their bytes before.
    pub sealed_raw_bytes: u64,
    /// Their bytes now.
    pub sealed_bytes: u64,
    /// By rule (`age`, `files`, `bytes`): files that were removed, lines and bytes in them.
    pub removed: Vec<(String, RemovedFiles)>,
}

/// Files that were removed by a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemovedFiles {
    /// Files.
    pub files: u64,
    /// Lines in them.
    pub lines: u64,
    /// Their bytes on disk.
    pub bytes: u64,
}

/// What this process writes to and what it did, shared between its threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    live: Live,
    tally: Arc<Tally>,
    /// What earlier processes left is in its files: they may be closed.
    is_recovered: Arc<AtomicBool>,
    /// There is no stage: a kill can tear lines.
    is_unstaged: Arc<AtomicBool>,
    kept: Arc<OnceLock<KeptFiles>>,
    /// The slot we write to, when it is another one than at the start.
    moved_to: Arc<Mutex<Option<Slot>>>,
}

#[derive(Debug, Default)]
struct Tally {
    sealed: AtomicU64,
    raw_bytes: AtomicU64,
    bytes: AtomicU64,
    removed: Mutex<BTreeMap<Rule, Removed>>,
}

impl Files {
    pub(crate) fn filing(&self, root: &Path, limits: &Limits) -> Filing {
        let _set_once = self.kept.set(limits.kept.clone());
        Filing::new(root, &self.live).part_bytes(limits.rotate.unwrap_or(u64::MAX))
    }

    pub(crate) fn set_unstaged(&self) {
        self.is_unstaged.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_unstaged(&self) -> bool {
        self.is_unstaged.load(Ordering::Relaxed)
    }

    /// Our slot was taken from us, and this is the one we have now.
    pub(crate) fn move_to(&self, slot: Slot) {
        *self.moved_to.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot);
    }

    /// Wakes whoever keeps house when a file was closed.
    pub(crate) fn on_turn(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.live.on_turn(wake);
    }

    pub(crate) fn set_recovered(&self) {
        self.is_recovered.store(true, Ordering::Release);
    }

    pub(crate) fn is_recovered(&self) -> bool {
        self.is_recovered.load(Ordering::Acquire)
    }

    pub(crate) fn report(&self) -> FilesReport {
        // Each on its own, for people: nothing is published through them.
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let removed = self.tally.removed.lock().unwrap_or_else(PoisonError::into_inner);
        let of_rule = |(rule, removed): (&Rule, &Removed)| {
            let Removed { files, lines, bytes } = *removed;
            (rule.as_str().to_owned(), RemovedFiles { files, lines, bytes })
        };
        FilesReport {
            kept: self.kept.get().cloned(),
            sealed: read(&self.tally.sealed),
            sealed_raw_bytes: read(&self.tally.raw_bytes),
            sealed_bytes: read(&self.tally.bytes),
            removed: removed.iter().map(of_rule).collect(),
        }
    }

    fn count(&self, upkept: &Upkept) {
        for sealed in &upkept.sealed {
            self.tally.sealed.fetch_add(1, Ordering::Relaxed);
            self.tally.raw_bytes.fetch_add(sealed.raw_bytes, Ordering::Relaxed);
            self.tally.bytes.fetch_add(sealed.sealed_bytes, Ordering::Relaxed);
        }
        let mut tally = self.tally.removed.lock().unwrap_or_else(PoisonError::into_inner);
        for file in &upkept.removed {
            *tally.entry(file.rule).or_default() += file.removed;
        }
    }
}

/// The upkeep of this process.
#[derive(Debug)]
pub(crate) struct House {
    root: PathBuf,
    upkeep: Upkeep,
    retention: Retention,
    files: Files,
    next: Instant,
    /// How often a part had been closed at the last run.
    turns: u64,
    clock: Clock,
    /// What could not be done the last time.
    told: Vec<Problem>,
}

impl House {
    pub(crate) fn new(
        root: &Path,
        slot: Slot,
        files: &Files,
        settings: &FileSettings,
        limits: &Limits,
    ) -> Self {
        let mut retention = Retention::default();
        let limit = |number: u32| (number > 0).then_some(number);
        retention.days = limit(settings.retention_days);
        retention.files = limit(settings.retention_files);
        retention.bytes = limits.retention;
        let upkeep =
            Upkeep::new(root, Some(slot), &files.live, retention).seal_after(settings.seal_after);
        Self {
            root: root.to_owned(),
            upkeep,
            retention,
            files: files.clone(),
            next: Instant::now(),
            turns: 0,
            clock: Clock::new(Instant::now(), SystemTime::now()),
            told: Vec::new(),
        }
    }

    /// When the next run is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// One run, when it is due, or a file was closed since the last one. What was removed, for the
    /// log.
    pub(crate) fn keep(
        &mut self,
        problems: &Problems,
        go_on: &mut dyn FnMut(Step) -> bool,
    ) -> Vec<RemovedFile> {
        let now = Instant::now();
        let turns = self.files.live.turns();
        if now < self.next && turns == self.turns {
            return Vec::new();
        }
        if !self.files.is_recovered() {
            // Soon: who runs for a second only keeps house as well.
            self.next = now + Duration::from_millis(50);
            return Vec::new();
        }
        self.turns = turns;
        if let Some(slot) = self.files.moved_to.lock().ok().and_then(|mut moved| moved.take()) {
            self.upkeep.move_to(slot);
        }
        let today = SystemTime::now();
        let mut retention = self.retention;
        if !self.clock.is_settled(now, today) {
            // Fourteen days may have passed in a second, and be taken back in the next.
            retention.days = None;
        }
        self.upkeep.set_retention(retention);
        let upkept = self.upkeep.run(today, go_on);
        self.files.count(&upkept);
        self.tell(problems, &upkept);
        self.next = Instant::now() + INTERVAL;
        upkept.removed
    }

    /// What fails is a problem as long as it does.
    fn tell(&mut self, problems: &Problems, upkept: &Upkept) {
        let mut failed: Vec<Problem> =
            upkept.failed.iter().map(|failed| self.problem(failed)).collect();
        failed.dedup();
        for problem in self.told.iter().filter(|told| !failed.contains(told)) {
            problems.retract(problem);
        }
        for problem in failed.iter().filter(|problem| !self.told.contains(problem)) {
            problems.add(problem.clone());
        }
        self.told = failed;
    }

    fn problem(&self, failed: &Failed) -> Problem {
        let path = failed.path.strip_prefix(&self.root).unwrap_or(&failed.path);
        let path = match path.display().to_string() {
            root if root.is_empty() => "the telemetry directory".to_owned(),
            path => path,
        };
        let (what, fix) = match failed.task {
            Task::Look => ("could not be looked at", "make it readable for this process"),
            Task::Seal => (
                "could not be sealed",
                "make room, or the directory writable; it is tried again, less often each time",
            ),
            Task::Remove => (
                "could not be removed",
                "make the directory writable for this process; it is tried again every ten seconds",
            ),
            Task::Enter => (
                "cannot be written, and without it nothing of its slot is removed",
                "make it a writable file, or remove it; it is tried again every ten seconds",
            ),
            _ => ("gave trouble", "look at the directory; it is tried again every ten seconds"),
        };
        Problem::new(format!("{path} {what}: {}", failed.reason), fix)
    }
}

/// Whether the clock of the system can be believed: after a jump forward not for an hour.
#[derive(Debug)]
struct Clock {
    last: (Instant, SystemTime),
    jumped: Option<Instant>,
}

impl Clock {
    fn new(now: Instant, system: SystemTime) -> Self {
        Self { last: (now, system), jumped: None }
    }

    fn is_settled(&mut self, now: Instant, system: SystemTime) -> bool {
        let (before, system_before) = std::mem::replace(&mut self.last, (now, system));
        let passed = now.saturating_duration_since(before);
        let ahead = system.duration_since(system_before).unwrap_or_default();
        if ahead.saturating_sub(passed) > CLOCK_JUMP {
            self.jumped = Some(now);
        }
        self.jumped = self.jumped.filter(|at| now.saturating_duration_since(*at) < CLOCK_JUMP);
        self.jumped.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_ahead_ages_no_file_for_an_hour() {
        let (begin, date) = (Instant::now(), SystemTime::UNIX_EPOCH + 400 * CLOCK_JUMP);
        let second = Duration::from_secs(1);
        let mut clock = Clock::new(begin, date);
        assert!(clock.is_settled(begin + second, date + second));
        assert!(clock.is_settled(begin + 2 * second, date - 30 * CLOCK_JUMP));
        assert!(
            !clock.is_settled(begin + 3 * second, date + second),
            "it came back: a jump as well"
        );
        assert!(!clock.is_settled(begin + CLOCK_JUMP, date + CLOCK_JUMP));
        assert!(clock.is_settled(begin + CLOCK_JUMP + 3 * second, date + CLOCK_JUMP + 3 * second));
        // A machine that slept without its monotonic clock.
        let (later, day) = (begin + CLOCK_JUMP + 4 * second, date + 400 * CLOCK_JUMP);
        assert!(!clock.is_settled(later, day));
        assert!(clock.is_settled(later + CLOCK_JUMP, day + CLOCK_JUMP));
    }
}
