//! The other spools of a telemetry directory, as far as they take room.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};

use crate::files::Files;
use crate::home::lock;

/// Most names that are looked at on each level.
const NAMES_MAX: usize = 1024;
/// Most spools and files that are looked at in all.
const LOOKED_AT_MAX: usize = 16 * 1024;
/// So long a count is believed.
const COUNT_NS: u64 = 10_000_000_000;

/// A telemetry directory, whose `inst/*/spool/*` share one limit.
///
/// Clones share one count of what is there, which walks over all of it at most once in ten seconds. So
/// a process makes one of these and gives a clone to each of its spools: with one of its own for each, n
/// spools would count n times n. What is newer than the count is not in it, but for the spool that asks.
#[derive(Clone, Debug)]
pub struct Root(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    count: Mutex<Option<Count>>,
    /// Held by whoever walks.
    walk: Mutex<()>,
}

#[derive(Debug)]
struct Count {
    at_ns: u64,
    /// Bytes by spool.
    spools: BTreeMap<PathBuf, u64>,
    bytes: u64,
}

impl Root {
    /// The directory that has `inst` in it. Nothing is read yet.
    pub fn new(path: &Path) -> Self {
        let (count, walk) = Default::default();
        Self(Arc::new(Shared { path: path.to_owned(), count, walk }))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Bytes below `inst/*/spool/*`, without the spool at `own`. What cannot be read counts as nothing.
    pub(crate) fn others(&self, files: &dyn Files, own: &Path, now: u64) -> u64 {
        if let Some(bytes) = self.known(own, now, COUNT_NS) {
            return bytes;
        }
        let _walk = match self.0.walk.try_lock() {
            Ok(walk) => walk,
            Err(TryLockError::Poisoned(walk)) => walk.into_inner(),
            // Somebody is at it. What was there before does meanwhile, if anything was.
            Err(TryLockError::WouldBlock) => match self.known(own, now, u64::MAX) {
                Some(bytes) => return bytes,
                None => lock(&self.0.walk),
            },
        };
        if let Some(bytes) = self.known(own, now, COUNT_NS) {
            return bytes;
        }
        let spools = count(files, &self.0.path);
        let bytes = spools.values().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
        let count = Count { at_ns: now, spools, bytes };
        let others = count.others(own);
        *lock(&self.0.count) = Some(count);
        others
    }

    /// What a count says that is no older than that. A clock that was set back makes it old.
    fn known(&self, own: &Path, now: u64, age_ns: u64) -> Option<u64> {
        let known = lock(&self.0.count);
        let known = known.as_ref()?;
        let is_new = now >= known.at_ns && now - known.at_ns < age_ns;
        (is_new || age_ns == u64::MAX).then(|| known.others(own))
    }
}

impl Count {
    fn others(&self, own: &Path) -> u64 {
        self.bytes.saturating_sub(self.spools.get(own).copied().unwrap_or(0))
    }
}

/// Bytes of the spools below a root.
fn count(files: &dyn Files, root: &Path) -> BTreeMap<PathBuf, u64> {
    let list = |path: &Path| files.list(path, NAMES_MAX).unwrap_or_default();
    let (mut found, mut left) = (BTreeMap::new(), LOOKED_AT_MAX);
    let slots = root.join("inst");
    for slot in list(&slots) {
        let spools = slots.join(slot).join("spool");
        for spool in list(&spools) {
            let spool = spools.join(spool);
            let mut bytes = 0_u64;
            for entry in list(&spool) {
                let entry = spool.join(entry);
                // A folder of segments, or a file.
                let names = list(&entry);
                let paths = names.iter().map(|name| entry.join(name));
                for path in paths.chain(std::iter::once(entry.clone())).take(left) {
                    left -= 1;
                    bytes = bytes.saturating_add(files.usage(&path).unwrap_or(0));
                }
            }
            found.insert(spool, bytes);
            left = left.saturating_sub(1);
            if left == 0 {
                return found;
            }
        }
    }
    found
}
