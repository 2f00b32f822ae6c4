//! Events, log lines and spans as a test looks at them.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use radiosonde_record::{Level, ToValue, Value, base64};
use radiosonde_store::Line;
use serde_json::Value as Json;

use crate::words::spent;

/// What events, log lines and spans have in common. Values are as they are on disk: redacted.
#[derive(Clone)]
pub struct Recorded {
    line: Arc<Line>,
    /// As the console shows it.
    text: Arc<str>,
}

/// An event of `event!` or `log_event`, or a log line.
#[derive(Clone)]
pub struct Event(pub(super) Recorded);

/// A span that has ended.
#[derive(Clone)]
pub struct Span(pub(super) Recorded);

impl Recorded {
    pub(super) fn new(line: Line, text: String) -> Self {
        let text = if line.is_span() { span_text(&line) } else { text };
        Self { line: Arc::new(line), text: text.into() }
    }

    /// Name of the event, or of the span; `log` for log lines.
    pub fn name(&self) -> &str {
        match self.line.is_span() {
            true => self.line.msg.as_deref().unwrap_or_default(),
            false => &self.line.evt,
        }
    }

    /// The level.
    pub fn level(&self) -> Level {
        // A line of our own encoder has one that is known.
        self.line.level.and_then(|level| Level::parse(level.as_str())).unwrap_or(Level::Info)
    }

    /// The text for people; for a span, its name.
    pub fn message(&self) -> &str {
        self.line.msg.as_deref().unwrap_or_default()
    }

    /// The module, target or component it came from.
    pub fn source(&self) -> &str {
        self.line.source.as_deref().unwrap_or_default()
    }

    /// The trace, 32 hex digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.line.trace_id.as_deref()
    }

    /// The span, 16 hex digits: the span itself, or the one around an event.
    pub fn span_id(&self) -> Option<&str> {
        self.line.span_id.as_deref()
    }

    /// The job.
    pub fn job_id(&self) -> Option<&str> {
        self.line.job_id.as_deref()
    }

    /// The worker.
    pub fn worker_id(&self) -> Option<&str> {
        self.line.worker_id.as_deref()
    }

    /// The session.
    pub fn session_id(&self) -> Option<&str> {
        self.line.session_id.as_deref()
    }

    /// The field of that name, if it is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Found::Field(value) => value.as_str(),
            Found::Id(id) => Some(id),
            Found::Nothing => None,
        }
    }

    /// The field of that name, if it is a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.value(key) {
            Found::Field(value) => value.as_f64(),
            _ => None,
        }
    }

    /// Whether a field, or `job_id`, `worker_id` or `session_id`, has this value. Numbers are equal
    /// whatever their types are, and a text is never a number.
    pub fn has(&self, key: &str, value: impl ToValue) -> bool {
        self.is(key, &value.to_value())
    }

    /// The fields, or attributes, in the order written, each value as JSON.
    pub fn fields(&self) -> Vec<(String, String)> {
        let of = |(key, value): (&str, &Json)| (key.to_owned(), value.to_string());
        match self.attributes() {
            Some(attributes) => {
                attributes.iter().map(|(key, value)| of((key.as_str(), value))).collect()
            }
            None => self.line.meta.iter().map(of).collect(),
        }
    }

    /// The line as it would be on disk, without its line feed.
    pub fn json(&self) -> &str {
        &self.line.raw
    }

    pub(super) fn is(&self, key: &str, value: &Value<'_>) -> bool {
        match self.value(key) {
            Found::Field(field) => is_same(field, value),
            Found::Id(id) => matches!(*value, Value::Str(text) if text == id),
            Found::Nothing => false,
        }
    }

    pub(super) fn is_span(&self) -> bool {
        self.line.is_span()
    }

    /// The span around a span.
    pub(super) fn parent(&self) -> Option<&str> {
        self.line.meta.text("parent_span_id")
    }

    /// How a span ended.
    pub(super) fn status_word(&self) -> &str {
        self.line.meta.text("status").unwrap_or("unset")
    }

    /// As the console shows it, with its line feed.
    pub(super) fn shown(&self) -> &str {
        &self.text
    }

    /// What stands under a key, for messages.
    pub(super) fn told(&self, key: &str) -> Option<String> {
        match self.value(key) {
            Found::Field(value) => Some(value.to_string()),
            Found::Id(id) => Some(format!("{id:?}")),
            Found::Nothing => None,
        }
    }

    fn value(&self, key: &str) -> Found<'_> {
        let field = match self.attributes() {
            Some(attributes) => attributes.get(key),
            None => self.line.meta.value(key),
        };
        let id = match key {
            "job_id" => self.job_id(),
            "worker_id" => self.worker_id(),
            "session_id" => self.session_id(),
            _ => None,
        };
        match (field, id) {
            (Some(field), _) => Found::Field(field),
            (None, Some(id)) => Found::Id(id),
            (None, None) => Found::Nothing,
        }
    }

    fn attributes(&self) -> Option<&serde_json::Map<String, Json>> {
        static NONE: std::sync::LazyLock<serde_json::Map<String, Json>> =
            std::sync::LazyLock::new(serde_json::Map::new);
        self.line
            .is_span()
            .then(|| self.line.meta.value("attributes").and_then(Json::as_object).unwrap_or(&NONE))
    }
}

