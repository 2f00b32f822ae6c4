//! Metrics for Prometheus: the text exposition format 0.0.4 and a small listener.
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
//! # The listener
//!
//! [`bind`] takes a port, or a free one beside it; [`serve`] answers on it, [`Endpoints`] says
//! what. Whoever has a server already calls [`handle`] from it.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the text format |
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
#![forbid(unsafe_code)]

mod bind;
mod endpoints;
mod listener;
pub mod text;
mod write_bound;

pub use bind::{BindError, Bound, DEFAULT_ADDR, bind, targets_json};
pub use endpoints::{Endpoints, Health, handle};
pub use listener::{
    CONNECTIONS_MAX, DRAIN_TIMEOUT, HEADER_BYTES_MAX, HEADER_TIMEOUT, WRITE_TIMEOUT, serve,
};
