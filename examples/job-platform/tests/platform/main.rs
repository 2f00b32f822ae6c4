//! The platform as its users run it, in real processes: what one job leaves in the files of all of them,
//! when all is well and when something goes wrong.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod environments;
mod faults;
mod jobs;
// What a killed process had open is known where rings are files.
#[cfg(target_os = "linux")]
mod killed;
#[cfg(target_os = "linux")]
mod pages;
#[cfg(target_os = "linux")]
mod planted;
mod world;
