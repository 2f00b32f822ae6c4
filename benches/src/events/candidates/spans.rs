//! Any candidate that listens to `tracing`, inside two spans with five fields altogether.

use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::{Overflow, Role};
use std::path::Path;
use tracing::span::EnteredSpan;

/// The candidate, and the spans this thread is in.
pub(crate) struct InSpans<S> {
    subject: S,
    /// The inner one first: they are left in this order.
    spans: [EnteredSpan; 2],
}

impl<S: Subject> Subject for InSpans<S> {
    const NAME: &'static str = S::NAME;
    const ROLE: Role = S::ROLE;
    const OVERFLOW: Overflow = S::OVERFLOW;
    const PACKAGES: &'static [&'static str] = S::PACKAGES;

    fn start(folder: &Path) -> Result<Self, String> {
        let subject = S::start(folder)?;
        let request = tracing::info_span!("request", method = "GET", path = "/orders", tenant = 42);
        let request = request.entered();
        let handler = tracing::info_span!("handler", queue = "fast", retry = 1).entered();
        Ok(Self { subject, spans: [handler, request] })
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        self.subject.event(fields);
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        self.subject.disabled(fields);
    }

    fn finish(self) -> Result<Ended, String> {
        drop(self.spans);
        self.subject.finish()
    }
}