/// What stands under a key.
enum Found<'a> {
    Field(&'a Json),
    Id(&'a str),
    Nothing,
}

impl Event {
    /// Whether it is a log line, of `tracing` or `log`, and not an event with a name.
    pub fn is_log(&self) -> bool {
        self.name() == "log"
    }
}

impl Span {
    /// The span it is in, 16 hex digits; `None` for a root.
    pub fn parent_span_id(&self) -> Option<&str> {
        self.parent()
    }

    /// How long it took, to the microsecond.
    pub fn duration(&self) -> Duration {
        let micros = self.line.meta.value("duration_us").and_then(Json::as_u64);
        Duration::from_micros(micros.unwrap_or_default())
    }

    /// `internal`, `server`, `client`, `producer` or `consumer`.
    pub fn kind(&self) -> &str {
        self.line.meta.text("kind").unwrap_or("internal")
    }

    /// `unset`, `ok` or `error`.
    pub fn status(&self) -> &str {
        self.status_word()
    }

    /// What went wrong; empty when nothing was said.
    pub fn status_message(&self) -> &str {
        self.line.meta.text("status_message").unwrap_or_default()
    }
}

fn is_same(json: &Json, value: &Value<'_>) -> bool {
    match *value {
        Value::Null => json.is_null(),
        Value::Bool(value) => json.as_bool() == Some(value),
        Value::I64(value) => match json.as_i64() {
            Some(number) => number == value,
            None => json.as_f64() == Some(value as f64),
        },
        Value::U64(value) => match json.as_u64() {
            Some(number) => number == value,
            None => json.as_f64() == Some(value as f64),
        },
        Value::F64(value) if value.is_finite() => json.as_f64() == Some(value),
        Value::Str(text) => json.as_str() == Some(text),
        Value::Bytes(bytes) => json.as_str() == Some(base64::encoded(bytes).as_str()),
        ref other => json.as_str() == Some(told(other).as_str()),
    }
}

/// A value as a message shows it: text in quotes.
pub(super) fn told(value: &Value<'_>) -> String {
    match *value {
        Value::Str(text) => format!("{text:?}"),
        Value::F64(number) if !number.is_finite() => number.to_string(),
        ref other => format!("{other:?}"),
    }
}

/// `13:43:10.123Z SPAN  checkout  1.2 ms  error: declined  items=3  span=00f067aa0ba902b7`
fn span_text(line: &Line) -> String {
    use std::fmt::Write as _;

    let time = line.ts.to_string();
    let time = time.get(11..).unwrap_or(&time).trim_end_matches('Z');
    let time = time.get(..12).unwrap_or(time);
    let name = line.msg.as_deref().unwrap_or_default();
    let micros = line.meta.value("duration_us").and_then(Json::as_u64).unwrap_or_default();
    let mut text = format!("{time}Z SPAN   {name}  {}", spent(Duration::from_micros(micros)));
    let status = line.meta.text("status").filter(|status| *status != "unset");
    let message = line.meta.text("status_message");
    let mut add = |part: &str| {
        // Writing to a string does not fail.
        let _ = write!(text, "  {part}");
    };
    match (status, message) {
        (Some(status), Some(message)) => add(&format!("{status}: {message}")),
        (Some(status), None) => add(status),
        _ => {}
    }
    let attributes = line.meta.value("attributes").and_then(Json::as_object);
    for (key, value) in attributes.into_iter().flatten() {
        add(&format!("{key}={value}"));
    }
    let ids = [("job", &line.job_id), ("worker", &line.worker_id), ("span", &line.span_id)];
    for (what, id) in ids.iter().filter_map(|(what, id)| Some((what, id.as_ref()?))) {
        add(&format!("{what}={id}"));
    }
    text.push('\n');
    text
}

macro_rules! records {
    ($($name:ident)*) => {$(
        impl Deref for $name {
            type Target = Recorded;

            fn deref(&self) -> &Recorded {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text.trim_end())
            }
        }
    )*};
}

records! { Event Span }

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_as_it_was_written_and_a_text_is_no_number() {
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        let same: [(&str, &dyn Comparable); 8] = [
            ("200", &200_i32),
            ("200", &200_u64),
            ("200", &200.0_f64),
            ("2.5", &2.5_f32),
            ("-3", &-3_i64),
            ("18446744073709551615", &u64::MAX),
            ("\"click\"", &"click"),
            ("true", &true),
        ];
        for (text, value) in same {
            assert!(value.is_in(&json(text)), "{text}");
        }
        let others: [(&str, &dyn Comparable); 6] = [
            ("\"200\"", &200_i32),
            ("200", &"200"),
            ("null", &0_i32),
            ("-1", &u64::MAX),
            ("\"true\"", &true),
            ("{\"a\":1}", &"a"),
        ];
        for (text, value) in others {
            assert!(!value.is_in(&json(text)), "{text}");
        }
    }

    trait Comparable {
        fn is_in(&self, json: &Json) -> bool;
    }

    impl<T: ToValue> Comparable for T {
        fn is_in(&self, json: &Json) -> bool {
            is_same(json, &self.to_value())
        }
    }
}
