//! A durable queue of opaque bytes, in files.
#![forbid(unsafe_code)]
