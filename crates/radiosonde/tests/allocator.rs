//! A global allocator that records neither deadlocks nor recurses without end, and the books hold.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/allocator.rs"]
mod allocator;
mod common;

use allocator::{Recording, check, phase};
use common::{Watchdog, event_lines};

#[global_allocator]
static ALLOCATOR: Recording = Recording;

#[test]
fn an_allocator_may_record() {
    let telemetry = radiosonde::init!(filter = "info");
    let deepest = phase("an event for each allocation", 1, 1, false, 5);
    assert_eq!(deepest, 1);
    // As a program might do it, on all threads and without a guard: events of the events'
    // allocations, and so on.
    let deepest = phase("an event for every 1000th allocation", 1000, u32::MAX, true, 2000);
    assert!(deepest >= 1);
    check(&telemetry, 5 + 2000);
}
