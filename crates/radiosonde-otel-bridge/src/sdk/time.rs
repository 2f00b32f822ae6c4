//! When something happened, as its sender says.

use radiosonde_record::{Builder, Value, now_ns};

/// What two clocks of one machine may disagree by, in nanoseconds.
const AGREED_NS: u64 = 1_000_000;

/// A time for a line: not ahead of our clock, since lines are taken up to now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Nanoseconds since 1970.
    pub(super) ns: u64,
    /// How far ahead the sender's time was, in nanoseconds, where that is no difference of clocks.
    pub(super) ahead_ns: u64,
}

impl Moment {
    /// The first of these that is set, in nanoseconds since 1970; now, when none is.
    pub(super) fn first_of<const N: usize>(times_ns: [u64; N]) -> Self {
        Self::at(times_ns.into_iter().find(|time| *time > 0), now_ns())
    }

    fn at(said_ns: Option<u64>, now_ns: u64) -> Self {
        let said_ns = said_ns.unwrap_or(now_ns);
        let ahead_ns = said_ns.saturating_sub(now_ns);
        let is_told = ahead_ns > AGREED_NS;
        Self { ns: said_ns.min(now_ns), ahead_ns: if is_told { ahead_ns } else { 0 } }
    }

    /// Says in the record that its time was ahead.
    pub(super) fn tell(&self, record: &mut Builder<'_>) {
        if self.ahead_ns > 0 {
            record.field_named("otel.time_ahead_ns", Value::U64(self.ahead_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_ahead_of_the_clock() {
        let cases = [
            (None, 5_000_000, (5_000_000, 0)),
            (Some(7), 5_000_000, (7, 0)),
            (Some(5_900_000), 5_000_000, (5_000_000, 0)),
            (Some(7_000_000), 5_000_000, (5_000_000, 2_000_000)),
            (Some(u64::MAX), 5_000_000, (5_000_000, u64::MAX - 5_000_000)),
        ];
        for (said, now, expected) in cases {
            let moment = Moment::at(said, now);
            assert_eq!((moment.ns, moment.ahead_ns), expected, "{said:?}");
        }
    }
}
