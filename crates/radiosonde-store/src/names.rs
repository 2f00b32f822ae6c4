//! Names of day files: `<signal>-<YYYY-MM-DD>[.<slot>[.<part>]].jsonl`, and `.jsonl.zst` once they
//! are sealed. Whoever compresses one by `gzip` (`.jsonl.gz`) finds its lines as before.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;

use jiff::civil::Date;

/// The signals that have day files of their own.
///
/// Logs and business events share [`Signal::Events`]; a line's `evt` tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `events-*`: log lines, business events, panics and our own notices.
    Events,
    /// `metrics-*`: snapshots of series and what single jobs did to them.
    Metrics,
    /// `spans-*`: one line for every span that ended.
    Spans,
}

impl Signal {
    /// Every signal, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Events, Self::Metrics, Self::Spans];

    /// The first word of the file name: `events`, `metrics` or `spans`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Metrics => "metrics",
            Self::Spans => "spans",
        }
    }
}

impl Signal {
    /// The signal of lines of an event.
    pub(crate) fn of_evt(evt: &[u8]) -> Self {
        match evt {
            b"span" => Self::Spans,
            b"metric" => Self::Metrics,
            _ => Self::Events,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The parts of a day file's name.
///
/// The date is the day on which the line was drained, not the day of its `ts`: a line written just
/// before midnight, or recovered a week later, stands in a later file. Readers therefore never
/// leave a file out because of its name.
///
/// ```
/// use radiosonde_store::names::{DayFile, Signal};
///
/// let file = DayFile::new(Signal::Events, jiff::civil::date(2025, 10, 6), 2, 0);
/// assert_eq!(file.file_name(), "events-2025-10-06.2.jsonl");
/// assert_eq!(DayFile::parse("events-2025-10-06.2.jsonl"), Some(file));
/// assert_eq!(DayFile::parse("events-2025-10-06.jsonl.bak"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayFile {
    /// What the lines are about.
    pub signal: Signal,
    /// UTC day on which the lines were drained.
    pub date: Date,
    /// Slot of the writing process in this directory; 0 is left out of the name.
    pub slot: u32,
    /// Further file of the same day and slot, after a size rotation; 0 is left out of the name.
    pub part: u32,
}

impl DayFile {
    /// The file of one signal, day, slot and part.
    #[must_use]
    pub const fn new(signal: Signal, date: Date, slot: u32, part: u32) -> Self {
        Self { signal, date, slot, part }
    }

    /// The name of the file, without a directory.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.to_string()
    }

    /// Reads a file name. `None` for every name [`DayFile::file_name`] would not have written, so
    /// that two names never mean the same file and foreign files are left alone.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".jsonl")?;
        let (signal, rest) = Signal::ALL.into_iter().find_map(|signal| {
            Some((signal, stem.strip_prefix(signal.as_str())?.strip_prefix('-')?))
        })?;
        let mut pieces = rest.split('.');
        let date = pieces.next()?.parse().ok()?;
        let mut number = || pieces.next().map_or(Some(0), |piece| piece.parse().ok());
        let (slot, part) = (number()?, number()?);
        let file = Self { signal, date, slot, part };
        // The round trip refuses what the number and date parsers let through: `+1`, `007`,
        // `20251006`, a spelled-out zero, a third number.
        (file.file_name() == name).then_some(file)
    }
}

impl fmt::Display for DayFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.signal, self.date)?;
        if self.slot != 0 || self.part != 0 {
            write!(f, ".{}", self.slot)?;
        }
        if self.part != 0 {
            write!(f, ".{}", self.part)?;
        }
        f.write_str(".jsonl")
    }
}

/// The forms a day file is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// Lines as they were written: `.jsonl`.
    Plain,
    /// Compressed and with an index, see the module `sealed`: `.jsonl.zst`.
    Sealed,
    /// Compressed by `gzip`, which nobody here does: `.jsonl.gz`. It is read; sealing and removing
    /// leave it alone.
    Gzip,
}

