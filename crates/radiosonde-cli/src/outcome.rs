//! How a command ends: its status, and what it says on stderr.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use radiosonde_events::{abandoned, clean_for_terminal as clean};
use radiosonde_store::Query;
use radiosonde_store::query::{Damaged, Reading};
use radiosonde_store::sealed::Damage;

use crate::render::text::many;
use crate::render::time::range;
use crate::select::directories;
use crate::{explain, levels, nothing};

/// Something was found.
pub(crate) const FOUND: u8 = 0;
/// Nothing was.
pub(crate) const NOTHING: u8 = 1;
/// The command line is wrong, or names a directory that is not there, or one of something else.
pub(crate) const USAGE: u8 = 2;
/// Something could not be read, or not written.
pub(crate) const PARTIAL: u8 = 3;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing was found, with a word on what to do.
    Nothing(String),
    /// There is no telemetry in any of the usual places.
    Nowhere(String),
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
        Err(Stop::Nowhere(message) | Stop::Usage(message)) => {
            eprintln!("radiosonde: {message}");
            USAGE
        }
    }
}

/// Names on stderr what could not be read, once for each file, and says how the command ends.
pub(crate) fn conclude(query: &Query, reading: &Reading, found: bool) -> u8 {
    conclude_with(query, reading, found, None)
}

/// The same, where there is something to say `instead` of that nothing was found.
pub(crate) fn conclude_with(
    query: &Query,
    reading: &Reading,
    found: bool,
    instead: Option<&str>,
) -> u8 {
    tell(reading);
    let status = match (reading.is_partial(), found, instead) {
        (false, false, None) => nothing::tell(query, reading),
        (is_partial, found, instead) => {
            if let Some(instead) = instead.filter(|_| !found) {
                eprintln!("radiosonde: {instead}");
            }
            levels::tell_left_out(query);
            match (is_partial, found) {
                (true, _) => PARTIAL,
                (false, true) => FOUND,
                (false, false) => NOTHING,
            }
        }
    };
    remains(&query.dirs);
    explain::tell(query, reading);
    status
}

/// Names on stderr what could not be read, once for each file.
pub(crate) fn tell(reading: &Reading) {
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
}

/// Says once when dead processes have left records, or spans that were open, that are in no file yet.
pub(crate) fn remains(dirs: &[PathBuf]) {
    let count: u64 = dirs.iter().map(|dir| abandoned(dir)).sum();
    if count > 0 {
        let noun = if count == 1 { "process" } else { "processes" };
        let command = again("recover", dirs);
        eprintln!(
            "radiosonde: {count} killed {noun} left records or open spans that are not in files yet: \
             `{command}`"
        );
    }
}

/// `radiosonde removed --dir data`: a command for the same directories. Those that were found
/// without being named are found again.
pub(crate) fn again(command: &str, dirs: &[PathBuf]) -> String {
    let mut line = format!("radiosonde {command}");
    let is_found = || directories(&[]).is_ok_and(|found| found == dirs);
    if !is_found() {
        for dir in dirs {
            line.push_str(&format!(" --dir {}", quoted(&show(dir))));
        }
    }
    line
}

/// A word of a command line, in quotes where a shell would take it apart.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '@');
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The first few of some directories.
pub(crate) fn some(dirs: &[PathBuf]) -> String {
    let mut few: Vec<String> = dirs.iter().take(DIRS_MAX).map(|dir| show(dir)).collect();
    if dirs.len() > few.len() {
        few.push(format!("{} more", dirs.len() - few.len()));
    }
    few.join(", ")
}

/// Names on stderr what is wrong with sealed files.
fn damaged(reading: &Reading) {
    for Damaged { file, damage, .. } in &reading.damaged {
        let (frame, lost) = match damage.frame {
            Some(number) => {
                let Range { start, end } = damage.bytes;
                (format!("frame {number}, bytes {start} to {end}, "), lost(damage))
            }
            None => (String::new(), String::new()),
        };
        eprintln!("radiosonde: {}: {frame}{}{lost}", show(file), clean(&damage.reason));
    }
    let more = reading.damages - reading.damaged.len() as u64;
    if more > 0 {
        eprintln!("radiosonde: {} of sealed files", many(more, "more damaged part"));
    }
}

/// `; its 12 lines, 2025-10-06 11:50:00.000 UTC, are lost …`
fn lost(damage: &Damage) -> String {
    let time = damage.time.map(|(earliest, latest)| format!(", {},", range(earliest, latest)));
    let time = time.unwrap_or_default();
    let (lines, are) = match damage.lines {
        Some(1) => ("line".to_owned(), "is"),
        Some(count) => (format!("{count} lines"), "are"),
        None => ("lines".to_owned(), "are"),
    };
    format!(
        "; its {lines}{time} {are} lost, unless there is a copy of the file; the others were read"
    )
}

/// A path that is safe to print.
pub(crate) fn show(path: &Path) -> String {
    clean(&path.to_string_lossy()).into_owned()
}

/// Directories named in one sentence.
const DIRS_MAX: usize = 3;
