//! As the test `allocator`, at the very first use of everything, three deep: what is made at first
//! use must not be made with a lock held that the event of an allocation takes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/allocator.rs"]
mod allocator;
mod common;

use allocator::{Recording, check, phase};
use common::{Watchdog, event_lines};

#[global_allocator]
static ALLOCATOR: Recording = Recording;

#[test]
fn an_allocator_may_record_in_the_first_record_of_all() {
    let telemetry = radiosonde::init!(filter = "info");
    let deepest = phase("events in events of allocations", 1, 3, false, 5);
    // Inside of a first use nothing else is made for the first time, so that it ends before that.
    assert!((2..=3).contains(&deepest), "{deepest}");
    check(&telemetry, 5);
}
