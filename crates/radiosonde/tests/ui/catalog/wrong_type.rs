//! A counter is written like a gauge.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::orders_total("acme", catalog::Outcome::Success).set(1.0);
}
