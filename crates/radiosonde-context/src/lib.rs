//! Correlation of telemetry: which trace, span, job, worker and session the code on this thread
//! is working for.
//!
//! Every event, span and metric line that is written under a scope carries its ids:
//!
//! ```text
//! {"ts":"…","evt":"log","msg":"fetched window",…,"job_id":"job-123","worker_id":"w-3",…}
//! ```
//!
//! ```
//! use radiosonde_context::{Context, scope};
//!
//! scope().job("job-123").worker("w-3").run(|| {
//!     let context = Context::current();
//!     assert_eq!(context.job_id(), Some("job-123"));
//!     assert_eq!(context.worker_id(), Some("w-3"));
//! });
//! assert_eq!(Context::current().job_id(), None);
//! ```
//!
//! # Across `.await`, threads and tasks
//!
//! [`Scope::wrap`] carries a scope through a future's `.await`s. [`spawn_thread`] and, with the
//! feature `tokio`, `spawn`, `spawn_blocking` and `JoinSet` hand the whole current [`Context`] to
//! new code; the plain spawns of std and tokio start with an empty one. [`carry`] and [`carry_fn`]
//! are for thread pools, [`Carried`] is for channels, [`wrap`] for everything that takes a future.
//!
//! # To other processes
//!
//! [`propagation`] writes contexts to headers, messages, environments and files, and reads them
//! there: W3C Trace Context, W3C Baggage and B3.
//!
//! # Features
//!
//! `http`: `http::HeaderMap` as a carrier. `stream`: streams in [`wrap`]. `tokio`: spawn helpers.
//!
//! # Behaviour under failure
//!
//! Nothing here fails or panics. An id outside `[A-Za-z0-9._:-]{1,128}` is made to fit (other
//! characters become `_`, the rest is cut) and counted in [`sanitized_ids`]; an empty id is
//! ignored and counted. What others send is never made to fit: it is ignored and counted in
//! [`propagation::ignored`]. After the thread-local storage of an ending thread is gone, scopes do
//! nothing.
#![forbid(unsafe_code)]

pub mod along;
mod baggage;
mod carry;
mod context;
mod correlation;
mod current;
mod future;
mod head;
mod ids;
pub mod leave;
mod order;
pub mod packed;
mod parts;
pub mod propagation;
mod scope;
mod spawn;
#[cfg(feature = "tokio")]
mod tasks;
mod trace_flags;
mod trace_state;

pub use baggage::{Baggage, BaggageError};
pub use carry::{Carried, carry, carry_fn};
pub use context::Context;
pub use correlation::{CorrelationId, InvalidCorrelationId, first_sanitized_id, sanitized_ids};
pub use current::{
    Attached, Replaced, has_job, has_job_or_trace, has_trace, is_sampled_out, with_current,
};
pub use future::{Wrapped, wrap};
pub use ids::{SpanId, TraceId, is_forked_child, reseed_after_fork, set_child_hook};
pub use scope::{Scope, scope};
pub use spawn::{spawn_scoped, spawn_thread, spawn_thread_with};
#[cfg(feature = "tokio")]
pub use tasks::{JoinSet, spawn, spawn_blocking, spawn_local, spawn_on};
pub use trace_flags::TraceFlags;
pub use trace_state::{InvalidTraceState, TraceState};
