//! From a call of `event!` or `log_event` to a record.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::Location;

use radiosonde_record::{
    Callsite, CallsiteText, Descriptor, FieldList, Journal, Kind, Level, RateLimit, Site, Value,
    Verdict, has_local_journals, is_heard, with_current,
};

use crate::event::is_event_name;

/// A call of `event!`: what is the same each time, and what is kept between times.
#[derive(Debug)]
pub struct EventSite {
    callsite: Callsite,
    verdict: Verdict,
    limit: RateLimit,
}

impl EventSite {
    /// A call site nobody has reached yet.
    pub const fn new(text: CallsiteText) -> Self {
        Self { callsite: Callsite::new(text), verdict: Verdict::new(), limit: RateLimit::new() }
    }
}

/// Whether anybody listens to this event, and its limits let it through. `own` is the limit at the
/// call site. Where the level is not heard, a load and a branch.
#[inline(always)]
pub fn is_enabled(site: &'static EventSite, own: impl FnOnce() -> Option<u32>) -> bool {
    if !is_heard(site.callsite.text().level) {
        return false;
    }
    let own = own();
    own.is_none() && site.verdict.is_settled() && !has_local_journals() || admits(site, own)
}

#[inline(never)]
fn admits(site: &'static EventSite, own: Option<u32>) -> bool {
    let CallsiteText { target, level, .. } = *site.callsite.text();
    let (key, describe) = (site.callsite.key(), || site.callsite.describe());
    let admits = |journal: &Journal| {
        journal.filter().allows_at(&site.verdict, target, level)
            && journal.passes_own(&site.limit, own, level, key, describe)
    };
    with_current(admits).unwrap_or(false)
}

/// Records the event of a call site: with this message, or with that of the call site.
pub fn emit(
    site: &'static EventSite,
    fields: &dyn FieldList,
    message: Option<&fmt::Arguments<'_>>,
) {
    with_current(
        #[inline(always)]
        |journal| record_static(journal, &site.callsite, fields, message.map(as_value)),
    );
}

#[inline(always)]
fn record_static(
    journal: &Journal,
    callsite: &'static Callsite,
    fields: &dyn FieldList,
    message: Option<Value<'_>>,
) {
    let done = radiosonde_context::with_current(
        #[inline(always)]
        |context| journal.plain_event(callsite, &context.packed(), message, fields),
    );
    if !done {
        record_formatted(journal, callsite, fields, message);
    }
}

/// Formatters may enter a scope: the context must not be borrowed while they run.
#[inline(never)]
fn record_formatted(
    journal: &Journal,
    callsite: &'static Callsite,
    fields: &dyn FieldList,
    message: Option<Value<'_>>,
) {
    let context = radiosonde_context::with_current(|context| context.packed().into_owned());
    journal.formatted_event(callsite, &context, message, fields);
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
/// empty name becomes `event`. `source` is what the filter looks at. A configured limit for the
/// level holds for each name at each place that calls this.
#[track_caller]
pub fn log_event(evt: &str, level: Level, source: &str, msg: &str, meta: &[(&str, Value<'_>)]) {
    if !is_heard(level) {
        return;
    }
    let caller = Location::caller();
    with_current(|journal| {
        if journal.allows(source, level) && passes(journal, caller, evt, level, source) {
            record_dynamic(journal, evt, level, source, msg, meta);
        }
    });
}

fn passes(
    journal: &Journal,
    caller: &'static Location<'static>,
    evt: &str,
    level: Level,
    source: &str,
) -> bool {
    if journal.filter().limits().of(level) == 0 {
        return true;
    }
    // A program may send all its events through one helper: the name tells them apart.
    let mut hasher = DefaultHasher::new();
    (caller.file(), caller.line(), caller.column(), evt).hash(&mut hasher);
    journal.passes(level, hasher.finish() as usize, || Descriptor {
        name: fit_name(evt),
        source: source.to_owned(),
        file: caller.file().to_owned(),
        line: caller.line(),
        keys: Vec::new(),
        ..Descriptor::default()
    })
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
    let site = Site::from(descriptor);
    let context = radiosonde_context::with_current(|context| context.packed().into_owned());
    journal.record(Kind::Event, level, &site, context.as_bytes(), |record| {
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

/// Text without arguments is not formatted.
fn as_value<'a>(message: &'a fmt::Arguments<'a>) -> Value<'a> {
    message.as_str().map_or(Value::Display(message), Value::Str)
}
