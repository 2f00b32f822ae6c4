//! From a call of `event!` or `log_event` to a record.

use std::fmt;

use radiosonde_context::Context;
use radiosonde_record::{
    Callsite, Descriptor, Journal, Kind, Level, RateLimit, Site, Value, with_current,
};

use crate::event::is_event_name;

/// Whether anybody listens to this event.
pub fn is_enabled(callsite: &'static Callsite, level: Level) -> bool {
    with_current(|journal| journal.allows(callsite.target, level)).unwrap_or(false)
}

/// Whether a call site's rate limit lets one more through; counted when not.
pub fn passes(limit: &RateLimit, per_second: u32, level: Level) -> bool {
    let passes = limit.allow(per_second);
    if !passes {
        with_current(|journal| journal.count_rate_limited(Kind::Event, level));
    }
    passes
}

/// Records the event of a call site.
pub fn emit(
    callsite: &'static Callsite,
    level: Level,
    values: &[Value<'_>],
    message: fmt::Arguments<'_>,
) {
    with_current(|journal| {
        let site = journal.site(callsite.key(), || describe(callsite));
        let context = Context::current();
        journal.record(Kind::Event, level, &site, context.packed(), |record| {
            record.message(as_value(&message));
            for (index, value) in values.iter().enumerate() {
                record.field(index, *value);
            }
        });
    });
}

/// Records an event whose name or source is known only at run time.
///
/// ```
/// use radiosonde_events::log_event;
/// use radiosonde_record::{Level, Value};
///
/// let meta = [("status", Value::U64(429)), ("code", Value::Str("rate_limited"))];
/// log_event("openrouter_error", Level::Error, "translation_service", "429 Rate limit", &meta);
/// ```
///
/// A name outside `[A-Za-z0-9._:-]{1,128}` is made to fit: other characters become `_`, and the
/// empty name becomes `event`.
pub fn log_event(evt: &str, level: Level, source: &str, msg: &str, meta: &[(&str, Value<'_>)]) {
    with_current(|journal| {
        if journal.allows(source, level) {
            record_dynamic(journal, evt, level, source, msg, meta);
        }
    });
}

fn record_dynamic(
    journal: &Journal,
    evt: &str,
    level: Level,
    source: &str,
    msg: &str,
    meta: &[(&str, Value<'_>)],
) {
    let descriptor =
        Descriptor { name: fit_name(evt), source: source.to_owned(), ..Descriptor::default() };
    let site = Site::Inline(descriptor);
    let context = Context::current();
    journal.record(Kind::Event, level, &site, context.packed(), |record| {
        record.message(Value::Str(msg));
        for (key, value) in meta {
            record.field_named(key, *value);
        }
    });
}

fn fit_name(evt: &str) -> String {
    if is_event_name(evt) {
        return evt.to_owned();
    }
    let fits = |c: char| if is_event_name(c.encode_utf8(&mut [0; 4])) { c } else { '_' };
    let name: String = evt.chars().take(128).map(fits).collect();
    if name.is_empty() { "event".to_owned() } else { name }
}

fn describe(callsite: &Callsite) -> Descriptor {
    Descriptor {
        name: callsite.name.to_owned(),
        source: callsite.target.to_owned(),
        file: callsite.file.to_owned(),
        line: callsite.line,
        keys: callsite.keys.iter().map(|key| key.trim_start_matches("r#").to_owned()).collect(),
    }
}

/// Text without arguments is not formatted.
fn as_value<'a>(message: &'a fmt::Arguments<'a>) -> Value<'a> {
    message.as_str().map_or(Value::Display(message), Value::Str)
}
