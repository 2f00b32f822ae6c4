//! Levels and kinds of records.

use std::fmt;

/// How urgent an event is. Ordered: `Trace < … < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Step by step detail.
    Trace = 0,
    /// Detail for the author of the code.
    Debug = 1,
    /// What an operator may want to know.
    Info = 2,
    /// Something is off; the work goes on.
    Warning = 3,
    /// A piece of work failed.
    Error = 4,
    /// The program, or much of it, failed.
    Critical = 5,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The level's name in an event line.
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

    /// Reads a level by name, in any case; `warn` and `fatal` are understood.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|level| name.eq_ignore_ascii_case(level.as_str()));
        found.or_else(|| match name.to_ascii_lowercase().as_str() {
            "warn" => Some(Self::Warning),
            "fatal" => Some(Self::Critical),
            _ => None,
        })
    }

    pub(crate) fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which signal a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A log line or a business event.
    Event = 0,
    /// A finished span.
    Span = 1,
    /// A point or a change of a metric series.
    Metric = 2,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Event, Self::Span, Self::Metric];

    /// The signal's name, as in day files and in the label `signal`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Span => "spans",
            Self::Metric => "metrics",
        }
    }

    pub(crate) fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }
}

/// Why an accepted call left no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum DropReason {
    /// Telemetry was shut down before the call.
    AfterShutdown = 0,
    /// The ring that threads without one of their own share was busy.
    Contended = 1,
    /// There is neither a directory nor a console to write to.
    NoDestination = 2,
    /// The call site's rate limit.
    RateLimited = 3,
    /// The thread's ring was full and the one bounded wait was used up.
    RingFull = 4,
    /// Recorded from inside of recording: by an allocator, a signal handler, or a formatter that
    /// records values whose formatters record in turn.
    Reentrant = 5,
    /// Recorded in a forked child, which has no rings of its own.
    Forked = 6,
}

impl DropReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::AfterShutdown,
        Self::Contended,
        Self::NoDestination,
        Self::RateLimited,
        Self::RingFull,
        Self::Reentrant,
        Self::Forked,
    ];

    /// The reason as the value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AfterShutdown => "after_shutdown",
            Self::Contended => "contended",
            Self::NoDestination => "no_destination",
            Self::RateLimited => "rate_limited",
            Self::RingFull => "ring_full",
            Self::Reentrant => "reentrant",
            Self::Forked => "forked",
        }
    }
}
