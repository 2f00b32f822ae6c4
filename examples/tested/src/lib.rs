//! A courier, and tests that assert what it says.
//!
//! The code is instrumented as any other and knows nothing of its tests; `docs/testing.md` explains
//! these.
#![forbid(unsafe_code)]

use std::time::Duration;

radiosonde::catalog!("registry.json");

/// What is to be delivered.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Its number.
    pub number: u32,
    /// Whether somebody opens the door.
    pub is_expected: bool,
    /// What opens the box in front of the door. Nobody's business.
    pub code: String,
}

/// Brings a parcel to its door. Whether it was taken.
#[tracing::instrument(skip(parcel), fields(parcel = parcel.number))]
pub fn deliver(courier: &str, parcel: &Parcel) -> bool {
    catalog::parcels_on_the_road().increment(1);
    let is_taken = knock(parcel);
    let outcome = if is_taken { catalog::Outcome::Delivered } else { catalog::Outcome::Returned };
    catalog::deliveries_total(courier, outcome).increment(1);
    catalog::delivery_seconds(outcome).record(Duration::from_secs(240));
    catalog::parcels_on_the_road().decrement(1);
    radiosonde::event!("parcel.ended", number = parcel.number, taken = is_taken, "at the door");
    is_taken
}

#[tracing::instrument(skip_all)]
fn knock(parcel: &Parcel) -> bool {
    tracing::debug!(code = parcel.code, "the code of the box");
    if !parcel.is_expected {
        log::warn!("nobody opens for {}", parcel.number);
    }
    parcel.is_expected
}

/// Brings all of them, each by a thread of its own. How many were taken.
pub fn deliver_all(courier: &'static str, parcels: Vec<Parcel>) -> usize {
    let bring = |parcel: Parcel| radiosonde::spawn_thread(move || deliver(courier, &parcel));
    let threads: Vec<_> = parcels.into_iter().map(bring).collect();
    threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|taken| *taken).count()
}

/// Compiles and runs what the page about testing shows.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing.md")]
struct Testing;

#[cfg(test)]
mod tests {
    use radiosonde::Level;
    use radiosonde::testing::{Capture, capture};

    use super::*;

    fn parcel(number: u32, is_expected: bool) -> Parcel {
        Parcel { number, is_expected, code: "4711".to_owned() }
    }

    #[test]
    fn a_parcel_that_is_taken_is_an_event_a_span_and_a_delivery() {
        capture(|t| {
            assert!(deliver("kim", &parcel(7, true)));

            t.assert_event("parcel.ended").with("number", 7).with("taken", true).in_span("deliver");
            t.assert_span("deliver").with("parcel", 7).is_root().once();
            t.assert_span("knock").is_child_of("deliver");
            t.assert_metric("deliveries_total", &[("outcome", "delivered")]).increased_by(1);
            t.assert_metric("deliveries_total", &[("outcome", "returned")]).unchanged();
            t.assert_metric("delivery_seconds", &[]).counted(1).summed(240);
            t.assert_metric("parcels_on_the_road", &[]).is(0);
            t.assert_none_at(Level::Warning);
            t.assert_no_refusals();
        });
    }

    #[test]
    fn a_parcel_nobody_takes_is_warned_of() {
        capture(|t| {
            assert!(!deliver("kim", &parcel(8, false)));
            t.assert_log("nobody opens for 8").at_level(Level::Warning).in_span("knock");
            t.assert_metric("deliveries_total", &[("outcome", "returned")]).increased_by(1);
        });
    }

    #[test]
    fn the_registry_has_what_is_written() {
        Capture::new().registry(catalog::REGISTRY).run(|t| {
            deliver("kim", &parcel(9, true));
            t.assert_no_refusals();

            deliver("0193e7a0-7c4e-7bbb-8000-6e1f0b2c3d4e", &parcel(10, true));
            let refused = t.refusals();
            assert_eq!(refused.len(), 1, "{refused:?}");
            assert_eq!(refused[0].reason, "label_shape");
        });
    }

    #[test]
    fn a_secret_is_in_no_line() {
        let rules = radiosonde::Rules::standard().with_key("code");
        Capture::new().level(Level::Trace).redact(rules).run(|t| {
            deliver("kim", &parcel(11, true));
            t.assert_log("the code of the box").with("code", "[redacted]");
            assert!(t.lines().iter().all(|line| !line.contains("4711")), "{:?}", t.lines());
        });
    }

    #[test]
    fn parcels_of_threads_are_there_when_the_threads_are_joined() {
        capture(|t| {
            let parcels = (1..=8).map(|number| parcel(number, number % 2 == 0)).collect();
            assert_eq!(radiosonde::scope().job("tour-1").run(|| deliver_all("kim", parcels)), 4);
            t.assert_event("parcel.ended").of_job("tour-1").times(8);
            t.assert_metric("deliveries_total", &[]).increased_by(8);
        });
    }
}
