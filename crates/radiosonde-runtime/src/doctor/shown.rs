//! How amounts, times and receivers are written for people, so that a command and the report write the
//! same.

use crate::words;

/// A number of bytes: `52 MiB`, `3.4 KiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    words::size(bytes)
}

/// How long ago something was, or how long it lasts: `4 s`, `3 min`, `2 h`.
#[must_use]
pub fn age(seconds: f64) -> String {
    words::age(seconds)
}

/// What endpoints of several signals have in common: `http://collector:4318` of
/// `http://collector:4318/v1/logs`, and the endpoint itself where it does not end with its signal.
#[must_use]
pub fn base<'a>(endpoint: &'a str, signal: &str) -> &'a str {
    words::base(endpoint, signal)
}

/// Some words as a list: `logs, traces and metrics`.
#[must_use]
pub fn listed(words: &[impl AsRef<str>]) -> String {
    words::listed(words)
}
