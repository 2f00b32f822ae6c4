//! This project, through the macros of `tracing`.

use super::{child, root};
use crate::harness::Role;
use crate::spans::lines;
use crate::spans::subject::{Ended, Fields, KEYS, Subject};
use radiosonde::Guard;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Time for the drain to write what is left.
const WITHIN: Duration = Duration::from_secs(60);

/// Our telemetry, and where its files are.
pub(crate) struct Running {
    guard: Guard,
    folder: PathBuf,
}

impl Running {
    /// As `init!` installs it.
    pub(crate) fn init(folder: &Path) -> Result<Running, String> {
        Self::of(radiosonde::init!(dir = folder), folder)
    }

    fn of(guard: Guard, folder: &Path) -> Result<Running, String> {
        let report = guard.report();
        if !report.survives_kill {
            return Err(format!("not the form that survives a kill:\n{report}"));
        }
        Ok(Running { guard, folder: folder.to_path_buf() })
    }

    /// What a scrape shows now.
    pub(crate) fn metrics_text(&self) -> String {
        self.guard.metrics_text()
    }

    /// Waits until everything is in its file, and counts the lines that have these attributes.
    pub(crate) fn finish(self, keys: &[&str]) -> Result<Ended, String> {
        let flushed = self.guard.flush(WITHIN);
        if flushed.spans.pending > 0 {
            return Err(format!("not written within {WITHIN:?}:\n{flushed}"));
        }
        let report = self.guard.shutdown(WITHIN);
        let (received, duplicated) = lines::of_spans(&self.folder, keys)?;
        Ok(Ended { received: Some(received), counted: Some(report.spans.dropped), duplicated })
    }
}

/// As `init!` installs it; or its layer among others, in a subscriber of the application: the other one
/// here does nothing, and wants to hear of every span.
pub(crate) struct Radiosonde<const BESIDE: bool>(Running);

struct Other;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Other {}

impl<const BESIDE: bool> Subject for Radiosonde<BESIDE> {
    const NAME: &'static str = if BESIDE { "radiosonde-layer" } else { "radiosonde" };
    const ROLE: Role = Role::Ours;
    const PACKAGES: &'static [&'static str] = &["radiosonde", "tracing", "tracing-subscriber"];

    fn start(folder: &Path) -> Result<Self, String> {
        if !BESIDE {
            return Running::init(folder).map(Self);
        }
        let parts = radiosonde::config!(dir = folder).build();
        tracing_subscriber::registry().with(parts.layer).with(Other).init();
        Running::of(parts.guard, folder).map(Self)
    }

    #[inline]
    fn root(&self, fields: &Fields, inside: impl FnOnce()) {
        root(fields, inside);
    }

    #[inline]
    fn child(&self, fields: &Fields) {
        child(fields);
    }

    fn finish(self) -> Result<Ended, String> {
        self.0.finish(KEYS)
    }
}
