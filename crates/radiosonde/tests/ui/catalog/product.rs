//! Lists of values that make more series than the smallest limit.
mod metrics_of_the_shop {
    radiosonde::catalog!("product.json");
}
use metrics_of_the_shop::catalog::{self, Outcome};

fn main() {
    let _telemetry = radiosonde::init!(registry = catalog::REGISTRY);
    catalog::orders_total(Outcome::Success).increment(1);
    println!("{}", catalog::ORDERS_TOTAL);
}
