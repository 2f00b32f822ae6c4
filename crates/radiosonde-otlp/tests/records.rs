//! Records as OTLP: decoded, an entry says what the line of its record says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{attributes, both, both_of, bytes, context, owner};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use radiosonde_context::{Context, CorrelationId, SpanId, TraceId};
use radiosonde_events::Redactions;
use radiosonde_otlp::fuzzing::Encoding;
use radiosonde_otlp::{Entry, Stream};
use radiosonde_record::{
    Descriptor, EncodedFields, Kind, Level, MESSAGE_MAX, Record, SpanExtras, SpanPart, Value,
    marked,
};
use serde_json::json;

const NOW: u64 = 1_759_758_190_123_456_789;

fn site(name: &str) -> Descriptor {
    Descriptor {
        name: name.to_owned(),
        source: "shop::cart".to_owned(),
        keys: ["status", "größe", "password"].map(str::to_owned).to_vec(),
        ..Descriptor::default()
    }
}

#[test]
fn a_business_event_is_a_log_record_with_a_name() {
    let (context, trace, span) = context();
    let record = bytes((Kind::Event, Level::Error), NOW, &context, |record| {
        record.message(Value::Str("429 Rate limit, größer"));
        record.field(0, Value::U64(429));
        record.field(1, Value::Str("XL"));
        record.field(2, Value::Str("hunter2"));
    });
    let both = both(&record, &site("openrouter_error"));
    both.assert_same_log();
    let log = both.log();
    assert_eq!(both.stream, Stream::Events);
    assert_eq!((log.time_unix_nano, log.severity_number), (NOW, 17));
    assert_eq!(log.severity_text, "error");
    assert_eq!(log.event_name, "openrouter_error");
    assert_eq!(log.trace_id, trace.to_bytes());
    assert_eq!(log.span_id, span.to_bytes());
    let expected = [
        ("größe", json!("XL")),
        ("job_id", json!("job-123")),
        ("log.record.uid", json!("k3f9q2xw.4.1")),
        ("machine_id", json!("m-7")),
        ("password", json!("[redacted]")),
        ("session_id", json!("s-9")),
        ("source", json!("shop::cart")),
        ("status", json!(429)),
        ("worker_id", json!("w-3")),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value)).to_vec();
    assert_eq!(attributes(&log.attributes), expected);
}

#[test]
fn log_lines_wait_by_their_level_and_events_with_events() {
    let cases = [
        (Level::Trace, 1, Stream::LogsDebug),
        (Level::Debug, 5, Stream::LogsDebug),
        (Level::Info, 9, Stream::LogsInfo),
        (Level::Warning, 13, Stream::LogsWarning),
        (Level::Error, 17, Stream::LogsWarning),
        (Level::Critical, 21, Stream::LogsWarning),
    ];
    for (level, number, stream) in cases {
        let record = bytes((Kind::Event, level), NOW, &Context::default(), |record| {
            record.message(Value::Str("rendered"));
        });
        let [line, event] = ["log", "user.action"].map(|name| both(&record, &site(name)));
        assert_eq!((line.stream, event.stream), (stream, Stream::Events));
        assert_eq!(line.log().severity_number, number);
        line.assert_same_log();
        event.assert_same_log();
    }
}

#[test]
fn values_keep_their_types() {
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let cases: [(Value<'_>, Option<Any>); 15] = [
        (Value::Null, None),
        (Value::Bool(false), Some(Any::BoolValue(false))),
        (Value::I64(i64::MIN), Some(Any::IntValue(i64::MIN))),
        (Value::U64(u64::MAX), Some(Any::StringValue("18446744073709551615".into()))),
        (Value::U64(i64::MAX as u64), Some(Any::IntValue(i64::MAX))),
        (Value::F64(-0.0), Some(Any::DoubleValue(-0.0))),
        (Value::F64(f64::INFINITY), Some(Any::DoubleValue(f64::INFINITY))),
        (Value::Str(""), Some(Any::StringValue(String::new()))),
        (Value::Str("a\0\n\"\u{202e}🚀"), Some(Any::StringValue("a\0\n\"\u{202e}🚀".into()))),
        (Value::Bytes(b"fe\xff"), Some(Any::BytesValue(b"fe\xff".to_vec()))),
        (Value::Bytes(b"text"), Some(Any::BytesValue(b"text".to_vec()))),
        (Value::Bytes(b""), Some(Any::BytesValue(Vec::new()))),
        (Value::Bytes(b"Bearer abc123def456"), Some(Any::StringValue("Bearer [redacted]".into()))),
        (Value::Json("{\"not\":json}"), Some(Any::StringValue("{\"not\":json}".into()))),
        (Value::Json("17"), Some(Any::IntValue(17))),
    ];
    for (value, expected) in cases {
        let record = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
            record.field(0, value);
        });
        // Of a dead process, whose JSON is looked at first.
        let log = both_of(&owner(), &record, &site("log"), true).log();
        let found = log.attributes.iter().find(|attribute| attribute.key == "status").unwrap();
        assert_eq!(found.value.as_ref().unwrap().value, expected, "{value:?}");
    }
    let nan = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
        record.field(0, Value::F64(f64::NAN));
        record.field(1, Value::Json(&deep));
    });
    let log = both(&nan, &site("log")).log();
    let value = |key: &str| {
        let found = log.attributes.iter().find(|attribute| attribute.key == key).unwrap();
        found.value.as_ref().unwrap().value.clone().unwrap()
    };
    assert!(matches!(value("status"), Any::DoubleValue(number) if number.is_nan()));
    let mut inner = value("größe");
    let mut depth = 0;
    while let Any::ArrayValue(mut list) = inner {
        inner = list.values.pop().unwrap().value.unwrap();
        depth += 1;
    }
    assert_eq!((depth, inner), (16, Any::StringValue("…".into())));
}

