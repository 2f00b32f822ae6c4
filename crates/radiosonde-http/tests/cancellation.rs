//! Ten thousand requests, most of them given up, with the subscriber of radiosonde alone, as `init!`
//! installs it.

mod given_up;

use given_up::Telemetry;
use radiosonde_tracing::{Layer, Sampler};

#[test]
fn ten_thousand_requests_at_a_time_leave_nothing_open() {
    let telemetry = Telemetry::new();
    let subscriber = Layer::new(&telemetry.journal, Sampler::default()).into_subscriber();
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
    assert!(telemetry.ask_and_give_up() >= 10_000);
}
