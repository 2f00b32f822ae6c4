//! Business events, and the lines and day files of everything radiosonde records.
//!
//! ```text
//! {"ts":"2025-10-06T13:43:10.123456Z","level":"error","evt":"openrouter_error","source":"translation_service","msg":"429 Rate limit","service":"chinaxiv","job_id":"job-123","machine_id":"m-7","meta":{"status":429,"code":"rate_limited"},"id":"k3f9q2xw.4.1871"}
//! ```
//!
//! ```
//! use radiosonde_events::event;
//!
//! let user = "u-17";
//! // Without a listener this is free and silent: a library may emit, an application listens.
//! event!("user.action", type = "click", user = user, "clicked {}", "save");
//! event!("payment.failed", level: error, source: "billing", attempts = 3, "gave up");
//! ```
//!
//! # Where lines go
//!
//! [`DaySink`] is the sink of the drain: it encodes records as lines (redacting by key on the
//! way), files them by signal and day, and copies events to a console when asked. [`recover`]
//! brings what dead processes left into the same files. [`Filing`] cuts them by size, and the
//! module `upkeep` (a feature) seals closed ones and removes old ones.
//!
//! # Behaviour under failure
//!
//! `event!` returns nothing and never fails; see `radiosonde-record` for full rings and disks.
//! A message past [`MESSAGE_MAX`](radiosonde_record::MESSAGE_MAX) and a value past
//! [`FIELD_MAX`](radiosonde_record::FIELD_MAX) are cut at a character and end in
//! `…[cut, 1048576 bytes in all]`, or in `…[cut]` when a formatter writes them: it is stopped there,
//! and nobody knows how long it would have gone on. Fields that no longer fit into the
//! [`RECORD_MAX`](radiosonde_record::RECORD_MAX) of a record are left out. Either way the line says
//! `"truncated":true` among the fields: in `meta`, for a span in `attributes`, and for an event of a
//! span in that event's; a field of the caller's with that name stays as it is. Bytes past `FIELD_MAX` end
//! there, without a marker. They are base64 in a line (RFC 4648 §4), as in OTLP's JSON, and nothing tells
//! them from a text there; NaN and infinities, which JSON has no numbers for, become strings as well.
//!
//! # Own metrics
//!
//! [`Redactions`] counts values that were replaced, by rule; `upkeep::Upkept` says what was sealed
//! and removed, and `upkeep::removed` what any process ever removed from a directory.
#![forbid(unsafe_code)]

mod abandoned;
mod console;
mod digits;
mod emit;
mod encode;
mod event;
mod extras;
mod fields;
mod filing;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod interrupted;
mod json;
mod ledger;
mod line;
mod owner;
pub mod recover;
mod redactions;
mod removals;
#[doc(hidden)]
pub mod shown;
mod sink;
mod site;
mod time;
#[cfg(feature = "upkeep")]
pub mod upkeep;

pub use abandoned::abandoned;
pub use console::{
    Console, ConsoleFormat, Portion, SpanNames, WriteLines, clean_for_terminal,
    clean_json_for_terminal,
};
pub use emit::log_event;
pub use filing::{Claim, Filing, Live, Now, PART_BYTES};
pub use interrupted::describe_interrupted;
pub use ledger::Removed;
pub use owner::Owner;
pub use redactions::Redactions;
pub use removals::{DamagedRow, LedgersRead, Removal, RemovalEntry, removals};
pub use sink::DaySink;

/// What the expansion of [`event!`] refers to. Not for users.
#[doc(hidden)]
pub mod __private {
    pub use radiosonde_record::{CallsiteText, Level, ToValue, Value, constant_message};

    pub use crate::emit::{EventSite, emit, is_enabled};
    pub use crate::event::is_event_name;
}
