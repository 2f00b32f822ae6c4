//! An OTLP receiver for tests: it counts and keeps what it gets, over HTTP and gRPC, and does wrong what
//! a script tells it to.
//!
//! ```
//! use opentelemetry::trace::{Tracer as _, TracerProvider as _};
//! use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
//! use radiosonde_testkit::{Fault, Receiver, Script};
//! use std::time::Duration;
//!
//! // The first request is refused for a while, the second one gets through.
//! let script = Script::healthy().requests(1, Fault::status_with(503, "Retry-After", "0"));
//! let receiver = Receiver::with(script)?;
//! let endpoint = receiver.http_endpoint() + "/v1/traces";
//! let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
//! let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
//!     .with_batch_exporter(exporter)
//!     .build();
//! provider.tracer("shop").in_span("checkout", |_| ());
//! provider.shutdown()?;
//!
//! let received = receiver.wait_for(1, Duration::from_secs(10))?;
//! assert_eq!(received.spans[0].name, "checkout");
//! assert_eq!(receiver.requests().len(), 2);
//! assert_eq!(receiver.counts().duplicates(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An application that uses radiosonde is tested the same way: `OTEL_EXPORTER_OTLP_ENDPOINT` gets
//! [`Receiver::http_endpoint`], or [`Receiver::grpc_endpoint`] and `OTEL_EXPORTER_OTLP_PROTOCOL=grpc`.
//!
//! # What it takes
//!
//! Logs, metrics and traces as protobuf, plain or compressed by gzip or zstd, over HTTP/1.1 and HTTP/2.
//! Each port takes both OTLP/HTTP and gRPC, as the content type says; there are two so that each can be
//! named by its own endpoint. JSON is answered with 415, profiles with 404 or UNIMPLEMENTED. A path of
//! HTTP is of the signal its last part names, so that endpoints of one signal may have any prefix.
//!
//! What could be decoded stands in [`Received`] as plain data, unless [`Builder::counts_only`] was asked
//! for. [`Receiver::requests`] says of every request how it was treated and answered.
//!
//! # What it does wrong
//!
//! A [`Script`] is a list of [`Fault`]s, each for so many requests, for a time, or until told. Steps by
//! requests are exact: the same script and the same requests give the same answers. While it refuses
//! connections its ports stay bound, so that nobody else gets them.
//!
//! Whether a fault keeps the records is part of it: what was kept and not acknowledged comes again from
//! a sender that loses nothing, and [`Counts::duplicates`] tells. [`Key`] says what makes two records
//! the same.
//!
//! # Features
//!
//! - `tls`: the receiver behind TLS, with or without certificates of clients, and `TestCa`, which issues
//!   what both sides need.
//!
//! The receiver runs on a thread of its own, also inside of a program without tokio. Waiting calls block
//! the thread they are called on and have a limit each; none of them sleeps for luck.
#![forbid(unsafe_code)]

mod body;
mod decode;
mod exchange;
mod grpc;
mod listen;
mod received;
mod receiver;
mod requests;
mod script;
mod tally;
#[cfg(feature = "tls")]
mod tls;
mod wire;

pub use received::{
    Attributes, Exemplar, Link, Log, Measured, MetricKind, Origin, Point, Received, Span,
    SpanEvent, Total, Value,
};
pub use receiver::{Builder, Missing, Receiver};
pub use requests::{Request, Signal, Transport};
pub use script::{Fault, Script};
pub use tally::{Counts, Key};
#[cfg(feature = "tls")]
pub use tls::{Identity, ServerTls, TestCa};
