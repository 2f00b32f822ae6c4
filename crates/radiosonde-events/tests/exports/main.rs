//! Exports under SIGKILL: every record whose call had returned is in a queue once, and has its line
//! once where it has one, wherever the kills fell.
//!
//! The queue is a file of this test. `radiosonde-otlp/tests/killed` has the same proof with a spool.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the proof says what it has shown")]

mod proof;
mod queue;

#[test]
#[ignore = "a process of the proof, started by it"]
fn a_process_that_is_killed() {
    proof::life::live();
}

#[test]
fn whoever_is_killed_each_export_is_there_once() {
    proof::prove();
}
