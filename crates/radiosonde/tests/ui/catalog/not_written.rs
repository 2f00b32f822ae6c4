//! Metrics that come from elsewhere.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::order_rate().set(1.0);
    catalog::database_up().set(1.0);
}
