//! Telemetry in tests: a piece of code with signals of its own, and what it is expected to say.
//!
//! ```
//! use radiosonde_runtime::testing::capture;
//!
//! capture(|t| {
//!     tracing::info_span!("checkout").in_scope(|| tracing::info!(items = 3, "rendered"));
//!
//!     t.assert_log("rendered").with("items", 3).in_span("checkout");
//!     t.assert_span("checkout").is_root();
//! });
//! ```
//!
//! Nothing is installed and nobody is disturbed: captures run beside one another, beside `init!` and
//! without it, in any test and any runtime. Each has the whole way of a record for itself: filter, ring,
//! drain, redaction, encoder. What a test sees is the line that would be on disk.
//!
//! # What belongs to a capture
//!
//! What the closure does on its thread, and what is carried off from there: by `spawn`, `spawn_blocking`,
//! `spawn_local`, `spawn_on`, `JoinSet`, `spawn_thread`, `spawn_scoped`, `carry`, `carry_fn`, `Carried` and
//! `wrap`. The plain spawns of std and tokio carry nothing: [`Captured::inside`] and [`Captured::wrap`]
//! bring such code in. Of captures in one another the inner one gets what is inside of it, and the
//! outer one nothing of that.
//!
//! Events (`event!`, `log_event`), log lines (`tracing`, `log`), spans, and metrics, by macros, catalogues,
//! `Lasting` and handles that are kept in statics. A handle that was made where there was no recorder at
//! all writes nowhere for ever, which no capture can mend.
//!
//! The environment (`RUST_LOG` and others) has no say: a test must not depend on who runs it.
//!
//! # The one thing that is global
//!
//! The `log` crate has one logger for the process. The first capture sets ours, unless there is one: it
//! writes for captures and, once it is called, for `init!`. Where another logger is set, records of `log`
//! go there and no capture sees them; [`Capture::without_log`] leaves the place free.
//!
//! # Limits
//!
//! A capture keeps 100,000 records or 64 MiB. What is past that is counted, told in each message, and
//! makes every assertion fail that something is not there.

mod asked;
mod assertion;
mod capture;
mod entry;
mod found;
mod listener;
mod look;
mod metric;
mod metric_assertion;
mod pipeline;
mod sink;

pub use assertion::{EventAssertion, SpanAssertion};
pub use capture::{Capture, capture, capture_async};
pub use entry::{Event, Recorded, Span};
pub use found::Found;
pub use metric::Metric;
pub use metric_assertion::MetricAssertion;
pub use pipeline::Captured;
