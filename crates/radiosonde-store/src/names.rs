//! Names of day files: `<signal>-<YYYY-MM-DD>[.<slot>[.<part>]].jsonl`.

use std::fmt;

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
