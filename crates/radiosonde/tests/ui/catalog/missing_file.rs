//! A registry that is not there.
radiosonde::catalog!("regsitry.json");

fn main() {
    let _telemetry = radiosonde::init!(registry = catalog::REGISTRY);
    catalog::orders_total("acme", catalog::Outcome::Success).increment(1);
}
