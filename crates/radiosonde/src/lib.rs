//! Events, logs, traces and metrics of a Rust program with one line in `main`: correlated, guarded,
//! and on disk also when the process is killed.
//!
//! What a program leaves in its telemetry directory, a line each:
//! ```text
//! {"ts":"2026-09-14T08:00:01.000412Z","level":"info","evt":"user.action","source":"shop","msg":"clicked","service":"shop","job_id":"job-123","machine_id":"m-7","meta":{"type":"click"},"id":"k3f9q2xw.1.0"}
//! ```
//!
//! ```
//! # let scratch = std::env::temp_dir().join(format!("radiosonde-doc-{}", std::process::id()));
//! let _telemetry = radiosonde::init!(dir = &scratch); // the one line; cannot fail
//!
//! radiosonde::event!("user.action", type = "click", "clicked");
//! tracing::info!(items = 120, "rendered site");
//! log::warn!("slow disk");
//! metrics::counter!("ingestion_runs_total", "outcome" => "success").increment(1);
//!
//! radiosonde::scope().job("job-123").worker("w-3").run(|| {
//!     tracing::info_span!("import").in_scope(|| tracing::info!("rows are in"));
//! });
//! // Dropping the guard brings everything to disk, for at most two seconds.
//! # drop(_telemetry); std::fs::remove_dir_all(&scratch).ok();
//! ```
//!
//! Look at it with the command `radiosonde`: `logs`, `events`, `trace`, `metrics`, and
//! `correlate --job job-123` for all of them in one timeline.
//!
//! # What `init!` installs
//!
//! A tracing subscriber, a logger for the `log` crate, a recorder for the `metrics` crate, a panic
//! hook in front of the one there, process metrics and metrics of tokio runtimes. It works without
//! tokio and in any runtime, built before or after it. What is already set stays, is named in
//! [`Guard::report`] with the fix, and the other signals go on.
//!
//! Libraries link `tracing`, `metrics`, and `radiosonde-events` for `event!`; they are silent until
//! an application calls `init!`.
//!
//! # Configuration
//!
//! `init!(service = "x", dir = "…", registry = catalog::REGISTRY, prometheus = "127.0.0.1:9464",
//! labels = {"environment" => "staging"}, layers = [mine], profile = Profile::Cli)` sets defaults;
//! every key is a method of [`Config`], where the environment variable that wins over it is named.
//!
//! Which events are recorded, from `event!`, `tracing` and `log` alike: `RUST_LOG` says which levels
//! of which targets, `RADIOSONDE_RATE_LIMIT` (`rate_limits = {Level::Debug => 100}`) how many events
//! a second each call site of a level may record. What a limit holds back is counted, and an event
//! `telemetry.suppressed` names, once a minute, the call sites it came from. A call whose level is
//! off costs a load and a branch.
//!
//! # Metrics
//!
//! `registry = …` says which metrics there are; `registries = [a::REGISTRY, b::REGISTRY]` merges those
//! of several crates. Metrics of libraries need no entry: those of one crate share 200 series, or what
//! `modules` in the registry says. [`ingest`] tells how a run of a batch job went, and gauges of such
//! jobs keep their values over restarts. Without a registry everything is observed, and
//! [`Guard::registry_draft`] makes a registry of it. `docs/metrics.md` tells the life of a metric:
//! deprecated, missing, rolled up.
//!
//! # Behaviour under failure
//!
//! Nothing here fails, blocks or panics the application. What was accepted survives panic, `exit`,
//! `abort`, SIGTERM and SIGKILL and is brought to the day files by the next start or `radiosonde
//! recover`, once: events, logs, finished spans, and what a job did to a metric. Other metrics are
//! durable at their snapshots (every 60 s, and when the guard drops); the console is best effort. A
//! full disk, a full ring or a missing directory costs records, counted by reason
//! in [`Guard::report`]; with `panic = "abort"` a formatter that panics ends the process, as any
//! other panic does.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `axum` | no | `http-server`, with axum's routes and peers |
//! | `http` | no | `http::HeaderMap` as a carrier of [`propagation`], for clients and servers without a layer |
//! | `http-client` | no | `http::client`: a layer for clients over tower |
//! | `http-server` | no | `http::server`: a layer for servers over tower |
//! | `otel-bridge` | no | [`Config::otel_bridge`]: the OpenTelemetry API, tracing-opentelemetry and what builds on them; `otel` |
//! | `otel-sdk` | no | `otel-bridge`, and `otel::sdk`: what stock exporters of an OpenTelemetry SDK send, on disk |
//! | `otlp-grpc` | no | everything over OTLP as gRPC, once there is an endpoint: [`Config::otlp`] |
//! | `otlp-http` | no | everything over OTLP as protobuf over HTTP, once there is an endpoint: [`Config::otlp`] |
//! | `panic` | yes | panics as events |
//! | `process` | yes | CPU, memory, descriptors, threads (Linux) |
//! | `stream` | no | streams inside a context: `wrap` |
//! | `tokio` | yes | runtime metrics, `Guard::watch`, `spawn`, `spawn_blocking`, `spawn_local`, `spawn_on`, `JoinSet` |
//! | `prometheus` | no | `/metrics`, `/health`, `/report`, `Guard::metrics_text`, `openmetrics_text`, `metrics_service` |
//! | `reqwest` | no | `http-client`, and `http::client::ReqwestMiddleware` |
//! | `testing` | no | [`testing::capture`]: what a piece of code says, for its tests |
//! | `tonic` | no | `http::grpc`: layers for servers and channels of gRPC |
//! | `wrap-exporter` | no | [`Config::wrap_exporter`]: the guard in front of your own exporter |
//!
//! A feature adds a capability and changes no behaviour; a builder call or a variable switches it
//! on.
#![forbid(unsafe_code)]

