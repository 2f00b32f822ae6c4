//! What has arrived, each event once.

use radiosonde_testkit::{self as testkit, Attributes, Measured, Received};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The attribute that numbers events.
pub(super) const NUMBER: &str = "seq";
/// How the name of the counter begins that counts events; who adds a unit or `_total` may.
pub(super) const COUNTER: &str = "requests";

/// The attribute of a resource that numbers processes.
pub(super) const PROCESS: &str = "benches.process";

/// Shared with the receiver.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// A bit for each number.
    bits: Vec<u64>,
    unique: u64,
    again: u64,
    /// Requests that brought something that had come before.
    repeats: u64,
    /// The most that one request brought.
    largest: u64,
    /// The points of each process.
    points: HashMap<u64, HashSet<Point>>,
    /// The last value of each series of the counter, by who sent it.
    sums: HashMap<(u64, String), f64>,
    newest: Option<Instant>,
}

/// What tells a point from all others of its process: name, attributes, and both of its times.
type Point = (String, String, u64, u64);

impl Arrivals {
    /// Takes in what one request brought.
    pub(super) fn add(&self, received: &Received) {
        let mut seen = self.seen();
        let (unique, again) = (seen.unique, seen.again);
        received.logs.iter().for_each(|log| seen.number(&log.attributes));
        received.spans.iter().for_each(|span| seen.number(&span.attributes));
        received.points.iter().for_each(|point| seen.point(point));
        let (new, old) = (seen.unique - unique, seen.again - again);
        seen.largest = seen.largest.max(new + old);
        seen.repeats += u64::from(old > 0);
        if new > 0 {
            seen.newest = Some(Instant::now());
        }
    }

    /// Numbers within these ranges that have arrived.
    pub(super) fn within(&self, ranges: &[Range<u64>]) -> u64 {
        let seen = self.seen();
        let numbers = ranges.iter().flat_map(Clone::clone);
        numbers.filter(|&number| seen.has(number)).count() as u64
    }

    /// Points that have arrived, of each process at most as many as it had taken.
    pub(super) fn points(&self, taken: &[u64]) -> u64 {
        let seen = self.seen();
        let arrived = |process: u64| seen.points.get(&process).map_or(0, HashSet::len) as u64;
        (0..).zip(taken).map(|(process, taken)| arrived(process).min(*taken)).sum()
    }

    /// What the counters come to.
    pub(super) fn counted(&self) -> u64 {
        self.seen().sums.values().sum::<f64>() as u64
    }

    /// What came more than once: how much, in how many requests, and how much the largest of all brought.
    pub(super) fn again(&self) -> [u64; 3] {
        let seen = self.seen();
        [seen.again, seen.repeats, seen.largest]
    }

    /// When the last one came that was not there yet.
    pub(super) fn newest(&self) -> Option<Instant> {
        self.seen().newest
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn point(&mut self, point: &testkit::Point) {
        // A process that only sends what others left has no number, nor has one of a cell without metrics.
        let process = point.origin.resource.text(PROCESS).and_then(|text| text.parse().ok());
        let Some(process) = process else { return };
        let attributes = point.attributes.to_string();
        let value = match point.value {
            Measured::Int(value) => value as f64,
            Measured::Double(value) => value,
            _ => 0.0,
        };
        if point.name.starts_with(COUNTER) {
            let series = format!("{} {attributes}", point.start_ns);
            let sum = self.sums.entry((process, series)).or_default();
            *sum = value.max(*sum);
        }
        let it = (point.name.clone(), attributes, point.start_ns, point.time_ns);
        if self.points.entry(process).or_default().insert(it) {
            self.unique += 1;
        } else {
            self.again += 1;
        }
    }

    fn number(&mut self, attributes: &Attributes) {
        // What the candidate says of itself has no number.
        let number = attributes.int(NUMBER).and_then(|number| u64::try_from(number).ok());
        let Some(number) = number.filter(|number| *number < NUMBERS_MAX) else { return };
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.unique += 1;
        } else {
            self.again += 1;
        }
    }

    fn has(&self, number: u64) -> bool {
        let word = self.bits.get((number / 64) as usize);
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }
}

/// More numbers than any run here has.
const NUMBERS_MAX: u64 = 1 << 26;

#[cfg(test)]
mod tests {
    use super::*;
    use radiosonde_testkit::{Span, Value};

    fn spans(numbers: &[i64]) -> Received {
        let mut received = Received::default();
        for number in numbers {
            let mut span = Span::default();
            span.attributes = Attributes(vec![(NUMBER.to_owned(), Value::Int(*number))]);
            received.spans.push(span);
        }
        received.spans.push(Span::default());
        received
    }

    #[test]
    fn events_count_once_and_only_within_what_was_sent() {
        let arrivals = Arrivals::default();
        assert!(arrivals.newest().is_none());
        arrivals.add(&spans(&[0, 1, 64, 65, -1, i64::MAX]));
        arrivals.add(&spans(&[1, 2, 64]));
        assert_eq!(arrivals.again(), [2, 1, 4], "two, in one request, and four in the largest");
        assert_eq!(arrivals.within(&[0..2, 60..65]), 3);
        assert_eq!(arrivals.within(&[0..100, 100..200]), 5);
        assert_eq!(arrivals.within(&[]), 0);
        assert!(arrivals.newest().is_some());
    }

    #[test]
    fn points_count_once_and_for_the_process_that_took_them() {
        let point = |process: Option<&str>, name: &str, time_ns: u64, value: i64| {
            let mut point = testkit::Point::default();
            (point.name, point.time_ns) = (name.to_owned(), time_ns);
            point.value = Measured::Int(value);
            let mut origin = testkit::Origin::default();
            let number = process.map(|number| (PROCESS.to_owned(), Value::Text(number.to_owned())));
            origin.resource = Attributes(number.into_iter().collect());
            point.origin = Arc::new(origin);
            point
        };
        let arrivals = Arrivals::default();
        let mut received = Received::default();
        received.points = vec![
            point(Some("0"), "requests_total", 1, 5),
            point(Some("0"), "requests_total", 2, 7),
            point(Some("1"), "requests_total", 2, 3),
            point(Some("1"), "other", 2, 100),
            point(None, "requests_total", 3, 9),
        ];
        arrivals.add(&received);
        arrivals.add(&received);
        assert_eq!(arrivals.again(), [4, 1, 4]);
        assert_eq!(arrivals.points(&[2, 2]), 4);
        assert_eq!(arrivals.points(&[1, 5, 3]), 3, "no more than a process had taken");
        assert_eq!(arrivals.counted(), 10);
    }
}
