//! One capture, and call sites that a thread outside of it reaches first: `tracing` keeps there whether
//! anybody wants them. One test: there must be no other capture in the process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use radiosonde::testing::capture;

fn say() {
    tracing::info_span!("reached").in_scope(|| tracing::info!("reached first by another"));
}

#[test]
fn a_call_site_that_somebody_else_reaches_first_is_not_missed() {
    capture(|t| {
        std::thread::spawn(say).join().unwrap();
        say();
        t.assert_log("reached first by another").in_span("reached").once();
        t.assert_span("reached").once();
    });
}
