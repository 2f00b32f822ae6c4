//! Who makes the spans of `tracing` in place of the layer.

use std::fmt;

use radiosonde_context::{Context, SpanId};
use tracing_core::Dispatch;
use tracing_core::span::Id;

use crate::spans::SpanNumber;

/// Makes the spans of `tracing` in place of a [`Layer`](crate::Layer), and records them with
/// [`Spans`](crate::Spans): see [`Layer::with_source`](crate::Layer::with_source).
pub trait SpanSource: fmt::Debug + Send + Sync {
    /// The span of these ids, while it is open.
    fn find(&self, span: SpanId) -> Option<SpanNumber>;

    /// The context inside a span of `tracing`, which has begun then; `None` when it is not one of
    /// the source.
    fn context_of(&self, id: &Id, dispatch: &Dispatch) -> Option<Context>;

    /// Makes a span a child of that of a context. Whether it was in time; `None` when it is not one of
    /// the source.
    fn set_parent(&self, span: &tracing::Span, parent: &Context) -> Option<bool>;

    /// Links a span to that of a context, which is in one.
    fn add_link(&self, span: &tracing::Span, to: &Context);
}
