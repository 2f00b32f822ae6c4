//! A value that is not on the list of its label.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::orders_total("acme", catalog::Outcome::Sucess).increment(1);
}
