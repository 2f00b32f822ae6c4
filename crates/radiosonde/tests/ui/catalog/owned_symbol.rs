//! A resolved value is not borrowed.
radiosonde::catalog!("shop.json");

fn main() {
    let provider = catalog::Provider::new("acme");
    catalog::orders_total(provider, catalog::Outcome::Success).increment(1);
}
