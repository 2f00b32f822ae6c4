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

    /// The level of a number, as pino and bunyan write them: 10 for trace, 20 for debug, 30, 40, 50 and 60
    /// for critical; one between two of them is the lower. `None` below 10, as syslog counts the other way,
    /// and from 70 on, as others count by hundreds.
    #[must_use]
    pub const fn of_number(number: u64) -> Option<Self> {
        Some(match number {
            0..10 | 70.. => return None,
            10..20 => Self::Trace,
            20..30 => Self::Debug,
            30..40 => Self::Info,
            40..50 => Self::Warning,
            50..60 => Self::Error,
            60..70 => Self::Critical,
        })
    }

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

    /// Reads a level in any case, by the words of others as well: those of syslog (`emerg`, `alert`,
    /// `crit`, `err`, `warn`, `notice`), zap (`dpanic`, `panic`, `fatal`), `java.util.logging` (`severe`,
    /// `fine`), Serilog (`information`, `verbose`, and of three letters like zerolog's: `dbg`, `inf`, `wrn`,
    /// `ftl`), and by the letters of glog (`I`, `W`, `E`, `F`).
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "trace" | "trc" | "finest" | "verbose" | "vrb" => Self::Trace,
            "debug" | "dbg" | "fine" | "finer" => Self::Debug,
            "info" | "inf" | "i" | "information" | "informational" | "notice" => Self::Info,
            "warn" | "warning" | "wrn" | "w" => Self::Warning,
            "err" | "error" | "e" | "severe" => Self::Error,
            "crit" | "critical" | "fatal" | "ftl" | "f" | "panic" | "pnc" | "dpanic" | "alert"
            | "emerg" | "emergency" => Self::Critical,
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
    fn levels_of_others_are_known() {
        for (words, level) in [
            (&["panic", "DPANIC", "emerg", "alert", "FATAL", "crit"][..], Level::Critical),
            (&["FTL", "PNC", "F"], Level::Critical),
            (&["SEVERE", "err", "ERR", "E"], Level::Error),
            (&["WRN", "W"], Level::Warning),
            (&["notice", "Information", "INF", "I"], Level::Info),
            (&["DBG"], Level::Debug),
            (&["TRC", "VRB"], Level::Trace),
        ] {
            for word in words {
                assert_eq!(word.parse(), Ok(level), "{word}");
            }
        }
        for (number, level) in [
            (10, "trace"),
            (30, "info"),
            (35, "info"),
            (40, "warning"),
            (50, "error"),
            (60, "critical"),
        ] {
            assert_eq!(Level::of_number(number).map(Level::as_str), Some(level), "{number}");
        }
        for number in [0, 3, 9, 70, 100, 400] {
            assert_eq!(Level::of_number(number), None, "{number}");
        }
    }

    #[test]
    fn an_unknown_word_is_named_with_the_choices() {
        let error = "loud".parse::<Level>().unwrap_err().to_string();
        assert!(error.contains("\"loud\"") && error.contains("warning"), "{error}");
    }
}
