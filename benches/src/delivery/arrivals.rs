//! What has arrived, each event once.

use radiosonde_testkit::{Attributes, Measured, Received};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The attribute that numbers events.
pub(super) const NUMBER: &str = "seq";
/// How the name of the counter begins that counts events; who adds a unit or `_total` may.
pub(super) const COUNTER: &str = "requests";

/// Shared with the receiver.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// A bit for each number.
    bits: Vec<u64>,
    unique: u64,
    again: u64,
    /// The last value of each series of the counter, by who sent it.
    sums: HashMap<String, f64>,
    newest: Option<Instant>,
}

impl Arrivals {
    /// Takes in what one request brought.
    pub(super) fn add(&self, received: &Received) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.unique;
        received.logs.iter().for_each(|log| seen.number(&log.attributes));
        received.spans.iter().for_each(|span| seen.number(&span.attributes));
        for point in received.points.iter().filter(|point| point.name.starts_with(COUNTER)) {
            let value = match point.value {
                Measured::Int(value) => value as f64,
                Measured::Double(value) => value,
                _ => continue,
            };
            let instance = point.origin.resource.text("service.instance.id").unwrap_or_default();
            let series = format!("{instance} {} {}", point.start_ns, point.attributes);
            let sum = seen.sums.entry(series).or_default();
            if value > *sum {
                *sum = value;
                seen.newest = Some(Instant::now());
            }
        }
        if seen.unique > before {
            seen.newest = Some(Instant::now());
        }
    }

    /// Numbers within these ranges that have arrived.
    pub(super) fn within(&self, ranges: &[Range<u64>]) -> u64 {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = ranges.iter().flat_map(Clone::clone);
        numbers.filter(|&number| seen.has(number)).count() as u64
    }

    /// What the counters come to.
    pub(super) fn counted(&self) -> u64 {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sums.values().sum::<f64>() as u64
    }

    /// Events that came again.
    pub(super) fn again(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).again
    }

    /// When the last one came that was not there yet.
    pub(super) fn newest(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).newest
    }
}

impl Seen {
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
        assert_eq!(arrivals.again(), 2);
        assert_eq!(arrivals.within(&[0..2, 60..65]), 3);
        assert_eq!(arrivals.within(&[0..100, 100..200]), 5);
        assert_eq!(arrivals.within(&[]), 0);
        assert!(arrivals.newest().is_some());
    }
}