#[test]
fn bytes_and_numbers_in_lists_and_maps_are_what_they_were() {
    let marked = r#"[{"k":"\u0000bAP8="},"\u0000dNaN","\u0000d+Inf","\u0000t\u0000bAP8=","AP8="]"#;
    for is_dead in [false, true] {
        let record = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
            record.field(0, Value::Marked(marked));
        });
        let both = both_of(&owner(), &record, &site("log"), is_dead);
        let shown = json!([{"k": "AP8="}, "NaN", "+Inf", "\0bAP8=", "AP8="]);
        assert_eq!(both.line["meta"]["status"], shown);
        let log = both.log();
        let found = log.attributes.iter().find(|attribute| attribute.key == "status").unwrap();
        let Some(Any::ArrayValue(list)) = &found.value.as_ref().unwrap().value else { panic!() };
        let values: Vec<_> = list.values.iter().map(|value| value.value.clone().unwrap()).collect();
        let Any::KvlistValue(map) = &values[0] else { panic!("{values:?}") };
        let inner = map.values[0].value.as_ref().unwrap().value.as_ref();
        assert_eq!(inner, Some(&Any::BytesValue(vec![0, 0xff])));
        assert!(matches!(values[1], Any::DoubleValue(number) if number.is_nan()));
        let expected = [
            Any::DoubleValue(f64::INFINITY),
            Any::StringValue("\0bAP8=".into()),
            Any::StringValue("AP8=".into()),
        ];
        assert_eq!(values[2..], expected);
        both.assert_same_log();
    }
}

#[test]
fn secrets_in_bytes_are_taken_out_wherever_they_stand() {
    let [note, text, ok] = [&b"Bearer abc123def456"[..], b"x", b"ok"].map(marked::of_bytes);
    let marked = json!({"note": note, "password": text, "n": ok}).to_string();
    let mut attributes_of_link = EncodedFields::default();
    attributes_of_link.push_named("note", Value::Bytes(b"\xff Bearer abc123def456"));
    attributes_of_link.push_named("nested", Value::Marked(&marked));
    attributes_of_link.push_named("api_key", Value::Bytes(&[0xff]));
    let mut extras = SpanExtras::default();
    assert!(extras.link([1; 16], [2; 8], "", &attributes_of_link));
    let (context, ..) = context();
    let record = bytes((Kind::Span, Level::Info), NOW, &context, |record| {
        record.span_with(&SpanPart::default(), "", &extras);
        record.field_named("note", Value::Bytes(b"\xff Bearer abc123def456"));
        record.field_named("nested", Value::Marked(&marked));
        record.field_named("api_key", Value::Bytes(&[0xff]));
    });
    for is_dead in [false, true] {
        let both = both_of(&owner(), &record, &site("log"), is_dead);
        let expected = json!({
            "note": "\u{fffd} Bearer [redacted]",
            "nested": {"note": "Bearer [redacted]", "password": "[redacted]", "n": "b2s="},
            "api_key": "[redacted]",
        });
        assert_eq!(both.line["meta"]["attributes"], expected);
        assert_eq!(both.line["meta"]["links"][0]["attributes"], expected);
        both.assert_same_span();
        let kept = [b'o', b'k'];
        assert!(both.entry.windows(2).any(|found| found == kept), "bytes are bytes beside them");
        assert!(!both.entry.windows(7).any(|found| found == b"abc123d"));
    }
}