mod macros;

/// Layers for HTTP and gRPC, a line each: see the crate `radiosonde-http`.
#[cfg(any(feature = "http-client", feature = "http-server", feature = "tonic"))]
pub mod http {
    #[cfg(feature = "http-client")]
    pub use radiosonde_http::client;
    #[cfg(feature = "tonic")]
    pub use radiosonde_http::grpc;
    #[cfg(feature = "http-server")]
    pub use radiosonde_http::server;
}

/// The OpenTelemetry API over our spans: what `Config::otel_bridge` installs, by hand. See the
/// crate `radiosonde-otel-bridge`.
#[cfg(feature = "otel-bridge")]
pub mod otel {
    #[cfg(feature = "otel-sdk")]
    pub use radiosonde_otel_bridge::sdk;
    pub use radiosonde_otel_bridge::{Bridge, Propagator, Span, Tracer, TracerProvider};
}

pub use radiosonde_context::{
    Attached, Baggage, BaggageError, Carried, Context, Scope, SpanId, TraceFlags, TraceId,
    TraceState, Wrapped, carry, carry_fn, propagation, scope, spawn_scoped, spawn_thread,
    spawn_thread_with, wrap,
};
#[cfg(feature = "tokio")]
pub use radiosonde_context::{JoinSet, spawn, spawn_blocking, spawn_local, spawn_on};
pub use radiosonde_events::{event, log_event};
pub use radiosonde_metrics::typed;
pub use radiosonde_record::{Level, ToValue, Value};
pub use radiosonde_redact::{Rules, Verdict};
pub use radiosonde_registry::RegistrySource;
#[cfg(feature = "testing")]
pub use radiosonde_runtime::testing;
pub use radiosonde_runtime::{
    AdoptedReport, BoxedLayer, Clock, Config, DestinationReport, EventsHandle, ExportReport,
    FilesReport, Fsync, Global, Guard, Ingest, InitError, LogBridge, OpenSpanGroup, OpenSpanReport,
    OpenSpansReport, OtlpReport, Parts, Problem, Profile, RefusedWrites, RemovedFiles, Report,
    Service, Severity, SignalReport, Worker, WorkerJob, ingest, retire, worker,
};
pub use radiosonde_tracing::{Keep, SpanEvents, add_link, context_of, set_parent};

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Compiles what the page on instrumenting code shows.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/adding-telemetry.md")]
struct AddingTelemetry;

/// What the expansion of the macros refers to. Not for users.
#[doc(hidden)]
pub mod __private {
    pub use radiosonde_macros::catalog;
    pub use radiosonde_record::AckCounter;

    /// Events on their way to their files, for drills that want to lose none for want of room.
    #[must_use]
    pub fn pending_events() -> u64 {
        let pending = |journal: &radiosonde_record::Journal| {
            journal.account(radiosonde_record::Kind::Event).pending
        };
        radiosonde_record::with_current(pending).unwrap_or(0)
    }
}
