//! The corpus of secrets through lines and entries: what one shows, the other shows, and counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Both, attributes, both_of, bytes, context, owner, plain};
use radiosonde_events::Owner;
use radiosonde_record::{
    Builder, Descriptor, EncodedFields, Kind, Level, SpanExtras, SpanPart, Value, marked,
};
use radiosonde_redact::{Rules, Verdict};
use serde::Deserialize;

const NOW: u64 = 1_759_758_190_123_456_789;

#[derive(Deserialize)]
struct Secret {
    at: String,
    key: Option<String>,
    text: Vec<String>,
    #[serde(default)]
    gone: Vec<String>,
}

fn corpus(lines: &str) -> Vec<Secret> {
    let read: Vec<Secret> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(read.len() >= 300);
    read
}

/// A record with the text where the corpus wants it, and everywhere else it can stand.
fn everywhere(secret: &Secret, kind: Kind) -> (Vec<u8>, Descriptor) {
    let text = secret.text.concat();
    let key = secret.key.as_deref().unwrap_or("note");
    let value = match secret.at.as_str() {
        "json" => Value::Json(&text),
        _ => Value::Str(&text),
    };
    let (context, ..) = context();
    let site = Descriptor {
        name: "log".to_owned(),
        source: "shop".to_owned(),
        keys: vec![key.to_owned(), "status".to_owned()],
        ..Descriptor::default()
    };
    let record = bytes((kind, Level::Info), NOW, &context, |record: &mut Builder<'_>| {
        if kind == Kind::Span {
            let mut attributes = EncodedFields::default();
            attributes.push_named(key, value);
            let mut extras = SpanExtras::default();
            assert!(extras.event(NOW, "looked", &attributes));
            assert!(extras.link([7; 16], [9; 8], "", &attributes));
            record.span_with(&SpanPart::default(), "", &extras);
        }
        if secret.at != "json" && secret.at != "key" {
            record.message(value);
        }
        record.field(0, value);
        record.field(1, Value::U64(200));
    });
    (record, site)
}

/// What an event shows of a text of the corpus, and what is counted: the same in its line. It is of a
/// living or of a dead process; a span of either shows what its line does.
fn check(owner: &Owner, secret: &Secret, is_dead: bool) -> (String, Both) {
    let of = |kind| {
        let (record, site) = everywhere(secret, kind);
        both_of(owner, &record, &site, is_dead)
    };
    let both = of(Kind::Event);
    // Half a surrogate pair in a JSON field makes a line that strict readers refuse.
    if !both.line.is_null() {
        both.assert_same_log();
    }
    let span = of(Kind::Span);
    if !span.line.is_null() {
        span.assert_same_span();
    }
    let log = both.log();
    let mut shown = attributes(&log.attributes);
    match &secret.key {
        // Of the value of a key nothing is left, whatever else there is.
        Some(key) => shown.retain(|(shown, _)| shown == key),
        None => shown.extend(log.body.as_ref().map(|body| ("body".to_owned(), plain(Some(body))))),
    }
    assert!(!shown.is_empty());
    (format!("{:?}", shown.iter().map(|(_, value)| value).collect::<Vec<_>>()), both)
}

#[test]
fn no_secret_of_the_corpus_is_exported() {
    for secret in corpus(include_str!("../../radiosonde-redact/corpus/secrets.jsonl")) {
        for is_dead in [false, true] {
            let (shown, both) = check(&owner(), &secret, is_dead);
            assert!(!shown.contains(&secret.gone.concat()), "dead {is_dead}: {shown}");
            assert!(!both.entry_redacted.is_empty(), "{shown}");
        }
    }
}

