//! Any record there can be: decoded, its entry says what its line says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{both_of, bytes, context, owner};
use proptest::collection::vec;
use proptest::prelude::*;
use radiosonde_context::Context;
use radiosonde_events::Redactions;
use radiosonde_otlp::Entry;
use radiosonde_otlp::fuzzing::Encoding;
use radiosonde_record::{
    Descriptor, EncodedFields, Kind, Level, Record, SpanExtras, SpanPart, Value, marked,
};

/// A value that outlives the strategy that made it.
#[derive(Clone, Debug)]
enum Owned {
    Bool(bool),
    Bytes(Vec<u8>),
    F64(f64),
    I64(i64),
    Json(String),
    Marked(String),
    Null,
    Str(String),
    U64(u64),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::F64(value) => Value::F64(*value),
            Self::I64(value) => Value::I64(*value),
            Self::Json(text) => Value::Json(text),
            Self::Marked(text) => Value::Marked(text),
            Self::Null => Value::Null,
            Self::Str(text) => Value::Str(text),
            Self::U64(value) => Value::U64(*value),
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => ".{0,60}",
        1 => Just(String::new()),
        1 => Just("Authorization: Bearer abc123def456".to_owned()),
        1 => Just("postgres://app:hunter2@db/x".to_owned()),
        1 => "[a-z\u{0}-\u{1f}\"\\\\ä🚀]{100,400}",
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1e300..1e300).prop_map(|number: f64| number.into()),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map("[a-z_]{0,8}|password|ä", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// As lists and maps have bytes in them, and texts that begin as marks do.
fn with_marks(json: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::String(text) if text.len() % 3 == 0 => marked::of_bytes(text.as_bytes()).into(),
        Json::String(text) if text.len() % 3 == 1 => marked::of_text(&format!("\0{text}")).into(),
        Json::Bool(true) => marked::of_number(f64::NEG_INFINITY).into(),
        Json::Array(list) => list.into_iter().map(with_marks).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, with_marks(value))).collect(),
        other => other,
    }
}

fn value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        any::<bool>().prop_map(Owned::Bool),
        any::<f64>().prop_map(Owned::F64),
        any::<i64>().prop_map(Owned::I64),
        json().prop_map(|json| Owned::Json(json.to_string())),
        json().prop_map(|json| Owned::Marked(with_marks(json).to_string())),
        vec(any::<u8>(), 0..60).prop_map(Owned::Bytes),
        text().prop_map(|text| Owned::Bytes(text.into_bytes())),
        Just(Owned::Null),
        text().prop_map(Owned::Str),
        any::<u64>().prop_map(Owned::U64),
    ]
}

/// By its place at the call site, or by name.
fn key() -> impl Strategy<Value = Result<usize, String>> {
    prop_oneof![
        4 => (0..5_usize).prop_map(Ok),
        2 => "[a-z]{1,12}".prop_map(Err),
        1 => prop::sample::select(&["password", "source", "job_id", "größe", "truncated"][..])
            .prop_map(|key| Err(key.to_owned())),
    ]
}

type Pairs = Vec<(Result<usize, String>, Owned)>;

#[derive(Clone, Debug)]
struct Made {
    level: Level,
    timestamp_ns: u64,
    has_ids: bool,
    is_dead: bool,
    message: Option<String>,
    name: String,
    source: String,
    pairs: Pairs,
    part: SpanPart,
    links: Vec<(String, Pairs)>,
    events: Vec<(u64, String, Pairs)>,
    dropped: Option<(u32, u32, u32)>,
}

prop_compose! {
    fn made()(
        level in prop::sample::select(&Level::ALL[..]),
        // Years have four digits in lines.
        times in (0..250_000_000_000_000_000_u64, 0..250_000_000_000_000_000_u64),
        flags in any::<[bool; 2]>(),
        message in prop::option::of(text()),
        names in (text(), text()),
        pairs in vec((key(), value()), 0..9),
        part in (any::<u64>(), 0..7_u8, 0..3_u8, 0..4_u8),
        links in vec((".{0,20}", vec((key(), value()), 0..3)), 0..3),
        events in vec((0..250_000_000_000_000_000_u64, text(), vec((key(), value()), 0..3)), 0..3),
        dropped in prop::option::of(any::<(u32, u32, u32)>()),
    ) -> Made {
        let (parent, kind, status, kept) = part;
        let part = SpanPart { parent, start_ns: times.1, kind, status, kept };
        let (name, source) = names;
        let [has_ids, is_dead] = flags;
        let name = if level == Level::Info { "log".to_owned() } else { name };
        Made {
            level, timestamp_ns: times.0, has_ids, is_dead, message, name, source, pairs, part, links,
            events, dropped,
        }
    }
}

fn encoded(pairs: &Pairs) -> EncodedFields {
    let mut fields = EncodedFields::default();
    for (key, value) in pairs {
        match key {
            Ok(at) => fields.push_named(["a", "b", "c", "d", "e"][*at], value.value()),
            Err(key) => fields.push_named(key, value.value()),
        }
    }
    fields
}

impl Made {
    fn bytes(&self, kind: Kind) -> Vec<u8> {
        let (full, ..) = context();
        let context = if self.has_ids || kind == Kind::Span { full } else { Context::default() };
        bytes((kind, self.level), self.timestamp_ns, &context, |record| {
            if kind == Kind::Span {
                let mut extras = SpanExtras::default();
                for (state, pairs) in &self.links {
                    let _fits = extras.link([7; 16], [9; 8], state, &encoded(pairs));
                }
                for (time, name, pairs) in &self.events {
                    let _fits = extras.event(*time, name, &encoded(pairs));
                }
                if let Some((attributes, events, links)) = self.dropped {
                    extras.dropped(attributes, events, links);
                }
                record.span_with(&self.part, "", &extras);
            }
            match (&self.message, kind) {
                (Some(message), _) => record.message(Value::Str(message)),
                (None, Kind::Span) => {}
                (None, _) => record.message(Value::Str("")),
            }
            for (key, value) in &self.pairs {
                match key {
                    Ok(at) => record.field(*at, value.value()),
                    Err(key) => record.field_named(key, value.value()),
                }
            }
        })
    }

    fn site(&self) -> Descriptor {
        let keys = ["status", "größe", "password", "note", "count"].map(str::to_owned).to_vec();
        let (name, source) = (self.name.clone(), self.source.clone());
        Descriptor { name, source, keys, ..Descriptor::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_says_what_its_line_says(made in made()) {
        both_of(&owner(), &made.bytes(Kind::Event), &made.site(), made.is_dead).assert_same_log();
    }

    #[test]
    fn a_span_says_what_its_line_says(made in made()) {
        both_of(&owner(), &made.bytes(Kind::Span), &made.site(), made.is_dead).assert_same_span();
    }

    /// Damage that passes for a record is encoded as something, and never panics.
    #[test]
    fn what_a_dead_process_left_is_encoded_whatever_it_is(
        made in made(),
        kind in prop::sample::select(&Kind::ALL[..]),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut record = made.bytes(kind);
        for (at, byte) in flips {
            // Behind length and check.
            let at = 8 + at.index(record.len() - 16);
            record[at] = byte;
        }
        radiosonde_record::fuzzing::seal(&mut record, 1, 1);
        let Ok(read) = Record::decode_whole(&record) else { return Ok(()) };
        let mut encoding = Encoding::of_dead_process(&owner(), "k3f9q2xw", Redactions::default());
        let mut entry = Vec::new();
        if encoding.encode(&read, &made.site(), 1, &mut entry).is_some() {
            prop_assert!(Entry::decode(&entry).is_ok());
        }
    }
}
