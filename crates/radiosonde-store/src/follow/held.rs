//! Lines that wait a moment, so that those of several files are given out by time.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::line::Line;

/// Lines that were read and not given out yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By time, and among those of one time as they came.
    lines: BTreeMap<(Timestamp, u64), Line>,
    /// When lines came, and the latest time among them.
    arrivals: VecDeque<(Instant, Timestamp)>,
    came: u64,
    bytes: usize,
}

impl Held {
    pub(super) fn push(&mut self, line: Line, now: Instant) {
        match self.arrivals.back_mut() {
            Some((at, latest)) if *at == now => *latest = (*latest).max(line.ts),
            _ => self.arrivals.push_back((now, line.ts)),
        }
        self.bytes += cost(&line);
        self.came += 1;
        let _ = self.lines.insert((line.ts, self.came), line);
    }

    /// Gives out what has waited long enough, with everything that is older; while some file has
    /// more to be read, which goes on from the time `behind`, only what is older than that. What is
    /// too much goes out in any case. Until `each` breaks off; what is left waits for the end then.
    pub(super) fn release(
        &mut self,
        now: Instant,
        behind: Option<Timestamp>,
        given: &mut u64,
        each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut until = None;
        while let Some((at, latest)) = self.arrivals.front()
            && now.saturating_duration_since(*at) >= HOLD
        {
            until = until.max(Some(*latest));
            let _ = self.arrivals.pop_front();
        }
        if let Some(behind) = behind {
            // What came is due once that file has caught up.
            if let Some(latest) = until {
                self.arrivals.push_front((now.checked_sub(HOLD).unwrap_or(now), latest));
            }
            let hold = SignedDuration::try_from(HOLD).unwrap_or_default();
            until = behind.checked_sub(hold).ok();
        }
        while let Some(first) = self.lines.first_entry()
            && (until.is_some_and(|until| first.key().0 <= until) || self.bytes > HELD_BYTES_MAX)
        {
            let line = first.remove();
            self.bytes -= cost(&line);
            *given += 1;
            each(&line)?;
        }
        ControlFlow::Continue(())
    }

    /// Gives out everything, until `each` breaks off. Returns how many lines.
    pub(super) fn release_all(&mut self, each: &mut dyn FnMut(&Line) -> ControlFlow<()>) -> u64 {
        let lines = std::mem::take(&mut self.lines);
        (self.bytes, self.arrivals) = (0, VecDeque::new());
        let mut given = 0;
        let _ = lines.values().try_for_each(|line| {
            given += 1;
            each(line)
        });
        given
    }

    /// When the next lines are due, seen from `now`.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        let (at, _) = self.arrivals.front().filter(|_| !self.lines.is_empty())?;
        Some(HOLD.saturating_sub(now.saturating_duration_since(*at)))
    }
}

/// What a line takes: its text, and about as much again for its parts, or more where these are many.
fn cost(line: &Line) -> usize {
    2 * line.weight() + LINE_COST
}

/// How long a line waits for older ones of other files.
pub(super) const HOLD: Duration = Duration::from_millis(150);
/// Of lines that wait.
const HELD_BYTES_MAX: usize = 64 << 20;
const LINE_COST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ts: &str, filler: usize) -> Line {
        let filler = "x".repeat(filler);
        Line::parse(format!(r#"{{"ts":"2025-10-06T10:00:{ts}Z","msg":"{filler}"}}"#).as_bytes())
            .unwrap()
    }

    fn seconds(held: &mut Held, now: Instant, behind: Option<&str>) -> String {
        let mut given = Vec::new();
        let behind = behind.map(|ts| format!("2025-10-06T10:00:{ts}Z").parse().unwrap());
        let mut count = 0;
        let _ = held.release(now, behind, &mut count, &mut |line| {
            given.push(line.ts.to_string()[17..19].to_owned());
            ControlFlow::Continue(())
        });
        assert_eq!(count, given.len() as u64);
        given.join(" ")
    }

    #[test]
    fn lines_wait_for_older_ones_and_no_longer() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut held = Held::default();
        assert_eq!(held.due_in(begin), None);
        held.push(line("03", 0), at(0));
        held.push(line("01", 0), at(0));
        held.push(line("02", 0), at(100));
        held.push(line("04", 0), at(100));
        assert_eq!(seconds(&mut held, at(149), None), "");
        assert_eq!(held.due_in(at(100)), Some(HOLD - Duration::from_millis(100)));
        assert_eq!(seconds(&mut held, at(150), None), "01 02 03");
        assert_eq!(seconds(&mut held, at(249), None), "");
        assert_eq!(seconds(&mut held, at(250), None), "04");
        assert_eq!(held.due_in(at(250)), None);
    }

    #[test]
    fn lines_wait_for_a_file_that_is_behind() {
        let begin = Instant::now();
        let later = begin + Duration::from_secs(10);
        let mut held = Held::default();
        for ts in ["01", "02", "03"] {
            held.push(line(ts, 0), begin);
        }
        assert_eq!(seconds(&mut held, later, Some("01.100")), "");
        assert_eq!(seconds(&mut held, later, Some("02.500")), "01 02");
        assert_eq!(seconds(&mut held, later, None), "03", "as soon as nobody is behind");
    }

    #[test]
    fn what_is_too_much_goes_out() {
        let now = Instant::now();
        let mut held = Held::default();
        for _ in 0..40 {
            for ts in ["01", "02"] {
                held.push(line(ts, 1 << 20), now);
            }
        }
        let given = seconds(&mut held, now, Some("00"));
        assert!(given.starts_with("01 ") && held.bytes <= HELD_BYTES_MAX, "{given}");
        let mut rest = 0;
        let given_last = held.release_all(&mut |_| {
            rest += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(given_last, rest);
        assert_eq!((rest + given.split(' ').count() as u64, held.bytes), (80, 0));
    }
}
