//! Programs and libraries that use the OpenTelemetry API, on radiosonde.
//!
//! Spans of `tracing` go through the layer of tracing-opentelemetry, over a tracer of ours: so
//! `OpenTelemetrySpanExt`, the middlewares that build on it and the API itself go on working, and each
//! span is a record on disk when it ends, without an SDK in between.
//!
//! ```
//! use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
//! use radiosonde_context::Context;
//! use radiosonde_otel_bridge::Bridge;
//! use radiosonde_record::{Filter, Journal, Kind, Level, Placement};
//! use radiosonde_tracing::{Layer, Sampler};
//! use tracing_subscriber::prelude::*;
//!
//! # fn main() -> std::io::Result<()> {
//! let journal = Journal::open(Placement::Memory, Filter::at(Level::Info))?;
//! let bridge = Bridge::new(Layer::new(&journal, Sampler::default()));
//! let subscriber = tracing_subscriber::registry().with(bridge.layer());
//! tracing::subscriber::with_default(subscriber, || {
//!     tracing::info_span!("checkout").in_scope(|| {
//!         bridge.tracer_provider().tracer("shop").in_span("pay", |cx| {
//!             let span = cx.span().span_context().span_id().to_bytes();
//!             assert_eq!(Context::current().span_id().map(|id| id.to_bytes()), Some(span));
//!         });
//!     });
//! });
//! assert_eq!(journal.account(Kind::Span).offered, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Which context holds
//!
//! A context of the API and one of radiosonde are one to the thread: whichever was attached last holds.
//! Lines, metrics and requests inside of a span have its ids, wherever it came from; a span that is
//! made where a context of radiosonde is current is a child of it and has its job, worker, session and
//! baggage.
//!
//! # Behaviour under failure
//!
//! As `radiosonde-tracing`. A span past the number that can be open, or held back by the filter, is
//! what is around: what happens inside has the ids of its parent.
#![forbid(unsafe_code)]

mod around;
mod baggage;
mod bridge;
mod convert;
mod current;
mod numbers;
mod open;
mod propagator;
#[cfg(feature = "sdk")]
pub mod sdk;
mod source;
mod span;
mod tracer;

pub use bridge::Bridge;
pub use propagator::Propagator;
pub use span::Span;
pub use tracer::{Tracer, TracerProvider};
