//! Text with its secrets replaced.

use std::borrow::Cow;
use std::ops::Range;

use crate::rules::TANGLED;
use crate::value::{Match, Scanner, prefilter};
use crate::{REDACTED, Rules};

/// Looks at a text before it goes as a whole: what is replaced may make room for another match.
const PASSES: usize = 4;

impl Rules {
    /// Whether [`Rules::redact`] has to be asked about this text: cheap, and `false` for nearly
    /// everything that is no secret. Takes nanoseconds and does not allocate.
    #[inline(always)]
    pub fn may_match(&self, text: &str) -> bool {
        may_match(text.as_bytes()) || self.looks_at_everything()
    }

    /// Whether there are rules of the user, which [`may_match`] knows nothing about.
    #[inline(always)]
    pub fn looks_at_everything(&self) -> bool {
        self.looks_at_everything
    }

    /// Whether the built-in rules for values, or one of the user's, match anything in the text.
    pub fn matches(&self, text: &str) -> bool {
        if self.looks_at_everything {
            return self.redact(text, &mut |_| ()).is_some();
        }
        may_match(text.as_bytes()) && Scanner::new(self, text).next().is_some()
    }

    /// The text without the secrets in it, when there are any; `counted` gets the name of each rule
    /// that replaced something. Only what matches is replaced: `Bearer [redacted]`.
    ///
    /// To redact what was redacted changes nothing.
    pub fn redact<'r>(&'r self, text: &str, counted: &mut dyn FnMut(&'r str)) -> Option<String> {
        if !self.may_match(text) || self.allows_value(text) {
            return None;
        }
        let mut current = Cow::Borrowed(text);
        for _ in 0..PASSES {
            let found = self.find(&current);
            if found.is_empty() {
                break;
            }
            found.iter().for_each(|found| counted(found.rule));
            current = Cow::Owned(replaced(&current, &found));
        }
        if matches!(current, Cow::Owned(_)) && !self.find(&current).is_empty() {
            counted(TANGLED);
            return Some(REDACTED.to_owned());
        }
        match current {
            Cow::Owned(redacted) => Some(redacted),
            Cow::Borrowed(_) => None,
        }
    }

    /// As [`Rules::redact`], of the value at a path such as `meta.user.email`: first the callbacks
    /// are asked, with the path.
    pub fn redact_at<'r>(
        &'r self,
        path: &str,
        text: &str,
        counted: &mut dyn FnMut(&'r str),
    ) -> Option<String> {
        let mut value = Cow::Borrowed(text);
        let mut changed = false;
        for callback in &self.callbacks {
            let is_other;
            (value, is_other) = callback.judge(path, value);
            if is_other {
                changed = true;
                counted(&callback.name);
            }
        }
        match self.redact(&value, counted) {
            Some(redacted) => Some(redacted),
            None => changed.then(|| value.into_owned()),
        }
    }

    /// What has to go, in order, and without what was replaced before.
    fn find(&self, text: &str) -> Vec<Match<'_>> {
        let mut found = Vec::new();
        if may_match(text.as_bytes()) {
            found.extend(Scanner::new(self, text));
        }
        for pattern in &self.patterns {
            let matches = pattern.regex.find_iter(text).filter(|found| !found.is_empty());
            let matches = matches.filter(|found| !self.allows_value(found.as_str()));
            found.extend(matches.map(|found| Match { range: found.range(), rule: &pattern.name }));
        }
        if found.is_empty() {
            return found;
        }
        let markers: Vec<Range<usize>> =
            text.match_indices(REDACTED).map(|(at, marker)| at..at + marker.len()).collect();
        found.retain_mut(|found| is_outside(found, &markers));
        join(found)
    }
}

/// Whether one of the built-in rules for values might match; never wrong when it says no.
#[inline(always)]
pub fn may_match(text: &[u8]) -> bool {
    prefilter::may_match(text)
}

/// Whether a match has more in it than what was replaced before. What it cuts it takes whole.
fn is_outside(found: &mut Match<'_>, markers: &[Range<usize>]) -> bool {
    let whole = found.range.clone();
    let first = markers.partition_point(|marker| marker.end <= whole.start);
    for marker in markers[first..].iter().take_while(|marker| marker.start < whole.end) {
        if marker.start <= whole.start && marker.end >= whole.end {
            return false;
        }
        found.range.start = found.range.start.min(marker.start);
        found.range.end = found.range.end.max(marker.end);
    }
    true
}

/// Matches in order, of which those that overlap become one.
fn join(mut found: Vec<Match<'_>>) -> Vec<Match<'_>> {
    found.sort_by_key(|found| found.range.start);
    let mut joined: Vec<Match<'_>> = Vec::with_capacity(found.len());
    for found in found {
        match joined.last_mut() {
            Some(last) if found.range.start < last.range.end => {
                last.range.end = last.range.end.max(found.range.end);
            }
            _ => joined.push(found),
        }
    }
    joined
}

fn replaced(text: &str, found: &[Match<'_>]) -> String {
    let mut out = String::with_capacity(text.len() + REDACTED.len());
    let mut at = 0;
    for found in found {
        out.push_str(&text[at..found.range.start]);
        out.push_str(REDACTED);
        at = found.range.end;
    }
    out.push_str(&text[at..]);
    out
}
