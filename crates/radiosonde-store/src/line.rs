//! One line of a day file, typed.

mod lenient;
mod others;

use std::fmt;

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::id::LineId;
use crate::level::Level;
use crate::names::Signal;

/// A line: its typed view, and the text it was read from.
///
/// Reading is tolerant: unknown keys are ignored and everything but `ts` may be missing, so that a
/// reader understands lines of older and newer writers. A value of another type than its field has
/// (`"id":7`), and a number beyond all an `f64` can be (`1E400`), is taken for a text, as written.
///
/// Of lines of others, which have no id of ours, more is taken. The time may be called `time`,
/// `timestamp`, `@timestamp`, `@t`, `Timestamp`, `eventTime` or `datetime`, and be a number since 1970, in seconds,
/// milliseconds, microseconds or nanoseconds, whichever puts it between 2001 and 2103. Without `msg`, the text is
/// `message`, `event`, `@m`, `@mt` or `log`, or the `message` in `fields`. Of a key that comes twice the last
/// counts, of `ts` the first, and a `meta` that is no object has no fields.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// When it happened; for a span, when it ended.
    #[serde(serialize_with = "microseconds")]
    pub ts: Timestamp,
    /// How serious it is. `None` when missing or not a level we know. Where it is, what other loggers
    /// have tells: `severity` (Google Cloud), `levelname` (Python), `log.level` (Elastic), `@l` (Serilog).
    #[serde(default, deserialize_with = "known_level", skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Name of the event; `log`, `span`, `metric` or `panic` for the kinds that have no name.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub evt: String,
    /// Module, component or subsystem it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Text for people; for a span, its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
    /// The service that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Trace, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Span, 16 hex digits: the span itself on a span line, the surrounding one elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// The job it was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The machine it happened on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// The worker that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// The session it belonged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Everything else, in the order written.
    #[serde(default)]
    pub meta: Fields,
    /// `<instance>.<ring>.<seq>`, unique for ever: see [`LineId`]. Of others, whatever they call so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The text it was read from, without its line break.
    #[serde(skip)]
    pub raw: String,
}

impl Line {
    /// Reads one line, given without its line break.
    ///
    /// # Errors
    /// [`NotALine`] says what is wrong: not UTF-8, not a JSON object, no time; of a line with an id of ours
    /// also that it has a key twice, or a `meta` that is no object.
    pub fn parse(text: &[u8]) -> Result<Self, NotALine> {
        let text = std::str::from_utf8(text).map_err(|_| match text.contains(&0) {
            true => NotALine("NUL bytes".to_owned()),
            false => NotALine("invalid UTF-8".to_owned()),
        })?;
        if text.contains('\0') {
            return Err(NotALine("NUL bytes".to_owned()));
        }
        // An array of the right values would do for serde as well.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(NotALine("not a JSON object".to_owned()));
        }
        let lenient = |error: serde_json::Error| match lenient::quoted(text) {
            Some(quoted) if !error.is_eof() => serde_json::from_str(&quoted).map_err(|_| error),
            _ => Err(error),
        };
        let of_others = |error: serde_json::Error| match error.is_eof() {
            true => Err(NotALine::of(&error)),
            false => others::read(text)
                .map_err(|reason| reason.map_or_else(|| NotALine::of(&error), NotALine)),
        };
        let mut line: Self = serde_json::from_str(text).or_else(lenient).or_else(of_others)?;
        line.raw = text.to_owned();
        line.level = line.level.or_else(|| level_of_others(&line));
        if line.msg.is_none() && line.process().is_none() {
            line.msg = others::msg_of(&line);
        }
        Ok(line)
    }

    /// The run of a process that wrote it, as its id tells. `None` without an id of ours.
    #[must_use]
    pub fn process(&self) -> Option<&str> {
        self.id.as_deref().and_then(LineId::parse).map(|id| id.instance)
    }

    /// What it takes in memory as a multiple of texts: the bytes of its text, or half of what its fields
    /// take where these are many and small.
    pub(crate) fn weight(&self) -> usize {
        self.raw.len().max(self.meta.bytes() / 2)
    }

    /// The fields that stand beside the keys we know, in the order written: where lines of others have
    /// theirs. Without those that are its time and its text. Reads the text again.
    #[must_use]
    pub fn beside(&self) -> Fields {
        let mut all: Fields = self.taken_apart().unwrap_or_default();
        others::without_told(&mut all.0);
        let is_no_meta = |value: &Value| !value.is_object() && !value.is_null();
        all.0.retain(|(name, value)| match name.as_str() {
            "meta" => is_no_meta(value),
            name => !KEYS.contains(&name),
        });
        all
    }

    /// Its text once more, as something else than a line, with the same values for texts.
    pub(crate) fn taken_apart<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        let lenient = |_| serde_json::from_str(&lenient::quoted(&self.raw)?).ok();
        serde_json::from_str(&self.raw).map_or_else(lenient, Some)
    }

    /// Whether it is a span line.
    #[must_use]
    pub fn is_span(&self) -> bool {
        self.evt == "span"
    }

    /// Whether it is a metric line.
    #[must_use]
    pub fn is_metric(&self) -> bool {
        self.evt == "metric"
    }

    /// Whether it is a plain log line: it names no event, as those of others, or has the name that ours have
    /// without one.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        PLAIN.contains(&self.evt.as_str())
    }

    /// The signal it belongs to, which is that of the day file it was written to.
    #[must_use]
    pub fn signal(&self) -> Signal {
        Signal::of_evt(self.evt.as_bytes())
    }

    /// Whether it is a metric line that says how a series stood, not what a job did to it.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.is_metric() && self.meta.text("kind") == Some("snapshot")
    }
}

