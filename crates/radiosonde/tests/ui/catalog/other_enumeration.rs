//! A value of another label, both listed.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::orders_total("acme", catalog::Payment::Card).increment(1);
}
