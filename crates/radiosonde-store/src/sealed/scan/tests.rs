//! The walk, held against parsing.

use proptest::prelude::*;

use super::*;

/// What parsing says; `None` where it refuses.
fn parsed(text: &[u8]) -> Option<(i64, Vec<Key>)> {
    let line = Line::parse(text).ok()?;
    let mut keys = Vec::new();
    for (kind, id) in [
        (Kind::Trace, &line.trace_id),
        (Kind::Job, &line.job_id),
        (Kind::Session, &line.session_id),
    ] {
        keys.extend(id.as_deref().map(|id| Key::stored(kind, id.as_bytes())));
    }
    keys.sort_unstable();
    keys.dedup();
    let ts = line.ts.as_nanosecond().div_euclid(1_000);
    Some((ts.try_into().unwrap(), keys))
}

fn agree(text: &[u8]) {
    if let Some((ts, keys)) = parsed(text) {
        let facts = Facts::of(text);
        assert_eq!(facts.ts, (ts, ts), "{}", text.escape_ascii());
        assert_eq!(facts.keys, keys, "{}", text.escape_ascii());
    }
}

#[test]
fn our_own_lines_are_walked() {
    let text = br#"{"ts":"2025-10-06T13:43:10.123456Z","level":"error","evt":"e","msg":"a \"quoted\" {text","trace_id":"0edadbc0a1b2c3d4e5f60718293a4b5c","span_id":"00f067aa0ba902b7","job_id":"job-123","session_id":"s-1","meta":{"job_id":"inner","a":{"b":[1,2.5,null,"}"]}},"id":"k3f9q2xw.4.1871"}"#;
    let found = walk(text).unwrap();
    assert_eq!(found.ts, 1_759_758_190_123_456);
    assert_eq!(
        found.ids.map(Option::unwrap),
        [&b"0edadbc0a1b2c3d4e5f60718293a4b5c"[..], b"job-123", b"s-1"]
    );
    agree(text);
    assert!(walk(br#"{"ts":"2025-10-06T13:43:10.123456Z"}"#).is_some());
}

#[test]
fn other_forms_mean_the_same() {
    for text in [
        r#" { "ts" : "2025-10-06T13:43:10.123456Z" , "job_id" : "j" } "#,
        r#"{"ts":"2025-10-06T15:43:10+02:00","job_id":"j"}"#,
        r#"{"ts":"1969-12-31T23:59:59.9999999Z","job_id":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:60.000000Z","job_id":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","job_id":"jé","session_id":null}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","job\u005fid":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","job_id":"a\u002db\""}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","n":-1.5e3,"t":true,"job_id":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","e":[],"o":{},"job_id":"j"}"#,
        r#"{"job_id":"j","ts":"2025-10-06T13:43:10.123456Z"}"#,
        "{\"ts\":\"2025-10-06T13:43:10.123456Z\",\"job_id\":\"j\"}\r",
    ] {
        assert!(parsed(text.as_bytes()).is_some(), "{text}");
        agree(text.as_bytes());
    }
}

#[test]
fn texts_that_are_no_lines_are_counted_and_do_no_harm() {
    let deep = "[".repeat(100_000);
    let text = format!("hello\n\n{{\n{{\"ts\"\n{{\"ts\":\"x\"}}\n{{\"a\":{deep}\n{{\"a\":\"\\");
    let facts = Facts::of(text.as_bytes());
    assert_eq!((facts.lines, facts.ts, facts.keys.len()), (7, NO_TIME, 0));
}

/// A JSON text, spelled in many ways.
fn json(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        any::<f32>().prop_filter("a number", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        string(),
    ];
    leaf.prop_recursive(depth, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| format!("[{}]", values.join(","))),
            proptest::collection::vec((string(), inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                format!("{{{}}}", fields.join(", "))
            }),
        ]
    })
    .boxed()
}

/// A JSON string, with what a walk might stumble over.
fn string() -> BoxedStrategy<String> {
    let piece = prop_oneof![
        "[a-z0-9._:-]{0,8}",
        Just(r#"\""#.to_owned()),
        Just(r"\\".to_owned()),
        Just(r"\u0041".to_owned()),
        Just("job_id".to_owned()),
        Just("{}[],:".to_owned()),
        Just("é".to_owned()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|p| format!("\"{}\"", p.concat())).boxed()
}

fn field() -> BoxedStrategy<(String, String)> {
    let key = prop_oneof![
        Just(r#""job_id""#.to_owned()),
        Just(r#""trace_id""#.to_owned()),
        Just(r#""session_id""#.to_owned()),
        Just(r#""job\u005fid""#.to_owned()),
        Just(r#""meta""#.to_owned()),
        string(),
    ];
    (key, prop_oneof![3 => string(), 1 => json(3)]).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_walk_finds_what_parsing_finds(
        fields in proptest::collection::vec(field(), 0..6),
        at in 0usize..6,
        seconds in -62_000_000_000_i64..250_000_000_000,
        micros in 0i32..1_000_000,
        space in prop_oneof![9 => Just(""), 1 => Just(" ")],
    ) {
        let ts = jiff::Timestamp::new(seconds, micros * 1_000);
        let ts = ts.map_or_else(|_| "0000-01-01T00:00:00.000000Z".to_owned(), |ts| format!("{ts:.6}"));
        let mut fields: Vec<String> =
            fields.iter().map(|(k, v)| format!("{k}:{space}{v}")).collect();
        fields.insert(at.min(fields.len()), format!(r#""ts":"{ts}""#));
        agree(format!("{{{}}}", fields.join(",")).as_bytes());
    }

    #[test]
    fn damaged_lines_are_walked_without_harm(cut in 0usize..200, at in 0usize..200, byte: u8) {
        let mut text = br#"{"ts":"2025-10-06T13:43:10.123456Z","level":"info","msg":"a\"b","job_id":"job-1","meta":{"x":[1,{"y":"z"}]},"id":"aaaaaaaa.1.2"}"#.to_vec();
        let last = text.len() - 1;
        text[at.min(last)] = byte;
        agree(&text);
        agree(&text[..cut.min(last)]);
    }
}
