//! A name with a space.
fn main() {
    radiosonde_events::event!("user clicked", "a name has no spaces");
}
