//! The command as its users run it: the real binary over directories made by hand.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

mod closing;
mod coverage;
mod doctor;
mod drain;
mod drained;
mod equal;
mod fixture;
mod found;
mod hostile;
mod ops;
mod packs;
mod recovery;
mod removed;
mod rows;
mod runs;
mod spans;
mod spool;
#[cfg(target_os = "linux")]
mod terminal;
mod unfiled;
mod usage;
