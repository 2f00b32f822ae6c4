//! What is sent over OTLP: a spool, the sinks in front of it, and the sender behind it.

#[cfg(feature = "_otlp")]
mod books;
#[cfg(feature = "_otlp")]
mod dead;
#[cfg(feature = "_otlp")]
mod destinations;
#[cfg(feature = "_otlp")]
mod live;
#[cfg(not(feature = "_otlp"))]
mod none;
#[cfg(feature = "_otlp")]
mod resource;

#[cfg(feature = "_otlp")]
pub(crate) use self::{
    destinations::Destinations,
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
#[cfg(feature = "_otlp")]
mod stub {
    use radiosonde_otlp::*;
    use radiosonde_spool::Spool;
    use std::time::Duration;
    #[derive(Debug)]
    pub(crate) struct Sender;
    #[derive(Default)]
    pub(crate) struct SenderOptions;
    impl Sender {
        pub(crate) fn start(_: SenderOptions) -> std::io::Result<Self> {
            Ok(Self)
        }
        pub(crate) fn add(&self, _: Spool, _: Manifest) {}
        pub(crate) fn remove(&self, _: &Spool) {}
        pub(crate) fn status(&self) -> Vec<Status> {
            vec![]
        }
        pub(crate) fn flush(&self, _: Duration) -> bool {
            true
        }
        pub(crate) fn shutdown(&self, _: Duration) {}
    }
    #[derive(Debug)]
    pub(crate) struct Status {
        pub signal: Signal,
        pub endpoint: String,
        pub state: State,
        pub last_error: Option<String>,
        pub next_attempt: Option<Duration>,
    }
    #[derive(Debug, PartialEq)]
    #[allow(dead_code)]
    pub(crate) enum State {
        Closed,
        HalfOpen,
        Held,
        Open,
    }
    impl State {
        pub(crate) fn name(&self) -> &'static str {
            ""
        }
    }
}
