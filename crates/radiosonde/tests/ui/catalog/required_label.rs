//! A label that belongs to the process is given with a write.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::orders_total("acme", catalog::Outcome::Success, "staging").increment(1);
}
