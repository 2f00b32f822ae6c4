//! The zone of the times that are read and printed: UTC, or with `--local` that of this machine.
//!
//! It is one for all of a run of the command, and of its thread.

use std::cell::RefCell;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

thread_local! {
    static ZONE: RefCell<TimeZone> = const { RefCell::new(TimeZone::UTC) };
}

/// Uses UTC, or the zone of this machine: that of `TZ`, else that of the system.
///
/// # Errors
/// Says what to do where the zone of this machine is not known.
pub(crate) fn set(is_local: bool) -> Result<(), String> {
    let zone = match is_local {
        false => TimeZone::UTC,
        true => TimeZone::try_system().map_err(|error| {
            format!(
                "the zone of this machine is not known ({error}): set TZ, such as \
                 TZ=Europe/Berlin, or leave out --local"
            )
        })?,
    };
    ZONE.with(|current| current.replace(zone));
    Ok(())
}

/// A moment on the clocks of the zone.
pub(crate) fn of(ts: Timestamp) -> Zoned {
    ts.to_zoned(current())
}

/// The zone itself.
pub(crate) fn current() -> TimeZone {
    ZONE.with_borrow(TimeZone::clone)
}

/// What the zone is called at a moment: `UTC`, `CEST`, `-03`.
pub(crate) fn name(ts: Timestamp) -> String {
    of(ts).strftime("%Z").to_string()
}

/// RFC 3339 with microseconds: `2025-10-06T13:43:10.123456Z`, or with the offset of the zone.
pub(crate) fn stamp(ts: Timestamp) -> String {
    let zoned = of(ts);
    match zoned.time_zone() == &TimeZone::UTC {
        true => format!("{ts:.6}"),
        false => zoned.strftime("%Y-%m-%dT%H:%M:%S.%6f%:z").to_string(),
    }
}
