//! What keeps a scrape from showing everything.

use crate::writer::TooLarge;

/// Why a scrape is refused or incomplete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The text is larger than it may be: answered 503.
    #[error("a scrape was refused: the metrics are more than {limit} bytes of text")]
    TooLarge {
        /// What a text may have, in bytes.
        limit: usize,
    },
    /// Answers that nobody has read yet hold as much memory as they may: answered 503.
    #[error(
        "a scrape was refused: answers that slow clients have not read hold {limit} bytes or more"
    )]
    Busy {
        /// What they may hold, in bytes.
        limit: usize,
    },
    /// The answer before has been written for long, and may never be done: answered 503.
    #[error("a request was refused: writing the answer before takes more than {seconds} s")]
    Stuck {
        /// What it may take before others are refused.
        seconds: u64,
    },
    /// As many requests as may wait for their turn: answered 503.
    #[error("a request was refused: {limit} others wait for their answers")]
    Crowded {
        /// How many may wait.
        limit: usize,
    },
    /// The system has no thread to write an answer: answered 503.
    #[error("a request was refused: no thread to write the answer: {error}")]
    NoThread {
        /// What the system says.
        error: String,
    },
    /// What was to be written panicked: answered 500.
    #[error("a scrape was refused: writing the metrics panicked")]
    Panicked,
    /// Families or series that the format has no room for, see [`crate::Writer`]; the rest is
    /// answered.
    #[error(
        "a scrape does not show all of the metric `{family}`, as its lines would be read as another's or its values are none of its type"
    )]
    LeftOut {
        /// One of the families.
        family: String,
        /// How many families and series are missing.
        count: u64,
    },
}

impl Trouble {
    /// Whether it may be gone in a few seconds.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Stuck { .. } | Self::Crowded { .. } | Self::NoThread { .. }
        )
    }

    /// Whether the scrape was refused as a whole.
    pub fn refused(&self) -> bool {
        !matches!(self, Self::LeftOut { .. })
    }

    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => {
                "record fewer metrics or series: a lower `series_limit`, fewer labels or buckets"
            }
            Self::Busy { .. } => "scrape less often, by fewer clients, or over a faster network",
            Self::Stuck { .. } => {
                "look for a collector of metrics that hangs, or waits for a lock or for somebody else"
            }
            Self::Crowded { .. } => "scrape less often, or by fewer clients",
            Self::NoThread { .. } => "raise the limit of threads, or start fewer",
            Self::Panicked => "look for the panic in the events and mend what it names",
            Self::LeftOut { .. } => {
                "rename it, so that no other metric has its name with `_count`, `_sum`, `_bucket`, \
                 `_total` or `_created` behind it, and let no counter fall"
            }
        }
    }
}

impl From<TooLarge> for Trouble {
    fn from(TooLarge { limit }: TooLarge) -> Self {
        Self::TooLarge { limit }
    }
}
