//! What `radiosonde::init!` does: configuration, the threads, the books and the guard.
//!
//! Applications use the facade `radiosonde`; this crate is where its parts meet. The report, as
//! [`Guard::report`] prints it:
//!
//! ```text
//! shop 1.4.0 · instance k3f9q2xw · machine web-1
//! directory  ./data/telemetry (slot 0, rings in files: survives kill -9)
//!            offered  delivered  rejected  dropped  pending
//! events       12034      12034         0        0        0
//! spans         3120       3120         0        0        0
//! metrics        212        212         0        0        0
//! keeping    14 days, 2.0 GiB; parts of 128 MiB, sealed after 60 s; synced every second
//! problems   none
//! ```
//!
//! ```
//! use radiosonde_runtime::{Config, Service};
//!
//! let directory = std::env::temp_dir().join(format!("radiosonde-doc-{}", std::process::id()));
//! let service = Service::new("shop", "1.4.0");
//! // Installs nothing: the parts are put into a pipeline of your own.
//! let parts = Config::new(service).dir(&directory).build();
//! assert_eq!(parts.guard.report().service, "shop");
//! let report = parts.guard.shutdown(std::time::Duration::from_secs(2));
//! assert_eq!(report.events.pending, 0);
//! # std::fs::remove_dir_all(&directory).ok();
//! ```
//!
//! # Behaviour under failure
//!
//! Starting cannot fail. What does not work is a [`Problem`] with its fix, in the report, on
//! `/report` and, once, in the log; everything else goes on. Without a usable directory rings are
//! in memory and lines reach the console only. The guard's drop takes at most two seconds for all
//! signals together; what is not written by then is recovered by the next start.
//!
//! What was dropped, or held back by a limit, is summed up once a minute, and at shutdown, in one
//! event `telemetry.suppressed`: how many records, for which reason, and for limits the call sites
//! that were held back most.
//!
//! # Heartbeat
//!
//! Once a minute, at the start and at shutdown an event `machine.status` says how machine and process
//! are and how many records came and were dropped, and an event `worker.status` for each [`worker`]
//! what it does; docs/machines.md has an example, and the alerts for those that go silent.
//!
//! # Gauges of batch jobs
//!
//! Values of gauges with the source `batch`, with the time they were computed, are kept in
//! `inst/<n>/batch-<hash>.json`, within a second of a change and at [`Guard::flush`] and shutdown. A
//! start takes up those of its service from all slots, the newest of each series. A file that cannot
//! be understood is set aside, one of a newer program is left alone; what no longer fits the
//! registry is dropped. All of that are warnings.
//!
//! # OTLP
//!
//! With an endpoint (`OTEL_EXPORTER_OTLP_ENDPOINT` and its family, or [`Config::otlp`]; features `otlp-http`,
//! `otlp-grpc`) records go to a spool, `inst/<n>/spool/<instance>/`, beside their day file or in its place, and
//! a thread sends them from there. There are two legs then, and two books, each of which adds up: from a call to
//! its file or the spool ([`Report::events`] and its siblings), and from the spool to the receiver
//! ([`Report::otlp`]), where `delivered` is what was acknowledged. What a spool has to give up is an event
//! `radiosonde.gap`. A receiver that refuses, or cannot be reached, is a [`Problem`] as long as it does; a
//! directory that cannot be written is one too, and then nothing is sent.
//!
//! What processes have left that ended is adopted by a start, for its own and all free slots, and once a minute
//! for slots whose owners have died since. Each goes where its owner would have sent it; where service and
//! endpoint are ours, with our headers, which may be better ones. [`Guard::flush`] waits for the spool,
//! [`Guard::flush_otlp`] for the receiver; the shutdown sends for as long as it may take, a command
//! ([`Profile::Cli`]) for 300 ms.
//!
//! # Own metrics
//!
//! `radiosonde_records_total{signal,outcome}`, `radiosonde_records_pending{signal}`,
//! `radiosonde_records_dropped_total{signal,reason}`, `radiosonde_redacted_total{rule}`,
//! `radiosonde_otlp_records_total{signal,outcome}`, `radiosonde_otlp_pending_records{signal}`,
//! `radiosonde_otlp_breaker_state{signal,state}`,
//! `radiosonde_problems`, `radiosonde_series{metric}`, `radiosonde_series_limit{metric}`,
//! `metric_last_seen_timestamp_seconds{metric}` and others; `radiosonde_registry::Registry::builtin`
//! lists them.
#![forbid(unsafe_code)]

mod adopter;
mod batch;
mod books;
mod config;
mod console;
mod directory;
#[cfg(feature = "doctor")]
pub mod doctor;
#[cfg(feature = "_otlp")]
pub mod drain;
mod exports;
mod foreign;
mod guard;
mod house;
mod install;
mod io_thread;
mod listener;
mod log_bridge;
mod machine;
mod metric_lines;
mod metric_setup;
mod notices;
mod open_spans;
mod otel;
mod otlp;
mod panic_hook;
mod park;
mod parts;
mod pieces;
mod problem;
mod process;
mod recovery;
mod refusals;
mod report;
mod retire;
mod settings;
mod status;
mod suppressed;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod tokio_metrics;
mod traces;
mod words;

pub use config::{BoxedLayer, Config, Fsync, Global, Profile, Service};
pub use guard::Guard;
pub use house::{FilesReport, RemovedFiles};
pub use install::{ingest, retire};
pub use log_bridge::LogBridge;
pub use open_spans::{OpenSpanGroup, OpenSpanReport, OpenSpansReport};
pub use parts::{EventsHandle, Parts};
pub use problem::{InitError, Problem, Severity};
pub use radiosonde_metrics::{Clock, Ingest};
pub use report::{
    AdoptedReport, DestinationReport, ExportReport, OtlpReport, RefusedWrites, Report, SignalReport,
};
pub use settings::KeptFiles;
pub use status::{Worker, WorkerJob, worker};
