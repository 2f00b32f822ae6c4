//! When processes began, as their metrics tell: what a counter stands at in its first snapshot rose
//! since then.

use std::collections::{BTreeSet, HashMap};

use radiosonde_store::Line;
use radiosonde_store::query::Condition;

use crate::render::metric::{Kind, Metric};

/// Starts and snapshots of processes, by their names. Times are in microseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    of: HashMap<Box<str>, Process>,
    /// Snapshots of all of them.
    snapshots: usize,
}

#[derive(Debug, Default)]
struct Process {
    start: i64,
    snapshots: BTreeSet<i64>,
}

/// What is known of the lines that are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// The first moment that is asked for.
    pub(crate) since: Option<i64>,
    /// Whether lines of a series may be left out, so that its first may not be its first.
    pub(crate) is_narrowed: bool,
}

impl Starts {
    /// What only the lines that tell fit. `None` cannot be: it is a condition.
    pub(crate) fn condition() -> Option<Condition> {
        format!("meta.name={START}").parse().ok()
    }

    /// Takes a snapshot's line, if it tells when its process began.
    pub(crate) fn take(&mut self, line: &Line, metric: &Metric<'_>) {
        let start = metric.value.filter(|value| (START_S_MIN..START_S_MAX).contains(value));
        let (Some(start), START, Kind::Gauge) = (start, metric.name, metric.kind) else { return };
        let Some(process) = line.process() else { return };
        let has_room = self.of.len() < PROCESSES_MAX || self.of.contains_key(process);
        if self.snapshots >= SNAPSHOTS_MAX || !has_room {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "between two moments")]
        let start = (start * 1e6) as i64;
        let process = self.of.entry(process.into()).or_default();
        process.start = start;
        self.snapshots += usize::from(process.snapshots.insert(line.ts.as_microsecond()));
    }

    /// Since when what a series stands at in its `first` snapshot has come together, if all of that is
    /// in the time that is asked for: since the snapshot before, which did not have it, or since its
    /// process began.
    pub(crate) fn rose_from(&self, process: &str, first: i64, asked: Asked) -> Option<i64> {
        let process = self.of.get(process)?;
        let is_late =
            |before: i64| (before < first.saturating_sub(SNAPSHOT_US_MAX)).then_some(before);
        if let Some(before) = process.snapshots.range(..first).rev().find_map(|at| is_late(*at)) {
            return (!asked.is_narrowed).then_some(before);
        }
        let start = Some(process.start).filter(|start| *start <= first)?;
        match asked.since {
            Some(since) => (start >= since).then_some(start),
            // Earlier files may have been removed, and its first snapshots with them.
            None => (first - start <= process.soon()).then_some(start),
        }
    }
}

impl Process {
    /// The first snapshot of a process comes this soon, in microseconds: within a minute, or whatever
    /// it has between two of them.
    fn soon(&self) -> i64 {
        let mut seen = self.snapshots.iter();
        let first = seen.next().copied().unwrap_or_default();
        let next = seen.find(|at| **at - first > SNAPSHOT_US_MAX);
        next.map_or(SOON_US, |next| (2 * (next - first)).max(SOON_US))
    }
}

/// The metric that tells when its process began, in seconds since 1970.
const START: &str = "process_start_time_seconds";
/// Year 2001, and year 2286: what is outside is no start of a process.
const START_S_MIN: f64 = 1e9;
const START_S_MAX: f64 = 1e10;
/// The lines of one snapshot are written within this time.
const SNAPSHOT_US_MAX: i64 = 1_000_000;
/// Snapshots come once a minute unless somebody says otherwise, and a bit late.
const SOON_US: i64 = 90_000_000;
const PROCESSES_MAX: usize = 100_000;
/// About 16 MiB.
const SNAPSHOTS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const START_US: i64 = 1_759_744_800_000_000;
    const SECOND: i64 = 1_000_000;

    /// Snapshots of a process, in seconds after its start.
    fn starts(snapshots: &[i64]) -> Starts {
        let mut starts = Starts::default();
        for second in snapshots {
            let ts = jiff::Timestamp::from_microsecond(START_US + second * SECOND).unwrap();
            let text = format!(
                r#"{{"ts":"{ts}","evt":"metric","meta":{{"kind":"snapshot","name":"{START}","type":"gauge","value":{}}},"id":"aaaaaaaa.3.{second}"}}"#,
                START_US / SECOND
            );
            let line = Line::parse(text.as_bytes()).unwrap();
            starts.take(&line, &Metric::of(&line).unwrap());
        }
        starts
    }

    #[test]
    fn what_a_first_snapshot_has_rose_since_the_one_before_or_the_start() {
        let asked = |since: Option<i64>, is_narrowed| Asked {
            since: since.map(|second| START_US + second * SECOND),
            is_narrowed,
        };
        for (snapshots, first, asked, expect) in [
            (&[60, 120][..], 60, asked(None, false), Some(0)),
            (&[60, 120], 60, asked(Some(0), false), Some(0)),
            (&[60, 120], 60, asked(Some(1), false), None),
            // It came later than its process; where lines are left out nobody knows.
            (&[120, 60, 180], 180, asked(Some(1), false), Some(120)),
            (&[60, 120, 180], 180, asked(None, true), None),
            (&[60, 120], 60, asked(None, true), Some(0)),
            // What came before was removed, unless its snapshots are that far apart.
            (&[600, 660], 600, asked(None, false), None),
            (&[600, 660], 600, asked(Some(-1), false), Some(0)),
            (&[600, 1_200], 600, asked(None, false), Some(0)),
            (&[60], -1, asked(None, false), None),
            (&[], 60, asked(None, false), None),
        ] {
            let found = starts(snapshots).rose_from("aaaaaaaa", START_US + first * SECOND, asked);
            let expect = expect.map(|second| START_US + second * SECOND);
            assert_eq!(found, expect, "{snapshots:?}, {first}, {asked:?}");
        }
        assert_eq!(starts(&[60]).rose_from("bbbbbbbb", START_US, Asked::default()), None);
    }
}
