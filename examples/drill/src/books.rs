//! The books a program leaves that ends in order: what dies with the process otherwise, such as
//! the count of calls after the shutdown.

use std::fs;
use std::io;
use std::path::Path;

use radiosonde_record::{Account, Kind, with_current};
use serde::{Deserialize, Serialize};

/// The books of one signal: `offered = delivered + rejected + dropped + pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Calls that asked for a record.
    pub offered: u64,
    /// Records in their day file.
    pub delivered: u64,
    /// Records that could not be encoded.
    pub rejected: u64,
    /// Calls that left no record.
    pub dropped: u64,
    /// Records for the next start.
    pub pending: u64,
}

impl From<&Account> for Signal {
    fn from(account: &Account) -> Self {
        Self {
            offered: account.offered,
            delivered: account.delivered,
            rejected: account.rejected,
            dropped: account.dropped_total(),
            pending: account.pending,
        }
    }
}

/// The books of events, spans and metrics of this process, as they are now.
#[must_use]
pub fn current() -> Option<[Signal; 3]> {
    with_current(|journal| Kind::ALL.map(|kind| Signal::from(&journal.account(kind))))
}

/// Writes the books of this process.
///
/// # Errors
/// As from the system.
pub fn write(file: &Path) -> io::Result<()> {
    fs::write(file, serde_json::to_vec(&current())?)
}

/// Reads the books a process has left; `None` when it has not.
///
/// # Errors
/// As from the system, or `InvalidData`.
pub fn read(file: &Path) -> io::Result<Option<[Signal; 3]>> {
    match fs::read(file) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
