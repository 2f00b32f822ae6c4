//! Metrics for Prometheus: the text format 0.0.4, OpenMetrics 1.0, a small listener and services for
//! other servers.
//!
//! ```text
//! # HELP parse_duration_ms Time to parse one document.
//! # TYPE parse_duration_ms histogram
//! parse_duration_ms_bucket{parser_id="md",le="25.0"} 3
//! parse_duration_ms_bucket{parser_id="md",le="+Inf"} 4
//! parse_duration_ms_sum{parser_id="md"} 71.5
//! parse_duration_ms_count{parser_id="md"} 4
//! ```
//!
//! ```
//! use radiosonde_metrics::Metrics;
//! use radiosonde_prometheus::text;
//!
//! let metrics = Metrics::default();
//! metrics::with_local_recorder(&metrics.recorder(), || {
//!     metrics::counter!("runs_total", "path" => r"C:\data").increment(2);
//! });
//! let text = text::render(&metrics.snapshot());
//! assert!(text.contains("# TYPE runs_total counter\nruns_total{path=\"C:\\\\data\"} 2\n"));
//! ```
//!
//! [`Format`] has both formats, [`Writer`] what each of them leaves out.
//!
//! # Serving
//!
//! [`bind`] takes a port, or any free one in its place; [`serve`] answers on it with a [`PagesService`],
//! [`Endpoints`] says what. Whoever has a server already puts a [`MetricsService`] into it.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the metrics: text 0.0.4, or OpenMetrics 1.0 for who prefers it in `Accept`; compressed with `Accept-Encoding: gzip` |
//! | `/health` | 200 or 503, with a text |
//! | `/report` | text, or JSON with `Accept: application/json` |
//! | `/` | these lines |
//!
//! There is no authentication: listen on loopback, which is the default, or keep the port private.
//!
//! # Behaviour under failure
//!
//! An address that cannot be used is a typed error. A client gets at most [`HEADER_TIMEOUT`] for
//! its headers, [`HEADER_BYTES_MAX`] for their size and [`WRITE_TIMEOUT`] to read an answer; at most
//! [`CONNECTIONS_MAX`] are served at a time. A panic while answering is a 500.
//!
//! Answers are written on threads of their own, one for metrics at a time and one for the other
//! pages; [`WAITING_MAX`] requests wait for their turn. A collector that hangs holds up neither the
//! server nor `/health`: once an answer has been written for [`ANSWER_TIMEOUT`], its request and those
//! that wait are answered 503, and further ones at once until it is done. A thread beside it sees to
//! that, so that no runtime needs timers for it.
//!
//! Metrics of more than [`BODY_BYTES_MAX`] of text are answered 503: half of the series would look
//! like a process that has lost the other half. The same while answers of as many bytes wait for
//! slow clients, so that memory stays bounded. [`Source::trouble`] hears of each.
#![forbid(unsafe_code)]

mod answer;
mod aside;
mod bind;
mod claim;
mod endpoints;
mod exemplar;
mod format;
mod listener;
mod names;
mod negotiate;
mod numbers;
mod pool;
mod service;
pub mod text;
mod trouble;
mod write_bound;
mod writer;

pub use answer::{BODY_BYTES_MAX, Source};
pub use aside::{ANSWER_TIMEOUT, WAITING_MAX};
pub use bind::{BindError, Bound, DEFAULT_ADDR, bind, targets_json};
pub use endpoints::{Endpoints, Health, PagesService};
pub use format::Format;
pub use listener::{
    CONNECTIONS_MAX, DRAIN_TIMEOUT, HEADER_BYTES_MAX, HEADER_TIMEOUT, WRITE_TIMEOUT, serve,
};
pub use service::{AnswerFuture, MetricsService};
pub use trouble::Trouble;
pub use writer::{TooLarge, Writer};
