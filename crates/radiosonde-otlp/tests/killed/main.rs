//! Exports under SIGKILL, with the sink and the spool of an application: every event whose call had
//! returned is in a spool once, and in its day file once, wherever the kills fell.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the proof says what it has shown")]

#[path = "../../../radiosonde-events/tests/exports/proof/mod.rs"]
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
