//! Every line against one that is put together the simplest way: whatever is recorded, in whatever
//! order, the encoder with all its prepared pieces writes the same bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use radiosonde_context::{Context, SpanId, TraceId, scope};
use radiosonde_events::{DaySink, Owner, Redactions, log_event};
use radiosonde_record::{
    Builder, Descriptor, Drain, Filter, Instance, Journal, Kind, Lease, Level, Placement, Slot,
    SpanPart, Unsynced, Value, base64, patiently, with_journal,
};
use radiosonde_redact::Rules;

/// Keys a call site may have: two secrets, two that need escapes, some longer than any piece that
/// is copied at once.
const KEYS: [&str; 9] = [
    "user",
    "password",
    "größe",
    "quote\"d \\ key",
    "truncated",
    "a key of more than thirty-two bytes",
    "a key of more than sixty-four bytes, which nobody should ever have to read",
    "api_key",
    "field_1",
];
const SECRETS: [&str; 2] = ["password", "api_key"];

/// What call sites list; the last one lists a key twice.
const SITES: [&[usize]; 5] = [&[], &[0, 2], &[1, 3, 5, 6], &[4, 7, 0, 8], &[0, 1, 0]];

#[derive(Clone, Debug)]
enum Given {
    Null,
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Str(String),
    Bytes(Vec<u8>),
    Json,
    Marked,
}

const JSON: &str = r#"{"free":["form",1]}"#;
const MARKED: &str = r#"["\u0000bAAH/","\u0000d-Inf","\u0000t\u0000"]"#;
/// What is shown of it.
const SHOWN: &str = r#"["AAH/","-Inf","\u0000"]"#;

impl Given {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::I64(value) => Value::I64(*value),
            Self::U64(value) => Value::U64(*value),
            Self::F64(value) => Value::F64(*value),
            Self::Str(value) => Value::Str(value),
            Self::Bytes(value) => Value::Bytes(value),
            Self::Json => Value::Json(JSON),
            Self::Marked => Value::Marked(MARKED),
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::I64(value) => value.to_string(),
            Self::U64(value) => value.to_string(),
            Self::F64(value) if value.is_nan() => string("NaN"),
            Self::F64(value) if value.is_infinite() && *value > 0.0 => string("+Inf"),
            Self::F64(value) if value.is_infinite() => string("-Inf"),
            Self::F64(value) => serde_json::to_string(value).unwrap(),
            Self::Str(value) => string(value),
            Self::Bytes(value) => string(&base64::encoded(value)),
            Self::Json => JSON.to_owned(),
            Self::Marked => SHOWN.to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
enum Shape {
    /// Fields by index at one of [`SITES`].
    Site { site: usize, fields: Vec<(usize, Given)> },
    /// As a call site's, of a span.
    Span { site: usize, fields: Vec<(usize, Given)>, parent: u64, kind: u8, status: u8 },
    /// Names and keys known only at run time.
    Dynamic { name: usize, fields: Vec<(usize, Given)> },
}

#[derive(Clone, Debug)]
struct Call {
    shape: Shape,
    level: Level,
    message: String,
    context: usize,
}

fn string(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn site(number: usize) -> Descriptor {
    let keys = SITES[number].iter().map(|key| KEYS[*key].to_owned()).collect();
    // One of them is longer than what is copied at once.
    let source = format!("source \"{number}\" {}", "x".repeat(number * 30));
    Descriptor { name: format!("evt.{number}"), source, keys, ..Descriptor::default() }
}

/// More than are kept, some alike but for their spans, and none at all.
fn contexts() -> Vec<Context> {
    let trace = |number: u8| TraceId::from_bytes([number + 1; 16]).unwrap();
    let span = |number: u8| SpanId::from_bytes([number + 1; 8]).unwrap();
    let mut contexts = vec![Context::default()];
    for number in 0..20 {
        let scoped = scope().job(format!("job-{}", number % 2)).enter();
        contexts.push(Context::current());
        contexts.push(Context::current().with_span(trace(number % 3), span(number), true));
        drop(scoped);
        let all = scope().worker(format!("w:{number}")).session("s".repeat(100)).enter();
        contexts.push(Context::current().with_span(trace(number), span(number), false));
        drop(all);
    }
    contexts
}

fn record(journal: &Journal, call: &Call, context: &Context) {
    let add = |record: &mut Builder<'_>, fields: &[(usize, Given)]| {
        record.message(Value::Str(&call.message));
        for (index, given) in fields {
            record.field(*index, given.value());
        }
    };
    let packed = &context.packed();
    match &call.shape {
        Shape::Site { site: number, fields } => {
            let site = journal.site(1 + number, || site(*number));
            let write = |record: &mut Builder<'_>| add(record, fields);
            journal.record(Kind::Event, call.level, &site, packed, write);
        }
        Shape::Span { site: number, fields, parent, kind, status } => {
            let site = journal.site(1 + number, || site(*number));
            journal.record(Kind::Span, call.level, &site, packed, |record: &mut Builder<'_>| {
                let (parent, kind, status) = (*parent, *kind, *status);
                record.span(&SpanPart { parent, start_ns: START_NS, kind, status, kept: 0 });
                add(record, fields);
            });
        }
        Shape::Dynamic { name, fields } => context.run(|| {
            let meta: Vec<_> =
                fields.iter().map(|(key, given)| (KEYS[*key], given.value())).collect();
            log_event(&format!("name.{name}"), call.level, "somewhere", &call.message, &meta);
        }),
    }
}

