//! What is sent over OTLP: a spool, the sinks in front of it, and the sender behind it.

#[cfg(feature = "_otlp")]
mod books;
#[cfg(feature = "_otlp")]
mod dead;
#[cfg(feature = "_otlp")]
mod destinations;
#[cfg(feature = "_otlp")]
mod drainer;
#[cfg(feature = "_otlp")]
mod live;
#[cfg(not(feature = "_otlp"))]
mod none;
#[cfg(feature = "_otlp")]
mod resource;
#[cfg(feature = "_otlp")]
mod troubles;

#[cfg(feature = "_otlp")]
pub(crate) use self::{
    destinations::Destinations,
    drainer::Drainer,
    live::{Otlp, Place},
};
#[cfg(not(feature = "_otlp"))]
pub(crate) use none::{Destinations, Otlp, Place};

/// A loss in a spool, to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) stream: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// Nanoseconds since 1970 from which on, and until which, records may be missing.
    pub(crate) from_ns: u64,
    pub(crate) to_ns: u64,
    /// Whose spool it was, when it is another process's.
    pub(crate) instance: Option<String>,
}
