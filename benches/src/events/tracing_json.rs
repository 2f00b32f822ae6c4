//! The usual stack: tracing-subscriber's JSON layer over tracing-appender's non-blocking writer, as
//! their documentation shows it.

use super::{Fields, lost};
use crate::harness::{Measured, Round, bursts};

/// One round.
pub(super) fn run(round: &Round) -> Result<Measured, String> {
    let appender = tracing_appender::rolling::daily(&round.folder, "events.jsonl");
    let (writer, guard) = tracing_appender::non_blocking(appender);
    let errors = writer.error_counter();
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(writer).init();
    let samples = bursts::measure(round.bursts, |number| {
        let &Fields { page, user, items, attempt, ratio } = Fields::of(number);
        tracing::info!(evt = "user.action", page, user, items, attempt, ratio, "clicked");
    });
    drop(guard);
    let dropped = errors.dropped_lines() as u64;
    Ok(Measured { samples, dropped, lost: lost(round, dropped)? })
}
