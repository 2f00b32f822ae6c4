//! Which label names hide their values, which values are hidden under any name, and how often that
//! happened.

use std::borrow::Cow;
use std::fmt;

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

    /// Whether there may be something to hide in a value. Cheap, and sometimes wrong: only a no counts.
    pub(crate) fn may_hide(&self, value: &str) -> bool {
        self.rules.may_match(value)
    }

    /// What may be shown of the value of a label whose name hides nothing, when that is not all.
    /// The rules that replaced something are to be counted.
    pub(crate) fn redact<'r>(
        &'r self,
        label: &str,
        value: &str,
        hits: &mut Vec<&'r str>,
    ) -> Option<String> {
        if !self.may_hide(value) {
            return None;
        }
        let path = format!("labels.{label}");
        self.rules.redact_at(&path, value, &mut |rule| hits.push(rule))
    }

    /// What may be shown of such a value.
    pub(crate) fn shown<'v>(&self, label: &str, value: &'v str) -> Cow<'v, str> {
        let mut hits = Vec::new();
        let redacted = self.redact(label, value, &mut hits);
        hits.into_iter().for_each(|rule| self.count(rule));
        redacted.map_or(Cow::Borrowed(value), Cow::Owned)
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

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}
