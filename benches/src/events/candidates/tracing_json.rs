//! The usual stack: tracing-subscriber's JSON layer over tracing-appender's non-blocking writer, as
//! their documentation shows it.

use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use std::path::Path;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// With the default, which drops when 128,000 lines are waiting; or made to wait.
pub(crate) struct TracingJson<const WAITS: bool>(Appender);

/// The appender both formats for `tracing` write to.
pub(super) struct Appender {
    guard: WorkerGuard,
    errors: ErrorCounter,
}

impl Appender {
    /// A file of the day behind a thread.
    pub(super) fn new(folder: &Path, waits: bool) -> (NonBlocking, Appender) {
        let file = tracing_appender::rolling::daily(folder, "events.jsonl");
        let (writer, guard) = NonBlockingBuilder::default().lossy(!waits).finish(file);
        let errors = writer.error_counter();
        (writer, Appender { guard, errors })
    }

    /// Waits for the thread, at most the second that the guard allows.
    pub(super) fn finish(self) -> Ended {
        let Appender { guard, errors } = self;
        drop(guard);
        Ended::now(Some(errors.dropped_lines() as u64))
    }
}

impl<const WAITS: bool> Subject for TracingJson<WAITS> {
    const NAME: &'static str = if WAITS { "tracing-json-blocking" } else { "tracing-json" };
    const OVERFLOW: Overflow = if WAITS { Overflow::Waits } else { Overflow::Drops };
    const PACKAGES: &'static [&'static str] = &["tracing-subscriber", "tracing-appender"];

    fn start(folder: &Path) -> Result<Self, String> {
        let (writer, appender) = Appender::new(folder, WAITS);
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(writer).init();
        Ok(Self(appender))
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        event(fields);
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        disabled(fields);
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(self.0.finish())
    }
}

#[inline]
pub(super) fn event(fields: &Fields) {
    let &Fields { page, user, items, attempt, ratio } = fields;
    tracing::info!(evt = "user.action", page, user, items, attempt, ratio, "clicked");
}

#[inline]
pub(super) fn disabled(fields: &Fields) {
    let &Fields { page, user, items, attempt, ratio } = fields;
    tracing::debug!(evt = "user.action", page, user, items, attempt, ratio, "clicked");
}

/// What the facade `tracing` costs with a registry and a layer that does nothing.
pub(crate) struct Floor;

struct Nothing;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Nothing {
    fn on_event(
        &self,
        event: &tracing::Event<'_>,
        _context: tracing_subscriber::layer::Context<'_, S>,
    ) {
        std::hint::black_box(event);
    }
}

impl Subject for Floor {
    const NAME: &'static str = "tracing-floor";
    const ROLE: crate::harness::Role = crate::harness::Role::Floor;
    const OVERFLOW: Overflow = Overflow::Drops;
    const PACKAGES: &'static [&'static str] = &["tracing", "tracing-subscriber"];

    fn start(_folder: &Path) -> Result<Self, String> {
        tracing_subscriber::registry().with(Nothing).init();
        Ok(Self)
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        event(fields);
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        disabled(fields);
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(Ended::now(None))
    }
}
