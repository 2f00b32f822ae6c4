//! Which label names hide their values, and how often that happened.

use radiosonde_redact::{Counts, Rules};

/// The rules and a count for each.
pub(crate) struct Redactor {
    rules: Rules,
    counts: Counts,
}

impl Redactor {
    pub(crate) fn new(rules: Rules) -> Self {
        let counts = Counts::new(&rules);
        Self { rules, counts }
    }

    /// The rule that forbids to show the value of a label; `None` when it may be shown.
    pub(crate) fn rule(&self, label: &str) -> Option<&str> {
        self.rules.rule_for_key(label)
    }

    /// Counts one value replaced by that rule.
    pub(crate) fn count(&self, rule: &str) {
        self.counts.add(rule);
    }

    /// The rules that were applied, with the number of values replaced.
    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        let counts = self.counts.snapshot().into_iter().filter(|(_, count)| *count > 0);
        counts.map(|(rule, count)| (rule.to_owned(), count)).collect()
    }
}