#[test]
fn nested_values_are_lists_and_maps() {
    let nested = r#"{"a":[1,-2.5,null,"ö",true,{"b":{}}],"big":18446744073709551615,"":[]}"#;
    for is_dead in [false, true] {
        let record = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
            record.field_named("payload", Value::Json(nested));
            record.field_named("list", Value::Json("[]"));
        });
        both_of(&owner(), &record, &site("log"), is_dead).assert_same_log();
    }
}

#[test]
fn fields_whose_names_are_taken_keep_their_values() {
    let record = |context: &Context| {
        bytes((Kind::Event, Level::Info), NOW, context, |record| {
            for key in ["source", "job_id", "log.record.uid", "machine_id"] {
                record.field_named(key, Value::Str("mine"));
            }
        })
    };
    let (with_ids, ..) = context();
    both(&record(&with_ids), &site("log")).assert_same_log();
    let without = both(&record(&Context::default()), &site("log"));
    without.assert_same_log();
    let named = attributes(&without.log().attributes);
    assert!(named.contains(&("job_id".to_owned(), json!("mine"))), "nobody else has it: {named:?}");
    assert!(named.contains(&("meta.source".to_owned(), json!("mine"))), "{named:?}");
}

#[test]
fn what_an_sdk_said_stands_where_it_belongs() {
    let record = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
        record.message(Value::Str("done"));
        record.field_named("severity_number", Value::I64(10));
        record.field_named("severity_text", Value::Str("NOTICE"));
        record.field_named("dropped_attributes_count", Value::U64(3));
        record.field_named("otel.scope.version", Value::Str("2.1"));
        record.field_named("otel.scope.team", Value::Str("mail"));
        record.field_named("otel.scope.dropped_attributes_count", Value::U64(4));
    });
    let both = both(&record, &site("log"));
    let (log, scope) = (both.log(), both.scope());
    assert_eq!((log.severity_number, log.severity_text.as_str()), (10, "NOTICE"));
    assert_eq!(log.dropped_attributes_count, 3);
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("shop::cart", "2.1"));
    assert_eq!(attributes(&scope.attributes), [("team".to_owned(), json!("mail"))]);
    assert_eq!((scope.dropped_attributes_count, log.attributes.len()), (4, 3));
    assert_eq!(both.stream, Stream::LogsInfo);
}

#[test]
fn a_body_that_is_a_map_is_the_body() {
    let map = r#"{"id":7,"password":"hunter2"}"#;
    // Of an SDK's record the message is the name of its event.
    for (name, message, is_body) in
        [("log", "", true), ("order.paid", "order.paid", true), ("order.paid", "paid", false)]
    {
        let record = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
            record.message(Value::Str(message));
            record.field_named("body", Value::Json(map));
        });
        let both = both(&record, &site(name));
        let log = both.log();
        let body = common::plain(log.body.as_ref());
        let map = json!({"id": 7, "password": "[redacted]"});
        let attribute = attributes(&log.attributes).into_iter().find(|(key, _)| key == "body");
        match is_body {
            true => assert_eq!((body, attribute), (map, None), "{name} {message}"),
            false => assert_eq!((body, attribute), (json!(message), Some(("body".into(), map)))),
        }
    }
    let plain = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
        record.message(Value::Str("order.paid"));
        record.field_named("body", Value::Str("text"));
    });
    both(&plain, &site("order.paid")).assert_same_log();
}

#[test]
fn the_longest_message_and_the_most_attributes_arrive_whole() {
    let long = "ä\"\n".repeat(MESSAGE_MAX);
    let record = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |record| {
        record.message(Value::Str(&long));
        for nth in 0..128 {
            record.field_named(&format!("key.{nth}"), Value::Str(&"x".repeat(200)));
        }
    });
    let both = both(&record, &site("log"));
    both.assert_same_log();
    assert!(both.line["meta"]["truncated"] == json!(true), "it was cut when it was recorded");
    assert_eq!(both.log().attributes.len(), 128 + 4, "and source, machine, id, truncated");
    let empty = bytes((Kind::Event, Level::Info), NOW, &Context::default(), |_| {});
    let both =
        common::both(&empty, &Descriptor { name: "log".to_owned(), ..Descriptor::default() });
    both.assert_same_log();
    assert_eq!(both.log().body, None);
}

fn extras() -> SpanExtras {
    let mut extras = SpanExtras::default();
    let mut attributes = EncodedFields::default();
    attributes.push_named("exception.type", Value::Str("io::Error"));
    attributes.push_named("exception.message", Value::Str("no route to host"));
    attributes.push_named("api_key", Value::Str("hunter2"));
    attributes.push_named("attempts", Value::U64(3));
    extras.trace_state("vendor=a,other=b");
    assert!(extras.event(NOW - 5_000, "exception", &attributes));
    assert!(extras.event(NOW - 4_000, "größer", &EncodedFields::default()));
    assert!(extras.link([7; 16], [9; 8], "v=1", &attributes));
    assert!(extras.link([1; 16], [2; 8], "", &EncodedFields::default()));
    extras.dropped(1, 2, 3);
    extras
}

