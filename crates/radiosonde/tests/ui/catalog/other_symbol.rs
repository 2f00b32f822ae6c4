//! A value of another label, both not listed.
radiosonde::catalog!("shop.json");

fn main() {
    let region = catalog::Region::new("eu-1");
    catalog::orders_total(&region, catalog::Outcome::Success).increment(1);
}
