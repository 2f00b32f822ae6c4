//! A name that is no literal, and something that is no field.
use radiosonde_events::event;

fn main() {
    let name = "user.clicked";
    event!(name, "known at run time");
    event!("user.clicked", user["id"], "no field");
}
