//! The runs of a job. A job's id may come back, in a retry by hand or the next night; the runs under
//! it are stories of their own, each with its own time.
//!
//! What belongs to one run:
//! - everything of one trace, however long it waits in between;
//! - what overlaps it in time;
//! - what begins soon after its end. Soon is below 10 s; below 1 s where another process of the
//!   same service goes on, which is what a repetition looks like; and below 5 min in one process
//!   that does not trace, whose only lines may be its rare words on progress.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use radiosonde_store::line::Line;

use crate::render::time::between;
use crate::story::began;

/// Divides lines into runs, the oldest first. Within a run the lines keep their order.
pub(crate) fn split(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let (mut stretches, of_line) = stretches(&lines);
    let mut by_start: Vec<usize> = (0..stretches.len()).collect();
    by_start.sort_by_key(|stretch| stretches[*stretch].start);

    let mut run_of_stretch = vec![0; stretches.len()];
    let mut run: Option<Stretch<'_>> = None;
    let mut number = 0;
    for index in by_start {
        let next = std::mem::take(&mut stretches[index]);
        match &mut run {
            Some(run) if run.goes_on_in(&next) => run.absorb(next),
            Some(over) => {
                number += 1;
                *over = next;
            }
            None => run = Some(next),
        }
        run_of_stretch[index] = number;
    }

    let mut runs: Vec<Vec<Line>> = Vec::new();
    runs.resize_with(if lines.is_empty() { 0 } else { number + 1 }, Vec::new);
    for (line, stretch) in lines.into_iter().zip(of_line) {
        runs[run_of_stretch[stretch]].push(line);
    }
    runs
}

/// Lines that are known to belong together: a trace, or a single line of none.
#[derive(Debug, Default)]
struct Stretch<'a> {
    start: Timestamp,
    end: Timestamp,
    traced: bool,
    services: HashSet<&'a str>,
    processes: HashSet<&'a str>,
}

/// The stretches of some lines, and the one of each line.
fn stretches(lines: &[Line]) -> (Vec<Stretch<'_>>, Vec<usize>) {
    let mut stretches: Vec<Stretch<'_>> = Vec::new();
    let mut of_trace: HashMap<&str, usize> = HashMap::new();
    let of_line = lines.iter().map(|line| {
        let own = Stretch::of(line);
        let new = stretches.len();
        let index = match line.trace_id.as_deref() {
            Some(trace) => *of_trace.entry(trace).or_insert(new),
            None => new,
        };
        match stretches.get_mut(index) {
            Some(known) => known.absorb(own),
            None => stretches.push(own),
        }
        index
    });
    let of_line = of_line.collect();
    (stretches, of_line)
}

impl<'a> Stretch<'a> {
    fn of(line: &'a Line) -> Self {
        Self {
            start: began(line),
            end: line.ts,
            traced: line.trace_id.is_some(),
            services: line.service.as_deref().into_iter().collect(),
            processes: line.process().into_iter().collect(),
        }
    }

    fn absorb(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.traced |= other.traced;
        self.services.extend(other.services);
        self.processes.extend(other.processes);
    }

    /// Whether `next`, which begins no earlier, is of the same run.
    fn goes_on_in(&self, next: &Self) -> bool {
        let same_process = common(&self.processes, &next.processes);
        let gap_us_max = if !same_process && common(&self.services, &next.services) {
            GAP_US_OTHER_PROCESS
        } else if same_process && !self.traced && !next.traced {
            GAP_US_UNTRACED
        } else {
            GAP_US
        };
        between(self.end, next.start) < gap_us_max
    }
}

/// Whether two sets share a member; those that know none might.
fn common(a: &HashSet<&str>, b: &HashSet<&str>) -> bool {
    a.is_empty() || b.is_empty() || !a.is_disjoint(b)
}

/// A pause between two steps of a run, such as a wait before another attempt, in microseconds.
const GAP_US: u64 = 10_000_000;
/// A supervisor has its service up again within this; who starts a job anew by hand takes longer.
const GAP_US_OTHER_PROCESS: u64 = 1_000_000;
/// Words on progress come rarely.
const GAP_US_UNTRACED: u64 = 300_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// `seconds process trace`, `-` for none.
    fn line(text: &str) -> Line {
        let mut parts = text.split(' ');
        let mut part = || parts.next().unwrap();
        let (at, process, trace) = (part(), part(), part());
        let at: i64 = at.parse::<f64>().map(|s| (s * 1e3) as i64).unwrap();
        let ts = Timestamp::from_millisecond(1_759_744_800_000 + at).unwrap();
        let trace = match trace {
            "-" => String::new(),
            trace => format!(r#","trace_id":"{trace}""#),
        };
        let service = &process[..1];
        // A name of eight letters, or that of others.
        let id = match process.ends_with('?') {
            true => format!("{process}.{at}"),
            false => format!("{process:x<8}.1.1"),
        };
        let json = format!(
            r#"{{"ts":"{ts}","evt":"log","msg":"{text}","service":"{service}","id":"{id}"{trace}}}"#
        );
        Line::parse(json.as_bytes()).unwrap()
    }

    fn runs(texts: &[&str]) -> Vec<usize> {
        split(texts.iter().map(|text| line(text)).collect()).iter().map(Vec::len).collect()
    }

    #[test]
    fn what_is_close_or_of_one_trace_is_one_run() {
        for (what, texts, expect) in [
            ("nothing", &[][..], &[][..]),
            ("one trace, with a long wait", &["0 s1 a", "900 s1 a"], &[2]),
            ("two traces close in time", &["0 s1 a", "9 s1 b"], &[2]),
            ("two traces apart", &["0 s1 a", "10 s1 b"], &[1, 1]),
            ("a repetition by a new process", &["0 s1 a", "1 s2 b"], &[1, 1]),
            ("a restart after a kill", &["0 s1 a", "0.9 s2 b"], &[2]),
            ("another service takes over", &["0 s1 a", "9 t1 b"], &[2]),
            ("rare words on progress", &["0 s1 -", "60 s1 -", "359 s1 -"], &[3]),
            ("rare words, next hour again", &["0 s1 -", "60 s1 -", "3600 s1 -"], &[2, 1]),
            ("a word before each trace", &["0 s1 -", "1 s1 a", "60 s1 -", "61 s1 b"], &[2, 2]),
            ("untraced within a trace", &["0 s1 a", "50 s2 -", "100 s1 a", "111 s1 -"], &[3, 1]),
            ("ids of others", &["0 s1? -", "3 s2? -", "9 s3? -"], &[3]),
            ("two at a time", &["0 s1 a", "1 s2 b", "2 s1 a", "3 s2 b"], &[4]),
        ] {
            assert_eq!(runs(texts), expect, "{what}");
        }
    }

    #[test]
    fn lines_keep_their_order_within_a_run() {
        let lines = ["0 s1 a", "0 s1 -", "60 s2 b", "1 s1 a"].map(line);
        let split = split(Vec::from(lines));
        let texts: Vec<Vec<_>> = split
            .iter()
            .map(|run| run.iter().filter_map(|line| line.msg.as_deref()).collect())
            .collect();
        assert_eq!(texts, [vec!["0 s1 a", "0 s1 -", "1 s1 a"], vec!["60 s2 b"]]);
    }
}
