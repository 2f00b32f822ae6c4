//! A number where a label is wanted.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::orders_total(&7, catalog::Outcome::Success).increment(1);
}
