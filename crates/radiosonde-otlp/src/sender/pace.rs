//! How fast records go out: at most twice as fast as they come in, so that a collector that has just
//! come back is not drowned in what waited for it.

use std::time::Duration;

/// Records of debt at most: an entry that says it holds four billion must not stop a signal for days. A
/// request of ours has 2,048, but for single entries with more.
const DEBT_MAX: f64 = 1_048_576.0;
/// Seconds whose rate counts as the present one.
const SECONDS: usize = 60;

/// A bucket of tokens, one per record. It may go into debt, so that a request is never too large for
/// it; the next one then waits.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Records a second at least.
    least: u64,
    tokens: f64,
    filled_at: Duration,
    /// Records that came in, by second, modulo [`SECONDS`].
    came: [u64; SECONDS],
    second: u64,
}

impl Pace {
    pub(super) fn new(least: u64) -> Self {
        let least = least.max(1);
        Self {
            least,
            tokens: as_f64(least),
            filled_at: Duration::ZERO,
            came: [0; SECONDS],
            second: 0,
        }
    }

    /// So many records came in.
    pub(super) fn came(&mut self, now: Duration, records: u64) {
        let past = now.as_secs().saturating_sub(self.second);
        for step in 1..=past.min(SECONDS as u64) {
            let second = self.second + step;
            self.came[place(second)] = 0;
        }
        self.second += past;
        let slot = &mut self.came[place(self.second)];
        *slot = slot.saturating_add(records);
    }

    /// Records a second.
    pub(super) fn rate(&self) -> u64 {
        let most = self.came.iter().copied().max().unwrap_or_default();
        most.saturating_mul(2).max(self.least)
    }

    /// When the next request may go, if not now.
    pub(super) fn wait(&mut self, now: Duration) -> Option<Duration> {
        let rate = as_f64(self.rate());
        let past = now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.tokens = (self.tokens + past * rate).min(rate);
        if self.tokens > 0.0 {
            return None;
        }
        // A debt is paid within minutes at the least rate there is.
        let seconds = ((1.0 - self.tokens) / rate).clamp(0.001, 600.0);
        Some(now + Duration::from_secs_f64(seconds))
    }

    pub(super) fn take(&mut self, records: u64) {
        self.tokens = (self.tokens - as_f64(records)).max(-DEBT_MAX);
    }
}

fn place(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}

/// Counts of a second are far below what a float holds exactly.
fn as_f64(records: u64) -> f64 {
    records as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records that go out in ten seconds, in requests of this size, when ever more wait.
    fn drained(pace: &mut Pace, from: Duration, request: u64) -> u64 {
        let (mut now, mut sent) = (from, 0);
        while now < from + Duration::from_secs(10) {
            match pace.wait(now) {
                Some(until) => {
                    assert!(until > now, "no busy loop");
                    now = until;
                }
                None => {
                    pace.take(request);
                    sent += request;
                }
            }
        }
        sent
    }

    #[test]
    fn a_backlog_goes_out_at_the_rate_and_no_faster() {
        for (came, rate) in [(0, 5_000), (1_000, 5_000), (8_000, 16_000), (200_000, 400_000)] {
            for request in [1, 64, 2_048] {
                let mut pace = Pace::new(5_000);
                pace.came(Duration::from_millis(300), came / 2);
                pace.came(Duration::from_millis(900), came - came / 2);
                assert_eq!(pace.rate(), rate);
                let sent = drained(&mut pace, Duration::from_secs(1), request);
                let most = rate * 11 + request + 1;
                assert!((rate * 10..=most).contains(&sent), "{came} {request}: {sent}");
            }
        }
    }

    #[test]
    fn a_debt_is_paid_within_minutes_whatever_an_entry_says() {
        let mut pace = Pace::new(5_000);
        pace.take(u64::MAX);
        let mut now = Duration::ZERO;
        while let Some(until) = pace.wait(now) {
            now = until;
        }
        assert!(now > Duration::from_secs(60) && now < Duration::from_secs(600), "{now:?}");
    }

    #[test]
    fn what_came_a_minute_ago_does_not_count() {
        let mut pace = Pace::new(5_000);
        pace.came(Duration::from_secs(5), 100_000);
        pace.came(Duration::from_secs(64), 1);
        assert_eq!(pace.rate(), 200_000);
        pace.came(Duration::from_secs(65), 1);
        assert_eq!(pace.rate(), 5_000);
        pace.came(Duration::from_secs(1 << 40), 9_000);
        assert_eq!(pace.rate(), 18_000);
        // A clock that stands still or is behind changes nothing.
        pace.came(Duration::ZERO, 1_000);
        assert_eq!(pace.rate(), 20_000);
    }
}
