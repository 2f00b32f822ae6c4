//! The `tracing` layer of radiosonde: events and finished spans become records in the ring of
//! their thread, and the span a thread is in becomes its current context.
//!
//! A finished span, as it stands in `spans-*`:
//! ```text
//! {"ts":"…","level":"info","evt":"span","source":"shop::cart","msg":"checkout",…,"trace_id":"…","span_id":"…","meta":{"name":"checkout","parent_span_id":"…","start":"…","duration_us":1840,"kind":"internal","status":"ok","attributes":{"items":3}},"id":"…"}
//! ```
//!
//! ```
//! use radiosonde_record::{Filter, Journal, Kind, Level, Placement};
//! use radiosonde_tracing::{Layer, Sampler};
//! use tracing_subscriber::prelude::*;
//!
//! # fn main() -> std::io::Result<()> {
//! let journal = Journal::open(Placement::Memory, Filter::at(Level::Info))?;
//! let layer = Layer::new(&journal, Sampler::default());
//! let subscriber = tracing_subscriber::registry().with(layer);
//! tracing::subscriber::with_default(subscriber, || {
//!     tracing::info_span!("checkout", items = 3).in_scope(|| tracing::info!("paid"));
//! });
//! assert_eq!(journal.account(Kind::Event).offered, 1);
//! assert_eq!(journal.account(Kind::Span).offered, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Fields with a meaning
//!
//! On spans, `job_id`, `worker_id` and `session_id` become the ids of everything below the span,
//! `event!` and metrics included. `otel.name`, `otel.kind` (`server`, `client`, …),
//! `otel.status_code` (`ok`, `error`) and `otel.status_message` (or `otel.status_description`) say
//! what they say in tracing-opentelemetry. An event of level `ERROR` makes its span's status
//! `error` unless the span has one.
//!
//! # Behaviour under failure
//!
//! As `radiosonde-record`: nothing fails, waits are bounded, losses are counted. A span that is
//! open when its process dies leaves no line.
#![forbid(unsafe_code)]

mod callsites;
mod counts;
mod event;
mod exception;
mod fields;
mod handle;
mod layer;
mod open_spans;
mod sampler;
mod settings;
mod span;
mod stack;
mod store;
mod subscriber;
mod tracker;
mod visit;

pub use counts::{Counted, SpanCounts};
pub use handle::{add_link, context_of, set_parent};
pub use layer::Layer;
pub use open_spans::OpenSpans;
pub use sampler::{InvalidSampler, Sampler};
pub use settings::{InvalidKeep, Keep, SpanEvents, SpanLimits};
pub use subscriber::Subscriber;

/// The trace state of a context.
fn trace_state(_context: &radiosonde_context::Context) -> Option<&str> {
    None
}
