//! What is sent over OTLP: a spool, the sinks in front of it, and the sender behind it.

#[cfg(feature = "_otlp")]
mod adoption;
#[cfg(feature = "_otlp")]
mod books;
#[cfg(feature = "_otlp")]
mod dead;
#[cfg(feature = "_otlp")]
mod destinations;
#[cfg(feature = "_otlp")]
mod drainer;
#[cfg(feature = "_otlp")]
mod gap_lines;
#[cfg(feature = "_otlp")]
mod live;
#[cfg(not(feature = "_otlp"))]
mod none;
#[cfg(feature = "_otlp")]
mod resource;
#[cfg(feature = "_otlp")]
mod troubles;

use jiff::Timestamp;
use radiosonde_record::Value;

use crate::words::counted;

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

impl Gap {
    /// The name of its event.
    pub(crate) const EVENT: &'static str = "radiosonde.gap";

    /// Its event: the message and what stands beside it.
    pub(crate) fn describe<R>(&self, f: impl FnOnce(&str, &[(&str, Value<'_>)]) -> R) -> R {
        let time = |ns: u64| {
            let at = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
            format!("{at:.3}")
        };
        let (from, to) = (time(self.from_ns), time(self.to_ns));
        let mut meta = vec![
            ("stream", Value::Str(self.stream)),
            ("reason", Value::Str(self.reason)),
            ("records", Value::U64(self.records)),
            ("bytes", Value::U64(self.bytes)),
            ("from", Value::Str(&from)),
            ("to", Value::Str(&to)),
        ];
        if let Some(instance) = &self.instance {
            meta.push(("instance", Value::Str(instance)));
        }
        let text = format!(
            "{} of the stream {} will not be sent: {}",
            counted(self.records, "record"),
            self.stream,
            self.reason
        );
        f(&text, &meta)
    }
}
