//! Remains that kill whoever recovers them.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::batch::BATCH_BYTES;

/// Processes that may die while encoding the records of one instance before it is set aside.
pub(super) const ATTEMPTS_MAX: u8 = 3;

/// The place of a staged batch, among those where a process may die.
pub(super) const STAGED: u64 = u64::MAX;

/// Guards against a record that kills whoever encodes it (a panic is caught; an abort is not), at
/// every start. A note is on disk while records are encoded, and only then: how many died there,
/// and where the rings stood. A process that is killed otherwise, however often and early, is not
/// charged. After a death the records are encoded one by one, and deaths count at one place only:
/// what stands at the place of three of them is poison.
pub(super) struct Poison<'a> {
    instance: &'a Path,
    found: Deaths,
}

/// The file `attempts`: deaths u8, then the sum of the rings' positions, u64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deaths {
    pub(super) count: u8,
    pub(super) place: u64,
}

impl<'a> Poison<'a> {
    pub(super) fn new(instance: &'a Path) -> io::Result<Self> {
        Ok(Self { instance, found: Deaths::read(instance)? })
    }

    /// Bytes of a batch.
    pub(super) fn batch_bytes(&self, place: u64) -> usize {
        // A batch takes less of the rings than that: past it the place is behind us.
        let past = place >= self.found.place.saturating_add(4 * BATCH_BYTES as u64);
        if self.found.count == 0 || past { BATCH_BYTES } else { 1 }
    }

    pub(super) fn encode<R>(&self, place: u64, encode: impl FnOnce() -> R) -> io::Result<R> {
        let before = if self.found.place == place { self.found.count } else { 0 };
        Deaths { count: before.saturating_add(1), place }.write(self.instance)?;
        let result = encode();
        // Still careful, should this process be killed: the count is that of another place.
        self.found.write(self.instance)?;
        Ok(result)
    }
}

impl Deaths {
    pub(super) fn read(instance: &Path) -> io::Result<Self> {
        let mut bytes = [0; 9];
        let _read = Self::open(instance)?.read_at(&mut bytes, 0)?;
        let [count, place @ ..] = bytes;
        Ok(Self { count, place: u64::from_le_bytes(place) })
    }

    /// Charges whoever dies from here on, at this place, until the result is written again.
    pub(super) fn charge(instance: &Path, place: u64) -> io::Result<Self> {
        let found = Self::read(instance)?;
        let again = found.place == place;
        let before = if again { found.count } else { 0 };
        Self { count: before.saturating_add(1), place }.write(instance)?;
        Ok(if again { Self::default() } else { found })
    }

    pub(super) fn write(self, instance: &Path) -> io::Result<()> {
        let mut bytes = [self.count; 9];
        bytes[1..].copy_from_slice(&self.place.to_le_bytes());
        Self::open(instance)?.write_all_at(&bytes, 0)
    }

    fn open(instance: &Path) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits() as i32).open(instance.join("attempts"))
    }
}

/// Lets remains that were set aside be tried again.
pub(crate) fn forget_attempts(instance: &Path) {
    let _ = fs::remove_file(instance.join("attempts"));
}