/// A day file as it is stored.
///
/// ```
/// use radiosonde_store::names::{DayFile, Form, Signal, StoredFile};
///
/// let day = DayFile::new(Signal::Events, jiff::civil::date(2025, 10, 6), 2, 0);
/// let sealed = StoredFile::new(day, Form::Sealed);
/// assert_eq!(sealed.file_name(), "events-2025-10-06.2.jsonl.zst");
/// assert_eq!(StoredFile::parse("events-2025-10-06.2.jsonl.zst"), Some(sealed));
/// assert_eq!(StoredFile::parse("events-2025-10-06.2.jsonl").map(|file| file.form), Some(Form::Plain));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct StoredFile {
    /// Which day file it is.
    pub day: DayFile,
    /// How it is stored.
    pub form: Form,
}

impl StoredFile {
    /// A day file in one of its forms.
    #[must_use]
    pub const fn new(day: DayFile, form: Form) -> Self {
        Self { day, form }
    }

    /// The name of the file, without a directory.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.to_string()
    }

    /// Reads a file name. `None` for every name [`StoredFile::file_name`] would not have written.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let end = [Form::Sealed, Form::Gzip].into_iter();
        let mut compressed = end.filter_map(|form| Some((name.strip_suffix(form.end())?, form)));
        let (name, form) = compressed.next().unwrap_or((name, Form::Plain));
        Some(Self { day: DayFile::parse(name)?, form })
    }

    /// The stored day files of a directory, in the order of signal, day, slot, part and form. Other
    /// files and what lies in folders are left out. A file that is sealed and removed meanwhile is
    /// there in one form at least.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(dir: &Path) -> io::Result<Vec<Self>> {
        Self::list_with(|each| {
            for entry in dir.read_dir()? {
                each(&entry?.file_name());
            }
            Ok(())
        })
    }

    /// The same of whatever goes through the names of a directory.
    fn list_with(
        names: impl Fn(&mut dyn FnMut(&OsStr)) -> io::Result<()>,
    ) -> io::Result<Vec<Self>> {
        let mut files = Vec::new();
        // A listing is not of one moment: it may pass the place of the sealed file before that is
        // there, and then that of the day file when it is gone. Who seals does both once. If both
        // came while the first listing went on, the second finds the sealed file; if not, the day
        // file was there all through the first.
        for _ in 0..2 {
            names(&mut |name| files.extend(name.to_str().and_then(Self::parse)))?;
        }
        files.sort_unstable();
        files.dedup();
        Ok(files)
    }
}

impl fmt::Display for StoredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.day.fmt(f)?;
        f.write_str(self.form.end())
    }
}

