//! A level that does not exist.
fn main() {
    radiosonde_events::event!("user.clicked", level: loud, "no such level");
}
