//! The command as its users run it: the real binary over directories made by hand.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

mod asking;
mod bounds;
mod closing;
mod coverage;
mod doctor;
mod drain;
mod drained;
mod equal;
mod fixture;
#[cfg(unix)]
mod follow;
mod formats;
mod found;
mod hostile;
mod mistakes;
mod ops;
mod others;
mod packs;
#[cfg(target_os = "linux")]
mod paging;
mod prometheus;
mod recovery;
mod removed;
mod rows;
mod runs;
mod series;
mod shapes;
mod spans;
mod spool;
mod stats;
mod story;
#[cfg(target_os = "linux")]
mod terminal;
mod top;
mod unfiled;
mod usage;
mod words;
