//! How much our own counters grew.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use radiosonde_store::Line;

use crate::render::metric::{Kind, Metric};

/// Counters of our own, each process for itself: one that is restarted begins anew, and lines of
/// both may come in any order.
#[derive(Debug, Default)]
pub(super) struct Growth {
    of: HashMap<String, Track>,
    /// Series past the limit.
    unlisted: u64,
}

#[derive(Debug)]
struct Track {
    metric: String,
    labels: Vec<(String, String)>,
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
    pub(super) fn take(&mut self, line: &Line, metric: &Metric<'_>, place: &str) {
        let Some(value) = metric.value.filter(|value| value.is_finite()) else { return };
        if metric.kind != Kind::Counter {
            return;
        }
        // Copies of its lines may lie in several places: it is one process all the same.
        let writer = line.process().unwrap_or(place);
        let key = format!("{}\0{writer}", metric.series());
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
            first: now,
            last: now,
            grew: line.ts,
        };
        let _ = self.of.insert(key, track);
    }

    /// What grew, by metric and labels. Of a process that ran already at `since` what it had counted
    /// by then is left out.
    pub(super) fn sums(&self, since: Option<Timestamp>) -> Vec<Sum> {
        let mut sums: BTreeMap<Name<'_>, (f64, Timestamp)> = BTreeMap::new();
        for track in self.of.values() {
            let began = since.and_then(|since| since.checked_add(SNAPSHOT_INTERVAL).ok());
            let ran_before = began.is_some_and(|began| track.first.0 < began);
            let base = if ran_before { track.first.1 } else { 0.0 };
            let by = track.last.1 - base;
            if by > 0.0 {
                let sum = sums.entry((&track.metric, &track.labels)).or_insert((0.0, track.grew));
                *sum = (sum.0 + by, sum.1.max(track.grew));
            }
        }
        sums.into_iter()
            .map(|((metric, labels), (by, at))| Sum {
                metric: metric.to_owned(),
                labels: labels.to_vec(),
                by,
                at,
            })
            .collect()
    }
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
            let sums = growth.sums(since);
            assert_eq!(sums.len(), 1);
            assert!((sums[0].by - by).abs() < 1e-9, "{sums:?}");
            assert_eq!((Some(sums[0].at), sums[0].label("reason")), (at(last), "a"));
        }
    }
}
