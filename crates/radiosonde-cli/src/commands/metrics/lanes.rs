//! Processes in a file that says nothing of their slots: which of them ran side by side, and which was
//! another that had been restarted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use jiff::Timestamp;

/// The service, the machine and the directory that processes have in common.
pub(super) type Beside = (String, String, PathBuf);

/// The first and the last snapshots of processes.
#[derive(Debug, Default)]
pub(super) struct Runs(BTreeMap<Beside, BTreeMap<String, (Timestamp, Timestamp)>>);

impl Runs {
    /// Takes the time that snapshots of a process are from.
    pub(super) fn take(&mut self, of: Beside, process: &str, from: Timestamp, to: Timestamp) {
        let processes = self.0.entry(of).or_default();
        if let Some(run) = processes.get_mut(process) {
            *run = (run.0.min(from), run.1.max(to));
        } else {
            let _ = processes.insert(process.to_owned(), (from, to));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For each process the last of those that it came one after the other with. `None` where all of a
    /// service on its machine did.
    pub(super) fn lanes(self) -> HashMap<(Beside, String), Option<String>> {
        let mut lanes = HashMap::new();
        for (of, processes) in self.0 {
            let placed = placed(&processes);
            let is_one = placed.iter().all(|(_, lane)| *lane == 0);
            // Later ones stand behind earlier ones.
            let lasts: HashMap<usize, &str> =
                placed.iter().map(|(process, lane)| (*lane, *process)).collect();
            for (process, lane) in &placed {
                let last = (!is_one).then(|| (*lasts.get(lane).unwrap_or(process)).to_owned());
                let _ = lanes.insert((of.clone(), (*process).to_owned()), last);
            }
        }
        lanes
    }
}

/// Processes in the order in which they began, each with the number of a lane: that of the process which
/// ended last before it, or a new one where all others ran on.
fn placed(processes: &BTreeMap<String, (Timestamp, Timestamp)>) -> Vec<(&str, usize)> {
    let mut runs: Vec<_> =
        processes.iter().map(|(process, (from, to))| (*from, *to, process.as_str())).collect();
    runs.sort_unstable();
    // When each lane ended.
    let mut ends: BTreeSet<(Timestamp, usize)> = BTreeSet::new();
    let mut placed = Vec::with_capacity(runs.len());
    for (from, to, process) in runs {
        let ended = ends.range(..(from, 0)).next_back().copied();
        let lane = match ended {
            Some(end) => {
                let _ = ends.remove(&end);
                end.1
            }
            None => ends.len(),
        };
        let _ = ends.insert((to, lane));
        placed.push((process, lane));
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_side_by_side_have_a_lane_each() {
        for (runs, expect) in [
            (&[("a", 0, 9)][..], &[("a", None)][..]),
            // One after the other, whatever their names and the order in which they were seen.
            (&[("b", 0, 4), ("a", 5, 9)], &[("a", None), ("b", None)]),
            (&[("a", 0, 5), ("b", 5, 9)], &[("a", Some("a")), ("b", Some("b"))]),
            // Two with a restart of each, and one more that has no place left.
            (
                &[("a", 0, 3), ("b", 1, 6), ("c", 5, 9), ("d", 7, 9), ("e", 8, 9)],
                &[
                    ("a", Some("c")),
                    ("b", Some("d")),
                    ("c", Some("c")),
                    ("d", Some("d")),
                    ("e", Some("e")),
                ],
            ),
        ] {
            let of: Beside = ("shop".to_owned(), "web-1".to_owned(), PathBuf::from("x"));
            let at = |second| Timestamp::from_second(second).unwrap();
            let mut taken = Runs::default();
            for (process, from, to) in runs {
                // As its series have it.
                taken.take(of.clone(), process, at(*to), at(*to));
                taken.take(of.clone(), process, at(*from), at(*from));
            }
            let lanes = taken.lanes();
            assert_eq!(lanes.len(), expect.len(), "{runs:?}");
            for (process, last) in expect {
                let found = &lanes[&(of.clone(), (*process).to_owned())];
                assert_eq!(found.as_deref(), *last, "{process} of {runs:?}");
            }
        }
    }
}
