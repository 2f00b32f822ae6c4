//! A text is recorded.
radiosonde::catalog!("shop.json");

fn main() {
    catalog::checkout_seconds(catalog::Payment::Card).record("1.5");
}