#[test]
fn a_span_says_all_it_had() {
    let (context, ..) = context();
    for (kind, status, kept) in [(0, 0, 0), (2, 2, 0), (3, 1, 1), (5, 2, 2), (77, 9, 9)] {
        let part = SpanPart { parent: 0xdead_beef, start_ns: NOW - 1_234_567, kind, status, kept };
        let record = bytes((Kind::Span, Level::Info), NOW, &context, |record| {
            record.span_with(&part, "", &extras());
            record.message(Value::Str("no route to postgres://app:hunter2@db/x"));
            record.field(0, Value::U64(502));
            record.field(2, Value::Str("hunter2"));
        });
        let both = both(&record, &site("render"));
        both.assert_same_span();
        assert_eq!(both.stream, Stream::Traces);
        let text = format!("{:?}", both.span());
        assert!(!text.contains("hunter2") && text.contains("[redacted]"), "{text}");
        assert_eq!(both.span().links.len(), 2);
        assert_eq!(both.span().events[0].attributes.len(), 4);
    }
}

#[test]
fn a_root_span_without_anything_is_one() {
    let (context, ..) = context();
    let part = SpanPart { start_ns: NOW, ..SpanPart::default() };
    let record = bytes((Kind::Span, Level::Info), NOW, &context, |record| record.span(&part));
    let both = both(&record, &site("render"));
    both.assert_same_span();
    let span = both.span();
    assert_eq!((span.parent_span_id.len(), span.status, span.kind, span.flags), (0, None, 1, 1));
}

#[test]
fn what_an_sdk_dropped_of_an_event_is_counted_there() {
    let (context, ..) = context();
    let mut extras = SpanExtras::default();
    let mut attributes = EncodedFields::default();
    attributes.push_named("kept", Value::Bool(true));
    attributes.push_named("dropped_attributes_count", Value::U64(12));
    assert!(extras.event(NOW, "retry", &attributes));
    assert!(extras.link([7; 16], [9; 8], "", &attributes));
    let record = bytes((Kind::Span, Level::Info), NOW, &context, |record| {
        record.span_with(&SpanPart::default(), "", &extras);
    });
    let span = both(&record, &site("render")).span();
    let (event, link) = (&span.events[0], &span.links[0]);
    assert_eq!((event.dropped_attributes_count, event.attributes.len()), (12, 1));
    assert_eq!((link.dropped_attributes_count, link.attributes.len()), (12, 1));
}

#[test]
fn records_that_take_turns_keep_their_own_ids() {
    let mut encoding = Encoding::new(&owner(), common::INSTANCE, Redactions::default());
    let id = |text: String| CorrelationId::parse(&text).ok();
    let mut entry = Vec::new();
    for nth in 0..200_u64 {
        // Many that end alike.
        let (job, worker) = (format!("job-{}", nth % 23 * 10), format!("w{}-7", nth % 3));
        let session = nth.is_multiple_of(2).then(|| id(format!("s-{nth}"))).flatten();
        let ids = Context::default().with_ids(id(job.clone()), id(worker.clone()), session.clone());
        let context = ids.with_span(TraceId::random(), SpanId::random(), true);
        let kind = if nth.is_multiple_of(5) { Kind::Span } else { Kind::Event };
        let record = bytes((kind, Level::Info), NOW, &context, |record| {
            if kind == Kind::Span {
                record.span(&SpanPart::default());
            }
        });
        let record = Record::decode_whole(&record).unwrap();
        encoding.encode(&record, &site("log"), nth as u32, &mut entry).unwrap();
        let item = Entry::decode(&entry).unwrap().item;
        let (said, uid) = match kind {
            Kind::Span => (Span::decode(item).unwrap().attributes, None),
            _ => (LogRecord::decode(item).unwrap().attributes, Some(format!("k3f9q2xw.{nth}.1"))),
        };
        let expected = [
            ("job_id", Some(job)),
            ("log.record.uid", uid),
            ("machine_id", Some("m-7".to_owned())),
            ("session_id", session.map(|id| id.as_str().to_owned())),
            ("source", Some("shop::cart".to_owned())),
            ("worker_id", Some(worker)),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), json!(value?))))
            .collect();
        assert_eq!(attributes(&said), expected, "{nth}");
    }
}
