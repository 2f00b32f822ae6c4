//! An option that does not exist, one in the wrong place, and a level that is no word.
use radiosonde_events::event;

fn main() {
    event!("user.clicked", levle: error, "misspelt");
    event!("user.clicked", button = "save", level: error, "behind a field");
    event!("user.clicked", level: Level::Error, "a path");
}
