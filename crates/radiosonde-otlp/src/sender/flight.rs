//! How many requests of a signal may be under way: one, unless a slow or far collector cannot be kept
//! up with like that.
//!
//! Whatever is under way when the process is killed is sent a second time, so more than one has to be
//! needed: a full request waits, the pace would let it go, and yet for two seconds the backlog has grown,
//! or would take longer than a minute to go. It is one again as soon as no full request waits: what is
//! in several streams is more than a request, and yet goes out with the next ones.

use std::time::Duration;

use super::breaker::RECORDS_MAX;

/// Requests under way at most.
pub(super) const FLIGHT_MAX: usize = 4;
/// How long a backlog is looked at before another request may be under way.
const WINDOW: Duration = Duration::from_secs(2);
/// Windows within which a backlog that goes has to be gone: a minute.
const WINDOWS: u64 = 30;

/// The number of requests that may be under way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    width: usize,
    /// Since when nothing but the number holds requests back, and the records that waited then.
    window: Option<(Duration, u64)>,
}

impl Flight {
    pub(super) fn new() -> Self {
        Self { width: 1, window: None }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// So many records wait in the stream that has most.
    pub(super) fn waiting(&mut self, most: u64) {
        if most < RECORDS_MAX {
            *self = Self::new();
        }
    }

    /// As many requests are under way as may be, and so many records wait in all streams; whether these
    /// wait for that alone.
    pub(super) fn full(&mut self, now: Duration, records: u64, alone: bool) {
        let Some((since, before)) = self.window.filter(|_| alone) else {
            self.window = alone.then_some((now, records));
            return;
        };
        if now.saturating_sub(since) < WINDOW {
            return;
        }
        if before.saturating_sub(records) < records / WINDOWS {
            self.width = (self.width + 1).min(FLIGHT_MAX);
        }
        self.window = Some((now, records));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it comes to within ten seconds, looked at ten times a second.
    fn after_ten_seconds(from: u64, a_second: i64, is_alone: impl Fn(u64) -> bool) -> usize {
        let mut flight = Flight::new();
        let mut records = from;
        for step in 0..100 {
            flight.waiting(records);
            flight.full(Duration::from_millis(step * 100), records, is_alone(step));
            records = records.saturating_add_signed(a_second / 10);
        }
        flight.width()
    }

    #[test]
    fn it_widens_only_for_a_backlog_that_waits_for_nothing_else() {
        for (from, a_second, expected) in [
            (0, 0, 1),
            (RECORDS_MAX - 1, 0, 1),
            (RECORDS_MAX, 0, 4),
            (0, 500, 3),
            (10_000, 1_000, 4),
            (100_000, -100, 4),
            (100_000, -5_000, 1),
            (20_000, -2_000, 1),
        ] {
            let width = after_ten_seconds(from, a_second, |_| true);
            assert_eq!(width, expected, "{from} records, {a_second} more a second");
        }
        assert_eq!(after_ten_seconds(10_000, 1_000, |_| false), 1, "the pace holds it back");
        let now_and_then = after_ten_seconds(10_000, 1_000, |step| step % 15 != 0);
        assert_eq!(now_and_then, 1, "the pace holds it back now and then");
    }

    #[test]
    fn it_is_one_again_when_the_backlog_is_gone() {
        let mut flight = Flight::new();
        for second in 0..20 {
            flight.full(Duration::from_secs(second), 10_000 + second, true);
        }
        assert_eq!(flight.width(), FLIGHT_MAX);
        flight.waiting(RECORDS_MAX);
        assert_eq!(flight.width(), FLIGHT_MAX);
        flight.waiting(RECORDS_MAX - 1);
        assert_eq!(flight.width(), 1);
        flight.full(Duration::from_secs(21), 10_000, true);
        assert_eq!(flight.width(), 1, "looked at for as long as the first time");
    }
}
