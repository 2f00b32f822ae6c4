//! How many values were redacted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many values were redacted, by rule. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct Redactions(Arc<Mutex<BTreeMap<String, Counter>>>);

/// The count of one rule: looked up once, counted often.
pub(crate) type Counter = Arc<AtomicU64>;

impl Redactions {
    /// The counts so far.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Only shown to people, nothing is published through it.
        let counts = counters.iter().map(|(rule, count)| (rule, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).map(|(rule, count)| (rule.clone(), count)).collect()
    }

    /// Where the rule counts.
    pub(crate) fn counter(&self, rule: &str) -> Counter {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(rule) {
            return Arc::clone(counter);
        }
        // The rules are a bounded set, and so are their counts.
        Arc::clone(counters.entry(rule.to_owned()).or_default())
    }
}
