//! Which day files are to be removed: age, number, bytes.

use jiff::civil::Date;
use radiosonde_store::names::DayFile;

/// What is kept. The default keeps 14 days and has no other limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Days after the day in its name for which a file is kept: with 14, that day and the 14 after
    /// it. `None` keeps files however old.
    pub days: Option<u32>,
    /// Files in the directory, of all processes and signals.
    pub files: Option<u32>,
    /// Bytes of all day files in the directory.
    pub bytes: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: Some(14), files: None, bytes: None }
    }
}

/// Why a file is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Older than [`Retention::days`].
    Age,
    /// More files than [`Retention::files`].
    Files,
    /// More bytes than [`Retention::bytes`].
    Bytes,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::Age, Self::Files, Self::Bytes];

    /// Its name in the ledger, in metrics and in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Files => "files",
            Self::Bytes => "bytes",
        }
    }

    /// The rule of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }
}

/// A day file as the plan sees it: both forms of one, while it is being sealed, are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) day: DayFile,
    pub(crate) bytes: u64,
}

/// What is to be removed, oldest first, and why. The same for every process that looks at the same
/// directory: each of them removes what is its own, and what the dead have left.
///
/// Files that are written to are never removed, but they count, in number and bytes.
pub(crate) fn plan(
    entries: &[Entry],
    is_written: &dyn Fn(&DayFile) -> bool,
    retention: &Retention,
    today: Date,
) -> Vec<(DayFile, Rule)> {
    let mut entries = entries.to_vec();
    entries.sort_unstable_by_key(|Entry { day, .. }| (day.date, day.part, day.slot, day.signal));
    let mut files = entries.len() as u64;
    let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let mut removed = Vec::new();
    for entry in entries {
        let rule = if is_too_old(entry.day.date, today, retention.days) {
            Rule::Age
        } else if retention.files.is_some_and(|most| files > u64::from(most)) {
            Rule::Files
        } else if retention.bytes.is_some_and(|most| bytes > most) {
            Rule::Bytes
        } else {
            continue;
        };
        if !is_written(&entry.day) {
            files -= 1;
            bytes -= entry.bytes;
            removed.push((entry.day, rule));
        }
    }
    removed
}

/// A clock that was set back makes no file older, and one of the future is no reason to keep it
/// for ever: its age counts from when the clock gets there.
fn is_too_old(date: Date, today: Date, days: Option<u32>) -> bool {
    let Some(days) = days else { return false };
    let age = date.until(today).map_or(0, |span| i64::from(span.get_days()));
    age > i64::from(days)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;
    use radiosonde_store::names::Signal;

    use super::*;

    const NONE: Retention = Retention { days: None, files: None, bytes: None };

    fn file(day: i8, slot: u32, part: u32, bytes: u64) -> Entry {
        let date = date(2025, 10, day);
        Entry { day: DayFile::new(Signal::Events, date, slot, part), bytes }
    }

    fn removed(entries: &[Entry], retention: Retention) -> Vec<(String, Rule)> {
        let is_written = |day: &DayFile| day.date == date(2025, 10, 20);
        plan(entries, &is_written, &retention, date(2025, 10, 20))
            .into_iter()
            .map(|(day, rule)| (day.file_name(), rule))
            .collect()
    }

    #[test]
    fn a_file_of_the_last_day_that_is_kept_stays() {
        let entries = [file(5, 0, 0, 1), file(6, 0, 0, 1), file(20, 0, 0, 1)];
        let retention = Retention { days: Some(14), ..NONE };
        assert_eq!(
            removed(&entries, retention),
            [("events-2025-10-05.jsonl".to_owned(), Rule::Age)]
        );
        assert_eq!(removed(&entries, NONE), []);
    }

    #[test]
    fn bytes_go_oldest_first_across_slots_and_never_what_is_written() {
        let entries =
            [file(18, 1, 0, 40), file(18, 0, 0, 30), file(19, 0, 0, 20), file(20, 0, 0, 500)];
        let by = |bytes| removed(&entries, Retention { bytes: Some(bytes), ..NONE });
        let names = |found: Vec<(String, Rule)>| {
            found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(by(590)), Vec::<String>::new());
        assert_eq!(names(by(589)), ["events-2025-10-18.jsonl"]);
        assert_eq!(
            names(by(1)),
            ["events-2025-10-18.jsonl", "events-2025-10-18.1.jsonl", "events-2025-10-19.jsonl"]
        );
    }

    #[test]
    fn a_month_is_not_a_day() {
        let old = Entry { day: DayFile::new(Signal::Spans, date(2025, 8, 20), 0, 0), bytes: 1 };
        let retention = Retention { days: Some(14), ..NONE };
        assert_eq!(removed(&[old], retention).len(), 1);
    }

    proptest! {
        /// Whatever is there: afterwards the limits hold, or all that is left is written to.
        #[test]
        fn limits_hold_afterwards(
            sizes in proptest::collection::vec((1i8..=20, 0u32..3, 0u64..100), 0..20),
            files in 0u32..20,
            bytes in 0u64..1000,
        ) {
            let mut entries: Vec<Entry> =
                sizes.iter().map(|(day, slot, size)| file(*day, *slot, 0, *size)).collect();
            entries.sort_unstable_by_key(|entry| entry.day);
            entries.dedup_by_key(|entry| entry.day);
            let retention = Retention { files: Some(files), bytes: Some(bytes), ..NONE };
            let gone = removed(&entries, retention);
            let left: Vec<&Entry> = entries
                .iter()
                .filter(|entry| gone.iter().all(|(name, _)| *name != entry.day.file_name()))
                .collect();
            let sum: u64 = left.iter().map(|entry| entry.bytes).sum();
            let holds = left.len() <= files as usize && sum <= bytes;
            prop_assert!(holds || left.iter().all(|entry| entry.day.date == date(2025, 10, 20)));
        }
    }
}