const START_NS: u64 = 1_759_758_190_123_456_789;

/// The line without its time, its id, and what else only the clock knows.
fn expected(call: &Call, context: &Context) -> String {
    let (name, source, fields) = match &call.shape {
        Shape::Site { site: number, fields } => (site(*number).name, site(*number).source, fields),
        Shape::Span { site: number, fields, .. } => ("span".into(), site(*number).source, fields),
        Shape::Dynamic { name, fields } => (format!("name.{name}"), "somewhere".into(), fields),
    };
    let mut out = format!("\"level\":\"{}\",\"evt\":{}", call.level, string(&name));
    let message = match &call.shape {
        Shape::Span { site: number, .. } => site(*number).name,
        _ => call.message.clone(),
    };
    out += &format!(",\"source\":{},\"msg\":{}", string(&source), string(&message));
    let id = |key: &str, id: Option<String>| {
        id.map(|id| format!(",\"{key}\":\"{id}\"")).unwrap_or_default()
    };
    out += ",\"service\":\"shop \\\"7\\\"\"";
    out += &id("trace_id", context.trace_id().map(|id| id.to_string()));
    out += &id("span_id", context.span_id().map(|id| id.to_string()));
    out += &id("job_id", context.job_id().map(str::to_owned));
    out += ",\"machine_id\":\"m-7\"";
    out += &id("worker_id", context.worker_id().map(str::to_owned));
    out += &id("session_id", context.session_id().map(str::to_owned));
    out += ",\"meta\":{";
    if let Shape::Span { site: number, parent, kind, status, .. } = &call.shape {
        let kind = ["internal", "internal", "server", "client", "producer", "consumer"]
            .get(usize::from(*kind))
            .unwrap_or(&"internal");
        let status = ["unset", "ok", "error"][usize::from(*status).min(2)];
        out += &format!("\"name\":{}", string(&site(*number).name));
        if *parent != 0 {
            out += &format!(",\"parent_span_id\":\"{parent:016x}\"");
        }
        out += ",\"start\":\"2025-10-06T13:43:10.123456Z\",\"duration_us\":D";
        out += &format!(",\"kind\":\"{kind}\",\"status\":\"{status}\"");
        if !call.message.is_empty() {
            out += &format!(",\"status_message\":{}", string(&call.message));
        }
        out += &format!(",\"attributes\":{{{}}}", members(&call.shape, fields));
    } else {
        out += &members(&call.shape, fields);
    }
    out + "}"
}

fn members(shape: &Shape, fields: &[(usize, Given)]) -> String {
    let mut members: Vec<(String, String)> = Vec::new();
    for (index, given) in fields {
        let known = match shape {
            Shape::Dynamic { .. } => Some(KEYS[*index]),
            Shape::Site { site, .. } | Shape::Span { site, .. } => {
                SITES[*site].get(*index).map(|key| KEYS[*key])
            }
        };
        let lost = if *index < 8 { format!("field_{index}") } else { "field".to_owned() };
        let key = known.map_or(lost, str::to_owned);
        let is_secret = known.is_none_or(|key| SECRETS.contains(&key));
        let is_null = matches!(given, Given::Null);
        let value = if is_secret && !is_null { string("[redacted]") } else { given.json() };
        match members.iter_mut().find(|(found, _)| *found == key) {
            Some((_, old)) => *old = value,
            None => members.push((key, value)),
        }
    }
    let members = members.iter().map(|(key, value)| format!("{}:{value}", string(key)));
    members.collect::<Vec<_>>().join(",")
}

