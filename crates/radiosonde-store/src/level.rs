//! Levels of lines, ordered by severity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How serious a line is. The order is that of severity: `Level::Warning < Level::Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// The finest detail.
    Trace,
    /// For whoever develops the program.
    Debug,
    /// The course of things.
    Info,
    /// Something went wrong and was dealt with.
    Warning,
    /// Something was not done.
    Error,
    /// The service, or what it is for, is in danger.
    Critical,
}

impl Level {
    /// Every one, the least severe first.
    #[cfg(feature = "sealed")]
    pub(crate) const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The word in a line's `level`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The word of people's output, at most five characters.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARN",
            Self::Error => "ERROR",
            Self::Critical => "CRIT",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown level {0:?}: write one of trace, debug, info, warning, error, critical")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Reads a level in any case, with the usual short and syslog words (`warn`, `err`, `crit`,
    /// `fatal`) beside our own.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" | "warning" => Self::Warning,
            "err" | "error" => Self::Error,
            "crit" | "critical" | "fatal" => Self::Critical,
            _ => return Err(UnknownLevel(word.chars().take(32).collect())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_by_severity() {
        let all = ["trace", "DEBUG", "Info", "warn", "err", "fatal"].map(str::parse::<Level>);
        let all: Vec<Level> = all.into_iter().map(Result::unwrap).collect();
        assert!(all.is_sorted());
        assert_eq!(all.first(), Some(&Level::Trace));
        assert_eq!(all.last(), Some(&Level::Critical));
    }

    #[test]
    fn an_unknown_word_is_named_with_the_choices() {
        let error = "loud".parse::<Level>().unwrap_err().to_string();
        assert!(error.contains("\"loud\"") && error.contains("warning"), "{error}");
    }
}
