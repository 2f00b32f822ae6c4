//! Where the layer for events finds the spans that tracing-opentelemetry makes.

use opentelemetry::Context as OtelContext;
use radiosonde_context::{Context, SpanId};
use radiosonde_tracing::{SpanNumber, SpanSource};
use tracing_core::Dispatch;
use tracing_core::span::Id;
use tracing_opentelemetry::{OpenTelemetrySpanExt as _, SetParentError, get_otel_context};

use crate::{convert, current, open};

/// The layer of tracing-opentelemetry, as a source of spans.
#[derive(Debug)]
pub(crate) struct Source;

impl SpanSource for Source {
    fn find(&self, span: SpanId) -> Option<SpanNumber> {
        open::find(span).map(|open| open.number)
    }

    fn context_of(&self, id: &Id, dispatch: &Dispatch) -> Option<Context> {
        let cx = get_otel_context(id, dispatch)?;
        Some(current::alone(&cx))
    }

    fn set_parent(&self, span: &tracing::Span, parent: &Context) -> Option<bool> {
        // One without a span only adds ids: it stays where it was made.
        let parent = parent.over(&Context::current());
        match span.set_parent(current::carrying(OtelContext::new(), &parent)) {
            Ok(()) => Some(true),
            Err(SetParentError::AlreadyStarted) => Some(false),
            Err(_) => None,
        }
    }

    fn add_link(&self, span: &tracing::Span, to: &Context) {
        if let Some(to) = convert::span_context(to) {
            span.add_link(to);
        }
    }
}
