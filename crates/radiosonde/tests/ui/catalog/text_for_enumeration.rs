//! A text where the values are listed.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::orders_total("acme", "success").increment(1);
}
