//! The time that dates of the registry and times of writes are judged by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What time it is: for deprecations, for when a metric was last written, and for when a batch
/// gauge was computed. Times of records are the system's in any case.
///
/// The default is the system's clock. One that stands still is for tests; clones share their hands:
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use radiosonde_metrics::Clock;
///
/// let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_491_200); // 2026-11-01
/// let clock = Clock::fixed(start);
/// clock.clone().set(start + Duration::from_secs(60));
/// assert_eq!(clock.now(), start + Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// A clock that stands at this time until [`Clock::set`], to the millisecond.
    pub fn fixed(at: SystemTime) -> Self {
        Self(Some(Arc::new(AtomicU64::new(millis(at)))))
    }

    /// Sets a clock that stands, and all its clones. The system's clock is not touched.
    pub fn set(&self, at: SystemTime) {
        if let Some(hands) = &self.0 {
            hands.store(millis(at), Ordering::Release);
        }
    }

    /// What time it is.
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            Some(_) => UNIX_EPOCH + Duration::from_millis(self.millis()),
            None => SystemTime::now(),
        }
    }

    /// Milliseconds since 1970; 0 before.
    pub(crate) fn millis(&self) -> u64 {
        match &self.0 {
            Some(hands) => hands.load(Ordering::Acquire),
            None => millis(SystemTime::now()),
        }
    }
}

/// Milliseconds since 1970; 0 before.
pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The same in seconds, as metrics have it.
#[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53 for millennia")]
pub(crate) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