impl Form {
    /// What the name of such a file has behind that of the day file.
    const fn end(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Sealed => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_in_their_shortest_form() {
        for (slot, part, expect) in [
            (0, 0, "spans-2025-10-06.jsonl"),
            (2, 0, "spans-2025-10-06.2.jsonl"),
            (0, 1, "spans-2025-10-06.0.1.jsonl"),
            (3, 12, "spans-2025-10-06.3.12.jsonl"),
        ] {
            let file = DayFile::new(Signal::Spans, date(2025, 10, 6), slot, part);
            assert_eq!(file.file_name(), expect);
            assert_eq!(DayFile::parse(expect), Some(file));
        }
    }

    #[test]
    fn foreign_names_are_left_alone() {
        for name in [
            "",
            "events",
            "events-.jsonl",
            "events-2025-10-06",
            "events-2025-10-06.jsonl.zst",
            "events-2025-10-06.jsonl.bak",
            "events-2025-10-06.0.jsonl",
            "events-2025-10-06.0.0.jsonl",
            "events-2025-10-06.2.0.jsonl",
            "events-2025-10-06.02.jsonl",
            "events-2025-10-06.+2.jsonl",
            "events-2025-10-06.-2.jsonl",
            "events-2025-10-06.1.1.1.jsonl",
            "events-2025-10-06.4294967296.jsonl",
            "events-2025-10-06..jsonl",
            "events-2025-13-06.jsonl",
            "events-20251006.jsonl",
            "events-2025-10-06T00.jsonl",
            "Events-2025-10-06.jsonl",
            "logs-2025-10-06.jsonl",
            " events-2025-10-06.jsonl",
            "events-2025-10-06.jsonl\n",
            "../events-2025-10-06.jsonl",
        ] {
            assert_eq!(DayFile::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn compressed_names_are_those_of_day_files_with_an_end() {
        let day = DayFile::new(Signal::Spans, date(2025, 10, 6), 0, 3);
        for (form, name) in [
            (Form::Plain, "spans-2025-10-06.0.3.jsonl"),
            (Form::Sealed, "spans-2025-10-06.0.3.jsonl.zst"),
            (Form::Gzip, "spans-2025-10-06.0.3.jsonl.gz"),
        ] {
            let file = StoredFile { day, form };
            assert_eq!(file.file_name(), name);
            assert_eq!(StoredFile::parse(name), Some(file));
        }
        for name in [
            "spans-2025-10-06.zst",
            "spans-2025-10-06.jsonl.zst.zst",
            "spans-2025-10-06.jsonl.zst.tmp",
            "spans-2025-10-06.jsonl.gz.zst",
            "spans-2025-10-06.gz",
            "spans-2025-10-06.00.jsonl.zst",
            ".zst",
        ] {
            assert_eq!(StoredFile::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_directory_lists_both_forms_in_order_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let names = [
            "events-2025-10-06.1.jsonl.zst",
            "events-2025-10-06.jsonl",
            "events-2025-10-06.jsonl.zst",
            "events-2025-10-06.jsonl.zst.tmp",
            "metrics-2025-10-05.jsonl",
            "notes",
        ];
        for name in names {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let listed: Vec<_> =
            StoredFile::list(dir.path()).unwrap().iter().map(StoredFile::file_name).collect();
        assert_eq!(listed, [names[1], names[2], names[0], names[4]]);
        assert!(StoredFile::list(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_file_that_is_sealed_while_it_is_listed_is_there_in_one_form() {
        let (sealed, plain) = ("events-2025-10-06.jsonl.zst", "events-2025-10-06.jsonl");
        // A directory of two places that are passed one after the other. The file is sealed before
        // the one step and removed before the other.
        for places in [[sealed, plain], [plain, sealed]] {
            for (renamed, removed) in (0..6).flat_map(|one| (one..6).map(move |two| (one, two))) {
                let passed = std::cell::Cell::new(0);
                let listed = StoredFile::list_with(|each| {
                    for place in places {
                        let is_there = if place == sealed {
                            passed.get() >= renamed
                        } else {
                            passed.get() < removed
                        };
                        if is_there {
                            each(OsStr::new(place));
                        }
                        passed.set(passed.get() + 1);
                    }
                    Ok(())
                });
                let listed = listed.unwrap();
                assert!(!listed.is_empty(), "{places:?}, {renamed}, {removed}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_written_the_same(name in "(events|spans|metrics)-[0-9.+-]{0,14}(\\.[0-9]{1,3}){0,3}\\.jsonl") {
            if let Some(file) = DayFile::parse(&name) {
                prop_assert_eq!(file.file_name(), name);
            }
        }

        #[test]
        fn whatever_is_written_parses(slot: u32, part: u32, day in 0i32..40_000) {
            let date = date(1970, 1, 1).saturating_add(jiff::Span::new().days(day));
            let file = DayFile::new(Signal::Metrics, date, slot, part);
            prop_assert_eq!(DayFile::parse(&file.file_name()), Some(file));
        }
    }
}