/// Why a text is not a line. The text itself is not repeated: it may hold anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotALine(String);

impl NotALine {
    fn of(error: &serde_json::Error) -> Self {
        // The parser counts lines from 1, and there is only one here.
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        let what: String = what.chars().take(REASON_CHARS_MAX).collect();
        Self(format!("{what} (column {})", error.column()))
    }
}

/// The fields of `meta`, in the order written. A key that comes twice is kept twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<(String, Value)>);

impl Fields {
    /// The first value of `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The first value of `key`, when it is text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.as_str()
    }

    /// The fields in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Fields {
    /// Bytes that they take in memory, about.
    fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| FIELD_BYTES + name.len() + bytes_of(value)).sum()
    }
}

/// What a value takes besides itself.
fn bytes_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(|value| FIELD_BYTES + bytes_of(value)).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| FIELD_BYTES + name.len() + bytes_of(value)).sum()
        }
        _ => 0,
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }

    fn visit_unit<E>(self) -> Result<Fields, E> {
        Ok(Fields::default())
    }
}

fn microseconds<S: Serializer>(ts: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{ts:.6}"))
}

/// What is `null` is as missing.
fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A level a newer writer may know and we do not is no reason to lose the line.
fn known_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Level>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Word {
        Text(String),
        Number(u64),
        Other(IgnoredAny),
    }
    Ok(match Word::deserialize(deserializer)? {
        Word::Text(word) => word.parse().ok(),
        Word::Number(number) => Level::of_number(number),
        Word::Other(_) => None,
    })
}

/// The level by the names that it has elsewhere.
fn level_of_others(line: &Line) -> Option<Level> {
    if !LEVEL_KEYS_OF_OTHERS.iter().any(|key| line.raw.contains(key)) {
        return None;
    }
    let fields: Fields = line.taken_apart()?;
    others::level(&fields.0)
}

/// A name and a value, with what allocating them takes.
const FIELD_BYTES: usize = 96;
/// What others call the level.
pub(crate) const LEVEL_KEYS_OF_OTHERS: [&str; 7] =
    ["severity", "levelname", "level_name", "@l", "@t", "log.level", "log"];
/// The keys of a line that have a place of their own in it.
const KEYS: [&str; 14] = [
    "ts",
    "level",
    "evt",
    "source",
    "msg",
    "service",
    "trace_id",
    "span_id",
    "job_id",
    "machine_id",
    "worker_id",
    "session_id",
    "meta",
    "id",
];
/// The `evt` of plain log lines: ours, and those of others, which have none.
pub const PLAIN: [&str; 2] = ["log", ""];
/// A reason quotes keys of the line, which may be long.
const REASON_CHARS_MAX: usize = 120;

