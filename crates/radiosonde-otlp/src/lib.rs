//! OTLP: records and snapshots as logs, spans and metrics, and the sender that gets them to a collector.
#![forbid(unsafe_code)]

// What is sent, and in which stream of the spool it waits.
mod signal;

// How it is sent.

pub use signal::Signal;
