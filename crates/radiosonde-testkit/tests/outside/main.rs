//! What is sent arrives at receivers that nobody here wrote as it arrives at ours.

#[path = "../common/mod.rs"]
mod common;
mod emitted;
mod lists;
mod measured;
mod of_python;
mod parts;
mod python;
mod rotel;
mod syscalls;
mod values;
