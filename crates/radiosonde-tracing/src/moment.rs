//! When something happened, as others say.

use radiosonde_record::now_ns;

/// What two readings of a clock may disagree by, in nanoseconds.
const AGREED_NS: u64 = 1_000_000;

/// A time for a record: not ahead of our clock, since lines are looked for up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Nanoseconds since 1970.
    pub(crate) ns: u64,
    /// How far ahead the time was that was said, in nanoseconds, where the clock was not only read
    /// twice.
    pub(crate) ahead_ns: Option<u64>,
}

impl Moment {
    /// The time that was said; now, when none was.
    pub(crate) fn said(said_ns: Option<u64>) -> Self {
        Self::at(said_ns, now_ns())
    }

    fn at(said_ns: Option<u64>, now_ns: u64) -> Self {
        let said_ns = said_ns.unwrap_or(now_ns);
        let ahead_ns = said_ns.saturating_sub(now_ns);
        Self { ns: said_ns.min(now_ns), ahead_ns: (ahead_ns > AGREED_NS).then_some(ahead_ns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_is_ahead_of_the_clock() {
        let now = 5_000_000;
        for (said, ns, ahead_ns) in [
            (None, now, None),
            (Some(7), 7, None),
            (Some(now + AGREED_NS), now, None),
            (Some(now + AGREED_NS + 1), now, Some(AGREED_NS + 1)),
            (Some(u64::MAX), now, Some(u64::MAX - now)),
        ] {
            assert_eq!(Moment::at(said, now), Moment { ns, ahead_ns }, "{said:?}");
        }
    }
}
