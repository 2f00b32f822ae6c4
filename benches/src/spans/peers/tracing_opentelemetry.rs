//! tracing-opentelemetry over the SDK's batch processor.

use super::opentelemetry::Pipe;
use super::{child, root};
use crate::spans::subject::{Ended, Fields, KEYS, Subject};
use std::path::Path;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// With its defaults; or without place, thread, and the times a span was busy and idle, which it adds
/// to the attributes of each.
pub(crate) struct TracingOpenTelemetry<const LEAN: bool>(Pipe);

impl<const LEAN: bool> Subject for TracingOpenTelemetry<LEAN> {
    const NAME: &'static str =
        if LEAN { "tracing-opentelemetry-lean" } else { "tracing-opentelemetry" };
    const PACKAGES: &'static [&'static str] =
        &["tracing-opentelemetry", "opentelemetry_sdk", "tracing-subscriber"];

    fn start(_folder: &Path) -> Result<Self, String> {
        let pipe = Pipe::new(KEYS);
        let layer = tracing_opentelemetry::layer().with_tracer(pipe.tracer());
        let layer = if LEAN {
            layer.with_location(false).with_threads(false).with_tracked_inactivity(false)
        } else {
            layer
        };
        tracing_subscriber::registry().with(layer).init();
        Ok(Self(pipe))
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
        self.0.finish()
    }
}