/// A text without the NULs in front of it, which a power cut may leave for what was not written: what
/// is behind them may be a line. A text of nothing but NULs stays as it is.
#[must_use]
pub fn behind_nuls(text: &[u8]) -> &[u8] {
    let first = text.iter().position(|byte| *byte != 0);
    &text[first.unwrap_or(0)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_is_read_and_written_back_unchanged() {
        let text = r#"{"ts":"2025-10-06T13:43:10.123456Z","level":"error","evt":"openrouter_error","source":"translation_service","msg":"429 Rate limit","service":"chinaxiv","trace_id":"0edadbc0a1b2c3d4e5f60718293a4b5c","span_id":"00f067aa0ba902b7","job_id":"job-123","machine_id":"m-1","worker_id":"w-1","session_id":"s-1","meta":{"status":429,"code":"rate_limited","a":{"b":[1,2.5,null]}},"id":"k3f9q2xw.4.1871"}"#;
        let line = Line::parse(text.as_bytes()).unwrap();
        assert_eq!(line.level, Some(Level::Error));
        assert_eq!(line.meta.value("status"), Some(&Value::from(429)));
        assert_eq!(
            line.meta.iter().map(|(key, _)| key).collect::<Vec<_>>(),
            ["status", "code", "a"]
        );
        assert_eq!(line.raw, text);
        assert_eq!(serde_json::to_string(&line).unwrap(), text);
    }

    #[test]
    fn a_level_is_known_by_the_names_of_others() {
        for (rest, level) in [
            (r#""severity":"ERROR""#, Some(Level::Error)),
            (r#""levelname":"CRITICAL""#, Some(Level::Critical)),
            (r#""level":"info","severity":"ERROR""#, Some(Level::Info)),
            (r#""level":6,"severity":"NOTICE","id":7"#, Some(Level::Info)),
            (r#""severity":"DEFAULT","levelname":"WARNING""#, Some(Level::Warning)),
            (r#""severity":"DEFAULT""#, None),
            (r#""log.level":"ERROR""#, Some(Level::Error)),
            (r#""severity":17"#, Some(Level::Error)),
            (r#""severity":400"#, Some(Level::Warning)),
            (r#""severity":3"#, None),
            (r#""level":300,"level_name":"WARNING""#, Some(Level::Warning)),
            (r#""level":300"#, None),
            (r#""log":{"level":"error"}"#, Some(Level::Error)),
            (r#""@t":"2025-10-06T13:43:10Z","@l":"Error""#, Some(Level::Error)),
            (r#""severity":null,"levelname":{"severity":"error"}"#, None),
            (r#""msg":"\"severity\"","meta":{"severity":"error"}"#, None),
        ] {
            let text = format!(r#"{{"ts":"2025-10-06T13:43:10Z",{rest}}}"#);
            assert_eq!(Line::parse(text.as_bytes()).unwrap().level, level, "{text}");
        }
    }

    #[test]
    fn reading_is_tolerant() {
        for text in [
            r#"{"ts":"2025-10-06T13:43:10Z"}"#,
            r#"{"ts":"2025-10-06T15:43:10+02:00","new_key":{"x":[1]},"meta":null,"job_id":null}"#,
            r#"{"ts":"2025-10-06T13:43:10Z","level":"fatal-ish","meta":{}}"#,
            r#"{"ts":"2025-10-06T13:43:10Z","level":7}"#,
            r#"{"ts":"2025-10-06T13:43:10Z","evt":null,"msg":null,"level":null,"id":null}"#,
            r#"{"ts":"2025-10-06T13:43:10Z","evt":null,"x":1E400}"#,
        ] {
            let line = Line::parse(text.as_bytes()).unwrap();
            assert_eq!(line.ts.to_string(), "2025-10-06T13:43:10Z", "{text}");
            assert_eq!((line.level, line.evt.as_str()), (None, ""), "{text}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_the_text_that_was_written() {
        let digits = "9".repeat(400);
        let text = format!(
            r#"{{ "ts":"2025-10-06T13:43:10Z", "id" : 7,"job_id":-1.50e1,"source":true,"msg":{{"a\"}}":["b",1E400]}},"evt":[ ],"trace_id":null,"worker_id":"1E400","meta":{{"id":7,"a":1E400,"b":[-1e999 ,{{"c":{digits}}}],"d":"\"1E400","e":1e-400}} }}"#
        );
        let line = Line::parse(text.as_bytes()).unwrap();
        assert_eq!(line.raw, text);
        let texts = [&line.id, &line.job_id, &line.source, &line.msg, &line.worker_id];
        let expect = ["7", "-1.50e1", "true", r#"{"a\"}":["b",1E400]}"#, "1E400"];
        assert_eq!(texts.map(|text| text.as_deref().unwrap()), expect);
        assert_eq!((line.evt.as_str(), line.trace_id), ("[ ]", None));
        let meta = serde_json::json!({
            "id": 7, "a": "1E400", "b": ["-1e999", {"c": digits}], "d": "\"1E400", "e": 0.0
        });
        assert_eq!(serde_json::to_value(&line.meta).unwrap(), meta);
    }

    #[test]
    fn what_is_not_a_line_is_refused_with_a_reason() {
        let deep =
            format!("{}{}", r#"{"ts":"2025-10-06T13:43:10Z","meta":{"a":"#, "[".repeat(100_000));
        for (text, reason) in [
            (&b""[..], "not a JSON object"),
            (b"hello", "not a JSON object"),
            (br#"["2025-10-06T13:43:10Z","info"]"#, "not a JSON object"),
            (b"{nope}", "key must be a string"),
            (b"{", "EOF"),
            (b"{}", "`ts` or `time`, such as 2"),
            (br#"{"ts":"yesterday"}"#, "`ts` is no time"),
            (br#"{"time":"2025-10-06 13:43:10,123"}"#, "`time` has no zone"),
            (br#"{"ts":"2025-10-06T13:43:10Z","job_id":1x}"#, "column"),
            (br#"{"ts":"2025-10-06T13:43:10Z","job_id":[1,}}"#, "column"),
            (br#"{"ts":"2025-10-06T13:43:10Z","x":{1E400:1}}"#, "key must be a string"),
            (br#"{"ts":"2025-10-06T13:43:10Z","meta":{"x":01E400}}"#, "invalid number"),
            (br#"{"ts":"2025-10-06T13:43:10Z","meta":{"x":1E400"#, "out of range"),
            (br#"{"ts":"2025-10-06T13:43:10Z"} x"#, "trailing"),
            (b"\0\0\0{\"ts\":\"2025-10-06T13:43:10Z\"}", "NUL"),
            (b"{\"ts\":\"2025-10-06T13:43:10Z\",\"msg\":\"\xff\"}", "UTF-8"),
            (deep.as_bytes(), "recursion"),
        ] {
            let error = Line::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error} should contain {reason}");
            assert!(error.len() < 300, "{error}");
        }
    }
}
