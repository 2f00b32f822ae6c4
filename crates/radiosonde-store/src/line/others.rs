//! Lines as other programs write them: with the time, the text and the level under other names, a key
//! twice, or something else under `meta`.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use super::{Fields, Line, known_level, lenient};
use crate::id::LineId;
use crate::level::Level;

/// Reads a line that was refused, as one of others. The reason is `None` where that it was refused for
/// holds: it is no object of JSON, or one of ours, which are as we write them.
pub(super) fn read(text: &str) -> Result<Line, Option<String>> {
    let quoted = lenient::quoted(text);
    let text = quoted.as_deref().unwrap_or(text);
    let Apart { fields, meta } = serde_json::from_str(text).map_err(|_| None)?;
    let is_own = |(name, value): &(String, Value)| {
        name == "id" && value.as_str().and_then(LineId::parse).is_some()
    };
    if fields.iter().any(is_own) {
        return Err(None);
    }
    let (_, ts) = time(&fields).map_err(Some)?;
    let last = |key: &str| fields.iter().rfind(|(name, _)| name == key).map(|(_, value)| value);
    let text = |key: &str| match last(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Ok(Line {
        ts,
        level: match last("level") {
            Some(level) => known_level(level).ok().flatten(),
            None => level(&fields),
        },
        evt: text("evt").unwrap_or_default(),
        source: text("source"),
        msg: text("msg"),
        service: text("service"),
        trace_id: text("trace_id"),
        span_id: text("span_id"),
        job_id: text("job_id"),
        machine_id: text("machine_id"),
        worker_id: text("worker_id"),
        session_id: text("session_id"),
        meta,
        id: text("id"),
        raw: String::new(),
    })
}

/// The text for people of a line that has no `msg`.
pub(super) fn msg_of(line: &Line) -> Option<String> {
    let has = |key: &&str| memchr::memmem::find(line.raw.as_bytes(), key.as_bytes()).is_some();
    if !MESSAGES.iter().any(has) {
        return None;
    }
    let fields: Fields = line.taken_apart()?;
    Some(message(&fields.0)?.text().trim_end_matches(['\r', '\n']).to_owned())
}

/// Takes out what is told as the time and the text of a line.
pub(super) fn without_told(fields: &mut Vec<(String, Value)>) {
    let time = time(fields).ok().map(|(key, _)| key.to_owned());
    let has_msg = fields.iter().any(|(name, value)| name == "msg" && !value.is_null());
    let told = message(fields).filter(|_| !has_msg).map(|found| match found {
        Message::Of(key, _) => (key.to_owned(), false),
        Message::Inside(key, _) => (key.to_owned(), true),
    });
    fields.retain_mut(|(name, value)| {
        if time.as_ref() == Some(name) {
            return false;
        }
        match (&told, value.as_object_mut()) {
            (Some((key, true)), Some(inner)) if key == name => {
                let _ = inner.remove(INNER_MESSAGE);
                !inner.is_empty()
            }
            (Some((key, false)), _) => key != name,
            _ => true,
        }
    });
}

/// The time of a line, and the key it stands under.
fn time(fields: &[(String, Value)]) -> Result<(&str, Timestamp), String> {
    // Of several the first, which the logger wrote itself. A look at a line takes that as well.
    let under = |key: &&str| {
        let mut all = fields.iter().filter(move |(name, _)| name == key);
        all.find(|(_, value)| !value.is_null()).map(|(name, value)| (name.as_str(), value))
    };
    let all = || TIMES.iter().filter_map(under);
    // A number may be anything, such as how long something took.
    let written = |value: &Value| value.as_str()?.parse().ok();
    let found = all().find_map(|(key, value)| Some((key, written(value)?)));
    if let Some(found) =
        found.or_else(|| all().find_map(|(key, value)| Some((key, counted(value)?))))
    {
        return Ok(found);
    }
    Err(match all().next() {
        None => format!("no time: lines of others need `ts` or `time`, {EXAMPLE}"),
        Some((key, Value::String(text))) if text.parse::<DateTime>().is_ok() => {
            format!("`{key}` has no zone: lines of others need a time {EXAMPLE}")
        }
        Some((key, _)) => format!("`{key}` is no time: lines of others need one {EXAMPLE}"),
    })
}

/// The moment a number is, in a text as well.
fn counted(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => since_1970(&text.parse::<Number>().ok()?),
        Value::Number(number) => since_1970(number),
        _ => None,
    }
}

