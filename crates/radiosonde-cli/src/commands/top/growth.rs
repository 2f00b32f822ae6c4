//! How much our own counters grew.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use radiosonde_store::Line;

use crate::figures::before::Before;
use crate::figures::starts::{Asked, Starts};
use crate::render::metric::{Kind, Metric};

/// Counters of our own, each process for itself: one that is restarted begins anew, and lines of
/// both may come in any order.
#[derive(Debug, Default)]
pub(super) struct Growth {
    of: HashMap<String, Track>,
    /// What they stood at before the time that is asked for.
    before: Before<String, f64>,
    starts: Starts,
    /// Series past the limit.
    unlisted: u64,
}

#[derive(Debug)]
struct Track {
    metric: String,
    labels: Vec<(String, String)>,
    /// The process; nothing of a line that does not name it.
    process: String,
    first: (Timestamp, f64),
    last: (Timestamp, f64),
    grew: Timestamp,
}

/// A metric with its labels.
type Name<'a> = (&'a str, &'a [(String, String)]);

/// One counter of all processes together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sum {
    pub(super) metric: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) by: f64,
    /// When it was last seen to have grown.
    pub(super) at: Timestamp,
}

impl Sum {
    pub(super) fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

impl Growth {
    pub(super) fn new(since: Option<Timestamp>) -> Self {
        Self { before: Before::new(since), ..Self::default() }
    }

    /// Whether a moment is before the time that is asked for.
    pub(super) fn is_before(&self, ts: Timestamp) -> bool {
        self.before.is_before(ts)
    }

    /// Takes a snapshot's line of any metric, if it tells when its process began.
    pub(super) fn take_start(&mut self, line: &Line, metric: &Metric<'_>) {
        self.starts.take(line, metric);
    }

    pub(super) fn take(&mut self, line: &Line, metric: &Metric<'_>, place: &str) {
        let Some(value) = metric.value.filter(|value| value.is_finite()) else { return };
        if metric.kind != Kind::Counter {
            return;
        }
        // Copies of its lines may lie in several places: it is one process all the same.
        let writer = line.process().unwrap_or(place);
        let key = format!("{}\0{writer}", metric.series());
        if self.is_before(line.ts) {
            return self.before.take(key, line.ts, value);
        }
        let now = (line.ts, value);
        if let Some(track) = self.of.get_mut(&key) {
            if now.0 < track.first.0 {
                track.first = now;
            }
            if now.0 >= track.last.0 {
                if value > track.last.1 {
                    track.grew = line.ts;
                }
                track.last = now;
            }
            return;
        }
        if self.of.len() >= SERIES_MAX {
            self.unlisted += 1;
            return;
        }
        let labels = metric.labels.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let track = Track {
            metric: metric.name.to_owned(),
            labels: labels.collect(),
            process: line.process().unwrap_or_default().to_owned(),
            first: now,
            last: now,
            grew: line.ts,
        };
        let _ = self.of.insert(key, track);
    }

    /// What a counter had counted before `since`. Where that is not known, and its process ran already
    /// then, what it had in its first snapshot.
    fn base(&self, key: &String, track: &Track, since: Timestamp, is_narrowed: bool) -> Base {
        let (first, value) = track.first;
        if let Some((_, stood)) = self.before.of(key, first) {
            return Base::Known(*stood);
        }
        let is_narrowed = is_narrowed || self.before.is_full();
        let asked = Asked { since: Some(since.as_microsecond()), is_narrowed };
        if self.before.is_begin(first) {
            return Base::First(value);
        }
        if self.starts.rose_from(&track.process, first.as_microsecond(), asked).is_some() {
            return Base::Known(0.0);
        }
        let began = since.checked_add(SNAPSHOT_INTERVAL).ok();
        if began.is_some_and(|began| first < began) { Base::First(value) } else { Base::Known(0.0) }
    }

    /// What grew since then, by metric and labels, and whether there is something of which that is not
    /// known: it has one snapshot in this time, and none before.
    pub(super) fn sums(&self, since: Option<Timestamp>, is_narrowed: bool) -> (Vec<Sum>, bool) {
        let mut sums: BTreeMap<Name<'_>, (f64, Timestamp)> = BTreeMap::new();
        let mut is_unknown = false;
        for (key, track) in &self.of {
            let base = since.map(|since| self.base(key, track, since, is_narrowed));
            let by = match base {
                Some(Base::Known(stood)) => track.last.1 - stood,
                Some(Base::First(stood)) => {
                    is_unknown |= track.first.0 == track.last.0 && stood > 0.0;
                    track.last.1 - stood
                }
                None => track.last.1,
            };
            if by > 0.0 {
                let sum = sums.entry((&track.metric, &track.labels)).or_insert((0.0, track.grew));
                *sum = (sum.0 + by, sum.1.max(track.grew));
            }
        }
        let sums = sums.into_iter().map(|((metric, labels), (by, at))| Sum {
            metric: metric.to_owned(),
            labels: labels.to_vec(),
            by,
            at,
        });
        (sums.collect(), is_unknown)
    }
}

/// What growth begins with.
#[derive(Clone, Copy, Debug)]
enum Base {
    Known(f64),
    /// The first snapshot, as nothing before it is known.
    First(f64),
}

/// Snapshots come once a minute at least, and a bit late: a process whose first one is later was not
/// there before.
const SNAPSHOT_INTERVAL: SignedDuration = SignedDuration::from_secs(90);
const SERIES_MAX: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: &str, process: &str, value: &str) -> Line {
        let text = format!(
            r#"{{"ts":"2025-10-06T{at}Z","evt":"metric","meta":{{"kind":"snapshot","name":"radiosonde_x_total","type":"counter","labels":{{"reason":"a"}},"value":{value}}},"id":"{process}.1.1"}}"#
        );
        Line::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_process_grows_for_itself_and_in_any_order() {
        let at = |text: &str| Some(format!("2025-10-06T{text}Z").parse::<Timestamp>().unwrap());
        let lines = [
            line("11:05:00", "aaaaaaaa", "12"),
            line("11:00:30", "aaaaaaaa", "10"),
            line("11:01:00", "aaaaaaaa", "12"),
            line("11:10:00", "bbbbbbbb", "3"),
            line("11:10:00", "bbbbbbbb", "\"NaN\""),
        ];
        for (since, by, last) in [(None, 15.0, "11:10:00"), (at("11:00:00"), 5.0, "11:10:00")] {
            let mut growth = Growth::default();
            for line in &lines {
                growth.take(line, &Metric::of(line).unwrap(), "dir");
            }
            let (sums, is_unknown) = growth.sums(since, false);
            assert_eq!((sums.len(), is_unknown), (1, false));
            assert!((sums[0].by - by).abs() < 1e-9, "{sums:?}");
            assert_eq!((Some(sums[0].at), sums[0].label("reason")), (at(last), "a"));
        }
    }
}
