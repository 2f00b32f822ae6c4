//! OTLP: records and snapshots as logs, spans and metrics, and the sender that gets them to a collector.
#![forbid(unsafe_code)]

// What is sent, and in which stream of the spool it waits.
mod signal;

// How it is sent.
mod destination;
mod endpoint;
mod manifest;
mod settings;

pub use destination::{Compression, Destination, Destinations, Protocol};
pub use manifest::Manifest;
pub use settings::{Complaint, settings_from};
pub use signal::Signal;
