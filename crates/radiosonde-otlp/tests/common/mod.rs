//! Records, their lines and their entries: what one says the other has to say.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use radiosonde_context::{Context, CorrelationId, SpanId, TraceId};
use radiosonde_events::{Owner, Redactions};
use radiosonde_otlp::fuzzing::Encoding;
use radiosonde_otlp::{Entry, Stream};
use radiosonde_record::fuzzing::{Front, record};
use radiosonde_record::{Builder, Descriptor, Kind, Level, Lines, Record, Site, base64};
use radiosonde_redact::Rules;
use serde_json::{Value as Json, json};

pub(crate) const INSTANCE: &str = "k3f9q2xw";
/// The number of the ring, and of the record in it.
pub(crate) const RING: u32 = 4;
pub(crate) const SEQUENCE: u64 = 1;

pub(crate) fn owner() -> Owner {
    Owner::new("shop", "1.2.0", Some("m-7"), Rules::standard())
}

/// The bytes of a record at this call site.
pub(crate) fn bytes(
    (kind, level): (Kind, Level),
    timestamp_ns: u64,
    context: &Context,
    build: impl FnOnce(&mut Builder<'_>),
) -> Vec<u8> {
    let context = context.packed();
    let front = Front { kind, level, timestamp_ns, context: &context };
    record(front, &Site::Registered(9), build)
}

/// A context with all ids.
pub(crate) fn context() -> (Context, TraceId, SpanId) {
    let (trace, span) = (TraceId::random(), SpanId::random());
    let id = |text: &str| CorrelationId::parse(text).ok();
    let ids = Context::default().with_ids(id("job-123"), id("w-3"), id("s-9"));
    (ids.with_span(trace, span, true), trace, span)
}

/// What becomes of a record: its line, its entry, and what was counted for each.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) line: Json,
    pub(crate) stream: Stream,
    pub(crate) entry: Vec<u8>,
    pub(crate) line_redacted: BTreeMap<String, u64>,
    pub(crate) entry_redacted: BTreeMap<String, u64>,
}

/// Encodes a record of a living or a dead process in both forms.
pub(crate) fn both_of(owner: &Owner, bytes: &[u8], site: &Descriptor, is_dead: bool) -> Both {
    let record = Record::decode_whole(bytes).expect("a record");
    let redactions = [Redactions::default(), Redactions::default()];
    let [of_line, of_entry] = redactions.clone();
    let sink = if is_dead {
        radiosonde_events::fuzzing::Encoding::counting_of_dead_process
    } else {
        radiosonde_events::fuzzing::Encoding::counting
    };
    let mut lines = Lines::default();
    sink(owner.clone(), INSTANCE, of_line).append(&record, site, RING, &mut lines);
    let mut encoding = match is_dead {
        true => Encoding::of_dead_process(owner, INSTANCE, of_entry),
        false => Encoding::new(owner, INSTANCE, of_entry),
    };
    let mut entry = Vec::new();
    let stream = encoding.encode(&record, site, RING, &mut entry).expect("exported");
    let [line_redacted, entry_redacted] = redactions.map(|redactions| redactions.counts());
    // Half a surrogate pair in a JSON field makes a line that strict readers refuse.
    let line = serde_json::from_slice(&lines).unwrap_or_default();
    Both { line, stream, entry, line_redacted, entry_redacted }
}

pub(crate) fn both(bytes: &[u8], site: &Descriptor) -> Both {
    both_of(&owner(), bytes, site, false)
}

impl Both {
    pub(crate) fn scope(&self) -> InstrumentationScope {
        let entry = Entry::decode(&self.entry).expect("an entry");
        assert_eq!(entry.records, 1);
        InstrumentationScope::decode(entry.scope).expect("a scope")
    }

    pub(crate) fn log(&self) -> LogRecord {
        let entry = Entry::decode(&self.entry).expect("an entry");
        LogRecord::decode(entry.item).expect("a log record")
    }

    pub(crate) fn span(&self) -> Span {
        let entry = Entry::decode(&self.entry).expect("an entry");
        Span::decode(entry.item).expect("a span")
    }

    /// Asserts that the entry of an event says what its line says.
    pub(crate) fn assert_same_log(&self) {
        assert_eq!(self.line_redacted, self.entry_redacted, "{}", self.line);
        let (log, line) = (self.log(), &self.line);
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        assert_eq!(log.severity_text, text("level"));
        let is_event = text("evt") != "log";
        assert_eq!(log.event_name, if is_event { text("evt") } else { "" });
        let body = log.body.as_ref().map_or(json!(""), |body| plain(Some(body)));
        assert_eq!(body, line["msg"]);
        assert_eq!(self.scope().name, text("source"));
        assert_eq!(hexadecimal(&log.trace_id), text("trace_id"));
        assert_eq!(hexadecimal(&log.span_id), text("span_id"));
        assert_eq!(log.time_unix_nano, log.observed_time_unix_nano);
        assert_eq!(nanoseconds(line["ts"].as_str().unwrap()), log.time_unix_nano / 1_000 * 1_000);
        let mut expected = self.identity();
        expected.push(("log.record.uid".to_owned(), line["id"].clone()));
        let scope = attributes(&self.scope().attributes);
        assert_eq!(scope, []);
        self.add_fields(&mut expected, &line["meta"]);
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(attributes(&log.attributes), expected);
    }

