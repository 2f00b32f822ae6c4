//! Job, worker and session ids: short strings of a safe alphabet.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::is_forked_child;

/// A job, worker or session id: `[A-Za-z0-9._:-]{1,128}`.
///
/// The alphabet needs no escaping in JSON, headers, file names or search needles, so that an id
/// found in one place can be looked up byte for byte in another.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CorrelationId(Arc<str>);

/// The longest id, in bytes.
const LENGTH_MAX: usize = 128;

static SANITIZED: AtomicU64 = AtomicU64::new(0);
static FIRST_SANITIZED: OnceLock<CorrelationId> = OnceLock::new();

/// How many ids of this process did not fit the alphabet or length and were changed or ignored.
pub fn sanitized_ids() -> u64 {
    SANITIZED.load(Ordering::Relaxed)
}

/// The first of them that was changed, as it is stored; `None` when there was none but empty ones.
pub fn first_sanitized_id() -> Option<CorrelationId> {
    FIRST_SANITIZED.get().cloned()
}

impl CorrelationId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`InvalidCorrelationId`] when it is empty, longer than 128 bytes, or has a character
    /// outside `[A-Za-z0-9._:-]`.
    pub fn parse(id: &str) -> Result<Self, InvalidCorrelationId> {
        if Self::is_valid(id) { Ok(Self(id.into())) } else { Err(InvalidCorrelationId) }
    }

    /// Whether [`CorrelationId::parse`] takes it.
    pub(crate) fn is_valid(id: &str) -> bool {
        !id.is_empty() && id.len() <= LENGTH_MAX && id.bytes().all(is_allowed)
    }

    /// Makes any text fit, counting what had to be changed; `None` for the empty text.
    pub fn sanitize(id: &str) -> Option<Self> {
        if let Ok(valid) = Self::parse(id) {
            return Some(valid);
        }
        SANITIZED.fetch_add(1, Ordering::Relaxed);
        let fitting: String = id
            .chars()
            .take(LENGTH_MAX)
            .map(|c| if c.is_ascii() && is_allowed(c as u8) { c } else { '_' })
            .collect();
        let changed = (!fitting.is_empty()).then(|| Self(fitting.into()))?;
        // A forked child might wait for a thread it does not have, which was setting it.
        if FIRST_SANITIZED.get().is_none() && !is_forked_child() {
            let _first = FIRST_SANITIZED.set(changed.clone());
        }
        Some(changed)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorrelationId({})", self.0)
    }
}

/// An id outside `[A-Za-z0-9._:-]{1,128}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCorrelationId;

impl fmt::Display for InvalidCorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a correlation id has 1 to 128 characters of A-Z a-z 0-9 . _ : -")
    }
}

impl std::error::Error for InvalidCorrelationId {}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_do_not_fit_are_made_to_fit_and_counted() {
        let cases = [
            ("job-123", Some("job-123")),
            ("a b\n\"c", Some("a_b__c")),
            ("größe", Some("gr__e")),
            ("", None),
        ];
        for (given, expected) in cases {
            assert_eq!(
                CorrelationId::sanitize(given).as_ref().map(CorrelationId::as_str),
                expected
            );
        }
        let long = "x".repeat(1_000_000);
        let before = sanitized_ids();
        assert_eq!(CorrelationId::sanitize(&long).unwrap().as_str().len(), 128);
        assert!(sanitized_ids() > before);
        assert!(CorrelationId::parse(&long).is_err());
    }
}
