//! This project, with its defaults.

use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::{Overflow, Role};
use radiosonde::Guard;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time for the drain to write what is left.
const WITHIN: Duration = Duration::from_secs(60);
/// How long a producer that must lose nothing waits for room in its ring.
const PATIENCE: Duration = Duration::from_secs(30);

/// Through `event!`.
pub(crate) struct Macro(Guard);

/// Through `tracing`.
pub(crate) struct Tracing(Guard);

impl Subject for Macro {
    const NAME: &'static str = "radiosonde";
    const ROLE: Role = Role::Ours;
    const OVERFLOW: Overflow = Overflow::Drops;
    const PACKAGES: &'static [&'static str] = &["radiosonde"];

    fn start(folder: &Path) -> Result<Self, String> {
        start(folder).map(Self)
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        radiosonde::event!("user.action", page, user, items, attempt, ratio, "clicked");
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        radiosonde::event!(
            "user.action",
            level: debug,
            page,
            user,
            items,
            attempt,
            ratio,
            "clicked"
        );
    }

    fn finish(self) -> Result<Ended, String> {
        finish(self.0)
    }

    fn without_loss<R>(produce: impl FnOnce() -> R) -> R {
        radiosonde_record::patiently(PATIENCE, produce)
    }

    fn recover(folder: &Path) -> Result<Option<u64>, String> {
        recover(folder)
    }
}

impl Subject for Tracing {
    const NAME: &'static str = Macro::NAME;
    const ROLE: Role = Role::Ours;
    const OVERFLOW: Overflow = Overflow::Drops;
    const PACKAGES: &'static [&'static str] = &["radiosonde", "tracing", "tracing-subscriber"];

    fn start(folder: &Path) -> Result<Self, String> {
        start(folder).map(Self)
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        tracing::info!(kind = "user.action", page, user, items, attempt, ratio, "clicked");
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        tracing::debug!(kind = "user.action", page, user, items, attempt, ratio, "clicked");
    }

    fn finish(self) -> Result<Ended, String> {
        finish(self.0)
    }

    fn without_loss<R>(produce: impl FnOnce() -> R) -> R {
        Macro::without_loss(produce)
    }

    fn recover(folder: &Path) -> Result<Option<u64>, String> {
        recover(folder)
    }
}

fn start(folder: &Path) -> Result<Guard, String> {
    let telemetry = radiosonde::init!(dir = folder);
    let report = telemetry.report();
    if report.survives_kill {
        Ok(telemetry)
    } else {
        Err(format!("not the form that survives a kill:\n{report}"))
    }
}

fn finish(telemetry: Guard) -> Result<Ended, String> {
    let flushed = telemetry.flush(WITHIN);
    // What follows is a sync, which nobody else is asked for.
    let at = Instant::now();
    if flushed.events.pending > 0 {
        return Err(format!("not written within {WITHIN:?}:\n{flushed}"));
    }
    let report = telemetry.shutdown(WITHIN);
    let (counted, offered) = (report.events.dropped, report.events.offered);
    Ok(Ended { counted: Some(counted), offered: Some(offered), at })
}

/// What `radiosonde recover` does.
fn recover(folder: &Path) -> Result<Option<u64>, String> {
    let wrong = |error: String| format!("cannot recover {}: {error}", folder.display());
    let report = radiosonde_events::recover::recover_directory(folder, false)
        .map_err(|error| wrong(error.to_string()))?;
    if let Some((path, error)) = report.failed.first() {
        return Err(wrong(format!("{}: {error}", path.display())));
    }
    let dropped = report.instances.iter().flat_map(|instance| &instance.recovered.dropped);
    let of_events = dropped.filter(|(kind, ..)| *kind == radiosonde_record::Kind::Event);
    Ok(Some(of_events.map(|(.., count)| count).sum()))
}
