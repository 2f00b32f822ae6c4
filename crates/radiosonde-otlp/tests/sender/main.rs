//! The sender against a real receiver, over the loopback.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod answers;
mod common;
mod faults;
mod held;
mod life;
mod proxies;
mod quiet;
mod raw;
mod raw_grpc;
mod tls;
