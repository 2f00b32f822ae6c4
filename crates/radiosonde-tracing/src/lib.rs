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
//! Where no other layer listens, [`Layer::into_subscriber`] does without a registry.
//!
//! # Whose child a span is
//!
//! That of the [`Context`](radiosonde_context::Context) that is current where it is made, be it of a
//! span or of a request; with `parent:` that of the span it was told. [`set_parent`] gives it another
//! one as long as nobody knows its ids: they are fixed when it is first entered, has a child or an
//! event, or is asked for its context with [`context_of`]. [`add_link`] and `follows_from` make links.
//!
//! # Fields with a meaning
//!
//! On spans, `job_id`, `worker_id` and `session_id` become the ids of everything below the span,
//! `event!` and metrics included. `otel.name`, `otel.kind` (`server`, `client`, …),
//! `otel.status_code` (`ok`, `error`) and `otel.status_description` (or `otel.status_message`), which
//! makes the status `error`, say what they say in tracing-opentelemetry; `ok` is final. Other fields
//! are attributes. Where a span is made in the code (`code.*`) stands once at its call site, and is
//! no attribute; threads and busy and idle times, which would cost a clock and more lines, are none
//! either.
//!
//! # Errors
//!
//! An event of level `ERROR` makes its span's status `error` unless the span has one. One with an
//! error, `error = &e as &dyn Error` or a field `error` as `#[instrument(err)]` has it, is an event
//! `exception` of the span as well, with `exception.message`, and the sources of the error as
//! `exception.stacktrace`; so is a field of the span that is an error. A span that a panic ends has
//! the status `error` and the message `panicked`. [`SpanEvents::All`] puts every event into its span.
//!
//! # Records of `log`
//!
//! What the crate `tracing-log` makes of records of `log` is recorded as they are: the filter is asked
//! for their own target, which is the source of the line, their place in the code is that of the record,
//! and none of it stands among the fields.
//!
//! # Sampling
//!
//! A [`Sampler`] decides at the root of a trace; [`Keep`] records spans of other traces all the same,
//! for their error or duration, with `"kept":"error"` or `"kept":"slow"` in the line. Spans of traces
//! that are not sampled are made all the same, as what happens in them has their ids and may go to
//! other threads; [`Layer::skip_unsampled`] leaves out those that seem to be missed by nobody.
//!
//! # Behaviour under failure
//!
//! As `radiosonde-record`: nothing fails, waits are bounded, losses are counted. Attributes, events
//! and links have limits ([`SpanLimits`]); what is past them is counted in the line
//! (`dropped_attributes_count` and so on). Names, messages and values that are too long are cut: they
//! end in a marker, and the line says `"truncated":true`. Open spans take memory by the most that
//! were ever open at once, a little for each; large ones give theirs back at their end. Past 16
//! million a span is not recorded. A span that is open when its process dies, or ends telemetry,
//! leaves no line of its own: recovery, or the shutdown, tells of it in an event `span.interrupted`.
//!
//! # Spans of others
//!
//! [`Layer::spans`] begins spans for another API than `tracing`, with names that are known at run time
//! only; with [`Layer::with_source`] the spans of `tracing` come from there as well. Of their names the
//! first 2,048, and of those the shorter ones, stand in the list of open spans; others are `span` there
//! and have their name in the record.
//!
//! # Own metrics
//!
//! [`SpanCounts`], by [`Counted`]: `radiosonde_span_notices_total{notice}`.
#![deny(unsafe_code)]

mod asked;
mod call_names;
mod callsites;
mod counts;
mod cut;
mod event;
mod exception;
mod fields;
mod handle;
mod keys;
mod later;
mod layer;
mod log_record;
mod moment;
mod open_spans;
mod sampler;
mod settings;
mod source;
mod span;
mod spans;
mod stack;
mod store;
mod subscriber;
#[cfg(test)]
mod tests;
mod tracker;
mod visit;

pub use asked::Unanswered;
pub use counts::{Counted, LateParent, SpanCounts};
pub use handle::{add_link, context_of, set_parent};
pub use layer::Layer;
pub use open_spans::OpenSpans;
pub use sampler::{InvalidSampler, Sampler};
pub use settings::{Keep, SpanEvents, SpanLimits};
pub use source::SpanSource;
pub use spans::{
    SpanEditor, SpanIds, SpanKind, SpanNumber, SpanStart, SpanStatus, Spans, StartedSpan,
};
pub use subscriber::Subscriber;
