//! A duration is set where the metric counts things.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::stock_items("eu-1").set(std::time::Duration::from_secs(1));
}