#[test]
fn no_secret_of_the_corpus_is_exported_as_bytes() {
    let all = corpus(include_str!("../../radiosonde-redact/corpus/secrets.jsonl"));
    for secret in all.into_iter().filter(|secret| secret.at != "json") {
        let (text, gone) = (secret.text.concat(), secret.gone.concat());
        let nested = serde_json::json!([marked::of_bytes(text.as_bytes())]).to_string();
        for value in [Value::Bytes(text.as_bytes()), Value::Marked(&nested)] {
            let key = secret.key.as_deref().unwrap_or("note").to_owned();
            let (name, source) = ("log".to_owned(), "shop".to_owned());
            let site = Descriptor { name, source, keys: vec![key], ..Descriptor::default() };
            let (context, ..) = context();
            let front = (Kind::Event, Level::Info);
            let record = bytes(front, NOW, &context, |record| record.field(0, value));
            for is_dead in [false, true] {
                let both = both_of(&owner(), &record, &site, is_dead);
                both.assert_same_log();
                // One of a few letters stands there by chance.
                let mut found = both.entry.windows(gone.len()).filter(|_| gone.len() > 3);
                assert!(!found.any(|found| found == gone.as_bytes()), "dead {is_dead}: {text}");
                assert!(!both.entry_redacted.is_empty(), "{text}");
            }
        }
    }
}

#[test]
fn nothing_innocent_is_changed() {
    for innocent in corpus(include_str!("../../radiosonde-redact/corpus/innocent.jsonl")) {
        for is_dead in [false, true] {
            let (shown, both) = check(&owner(), &innocent, is_dead);
            assert!(both.entry_redacted.is_empty(), "{shown}: {:?}", both.entry_redacted);
        }
    }
}

#[test]
fn rules_of_the_user_apply_as_they_do_to_lines() {
    let rules = Rules::standard().with_key("shoe_size").with_callback(
        "towns",
        &[],
        |path: &str, value: &str| {
            let is_town = value == "Springfield" || value == "17" || path.ends_with(".town");
            if is_town { Verdict::Redact } else { Verdict::Keep }
        },
    );
    let owner = Owner::new("shop", "1.2.0", None, rules);
    let (context, ..) = context();
    for kind in [Kind::Event, Kind::Span] {
        let site = Descriptor { name: "log".to_owned(), ..Descriptor::default() };
        let record = bytes((kind, Level::Info), NOW, &context, |record| {
            if kind == Kind::Span {
                let mut attributes = EncodedFields::default();
                attributes.push_named("town", Value::Bool(true));
                attributes.push_named("shoe_size", Value::U64(44));
                let mut extras = SpanExtras::default();
                extras.trace_state("a=Springfield");
                assert!(extras.event(NOW, "Springfield", &attributes));
                record.span_with(&SpanPart::default(), "", &extras);
            }
            record.message(Value::Str("Springfield"));
            record.field_named("shoe_size", Value::U64(44));
            record.field_named("at", Value::U64(17));
            record.field_named("body", Value::Json(r#"{"place":"Springfield","n":17}"#));
            record.field_named("else", Value::Str("nothing"));
        });
        let both = both_of(&owner, &record, &site, false);
        match kind {
            Kind::Span => both.assert_same_span(),
            _ => both.assert_same_log(),
        }
        let counted: u64 = both.entry_redacted.values().sum();
        assert!(counted >= 4, "{:?}", both.entry_redacted);
    }
}

#[test]
fn a_secret_in_a_key_of_the_code_is_shown_by_nobody() {
    let key = "Authorization: Bearer abc123def456";
    let site = Descriptor {
        name: "log".to_owned(),
        keys: vec![key.to_owned(), "status".to_owned()],
        ..Descriptor::default()
    };
    let (context, ..) = context();
    let record = bytes((Kind::Event, Level::Info), NOW, &context, |record| {
        record.field(0, Value::U64(1));
        record.field(1, Value::U64(200));
    });
    let both = both_of(&owner(), &record, &site, false);
    both.assert_same_log();
    for shown in [both.line.to_string(), format!("{:?}", both.log())] {
        assert!(!shown.contains("abc123def456") && shown.contains("Bearer [redacted]"), "{shown}");
    }
}