    /// Asserts that the entry of a span says what its line says.
    pub(crate) fn assert_same_span(&self) {
        assert_eq!(self.line_redacted, self.entry_redacted, "{}", self.line);
        let (span, meta) = (self.span(), &self.line["meta"]);
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        assert_eq!(span.name, text(&meta["name"]));
        assert_eq!(self.scope().name, text(&self.line["source"]));
        assert_eq!(hexadecimal(&span.trace_id), text(&self.line["trace_id"]));
        assert_eq!(hexadecimal(&span.span_id), text(&self.line["span_id"]));
        assert_eq!(hexadecimal(&span.parent_span_id), text(&meta["parent_span_id"]));
        assert_eq!(span.trace_state, text(&meta["trace_state"]));
        assert_eq!(nanoseconds(&text(&meta["start"])), span.start_time_unix_nano / 1_000 * 1_000);
        let duration = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) / 1_000;
        assert_eq!(json!(duration), meta["duration_us"]);
        let kinds = ["", "internal", "server", "client", "producer", "consumer"];
        assert_eq!(kinds[span.kind as usize], text(&meta["kind"]));
        let status = span.status.clone().unwrap_or_default();
        assert_eq!(["unset", "ok", "error"][status.code as usize], text(&meta["status"]));
        assert_eq!(status.message, text(&meta["status_message"]));
        let dropped = [
            (span.dropped_attributes_count, "dropped_attributes_count"),
            (span.dropped_events_count, "dropped_events_count"),
            (span.dropped_links_count, "dropped_links_count"),
        ];
        for (count, key) in dropped {
            assert_eq!(u64::from(count), meta[key].as_u64().unwrap_or_default(), "{key}");
        }
        let mut expected = self.identity();
        assert_eq!(span.flags, u32::from(meta["kept"].is_null()));
        if let Some(kept) = meta["kept"].as_str() {
            expected.push(("radiosonde.kept".to_owned(), json!(kept)));
        }
        self.add_fields(&mut expected, &meta["attributes"]);
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(attributes(&span.attributes), expected);
        let links = span.links.iter().map(|link| {
            let mut line = json!({"trace_id": hexadecimal(&link.trace_id), "span_id": hexadecimal(&link.span_id)});
            add(&mut line, "trace_state", &link.trace_state);
            add_attributes(&mut line, &link.attributes);
            line
        });
        assert_eq!(Json::from_iter(links), list(&meta["links"]));
        let events = span.events.iter().map(|event| {
            let mut line = json!({"name": event.name, "ns": event.time_unix_nano / 1_000 * 1_000});
            add_attributes(&mut line, &event.attributes);
            line
        });
        let mut lines = list(&meta["events"]);
        for line in lines.as_array_mut().unwrap() {
            let line = line.as_object_mut().unwrap();
            let ts = line.remove("ts").unwrap();
            line.insert("ns".to_owned(), json!(nanoseconds(ts.as_str().unwrap())));
        }
        assert_eq!(Json::from_iter(events), lines);
    }

    /// Attributes from the members of a line that tell where it comes from.
    fn identity(&self) -> Vec<(String, Json)> {
        let keys = ["source", "job_id", "machine_id", "worker_id", "session_id"];
        let known = keys.iter().filter(|key| !self.line[**key].is_null());
        known.map(|key| ((*key).to_owned(), self.line[*key].clone())).collect()
    }

    fn add_fields(&self, expected: &mut Vec<(String, Json)>, fields: &Json) {
        for (key, value) in fields.as_object().unwrap() {
            let is_taken = expected.iter().any(|(taken, _)| taken == key);
            let key = if is_taken { format!("meta.{key}") } else { key.clone() };
            expected.push((key, normal(value)));
        }
    }
}

fn list(value: &Json) -> Json {
    if value.is_null() { json!([]) } else { normal(value) }
}

fn add(line: &mut Json, key: &str, text: &str) {
    if !text.is_empty() {
        line[key] = json!(text);
    }
}

fn add_attributes(line: &mut Json, given: &[KeyValue]) {
    if !given.is_empty() {
        line["attributes"] = attributes(given).into_iter().collect();
    }
}

/// Attributes by name, as JSON has their values.
pub(crate) fn attributes(attributes: &[KeyValue]) -> Vec<(String, Json)> {
    let pair = |pair: &KeyValue| (pair.key.clone(), plain(pair.value.as_ref()));
    let mut pairs: Vec<_> = attributes.iter().map(pair).collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}

/// A value as JSON, and as lines have it.
pub(crate) fn plain(value: Option<&AnyValue>) -> Json {
    match value.expect("each attribute has a value").value.as_ref() {
        None => Json::Null,
        Some(Any::ArrayValue(list)) => list.values.iter().map(|value| plain(Some(value))).collect(),
        Some(Any::BoolValue(value)) => json!(value),
        Some(Any::BytesValue(bytes)) => json!(base64::encoded(bytes)),
        Some(Any::DoubleValue(value)) if value.is_nan() => json!("NaN"),
        Some(Any::DoubleValue(value)) if *value == f64::INFINITY => json!("+Inf"),
        Some(Any::DoubleValue(value)) if *value == f64::NEG_INFINITY => json!("-Inf"),
        Some(Any::DoubleValue(value)) => json!(value),
        Some(Any::IntValue(value)) => json!(value),
        Some(Any::KvlistValue(list)) => attributes(&list.values).into_iter().collect(),
        Some(Any::StringValue(text)) => json!(text),
        Some(other) => panic!("nobody writes {other:?}"),
    }
}

/// JSON of a line with what OTLP cannot say as it says it: integers past its own are text.
fn normal(value: &Json) -> Json {
    match value {
        Json::Number(number) => match number.as_u64() {
            Some(number) if i64::try_from(number).is_err() => json!(number.to_string()),
            _ => value.clone(),
        },
        Json::Array(list) => list.iter().map(normal).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        _ => value.clone(),
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time of a line, in nanoseconds since 1970.
fn nanoseconds(text: &str) -> u64 {
    let time: jiff::Timestamp = text.parse().expect(text);
    u64::try_from(time.as_nanosecond()).expect("after 1970")
}
