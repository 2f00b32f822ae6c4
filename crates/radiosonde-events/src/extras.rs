//! Trace state, links and events of a span: what may be shown of them, and as members of its line.
//!
//! Few spans have them, so that each is looked at, key by key and value by value.

use std::borrow::Cow;
use std::fmt::Write as _;

use radiosonde_record::{Extra, Fields, Key, Record, Value, base64, marked};
use radiosonde_redact::REDACTED;

use crate::fields::{is_json, redact_broken_json};
use crate::json;
use crate::redactions::{Counter, Secrets};
use crate::time::Clock;

/// What may be shown of a span's extras.
#[derive(Debug, Default)]
pub struct ShownExtras<'a> {
    /// The trace state, unless there is none.
    pub trace_state: Option<Cow<'a, str>>,
    /// Links to other spans.
    pub links: Vec<ShownLink<'a>>,
    /// Events.
    pub events: Vec<ShownEvent<'a>>,
    /// How many attributes, events and links the span has lost.
    pub dropped: [u32; 3],
}

/// A link to another span.
#[derive(Debug)]
pub struct ShownLink<'a> {
    /// The trace of that span.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
    /// Its trace state; empty when there is none.
    pub trace_state: Cow<'a, str>,
    /// The link's attributes.
    pub attributes: Vec<ShownAttribute<'a>>,
}

/// An event of a span.
#[derive(Debug)]
pub struct ShownEvent<'a> {
    /// Nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its attributes.
    pub attributes: Vec<ShownAttribute<'a>>,
}

/// An attribute of a link or an event.
#[derive(Debug)]
pub struct ShownAttribute<'a> {
    /// Its key.
    pub key: Cow<'a, str>,
    value: Value<'a>,
    /// What stands in the place of the value.
    redacted: Option<String>,
}

impl ShownAttribute<'_> {
    /// Its value.
    pub fn value(&self) -> Value<'_> {
        match (&self.redacted, self.value) {
            (Some(json), Value::Json(_)) => Value::Json(json),
            (Some(json), Value::Marked(_)) => Value::Marked(json),
            (Some(text), _) => Value::Str(text),
            (None, value) => value,
        }
    }
}

/// Looks at the extras of a span; which rules found secrets goes to `hits`.
pub(crate) fn look<'a>(
    record: &Record<'a>,
    secrets: &mut Secrets,
    hits: &mut Vec<Counter>,
) -> ShownExtras<'a> {
    let mut shown = ShownExtras::default();
    let mut looker = Looker { secrets, hits };
    let (mut links, mut events) = (Vec::new(), Vec::new());
    for extra in record.extras() {
        match extra {
            Extra::TraceState(state) => {
                shown.trace_state = Some(looker.text("trace_state", state));
            }
            Extra::Link { trace_id, span_id, trace_state, attributes } => {
                links.push((trace_id, span_id, trace_state, attributes));
            }
            Extra::Event { timestamp_ns, name, attributes } => {
                events.push((timestamp_ns, name, attributes));
            }
            Extra::Dropped { attributes, events, links } => {
                shown.dropped = [attributes, events, links];
            }
            _ => {}
        }
    }
    for (trace_id, span_id, state, attributes) in links {
        let trace_state = match state {
            "" => Cow::Borrowed(""),
            state => looker.text("links.trace_state", state),
        };
        let attributes = looker.attributes("links", &attributes);
        shown.links.push(ShownLink { trace_id, span_id, trace_state, attributes });
    }
    for (timestamp_ns, name, attributes) in events {
        let name = looker.text("events.name", name);
        let attributes = looker.attributes("events", &attributes);
        shown.events.push(ShownEvent { timestamp_ns, name, attributes });
    }
    shown
}

struct Looker<'a> {
    secrets: &'a mut Secrets,
    hits: &'a mut Vec<Counter>,
}

