//! Day files leave the machine: the example configurations in `docs/shipping` fit our names and our
//! lines, and a reader that nobody here wrote follows a directory through rotation, midnight, kills
//! and sealing without missing or repeating a line.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/process.rs"]
mod process;
#[path = "../../../radiosonde-events/tests/processes/mod.rs"]
mod processes;
#[path = "../../../radiosonde-events/tests/read/mod.rs"]
mod read;

mod follow;
mod rsyslog;