/// How many values the rules hide.
fn redacted(calls: &[Call]) -> u64 {
    let count = |call: &Call| match &call.shape {
        Shape::Dynamic { fields, .. } => hidden(fields, |index| Some(KEYS[index])),
        Shape::Site { site, fields } | Shape::Span { site, fields, .. } => {
            hidden(fields, |index| SITES[*site].get(index).map(|key| KEYS[*key]))
        }
    };
    calls.iter().map(count).sum::<usize>() as u64
}

fn hidden(fields: &[(usize, Given)], key: impl Fn(usize) -> Option<&'static str>) -> usize {
    let is_hidden = |(index, given): &&(usize, Given)| {
        !matches!(given, Given::Null) && key(*index).is_none_or(|key| SECRETS.contains(&key))
    };
    fields.iter().filter(is_hidden).count()
}

/// More than a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Records the calls, drains, and compares line by line.
fn check(calls: &[Call]) {
    let root = tempfile::tempdir().unwrap();
    let owner = Owner::new("shop \"7\"", "1.0.0", Some("m-7"), Rules::standard());
    let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
    let Instance { path, .. } = slot.create_instance(&owner.to_json()).unwrap();
    let journal = Journal::open(Placement::Directory(path), Filter::at(Level::Trace)).unwrap();
    let contexts = contexts();
    let context = |call: &Call| &contexts[call.context % contexts.len()];
    let redactions = Redactions::default();
    let sink = DaySink::new(owner, "instance", slot.number(), redactions.clone(), None);
    let lease = Lease::new(root.path(), slot);
    let refuse = Box::new(|notice| panic!("{notice:?}"));
    let unsynced = Unsynced::default();
    let drain = Drain::new(&journal, Some(lease), &unsynced, Box::new(sink), refuse);
    let thread = std::thread::spawn(move || drain.run());
    let all = || calls.iter().for_each(|call| record(&journal, call, context(call)));
    with_journal(&journal, || patiently(PATIENCE, all));
    assert!(journal.control().stop(PATIENCE));
    thread.join().unwrap();
    let is_span = |call: &Call| matches!(call.shape, Shape::Span { .. });
    let mut ids = HashSet::new();
    for (file, spans) in [("events-", false), ("spans-", true)] {
        let actual = lines(root.path(), file);
        let mut actual = actual.iter();
        for call in calls.iter().filter(|call| is_span(call) == spans) {
            let (line, id) = parts(actual.next().unwrap());
            assert_eq!(line, expected(call, context(call)));
            assert!(ids.insert(id), "{id:?} comes twice");
        }
        assert_eq!(actual.next(), None);
    }
    assert_eq!(redactions.counts().values().sum::<u64>(), redacted(calls));
}

fn lines(root: &Path, prefix: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with(prefix) {
            lines.extend(std::fs::read_to_string(path).unwrap().lines().map(str::to_owned));
        }
    }
    lines
}

/// A line without time and id, and with a letter for its duration, once all of these are seen to be
/// of the right form; and the ring and the sequence number of its id.
fn parts(line: &str) -> (String, (u32, u64)) {
    let parsed: serde_json::Value = serde_json::from_str(line).unwrap();
    let after = line.strip_prefix("{\"ts\":\"").unwrap();
    let (time, rest) = after.split_once("\",").unwrap();
    let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
    assert_eq!(time.chars().map(digits).collect::<String>(), "0000-00-00T00:00:00.000000Z");
    let (rest, id) = rest.rsplit_once(",\"id\":\"instance.").unwrap();
    let (ring, sequence) = id.strip_suffix("\"}").unwrap().split_once('.').unwrap();
    let id = (ring.parse().unwrap(), sequence.parse().unwrap());
    match parsed["meta"]["duration_us"].as_u64() {
        Some(duration) if parsed["evt"] == "span" => {
            (rest.replacen(&format!("\"duration_us\":{duration}"), "\"duration_us\":D", 1), id)
        }
        _ => (rest.to_owned(), id),
    }
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        Just(Given::Null),
        any::<bool>().prop_map(Given::Bool),
        any::<i64>().prop_map(Given::I64),
        (-100_i64..100).prop_map(Given::I64),
        any::<u64>().prop_map(Given::U64),
        (0_u32..64).prop_map(|bits| Given::U64(u64::MAX >> bits)),
        any::<f64>().prop_map(Given::F64),
        (-1000_i32..1000).prop_map(|number| Given::F64(f64::from(number) / 8.0)),
        text().prop_map(Given::Str),
        Just(Given::Json),
        Just(Given::Marked),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Given::Bytes),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,40}",
        2 => "[a-z\"\\\\\n\u{0}-\u{1f}äß🦀]{0,40}",
        1 => "[a-z]{0,200}",
        1 => any::<String>(),
    ]
}

