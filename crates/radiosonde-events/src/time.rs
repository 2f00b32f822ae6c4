//! Timestamps of lines: RFC 3339, UTC, microseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::digits::eight;
use crate::line::{Line, Room};

/// Length of `2025-10-06T13:43:10.`
const UP_TO_SECOND: usize = 20;

/// Writes timestamps; the part up to the second is kept, since most lines share it.
#[derive(Debug)]
pub(crate) struct Clock {
    /// What stands before each timestamp.
    label: &'static [u8],
    /// The second the prefix is of.
    second: Option<u64>,
    /// Label and time up to the second, and more for a copy of a size that is cheap.
    prefix: [u8; 32],
}

impl Clock {
    /// Timestamps behind a label of at most 12 bytes.
    pub(crate) fn new(label: &'static [u8]) -> Self {
        Self { label, second: None, prefix: [0; 32] }
    }

    /// Appends label and time.
    #[inline(always)]
    pub(crate) fn write(&mut self, line: &mut Line<'_, impl Room>, timestamp_ns: u64) {
        let micros = self.turn_to(timestamp_ns);
        line.front(&self.prefix, self.label.len() + UP_TO_SECOND);
        line.front(&micros, micros.len() - 1);
    }

    /// Label and time as text.
    pub(crate) fn text(&mut self, timestamp_ns: u64) -> String {
        let micros = self.turn_to(timestamp_ns);
        let prefix = &self.prefix[..self.label.len() + UP_TO_SECOND];
        let bytes = [prefix, &micros[..micros.len() - 1]].concat();
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Sees to it that the prefix is that of the moment. Returns the rest: six digits, `Z`, and a
    /// byte to be overwritten.
    #[inline(always)]
    fn turn_to(&mut self, timestamp_ns: u64) -> [u8; 8] {
        let second = timestamp_ns / 1_000_000_000;
        if self.second != Some(second) {
            self.prefix = prefix(self.label, second);
            self.second = Some(second);
        }
        let micros = timestamp_ns % 1_000_000_000 / 1_000;
        let [_, _, a, b, c, d, e, f] = eight(micros);
        [a, b, c, d, e, f, b'Z', 0]
    }
}

#[cold]
fn prefix(label: &[u8], second: u64) -> [u8; 32] {
    let time = timestamp(second).strftime("%Y-%m-%dT%H:%M:%S.").to_string();
    let mut prefix = [0; 32];
    prefix[..label.len()].copy_from_slice(label);
    // Years have four digits: a clock that stands elsewhere reads as 1970.
    prefix[label.len()..][..UP_TO_SECOND].copy_from_slice(&time.as_bytes()[..UP_TO_SECOND]);
    prefix
}

/// The UTC day of a moment.
pub(crate) fn date(now: SystemTime) -> Date {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    timestamp(since.as_secs()).to_zoned(TimeZone::UTC).date()
}

/// A moment, to the second: `2025-10-06T13:43:10Z`.
#[cfg(feature = "upkeep")]
pub(crate) fn second(now: SystemTime) -> String {
    timestamp(now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()).to_string()
}

/// A clock that stands beyond the year 9999 reads as 1970: a line with a wrong time is worth more
/// than none.
fn timestamp(second: u64) -> Timestamp {
    let second = i64::try_from(second).unwrap_or(0);
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_and_the_second_changes() {
        let mut clock = Clock::new(b"");
        let mut text = |ns: u64| {
            let mut room = [0; 128];
            let mut line = Line::new(&mut room, false);
            clock.write(&mut line, ns);
            let length = line.length();
            let text = std::str::from_utf8(&room[..length]).unwrap();
            assert_eq!(clock.text(ns), text);
            text.to_owned()
        };
        assert_eq!(text(1_759_758_190_123_456_789), "2025-10-06T13:43:10.123456Z");
        assert_eq!(text(1_759_758_190_000_001_000), "2025-10-06T13:43:10.000001Z");
        assert_eq!(text(1_759_758_191_999_999_999), "2025-10-06T13:43:11.999999Z");
        assert_eq!(text(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(u64::MAX), "2554-07-21T23:34:33.709551Z");
    }
}
