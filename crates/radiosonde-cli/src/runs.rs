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
use std::ops::RangeInclusive;

use jiff::Timestamp;
use radiosonde_store::line::Line;

use crate::render::time::between;
use crate::story::began;

/// Divides lines into runs, the oldest first. Within a run the lines keep their order.
pub(crate) fn split(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let mut times = Times::default();
    lines.iter().for_each(|line| times.add(line));
    let spans = times.divide();
    let mut runs: Vec<Vec<Line>> = Vec::new();
    runs.resize_with(spans.len(), Vec::new);
    for line in lines {
        // Runs do not overlap, and each begins with a line of its own.
        let behind = spans.partition_point(|span| *span.start() <= began(&line));
        runs[behind.saturating_sub(1)].push(line);
    }
    runs
}

/// When a job ran, as its lines tell one by one, in any order. Of each trace it holds only its time and
/// who took part, and of lines without a trace those of one second and process together.
#[derive(Debug, Default)]
pub(crate) struct Times {
    stretches: Vec<Stretch>,
    of_trace: HashMap<String, usize>,
    /// The last one of a process of a service that does not trace.
    untraced: HashMap<(Option<u32>, Option<u32>), usize>,
    names: HashMap<String, u32>,
}

impl Times {
    /// Takes a line into account.
    pub(crate) fn add(&mut self, line: &Line) {
        let process = line.process().map(|name| self.number(name));
        let service = line.service.as_deref().map(|name| self.number(name));
        let own = Stretch {
            start: began(line),
            end: line.ts,
            traced: line.trace_id.is_some(),
            services: service.into_iter().collect(),
            processes: process.into_iter().collect(),
        };
        let new = self.stretches.len();
        let known = match line.trace_id.as_deref() {
            Some(trace) => match self.of_trace.get(trace) {
                Some(known) => Some(*known),
                None => self.of_trace.insert(trace.to_owned(), new),
            },
            None => {
                let last = self.untraced.entry((service, process)).or_insert(new);
                // Nothing that begins between them is of another run.
                let is_near = |stretch: &Stretch| stretch.is_next_to(&own);
                if self.stretches.get(*last).is_some_and(is_near) {
                    Some(*last)
                } else {
                    *last = new;
                    None
                }
            }
        };
        match known {
            Some(known) => self.stretches[known].absorb(own),
            None => self.stretches.push(own),
        }
    }

    /// How much it holds, in traces, processes, services and stretches of time.
    pub(crate) fn parts(&self) -> usize {
        self.stretches.len() + self.names.len()
    }

    /// The runs, the oldest first: when each began, and when it ended. No two share a moment.
    pub(crate) fn divide(mut self) -> Vec<RangeInclusive<Timestamp>> {
        self.stretches.sort_by_key(|stretch| stretch.start);
        let mut runs: Vec<Stretch> = Vec::new();
        for next in self.stretches {
            match runs.last_mut().filter(|run| run.goes_on_in(&next)) {
                Some(run) => run.absorb(next),
                None => runs.push(next),
            }
        }
        runs.into_iter().map(|run| run.start..=run.end).collect()
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let _ = self.names.insert(name.to_owned(), number);
        number
    }
}

/// Lines that are known to belong together.
#[derive(Debug)]
struct Stretch {
    start: Timestamp,
    end: Timestamp,
    traced: bool,
    services: HashSet<u32>,
    processes: HashSet<u32>,
}

impl Stretch {
    fn absorb(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.traced |= other.traced;
        self.services.extend(other.services);
        self.processes.extend(other.processes);
    }

    /// Whether two are so near to each other that they are of one run, whoever took part.
    fn is_next_to(&self, other: &Self) -> bool {
        let gap = between(self.end, other.start).max(between(other.end, self.start));
        gap < GAP_US_OTHER_PROCESS
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
fn common(a: &HashSet<u32>, b: &HashSet<u32>) -> bool {
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
    fn what_is_held_grows_with_traces_and_time_and_not_with_lines() {
        let texts = |n: u32| {
            let second = f64::from(n) / 1_000.0;
            [format!("{second} s1 -"), format!("{second} s2 -"), format!("{second} s1 a")]
        };
        let mut times = Times::default();
        (0..20_000).flat_map(texts).for_each(|text| times.add(&line(&text)));
        // Two processes, one service, a trace, and what the processes did outside of it.
        assert_eq!(times.parts(), 6);
        assert_eq!(times.divide().len(), 1);
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
