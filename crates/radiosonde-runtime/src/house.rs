//! Keeps house among the day files, on the thread `radiosonde-io`: seals closed ones, removes old
//! ones, and counts what it did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use radiosonde_events::Removed;
use radiosonde_events::upkeep::{Retention, Rule, Step, Upkeep, Upkept};
use radiosonde_events::{Filing, Live};
use radiosonde_record::Slot;
use serde::Serialize;

use crate::problem::{Problem, Problems};
use crate::settings::FileSettings;

/// Between two looks at the directory.
const INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of all day files, when nobody says otherwise and the disk is large.
const BYTES_MAX: u64 = 2 << 30;
/// The share of a smaller disk.
const DISK_SHARE: u64 = 20;

/// What became of day files in this process: how many were sealed, and removed by which rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FilesReport {
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
}

#[derive(Debug, Default)]
struct Tally {
    sealed: AtomicU64,
    raw_bytes: AtomicU64,
    bytes: AtomicU64,
    removed: Mutex<BTreeMap<Rule, Removed>>,
}

impl Files {
    pub(crate) fn filing(&self, root: &Path, settings: &FileSettings) -> Filing {
        let part_bytes = if settings.rotate_bytes == 0 { u64::MAX } else { settings.rotate_bytes };
        Filing::new(root, &self.live).part_bytes(part_bytes)
    }

    pub(crate) fn set_recovered(&self) {
        self.is_recovered.store(true, Ordering::Release);
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
        for (_, rule, removed) in &upkept.removed {
            *tally.entry(*rule).or_default() += *removed;
        }
    }
}

/// The upkeep of this process.
#[derive(Debug)]
pub(crate) struct House {
    root: PathBuf,
    upkeep: Upkeep,
    files: Files,
    next: Instant,
    /// What could not be done the last time.
    told: Vec<Problem>,
}

impl House {
    pub(crate) fn new(root: &Path, slot: Slot, files: &Files, settings: &FileSettings) -> Self {
        let mut retention = Retention::default();
        let limit = |number: u32| (number > 0).then_some(number);
        retention.days = limit(settings.retention_days);
        retention.files = limit(settings.retention_files);
        let bytes = settings.retention_bytes.unwrap_or_else(|| bytes_of_disk(root));
        retention.bytes = (bytes > 0).then_some(bytes);
        let upkeep =
            Upkeep::new(root, Some(slot), &files.live, retention).seal_after(settings.seal_after);
        let (root, files, told) = (root.to_owned(), files.clone(), Vec::new());
        Self { root, upkeep, files, next: Instant::now(), told }
    }

    /// When the next run is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// One run, when it is due. What was removed, for the log.
    pub(crate) fn keep(
        &mut self,
        problems: &Problems,
        go_on: &mut dyn FnMut(Step) -> bool,
    ) -> Vec<(String, Rule, Removed)> {
        let now = Instant::now();
        if now < self.next {
            return Vec::new();
        }
        if !self.files.is_recovered.load(Ordering::Acquire) {
            // Soon: who runs for a second only keeps house as well.
            self.next = now + Duration::from_millis(50);
            return Vec::new();
        }
        let upkept = self.upkeep.run(SystemTime::now(), go_on);
        self.files.count(&upkept);
        self.tell(problems, &upkept);
        self.next = Instant::now() + INTERVAL;
        upkept.removed
    }

    /// What fails is a problem as long as it does.
    fn tell(&mut self, problems: &Problems, upkept: &Upkept) {
        let failed = upkept.failed.iter().map(|(path, error)| {
            let name = path.strip_prefix(&self.root).unwrap_or(path);
            Problem::new(
                format!("{} could not be sealed or removed: {error}", name.display()),
                "make room, or make the directory writable; it is tried again every ten seconds",
            )
        });
        let failed: Vec<Problem> = failed.collect();
        for problem in self.told.iter().filter(|told| !failed.contains(told)) {
            problems.retract(problem);
        }
        for problem in failed.iter().filter(|problem| !self.told.contains(problem)) {
            problems.add(problem.clone());
        }
        self.told = failed;
    }
}

/// What day files may take: little enough that telemetry never is what fills a disk.
fn bytes_of_disk(root: &Path) -> u64 {
    let Ok(disk) = rustix::fs::statvfs(root) else { return BYTES_MAX };
    let bytes = disk.f_blocks.saturating_mul(disk.f_frsize);
    BYTES_MAX.min(bytes / DISK_SHARE).max(1)
}
