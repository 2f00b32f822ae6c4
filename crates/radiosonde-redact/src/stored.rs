//! [`Rules`] as they stand in a file, for whoever applies them to what their owner has left.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Rules;
use crate::user::{Callback, StoredCallback, StoredPattern};

/// Version of the stored form.
pub(crate) const VERSION: u32 = 2;
/// The oldest one that is read. It had keys only; the rules for values are part of every version
/// since, so they apply to what it describes as well.
const OLDEST: u32 = 1;

/// Rules that were stored and cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredError {
    /// They are of a version that this program does not know.
    UnknownVersion(u32),
    /// One of them cannot be used.
    Unusable(String),
}

impl fmt::Display for StoredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion(found) => write!(
                f,
                "redaction rules of version {found}, this program knows {OLDEST} to {VERSION}; \
                 update it"
            ),
            Self::Unusable(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for StoredError {}

/// [`Rules`] as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    version: u32,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<StoredPattern>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    callbacks: Vec<StoredCallback>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow_values: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow_patterns: Vec<String>,
}

impl From<Rules> for Stored {
    fn from(rules: Rules) -> Self {
        let written =
            |keys: Vec<crate::rules::Key>| keys.into_iter().map(|key| key.written).collect();
        let patterns = rules.patterns.into_iter().map(|pattern| StoredPattern {
            pattern: pattern.regex.as_str().to_owned(),
            name: pattern.name,
        });
        let callbacks = rules
            .callbacks
            .into_iter()
            .map(|callback| StoredCallback { name: callback.name, paths: callback.paths });
        let allowed = rules.allowed_patterns.iter();
        Self {
            version: VERSION,
            keys: written(rules.extra),
            allow: written(rules.allowed),
            patterns: patterns.collect(),
            callbacks: callbacks.collect(),
            allow_values: rules.allowed_values,
            allow_patterns: allowed.map(|pattern| pattern.regex.as_str().to_owned()).collect(),
        }
    }
}

impl TryFrom<Stored> for Rules {
    type Error = StoredError;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        if !(OLDEST..=VERSION).contains(&stored.version) {
            return Err(StoredError::UnknownVersion(stored.version));
        }
        let mut rules = stored.keys.iter().fold(Self::standard(), |rules, key| rules.with_key(key));
        rules = stored.allow.iter().fold(rules, |rules, key| rules.allow_key(key));
        for StoredPattern { name, pattern } in &stored.patterns {
            rules = rules.with_pattern(name, pattern);
        }
        for StoredCallback { name, paths } in &stored.callbacks {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            rules = rules.with(Callback::new(name, &paths, None));
        }
        rules = stored.allow_values.iter().fold(rules, |rules, value| rules.allow_value(value));
        rules = stored.allow_patterns.iter().fold(rules, |rules, text| rules.allow_pattern(text));
        // Fewer rules than their owner had are no rules.
        match rules.faults().iter().find(|fault| fault.is_left_out) {
            Some(fault) => Err(StoredError::Unusable(fault.what.clone())),
            None => Ok(rules),
        }
    }
}
