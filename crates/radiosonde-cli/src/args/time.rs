//! The span of time that commands share.

use clap::Args;
use jiff::Timestamp;

use crate::when;

/// From when and up to when.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Time {
    /// From this moment on: 2025-10-06, 2025-10-06T13:00:00Z, 13:00, 3d, 1h30m, 1.5h, yesterday
    ///
    /// A time of day is the last there was.
    #[arg(
        long,
        value_name = "WHEN",
        value_parser = when::since,
        allow_hyphen_values = true,
        env = "RADIOSONDE_CLI_SINCE",
        help_heading = "What"
    )]
    pub(crate) since: Option<Timestamp>,
    /// Up to this moment, which is not included; a day is included as a whole
    ///
    /// A time of day is the first behind --since (the last, where that is a time ago), else the last there was;
    /// of lines to come the next. 24:00 is the end of the day.
    #[arg(
        long,
        value_name = "WHEN",
        value_parser = when::until,
        allow_hyphen_values = true,
        env = "RADIOSONDE_CLI_UNTIL",
        help_heading = "What"
    )]
    pub(crate) until: Option<Timestamp>,
}

impl Time {
    /// Whether it is not all of it.
    pub(crate) const fn is_narrowed(self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a moment lies in it.
    pub(crate) fn contains(self, ts: Timestamp) -> bool {
        self.since.is_none_or(|since| ts >= since) && self.until.is_none_or(|until| ts < until)
    }
}
