//! What rules make of a text.

use radiosonde_redact::Rules;

/// The text, redacted.
pub(crate) fn redacted(rules: &Rules, text: &str) -> String {
    rules.redact(text, &mut |_| ()).unwrap_or_else(|| text.to_owned())
}

/// The rules that replaced something, one entry a time.
pub(crate) fn counted(rules: &Rules, text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let _ = rules.redact(text, &mut |rule| names.push(rule.to_owned()));
    names
}
