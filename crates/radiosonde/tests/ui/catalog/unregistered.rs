//! A metric that the registry does not have.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::order_total("acme", catalog::Outcome::Success).increment(1);
}
