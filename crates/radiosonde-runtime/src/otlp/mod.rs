//! What is sent over OTLP: a spool, the sinks in front of it, and the sender behind it.

#[cfg(not(feature = "_otlp"))]
mod none;

#[cfg(not(feature = "_otlp"))]
pub(crate) use none::Destinations;
