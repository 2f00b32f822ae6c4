//! Who is compared, each in its own words.
//!
//! Every peer is set up as its documentation shows for lines of JSON in a file of the day, with its
//! own defaults. Where a peer drops by default, or lets its queue grow, and can be told to wait, a
//! second candidate `…-blocking` does that: to disk only what loses nothing is a rival.

pub(crate) mod emit;
pub(crate) mod fast_log;
pub(crate) mod ftlog;
pub(crate) mod json_subscriber;
mod json_text;
pub(crate) mod limit;
pub(crate) mod log_serde;
pub(crate) mod logforth;
pub(crate) mod radiosonde;
pub(crate) mod slog;
pub(crate) mod spans;
pub(crate) mod spdlog;
pub(crate) mod tracing_json;

use std::time::Duration;

/// Room in the queue of a peer that is told to wait, and that has no default for it: as in
/// tracing-appender.
const QUEUE: usize = 128_000;
/// Time for a peer with a bounded flush to write what is left.
const WITHIN: Duration = Duration::from_secs(60);
