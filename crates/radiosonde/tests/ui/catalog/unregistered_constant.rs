//! The constant of a metric that the registry does not have, for a macro of the `metrics` crate.
radiosonde::catalog!("shop.json");

fn main() {
    metrics::counter!(catalog::ORDER_TOTAL, "provider" => "acme", "outcome" => "success").increment(1);
}
