//! The streams of a spool, in which signals wait.

use radiosonde_record::Level;

pub(crate) use crate::signal::Signal;

/// A stream of a spool: what is kept, evicted and sent in one order.
///
/// The number of a stream is its place in [`Stream::ALL`]; it stands in spools, and does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a spool has exactly these; another one is a new version"
)]
pub enum Stream {
    /// Log lines of the levels trace and debug.
    LogsDebug = 0,
    /// Log lines of the level info.
    LogsInfo = 1,
    /// Spans.
    Traces = 2,
    /// Snapshots of the metrics of this process.
    Metrics = 3,
    /// Points that came from another SDK.
    MetricsLines = 4,
    /// Log lines from the level warning on.
    LogsWarning = 5,
    /// Business events, of any level.
    Events = 6,
}

impl Stream {
    /// All streams, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::LogsDebug,
        Self::LogsInfo,
        Self::Traces,
        Self::Metrics,
        Self::MetricsLines,
        Self::LogsWarning,
        Self::Events,
    ];

    /// Its number.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The stream of that number.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// Its name: that of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogsDebug => "logs-debug",
            Self::LogsInfo => "logs-info",
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::MetricsLines => "metrics-lines",
            Self::LogsWarning => "logs-warning",
            Self::Events => "events",
        }
    }

    /// The signal that it is sent as.
    pub const fn signal(self) -> Signal {
        match self {
            Self::LogsDebug | Self::LogsInfo | Self::LogsWarning | Self::Events => Signal::Logs,
            Self::Metrics | Self::MetricsLines => Signal::Metrics,
            Self::Traces => Signal::Traces,
        }
    }

    /// How long it is kept when there is no room: the lowest is evicted first.
    pub const fn rank(self) -> u8 {
        self as u8
    }

    /// The stream of a log line or business event.
    pub(crate) fn of_log(level: Level, is_log_line: bool) -> Self {
        match level {
            _ if !is_log_line => Self::Events,
            Level::Trace | Level::Debug => Self::LogsDebug,
            Level::Info => Self::LogsInfo,
            Level::Warning | Level::Error | Level::Critical => Self::LogsWarning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_more_is_kept_longer() {
        for (at, stream) in Stream::ALL.into_iter().enumerate() {
            assert_eq!((stream.index(), Stream::from_index(at)), (at, Some(stream)));
        }
        let of = |level, is_log_line| Stream::of_log(level, is_log_line);
        let worth = [
            of(Level::Debug, true),
            of(Level::Info, true),
            Stream::Traces,
            Stream::Metrics,
            of(Level::Error, true),
            of(Level::Trace, false),
        ];
        assert!(worth.is_sorted_by(|one, next| one.rank() < next.rank()));
        assert_eq!(Stream::from_index(Stream::ALL.len()), None);
    }
}
