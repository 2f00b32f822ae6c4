//! OTLP: records and snapshots as logs, spans and metrics, and the sender that gets them to a collector.
#![forbid(unsafe_code)]

// What is sent, and in which stream of the spool it waits.
mod assemble;
mod entry;
mod resource;
mod streams;
mod value;
mod wire;

pub use assemble::assemble;
pub use entry::{ENTRY_MAX, Entries, Entry, EntryError, FRAME_MAX, Packer, entries};
pub use resource::Resource;
pub use streams::{Signal, Stream};

// How it is sent.
mod destination;
mod endpoint;
mod manifest;
#[cfg(feature = "http")]
mod sender;
mod settings;
mod signal;

pub use destination::{Compression, Destination, Destinations, Protocol};
pub use manifest::Manifest;
#[cfg(feature = "http")]
pub use sender::{Proxies, Sender, SenderOptions, Shutdown, State, Status};
pub use settings::{Complaint, settings_from};
