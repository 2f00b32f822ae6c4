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
pub(crate) use self::{
    destinations::Destinations,
    drainer::Drainer,
    live::{Otlp, Place},
};
#[cfg(not(feature = "_otlp"))]
pub(crate) use none::{Destinations, Otlp, Place};

/// Bytes of a disk that spools leave free: 256 MiB, or a twentieth of the disk if that is more, but never
/// more than 1 GiB, which is of no use to anybody who has filled a large disk.
#[cfg(any(feature = "_otlp", feature = "doctor"))]
pub(crate) fn free_least(directory: &std::path::Path) -> u64 {
    let (least, most) = (256 << 20, 1 << 30);
    let size =
        rustix::fs::statvfs(directory).map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize));
    size.map_or(least, |size| (size / 20).clamp(least, most))
}

/// The options of a spool below this directory.
#[cfg(feature = "_otlp")]
fn options(root: &std::path::Path, cap_bytes: Option<u64>) -> radiosonde_spool::Options {
    let mut options = radiosonde_otlp::spool_options(Some(root), cap_bytes);
    (options.limits.free_bytes, options.limits.free_percent) = (free_least(root), 0);
    options
}

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
