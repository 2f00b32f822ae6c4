//! OTLP: records and snapshots as logs, spans and metrics, and the sender that gets them to a collector.
//!
//! ```text
//! record ─▶ OtlpSink ─▶ entry ─▶ stage ─▶ frame ─▶ spool ─▶ assemble ─▶ Export…ServiceRequest ─▶ collector
//! snapshot ─▶ SnapshotEncoder ─▶ entry ─────────┘
//! ```
//!
//! What is encoded once is never encoded again: an [`Entry`] holds the message of one record as it will be
//! sent, and a request is put together from the bytes of entries.
//!
//! ```
//! use radiosonde_otlp::{Packer, Resource, Stream, assemble, entries};
//!
//! let resource = Resource::new("shop", "1.2.0", "k3f9q2xw").with("deployment.environment.name", "staging");
//! let mut packer = Packer::default();
//! # let entry = [1, 1, 0, 0, 0, 0, 0]; // An empty log record without a scope.
//! assert!(packer.push(Stream::LogsInfo, &entry));
//! for (records, payload) in packer.frames(Stream::LogsInfo) {
//!     let entries: Result<Vec<_>, _> = entries(payload).collect();
//!     let request = assemble(&resource.encode(), &entries?); // ExportLogsServiceRequest
//!     assert!(records == 1 && !request.is_empty());
//! }
//! # Ok::<(), radiosonde_otlp::EntryError>(())
//! ```
//!
//! # What is sent as what
//!
//! | here | in OTLP |
//! | --- | --- |
//! | log line, business event | `LogRecord`: time (also the observed one), severity number and text (`warning` is 13, `critical` is 21), body = message; a business event has its name as `event_name` |
//! | its fields | attributes of their types; JSON fields are lists and maps, up to 16 deep |
//! | `source` | attribute `source`, and name of the instrumentation scope |
//! | `id` of its line | attribute `log.record.uid`: unique for ever, so that a backend can tell what came twice |
//! | trace and span | `trace_id`, `span_id`; the flags of a log record are left open: records do not carry them |
//! | job, machine, worker, session | attributes `job_id`, `machine_id`, `worker_id`, `session_id` |
//! | span | `Span`: ids, parent, trace state, kind, times, status with its message, links, events (exceptions among them), what was dropped; flags say sampled, or `radiosonde.kept` why it was kept though its trace is not (`error`, `slow`) |
//! | counter | `Sum`, monotonic; a count past `i64::MAX` is a double |
//! | gauge, summary | `Gauge`, `Summary` |
//! | histogram | `Histogram` with its bounds; `ExponentialHistogram` where the registry says `exponential_buckets`: what is not above the first bound is its zero bucket, with that bound as threshold |
//! | exemplar | `Exemplar` with time, value, trace and span; each is sent once |
//! | point of another SDK | the same point; its start is known of a change alone (delta), a histogram of a base has become one with bounds |
//!
//! A field whose name is one of the attributes above goes by `meta.` and its name. Integers past `i64` are
//! text, as the specification asks. A list or map that is the body of another SDK's log record is its body
//! again. `otel.scope.version` and `otel.scope.*`, as another SDK's records have
//! them, stand in the scope. Names of metrics and labels are those of a scrape. Changes that a job made to a
//! series are in day files only: snapshots have counted them.
//!
//! Values are redacted as they are in lines, by the same code.
//!
//! # Streams
//!
//! Each record waits in the [`Stream`] of its worth; under pressure a spool gives up the lowest rank first:
//! log lines of trace and debug, of info, spans, metrics, log lines from warning on, business events.
//!
//! # Variables
//!
//! `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` (`cumulative`, `delta`, `lowmemory`) is honoured;
//! of `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` what [`MetricSettings::from_lookup`] says.
//! A change is sent once: what was appended to a spool never comes again, and what a spool has to give up is
//! counted there as a gap. Counters that fall, and series that come anew, begin at the last snapshot.
//!
//! # Behaviour under failure
//!
//! Nothing here fails or panics. What cannot be encoded is counted by [`Reason`]; damage in a frame ends
//! that frame, and whoever reads it counts the rest. To encode an event or a span takes no memory once
//! buffers have grown, unless it has JSON fields, links or events, or a secret in it.
//!
//! # Limits
//!
//! A frame holds up to 64 KiB of entries, or one that is larger; an entry at most 1 MiB. A family of metrics
//! is split over entries; each has its name again. What is known of series between snapshots is as much as
//! one snapshot has.
#![forbid(unsafe_code)]

// What is sent, and in which stream of the spool it waits.
mod assemble;
mod entry;
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod records;
mod resource;
mod signal;
mod sink;
mod spool;
mod streams;
mod value;
mod wire;

pub use assemble::assemble;
pub use entry::{ENTRY_MAX, Entries, Entry, EntryError, FRAME_MAX, Packer, entries};
pub use metrics::{MetricSettings, SnapshotEncoder, TemporalityPreference};
pub use records::{Reason, Unexported};
pub use resource::Resource;
pub use signal::Signal;
pub use sink::OtlpSink;
pub use spool::spool_options;
pub use streams::Stream;

// How it is sent.
mod destination;
mod endpoint;
mod manifest;
mod percent;
#[cfg(feature = "http")]
mod sender;
mod settings;

pub use destination::{Compression, Destination, Destinations, Protocol};
pub use manifest::Manifest;
#[cfg(feature = "http")]
pub use sender::{Probe, Proxies, Sender, SenderOptions, Served, Shutdown, State, Status, probe};
pub use settings::{Complaint, settings_from};
