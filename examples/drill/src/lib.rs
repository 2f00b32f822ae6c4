//! A program made to die: `src/main.rs` records at full speed until it is told how to end, and
//! `tests/deaths` holds what is on disk afterwards against what its calls had acknowledged.
//!
//! This library is what the two have in common.
#![forbid(unsafe_code)]

pub mod acks;
pub mod books;
pub mod order;
pub mod text;
pub mod watch;
