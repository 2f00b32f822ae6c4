//! Records of the `log` crate that come as events of `tracing`, by the crate tracing-log: all of them
//! have one of five call sites, with the target `log`, and say in fields where they are from.

use std::fmt;

use radiosonde_record::{Kind, LogOrigin};
use tracing_core::field::{Field, Visit};
use tracing_core::span::Id;
use tracing_core::{Event, Metadata};

use crate::tracker::{Tracker, level};
use crate::visit::{Each, MESSAGE, Message};

const TARGET: &str = "log.target";
const FILE: &str = "log.file";
const LINE: &str = "log.line";
/// The fields of tracing-log's call sites, in their order.
const FIELDS: [&str; 5] = [MESSAGE, TARGET, "log.module_path", FILE, LINE];

/// Whether an event is a record of `log`. An event of somebody else's that looks the same is taken
/// for one.
#[inline]
pub(crate) fn is_log_record(metadata: &Metadata<'_>) -> bool {
    // The macros of `tracing` give names with a colon, of another length mostly.
    metadata.name() == "log event"
        && metadata.target() == "log"
        && metadata.fields().iter().map(|field| field.name()).eq(FIELDS)
}

impl Tracker {
    /// Records an event that [is a record of `log`](is_log_record), as if it had come without `tracing`:
    /// with its own target as the source, and without fields. `parent` as in [`Tracker::event`].
    pub(crate) fn log_record(&self, event: &Event<'_>, parent: Option<&Id>) {
        with_origin(event, |origin| {
            if !origin.is_allowed(&self.journal) {
                return;
            }
            let level = level(event.metadata().level());
            if self.is_told(level) {
                self.tell_span(event, level, parent, Some(origin.target()));
            }
            let Some(site) = origin.site(&self.journal) else { return };
            self.journal.record(Kind::Event, level, &site, &[], |record| {
                self.fill_context(event, parent, record);
                event.record(&mut Each(Message(record)));
            });
        });
    }
}

/// Calls `then` once, with what the event says of its origin. Texts of an event can be looked at only
/// where they are visited, so that the visits are one inside of the other, and nothing is copied.
fn with_origin(event: &Event<'_>, then: impl FnOnce(&LogOrigin<'_>)) {
    let level = level(event.metadata().level());
    let mut line = Line(None);
    event.record(&mut line);
    with_text(event, TARGET, |target| {
        let target = target.unwrap_or_else(|| event.metadata().target());
        with_text(event, FILE, |file| then(&LogOrigin::new(target, file, line.0, level)));
    });
}

/// Calls `then` once, with the text of a field, if it has one.
fn with_text(event: &Event<'_>, name: &str, then: impl FnOnce(Option<&str>)) {
    let mut then = Some(then);
    let mut found = |text: &str| {
        if let Some(then) = then.take() {
            then(Some(text));
        }
    };
    event.record(&mut TextOf { name, found: &mut found });
    if let Some(then) = then {
        then(None);
    }
}

struct TextOf<'a> {
    name: &'a str,
    found: &'a mut dyn FnMut(&str),
}

impl Visit for TextOf<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.name {
            (self.found)(value);
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

struct Line(Option<u32>);

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == LINE {
            self.0 = u32::try_from(value).ok();
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
