//! OTLP: records and snapshots as logs, spans and metrics, and the sender that gets them to a collector.
#![forbid(unsafe_code)]

// What is sent, and in which stream of the spool it waits.
mod assemble;
mod entry;
mod resource;
mod signal;
mod streams;
mod value;
mod wire;

pub use assemble::assemble;
pub use entry::{ENTRY_MAX, Entries, Entry, EntryError, FRAME_MAX, Packer, entries};
pub use resource::Resource;
pub use signal::Signal;
pub use streams::Stream;

// How it is sent.
