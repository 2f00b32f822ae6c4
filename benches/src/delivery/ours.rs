//! This project, with its defaults.

use super::case::Signal;
use super::emitter::{Emitter, Finished, ITEMS, Plan, RATIO, ROUTE, USER};
use radiosonde::{Guard, Report};
use std::path::Path;
use std::time::Duration;

radiosonde::catalog!("registry.json");

/// What a program usually waits at its end.
const WITHIN: Duration = Duration::from_secs(2);
/// How long a producer that is to lose nothing waits for room in its ring.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ours, for one signal.
pub(super) struct Ours<const PATIENT: bool> {
    guard: Guard,
    signal: Signal,
    counter: radiosonde::typed::Counter,
}

impl<const PATIENT: bool> Emitter for Ours<PATIENT> {
    fn start(plan: &Plan, folder: &Path) -> Result<Self, String> {
        let guard = radiosonde::init!(dir = folder, registry = catalog::REGISTRY);
        let report = guard.report();
        if !report.survives_kill {
            return Err(format!("not the form that survives a kill:\n{report}"));
        }
        let (method, outcome) = (catalog::Method::Get, catalog::Outcome::Success);
        let counter = catalog::requests_total(method, outcome, catalog::Region::Eu1);
        Ok(Ours { guard, signal: plan.signal, counter })
    }

    #[inline]
    fn emit(&self, seq: i64) {
        let (route, user, items, ratio) = (ROUTE, USER, ITEMS, RATIO);
        match self.signal {
            Signal::Logs => tracing::info!(seq, route, user, items, ratio, "order placed"),
            Signal::Metrics => self.counter.increment(1),
            Signal::Spans => {
                drop(tracing::info_span!("place_order", seq, route, user, items, ratio));
            }
        }
    }

    fn produce(&self, produce: impl FnOnce()) {
        if PATIENT { radiosonde_record::patiently(PATIENCE, produce) } else { produce() }
    }

    fn points(&self) -> Option<u64> {
        points_of(&self.guard.report())
    }

    fn finish(self) -> Finished {
        // What is left is on disk, and the next start sends it.
        let report = self.guard.shutdown(WITHIN);
        let dropped = match self.signal {
            Signal::Logs => report.events.dropped,
            Signal::Metrics => 0,
            Signal::Spans => report.spans.dropped,
        };
        Finished { dropped: Some(dropped), points: points_of(&report) }
    }
}

/// Each series of a snapshot is a record of the spool, also one that it drops.
fn points_of(report: &Report) -> Option<u64> {
    let signals = &report.otlp.as_ref()?.signals;
    signals.iter().find(|export| export.signal == "metrics").map(|export| export.spooled)
}