impl Looker<'_> {
    /// A text without its secrets.
    fn text<'t>(&mut self, path: &str, text: &'t str) -> Cow<'t, str> {
        let redacted = self.secrets.redact(Some(path), text, self.hits);
        redacted.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The attributes. Of a key that was recorded twice the last value, in the place of the first.
    fn attributes<'a>(&mut self, of: &str, fields: &Fields<'a>) -> Vec<ShownAttribute<'a>> {
        let mut keys = Vec::new();
        let mut shown = Vec::new();
        for (key, value) in fields.clone() {
            // They have keys of their own; damage is no reason to show what nobody knows.
            let Key::Name(key) = key else { continue };
            if keys.contains(&key) {
                continue;
            }
            keys.push(key);
            let last = fields.clone().filter(|(other, _)| *other == Key::Name(key)).last();
            shown.push(self.attribute(of, key, last.map_or(value, |(_, last)| last)));
        }
        shown
    }

    fn attribute<'a>(&mut self, of: &str, key: &'a str, value: Value<'a>) -> ShownAttribute<'a> {
        let hidden_by = match value {
            Value::Null => None,
            _ => self.secrets.recall(key).cloned(),
        };
        let redacted = self.secrets.redact(None, key, self.hits);
        let shown = redacted.map_or(Cow::Borrowed(key), Cow::Owned);
        if let Some(counter) = hidden_by {
            self.hits.push(counter);
            return ShownAttribute { key: shown, value: Value::Str(REDACTED), redacted: None };
        }
        let path = format!("{of}.attributes.{key}");
        let (value, is_broken_json) = match value {
            Value::Json(text) | Value::Marked(text) if !is_json(text) => (Value::Str(text), true),
            value => (value, false),
        };
        let redacted = match value {
            Value::Str(text) if is_broken_json => {
                redact_broken_json(Some(&path), text, self.secrets, self.hits)
            }
            Value::Str(text) => self.secrets.redact(Some(&path), text, self.hits),
            Value::Json(json) => self.secrets.redact_json(&path, json, self.hits),
            Value::Marked(json) => self.secrets.redact_marked(&path, json, self.hits),
            Value::Bytes(bytes) => {
                self.secrets.redact(Some(&path), &String::from_utf8_lossy(bytes), self.hits)
            }
            Value::Null => None,
            // A number or a truth value, which only rules of the user may hide.
            other if self.secrets.has_callbacks() => {
                self.secrets.redact(Some(&path), &format!("{other:?}"), self.hits)
            }
            _ => None,
        };
        ShownAttribute { key: shown, value, redacted }
    }
}

/// The members of a line, each with a comma before it.
pub(crate) fn members(shown: &ShownExtras<'_>) -> String {
    let mut out = Vec::new();
    if let Some(state) = &shown.trace_state {
        out.extend_from_slice(b",\"trace_state\":");
        json::string(&mut out, state);
    }
    list(&mut out, "links", &shown.links, |out, link| {
        let (trace, span) = (hexadecimal(&link.trace_id), hexadecimal(&link.span_id));
        raw(out, &format!("\"trace_id\":\"{trace}\",\"span_id\":\"{span}\""));
        if !link.trace_state.is_empty() {
            raw(out, ",\"trace_state\":");
            json::string(out, &link.trace_state);
        }
        attributes(out, &link.attributes);
    });
    list(&mut out, "events", &shown.events, |out, event| {
        let time = Clock::new(b"").text(event.timestamp_ns);
        raw(out, &format!("\"ts\":\"{time}\",\"name\":"));
        json::string(out, &event.name);
        attributes(out, &event.attributes);
    });
    let counts = ["attributes", "events", "links"].into_iter().zip(shown.dropped);
    for (what, count) in counts.filter(|(_, count)| *count > 0) {
        raw(&mut out, &format!(",\"dropped_{what}_count\":{count}"));
    }
    // All that was written is text.
    String::from_utf8_lossy(&out).into_owned()
}

fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn list<T>(out: &mut Vec<u8>, name: &str, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    if items.is_empty() {
        return;
    }
    raw(out, &format!(",\"{name}\":["));
    for (at, item) in items.iter().enumerate() {
        raw(out, if at > 0 { ",{" } else { "{" });
        write(out, item);
        raw(out, "}");
    }
    raw(out, "]");
}

fn attributes(out: &mut Vec<u8>, attributes: &[ShownAttribute<'_>]) {
    for (at, attribute) in attributes.iter().enumerate() {
        raw(out, if at == 0 { ",\"attributes\":{" } else { "," });
        json::string(out, &attribute.key);
        raw(out, ":");
        value(out, attribute.value());
    }
    if !attributes.is_empty() {
        raw(out, "}");
    }
}

fn value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Str(text) => json::string(out, text),
        Value::Bytes(bytes) => json::string(out, &base64::encoded(bytes)),
        Value::Json(text) => raw(out, text),
        Value::Marked(text) => raw(out, &marked::shown(text)),
        Value::F64(number) if number.is_finite() => {
            raw(out, zmij::Buffer::new().format_finite(number));
        }
        Value::F64(number) if number.is_nan() => raw(out, "\"NaN\""),
        Value::F64(number) if number > 0.0 => raw(out, "\"+Inf\""),
        Value::F64(_) => raw(out, "\"-Inf\""),
        Value::Null | Value::Bool(_) | Value::I64(_) | Value::U64(_) => {
            raw(out, &format!("{value:?}"));
        }
        other => json::string(out, &format!("{other:?}")),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _written = write!(text, "{byte:02x}");
    }
    text
}
