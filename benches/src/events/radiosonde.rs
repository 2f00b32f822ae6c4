//! This project, with its defaults.

use super::{Fields, lost};
use crate::harness::{Measured, Round, bursts};
use std::time::Duration;

/// Time for the drain to write what the last bursts left.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// One round through `event!`.
pub(super) fn event_macro(round: &Round) -> Result<Measured, String> {
    run(round, |number| {
        let &Fields { page, user, items, attempt, ratio } = Fields::of(number);
        radiosonde::event!("user.action", page, user, items, attempt, ratio, "clicked");
    })
}

/// One round through `tracing`.
pub(super) fn through_tracing(round: &Round) -> Result<Measured, String> {
    run(round, |number| {
        let &Fields { page, user, items, attempt, ratio } = Fields::of(number);
        tracing::info!(kind = "user.action", page, user, items, attempt, ratio, "clicked");
    })
}

fn run(round: &Round, call: impl FnMut(u64)) -> Result<Measured, String> {
    let telemetry = radiosonde::init!(dir = &round.folder);
    let samples = bursts::measure(round.bursts, call);
    let report = telemetry.shutdown(SHUTDOWN);
    if !report.survives_kill {
        return Err(format!("not the form that survives a kill:\n{report}"));
    }
    let dropped = report.events.dropped;
    Ok(Measured { samples, dropped, lost: lost(round, dropped)? })
}
