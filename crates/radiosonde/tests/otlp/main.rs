//! Telemetry that arrives: programs that send over OTLP, what reaches the receiver, and what their books
//! say of it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adoption;
mod books;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod deaths;
mod outages;
#[path = "../common/process.rs"]
mod process;
mod program;
mod sent;
mod shutdown;
