//! Timestamps of lines: RFC 3339, UTC, microseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Writes timestamps; the part up to the second is kept, since most lines share it.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: u64,
    /// `2025-10-06T13:43:10.`
    prefix: Vec<u8>,
}

impl Clock {
    /// Appends the time, without quotes.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, timestamp_ns: u64) {
        let second = timestamp_ns / 1_000_000_000;
        if self.prefix.is_empty() || second != self.second {
            self.second = second;
            self.prefix.clear();
            let text = timestamp(second).strftime("%Y-%m-%dT%H:%M:%S.").to_string();
            self.prefix.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&self.prefix);
        let mut micros = timestamp_ns % 1_000_000_000 / 1_000;
        let mut digits = *b"000000Z";
        for digit in digits[..6].iter_mut().rev() {
            *digit = b'0' + (micros % 10) as u8;
            micros /= 10;
        }
        out.extend_from_slice(&digits);
    }
}

/// The UTC day of a moment.
pub(crate) fn date(now: SystemTime) -> Date {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    timestamp(since.as_secs()).to_zoned(TimeZone::UTC).date()
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
        let mut clock = Clock::default();
        let mut text = |ns: u64| {
            let mut out = Vec::new();
            clock.write(&mut out, ns);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(1_759_758_190_123_456_789), "2025-10-06T13:43:10.123456Z");
        assert_eq!(text(1_759_758_190_000_001_000), "2025-10-06T13:43:10.000001Z");
        assert_eq!(text(1_759_758_191_999_999_999), "2025-10-06T13:43:11.999999Z");
        assert_eq!(text(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(u64::MAX), "2554-07-21T23:34:33.709551Z");
    }
}
