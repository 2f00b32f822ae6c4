//! OTLP: records and snapshots as logs, spans and metrics, and the sender that gets them to a collector.
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
pub use metrics::{MetricComplaint, MetricSettings, SnapshotEncoder, TemporalityPreference};
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
#[cfg(feature = "http")]
mod sender;
mod settings;

pub use destination::{Compression, Destination, Destinations, Protocol};
pub use manifest::Manifest;
#[cfg(feature = "http")]
pub use sender::{Proxies, Sender, SenderOptions, Shutdown, State, Status};
pub use settings::{Complaint, settings_from};
