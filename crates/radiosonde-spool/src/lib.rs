//! A durable queue of opaque bytes, in files: what was appended outlives the process.
#![forbid(unsafe_code)]

mod account;
mod append;
mod cursor;
mod files;
mod format;
mod home;
mod lane;
mod open;
mod options;
mod others;
mod read;
mod room;
mod spool;
mod taken;
#[cfg(test)]
mod tests;

pub use account::{Account, DropReason, Gap, Tally};
pub use options::{FRAME_BYTES_MAX, Limits, Options, STREAMS_MAX, StreamOptions, TAKEN_MAX};
pub use spool::{Spool, Stream};
pub use taken::{Frame, Limit, Settled, Taken};