/// In the order of the call site, as most are, or in any.
fn fields(count: usize) -> impl Strategy<Value = Vec<(usize, Given)>> {
    let ordered = prop::collection::vec(given(), 0..=4)
        .prop_map(|values| values.into_iter().enumerate().collect());
    let any = prop::collection::vec((0..count, given()), 0..6);
    prop_oneof![ordered, any]
}

fn call() -> impl Strategy<Value = Call> {
    let number = || 0..SITES.len();
    let shape = prop_oneof![
        3 => (number(), fields(10)).prop_map(|(site, fields)| Shape::Site { site, fields }),
        1 => (number(), fields(10), 0_u64..3, 0_u8..8, 0_u8..5).prop_map(
            |(site, fields, parent, kind, status)| {
                Shape::Span { site, fields, parent: parent << 40, kind, status }
            }
        ),
        1 => (0..3_usize, fields(KEYS.len()))
            .prop_map(|(name, fields)| Shape::Dynamic { name, fields }),
    ];
    (shape, prop::sample::select(&Level::ALL[..]), text(), 0..100_usize)
        .prop_map(|(shape, level, message, context)| Call { shape, level, message, context })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_recorded_the_line_is_that_of_the_model(
        calls in prop::collection::vec(call(), 1..60),
    ) {
        check(&calls);
    }
}

#[test]
fn texts_of_every_length_arrive_with_an_escape_anywhere_and_without() {
    let plain = "0123456789abcdefghijklmnopqrstuvwxyz ÄÖÜ ".repeat(200);
    let cut = |length: usize| {
        (0..=length).rev().find(|at| plain.is_char_boundary(*at)).map(|at| &plain[..at]).unwrap()
    };
    let lengths = (0..140).chain([1000, 1023, 1024, 1025, 4000, 4095, 4096, 4097, 8000]);
    let mut calls = Vec::new();
    for (at, length) in lengths.enumerate() {
        let text = cut(length);
        let (middle, end) = (cut(text.len() / 2), text.len());
        let escaped = format!("{middle}\"{}", &text[middle.len()..end]);
        let fields = vec![
            (0, Given::Str(escaped)),
            (1, Given::Str(text.to_owned())),
            (2, Given::U64(length as u64)),
        ];
        let shape = Shape::Site { site: if at % 2 == 0 { 3 } else { 2 }, fields };
        let message = format!("{text}\n");
        calls.push(Call { shape, level: Level::Info, message, context: at });
    }
    check(&calls);
}

#[test]
fn the_largest_records_of_what_grows_most_fit_into_their_room() {
    let control = |length: usize| "\u{1}".repeat(length);
    let call = |shape, length| {
        let (level, message) = (Level::Critical, control(length));
        Call { shape, level, message, context: 2 }
    };
    let texts = |count: usize| (0..count).map(|at| (at, Given::Str(control(12 * 1024)))).collect();
    let bytes =
        |count: usize| (0..count).map(|at| (at, Given::Bytes(vec![0xff; 12 * 1024]))).collect();
    let secrets = (0..1000).map(|at| (at % 254, Given::Bool(true))).collect();
    let span = |fields| Shape::Span { site: 3, fields, parent: u64::MAX, kind: 5, status: 2 };
    check(&[
        call(Shape::Site { site: 3, fields: texts(3) }, 24 * 1024),
        call(span(texts(3)), 24 * 1024),
        call(Shape::Dynamic { name: 0, fields: texts(4) }, 10 * 1024),
        call(Shape::Site { site: 3, fields: bytes(3) }, 20 * 1024),
    ]);
    check(&[call(span(secrets), 0)]);
}
