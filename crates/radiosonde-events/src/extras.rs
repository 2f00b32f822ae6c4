//! Trace state, links and events of a span, as members of its line.
//!
//! Few spans have them, so that each is looked at, key by key and value by value.

use std::fmt::Write as _;

use radiosonde_record::{Extra, Fields, Key, Record, Value};
use radiosonde_redact::REDACTED;

use crate::fields::is_json;
use crate::json;
use crate::redactions::{Counter, Secrets};
use crate::time::Clock;

/// The members, each with a comma before it, without secrets; which rules found these goes to `hits`.
pub(crate) fn members(
    record: &Record<'_>,
    secrets: &mut Secrets,
    hits: &mut Vec<Counter>,
) -> String {
    let mut out = Writer { out: Vec::new(), secrets, hits };
    let (mut links, mut events, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for extra in record.extras() {
        match extra {
            Extra::TraceState(state) => {
                out.out.extend_from_slice(b",\"trace_state\":");
                out.text("trace_state", state);
            }
            extra @ Extra::Link { .. } => links.push(extra),
            extra @ Extra::Event { .. } => events.push(extra),
            extra => rest.push(extra),
        }
    }
    out.list("links", &links);
    out.list("events", &events);
    for extra in rest {
        let Extra::Dropped { attributes, events, links } = extra else { continue };
        let counts = [("attributes", attributes), ("events", events), ("links", links)];
        for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            out.raw(&format!(",\"dropped_{what}_count\":{count}"));
        }
    }
    // All that was written is text.
    String::from_utf8_lossy(&out.out).into_owned()
}

struct Writer<'a> {
    out: Vec<u8>,
    secrets: &'a mut Secrets,
    hits: &'a mut Vec<Counter>,
}

impl Writer<'_> {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A string without its secrets.
    fn text(&mut self, path: &str, text: &str) {
        match self.secrets.redact(Some(path), text, self.hits) {
            Some(redacted) => json::string(&mut self.out, &redacted),
            None => json::string(&mut self.out, text),
        }
    }

    fn list(&mut self, name: &str, extras: &[Extra<'_>]) {
        if extras.is_empty() {
            return;
        }
        self.raw(&format!(",\"{name}\":["));
        for (at, extra) in extras.iter().enumerate() {
            self.raw(if at > 0 { ",{" } else { "{" });
            match extra {
                Extra::Event { timestamp_ns, name, attributes } => {
                    self.raw(&format!(
                        "\"ts\":\"{}\",\"name\":",
                        Clock::new(b"").text(*timestamp_ns)
                    ));
                    self.text("events.name", name);
                    self.attributes("events", attributes);
                }
                Extra::Link { trace_id, span_id, trace_state, attributes } => {
                    let (trace, span) = (hexadecimal(trace_id), hexadecimal(span_id));
                    self.raw(&format!("\"trace_id\":\"{trace}\",\"span_id\":\"{span}\""));
                    if !trace_state.is_empty() {
                        self.raw(",\"trace_state\":");
                        self.text("links.trace_state", trace_state);
                    }
                    self.attributes("links", attributes);
                }
                _ => {}
            }
            self.raw("}");
        }
        self.raw("]");
    }

    fn attributes(&mut self, of: &str, fields: &Fields<'_>) {
        let mut keys = Vec::new();
        for (key, value) in fields.clone() {
            // They have keys of their own; damage is no reason to show what nobody knows.
            let Key::Name(key) = key else { continue };
            if keys.contains(&key) {
                continue;
            }
            self.raw(if keys.is_empty() { ",\"attributes\":{" } else { "," });
            keys.push(key);
            let last = fields.clone().filter(|(other, _)| *other == Key::Name(key)).last();
            self.attribute(of, key, last.map_or(value, |(_, last)| last));
        }
        if !keys.is_empty() {
            self.raw("}");
        }
    }

    fn attribute(&mut self, of: &str, key: &str, value: Value<'_>) {
        let hidden_by = match value {
            Value::Null => None,
            _ => self.secrets.recall(key).cloned(),
        };
        match self.secrets.redact(None, key, self.hits) {
            Some(redacted) => json::string(&mut self.out, &redacted),
            None => json::string(&mut self.out, key),
        }
        self.raw(":");
        if let Some(counter) = hidden_by {
            self.hits.push(counter);
            return json::string(&mut self.out, REDACTED);
        }
        let path = format!("{of}.attributes.{key}");
        match value {
            Value::Str(text) => self.text(&path, text),
            Value::Null => self.raw("null"),
            Value::Json(json) if is_json(json) => {
                match self.secrets.redact_json(&path, json, self.hits) {
                    Some(redacted) => self.raw(&redacted),
                    None => self.raw(json),
                }
            }
            Value::Json(text) => self.text(&path, text),
            other => self.number(&path, other),
        }
    }

    /// A number or a truth value, which only rules of the user may hide.
    fn number(&mut self, path: &str, value: Value<'_>) {
        if self.secrets.has_callbacks()
            && let Some(redacted) =
                self.secrets.redact(Some(path), &format!("{value:?}"), self.hits)
        {
            return json::string(&mut self.out, &redacted);
        }
        match value {
            Value::F64(number) if number.is_finite() => {
                self.raw(zmij::Buffer::new().format_finite(number));
            }
            Value::F64(number) if number.is_nan() => self.raw("\"NaN\""),
            Value::F64(number) if number > 0.0 => self.raw("\"+Inf\""),
            Value::F64(_) => self.raw("\"-Inf\""),
            Value::Bool(_) | Value::I64(_) | Value::U64(_) => self.raw(&format!("{value:?}")),
            other => json::string(&mut self.out, &format!("{other:?}")),
        }
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
