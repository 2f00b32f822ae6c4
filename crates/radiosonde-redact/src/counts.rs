//! How often each rule applied.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Rules;

/// Where rules nobody announced are counted.
const OTHER: &str = "_other";

/// How often each rule applied. One slot a rule, made once: nothing grows with what is counted.
#[derive(Debug)]
pub struct Counts {
    slots: Box<[(Box<str>, AtomicU64)]>,
    other: AtomicU64,
}

impl Counts {
    /// A zero for every rule.
    pub fn new(rules: &Rules) -> Self {
        let mut names: Vec<&str> = rules.names().collect();
        names.sort_unstable();
        names.dedup();
        let slots = names.into_iter().map(|name| (name.into(), AtomicU64::new(0))).collect();
        Self { slots, other: AtomicU64::new(0) }
    }

    /// Counts one value replaced by that rule; a rule these counts do not know goes to `_other`.
    pub fn add(&self, rule: &str) {
        let slot = self.slots.binary_search_by(|(name, _)| (**name).cmp(rule)).ok();
        let count =
            slot.and_then(|slot| self.slots.get(slot)).map_or(&self.other, |(_, count)| count);
        // Only read for display, nothing is published through it.
        let _before = count.fetch_add(1, Ordering::Relaxed);
    }

    /// Every rule with its count, sorted by name; `_other` at the end when it is not 0.
    pub fn snapshot(&self) -> Vec<(&str, u64)> {
        let other = (OTHER, self.other.load(Ordering::Relaxed));
        let slots = self.slots.iter().map(|(name, count)| (&**name, count.load(Ordering::Relaxed)));
        slots.chain(Some(other).filter(|(_, count)| *count > 0)).collect()
    }

    /// All values replaced.
    pub fn total(&self) -> u64 {
        self.snapshot().iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_counted_once_under_its_name() {
        let rules = Rules::standard().with_key("tenant_pin").with_key("tenant_pin");
        let counts = Counts::new(&rules);
        let zeroes = counts.snapshot().len();
        for key in ["password", "dbPassword", "tenant.pin", "max_tokens"] {
            if let Some(rule) = rules.rule_for_key(key) {
                counts.add(rule);
            }
        }
        counts.add("a rule of somebody else");
        let snapshot = counts.snapshot();
        assert_eq!(snapshot.len(), zeroes + 1);
        for expected in [("password", 2), ("tenant_pin", 1), ("token", 0), ("_other", 1)] {
            assert!(snapshot.contains(&expected), "{expected:?} in {snapshot:?}");
        }
        assert_eq!(counts.total(), 4);
    }
}
