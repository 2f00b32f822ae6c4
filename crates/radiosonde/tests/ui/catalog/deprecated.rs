//! A metric on its way out.
#![deny(deprecated)]
radiosonde::catalog!("shop.json");

fn main() {
    catalog::checkout_time().set(1.0);
    println!("{}", catalog::CHECKOUT_TIME);
}
