//! A label is left out.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::orders_total("acme").increment(1);
}
