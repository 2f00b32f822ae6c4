//! The event as a text of JSON, for loggers that know messages only.

use crate::events::subject::Fields;
use serde::Serialize;

#[derive(Serialize)]
struct Event {
    evt: &'static str,
    msg: &'static str,
    page: &'static str,
    user: &'static str,
    items: u64,
    attempt: i64,
    ratio: f64,
}

/// The event as an object; time, level and source are the logger's.
pub(super) fn json_text(fields: &Fields) -> String {
    let &Fields { page, user, items, attempt, ratio } = fields;
    let event = Event { evt: "user.action", msg: "clicked", page, user, items, attempt, ratio };
    // Strings and finite numbers always serialise.
    serde_json::to_string(&event).unwrap_or_default()
}
