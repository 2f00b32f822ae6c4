//! Rate limit of one call site.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Lets a number of events a second through, counted in whole seconds of the clock. Lock-free;
/// under contention at the turn of a second a few more than the limit may pass.
#[derive(Debug, Default)]
pub struct RateLimit(AtomicU64);

impl RateLimit {
    /// A limit that has let nothing through yet.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether one more event may pass, with `per_second` a second.
    pub fn allow(&self, per_second: u32) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.allow_at(now.as_secs() as u32, per_second)
    }

    /// Upper half: the second. Lower half: how many passed in it.
    fn allow_at(&self, second: u32, per_second: u32) -> bool {
        let step = |state: u64| {
            let passed = if (state >> 32) as u32 == second { state as u32 } else { 0 };
            (passed < per_second).then(|| (u64::from(second) << 32) | u64::from(passed + 1))
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_allowance() {
        let limit = RateLimit::new();
        let passed = |second| (0..10).filter(|_| limit.allow_at(second, 3)).count();
        assert_eq!(passed(1), 3);
        assert_eq!(passed(1), 0);
        assert_eq!(passed(2), 3);
        assert!(!RateLimit::new().allow_at(1, 0));
    }
}