/// A moment from the time since 1970, in seconds, milliseconds, microseconds or nanoseconds. Which of these,
/// its size says, for moments between the years 2001 and 2103: other numbers are something else.
fn since_1970(number: &Number) -> Option<Timestamp> {
    let amount = number.as_f64()?;
    let ns = match amount {
        1e9..4.2e9 => 1_000_000_000,
        1e12..4.2e12 => 1_000_000,
        1e15..4.2e15 => 1_000,
        1e18..4.2e18 => 1,
        _ => return None,
    };
    let ns = match number.as_u64() {
        Some(whole) => i128::from(whole) * ns,
        // No float tells such a moment better than by its microsecond.
        None => (amount * ns as f64 / 1e3).round() as i128 * 1_000,
    };
    Timestamp::from_nanosecond(ns).ok()
}

/// The level of a line without a `level` that is known.
pub(super) fn level(fields: &[(String, Value)]) -> Option<Level> {
    let last = |key: &str| fields.iter().rfind(|(name, _)| name == key).map(|(_, value)| value);
    let known = |level: &Value| known_level(level).ok().flatten();
    let known_under = |key: &&str| match last(key)? {
        Value::Number(number) if *key == SEVERITY => of_severity(number.as_u64()?),
        level => known(level),
    };
    let inner = || known(last("log")?.get("level")?);
    // Serilog leaves out its usual one.
    let usual = || last("@t").filter(|_| last("@l").is_none()).map(|_| Level::Info);
    LEVELS.iter().find_map(known_under).or_else(inner).or_else(usual)
}

/// The level of a number as OpenTelemetry (9 to 24) or Google Cloud (hundreds) counts. Syslog counts the
/// other way, with those below 8.
fn of_severity(number: u64) -> Option<Level> {
    Some(match number {
        100 => Level::Debug,
        9..13 | 200 | 300 => Level::Info,
        13..17 | 400 => Level::Warning,
        17..21 | 500 => Level::Error,
        21..25 | 600 | 700 | 800 => Level::Critical,
        _ => return None,
    })
}

/// The text of a line without `msg`.
enum Message<'a> {
    /// Under a key.
    Of(&'a str, &'a str),
    /// In the object under a key.
    Inside(&'a str, &'a str),
}

impl<'a> Message<'a> {
    fn text(&self) -> &'a str {
        let (Self::Of(_, text) | Self::Inside(_, text)) = self;
        text
    }
}

fn message(fields: &[(String, Value)]) -> Option<Message<'_>> {
    let last = |key: &str| fields.iter().rfind(|(name, _)| name == key);
    let of = |key: &&str| {
        let (name, value) = last(key)?;
        Some(Message::Of(name, value.as_str()?))
    };
    let inside = || {
        let (name, value) = last(OF_TRACING)?;
        Some(Message::Inside(name, value.get(INNER_MESSAGE)?.as_str()?))
    };
    MESSAGES.iter().find_map(of).or_else(inside)
}

/// A line as it stands there, but for `meta`, of which the last counts.
struct Apart {
    fields: Vec<(String, Value)>,
    meta: Fields,
}

impl<'de> Deserialize<'de> for Apart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ApartVisitor)
    }
}

struct ApartVisitor;

impl<'de> Visitor<'de> for ApartVisitor {
    type Value = Apart;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Apart, A::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Meta {
            Fields(Fields),
            Other(IgnoredAny),
        }
        let mut apart = Apart { fields: Vec::new(), meta: Fields::default() };
        while let Some(key) = map.next_key::<String>()? {
            if key == "meta" {
                apart.meta = match map.next_value()? {
                    Meta::Fields(fields) => fields,
                    Meta::Other(_) => Fields::default(),
                };
            } else {
                apart.fields.push((key, map.next_value()?));
            }
        }
        Ok(apart)
    }
}

/// What loggers call the time, of which the first counts that is one: those of pino, slog, bunyan, zerolog,
/// Docker and Google Cloud; of logback, winston, `tracing` and Python; of Logstash and Elastic; of Serilog; of
/// Java and .NET; of AWS and others.
const TIMES: [&str; 9] = [
    "ts",
    "time",
    "timestamp",
    "@timestamp",
    "@t",
    "Timestamp",
    "eventTime",
    "datetime",
    // Has no zone as a rule, which is told then.
    "asctime",
];
/// What they call the text: most; structlog; Serilog; Docker.
const MESSAGES: [&str; 5] = ["message", "event", "@m", "@mt", "log"];
/// What they call the level: Serilog; Elastic; Google Cloud; Python; Monolog.
const LEVELS: [&str; 5] = ["@l", "log.level", SEVERITY, "levelname", "level_name"];
const SEVERITY: &str = "severity";
/// Where `tracing` has its text, and in it under which key.
const OF_TRACING: &str = "fields";
const INNER_MESSAGE: &str = "message";
const EXAMPLE: &str = "such as 2025-10-06T13:00:00Z";

#[cfg(test)]
mod tests;
