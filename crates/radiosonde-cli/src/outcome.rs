//! How a command ends: its status, and what it says on stderr.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;

use radiosonde_events::clean_for_terminal as clean;
use radiosonde_store::query::{Damaged, Reading};

/// Something was found.
pub(crate) const FOUND: u8 = 0;
/// Nothing was.
pub(crate) const NOTHING: u8 = 1;
/// The command line is wrong, or names a directory that is not there.
pub(crate) const USAGE: u8 = 2;
/// Something could not be read, or not written.
pub(crate) const PARTIAL: u8 = 3;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing was found, with a word on what to do.
    Nothing(String),
    /// Output cannot be written.
    Output(io::Error),
    /// The user asked for something that cannot be.
    Usage(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The status of a finished command; tells on stderr what went wrong.
pub(crate) fn status(result: Result<u8, Stop>) -> u8 {
    match result {
        Ok(status) => status,
        Err(Stop::Nothing(message)) => {
            eprintln!("radiosonde: {message}");
            NOTHING
        }
        // `radiosonde logs | head`: the reader has what it wanted.
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => FOUND,
        Err(Stop::Output(error)) => {
            eprintln!("radiosonde: cannot write the output: {error}");
            PARTIAL
        }
        Err(Stop::Usage(message)) => {
            eprintln!("radiosonde: {message}");
            USAGE
        }
    }
}

/// Names on stderr what could not be read, once for each file, and says how the command ends.
pub(crate) fn conclude(reading: &Reading, found: bool) -> u8 {
    for gone in &reading.unreadable {
        let path = show(&gone.path);
        match gone.offset {
            0 => eprintln!("radiosonde: {path}: not read: {}", gone.error),
            at => eprintln!("radiosonde: {path}: read up to byte {at}: {}", gone.error),
        }
    }
    let mut files: BTreeMap<&Path, (u64, &str, u64)> = BTreeMap::new();
    for skip in &reading.skips {
        files.entry(&skip.file).or_insert((skip.offset, &skip.reason, 0)).2 += 1;
    }
    let mut named = 0;
    for (file, (offset, reason, count)) in files {
        named += count;
        let more = match count - 1 {
            0 => String::new(),
            more => format!(", and {more} more in this file"),
        };
        eprintln!("radiosonde: {}: byte {offset}: skipped: {}{more}", show(file), clean(reason));
    }
    if reading.skipped > named {
        eprintln!("radiosonde: {} stretches skipped in all", reading.skipped);
    }
    damaged(reading);
    if reading.is_partial() {
        PARTIAL
    } else if found {
        FOUND
    } else {
        eprintln!(
            "radiosonde: nothing found in {} file{}",
            reading.files_read,
            if reading.files_read == 1 { "" } else { "s" }
        );
        NOTHING
    }
}

/// Names on stderr what is wrong with sealed files.
fn damaged(reading: &Reading) {
    for Damaged { file, damage, .. } in &reading.damaged {
        let frame = match damage.frame {
            Some(number) => {
                let Range { start, end } = damage.bytes;
                format!("frame {number}, bytes {start} to {end}, ")
            }
            None => String::new(),
        };
        eprintln!("radiosonde: {}: {frame}{}", show(file), clean(&damage.reason));
    }
    let more = reading.damages - reading.damaged.len() as u64;
    if more > 0 {
        eprintln!("radiosonde: {more} more damaged parts of sealed files");
    }
}

/// A path that is safe to print.
pub(crate) fn show(path: &Path) -> String {
    clean(&path.to_string_lossy()).into_owned()
}
