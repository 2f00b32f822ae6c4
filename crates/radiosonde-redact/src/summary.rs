//! Rules in a sentence, for whoever asks what a program hides.

use crate::Rules;
use crate::user::short;

/// Names of a kind that are listed.
const LISTED: usize = 8;

impl Rules {
    /// What differs from the standard rules, in a sentence: `standard rules + keys tenant_pin; not:
    /// password`. `None` when nothing does. Names the keys; values that are allowed are counted only.
    pub fn summary(&self) -> Option<String> {
        let keys = self.extra.iter().map(|key| key.written.as_str());
        let patterns = self.patterns.iter().map(|pattern| pattern.name.as_str());
        let callbacks = self.callbacks.iter().map(|callback| callback.name.as_str());
        let added = [
            list("keys", keys.collect()),
            list("patterns", patterns.collect()),
            list("callbacks", callbacks.collect()),
        ];
        let allowed = self.allowed.iter().map(|key| key.written.as_str());
        let removed = [
            list("", allowed.collect()),
            count(self.allowed_values.len(), "value"),
            count(self.allowed_patterns.len(), "pattern of values"),
        ];
        let added: Vec<String> = added.into_iter().flatten().collect();
        let removed: Vec<String> = removed.into_iter().flatten().collect();
        if added.is_empty() && removed.is_empty() {
            return None;
        }
        let mut text = "standard rules".to_owned();
        for added in added {
            text += &format!(" + {added}");
        }
        if !removed.is_empty() {
            text += &format!("; not: {}", removed.join(", "));
        }
        Some(text)
    }
}

/// `keys a, b, 3 more`
fn list(kind: &str, mut names: Vec<&str>) -> Option<String> {
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    let mut names: Vec<String> = names.into_iter().map(|name| short(name).into_owned()).collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    let text = format!("{kind} {}", names.join(", "));
    (!names.is_empty()).then(|| text.trim_start().to_owned())
}

/// `2 values`
fn count(count: usize, of: &str) -> Option<String> {
    let text = match count {
        0 => return None,
        1 => format!("1 {of}"),
        _ if of == "value" => format!("{count} values"),
        _ => format!("{count} patterns of values"),
    };
    Some(text)
}
