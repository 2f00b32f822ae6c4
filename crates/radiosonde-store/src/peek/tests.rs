//! The walk, held against parsing.

use proptest::prelude::*;

use super::*;
use crate::Line;

/// What parsing says; `None` where it refuses.
fn parsed(text: &[u8]) -> Option<(i64, Line)> {
    let line = Line::parse(text).ok()?;
    let ts = line.ts.as_nanosecond().div_euclid(1_000);
    Some((ts.try_into().unwrap(), line))
}

/// Whatever is found of a line is what parsing finds. Tells whether it was found.
fn agree(text: &[u8]) -> bool {
    let Some((us, line)) = parsed(text) else { return false };
    let told = text.escape_ascii();
    if let Some(found) = ts(text) {
        assert_eq!(found, us, "{told}");
    }
    let Some(found) = facts(text) else { return false };
    assert_eq!(found.ts_us, us, "{told}");
    assert_eq!(found.level, line.level, "{told}");
    assert_eq!(found.evt, line.evt.as_bytes(), "{told}");
    for (found, parsed) in [
        (found.service, &line.service),
        (found.trace_id, &line.trace_id),
        (found.span_id, &line.span_id),
        (found.job_id, &line.job_id),
        (found.machine_id, &line.machine_id),
        (found.worker_id, &line.worker_id),
        (found.session_id, &line.session_id),
        (found.id, &line.id),
    ] {
        assert_eq!(found, parsed.as_deref().map(str::as_bytes), "{told}");
    }
    true
}

#[test]
fn our_own_lines_are_walked() {
    let text = br#"{"ts":"2025-10-06T13:43:10.123456Z","level":"error","evt":"e","msg":"a \"quoted\" {text","service":"chinaxiv","trace_id":"0edadbc0a1b2c3d4e5f60718293a4b5c","span_id":"00f067aa0ba902b7","job_id":"job-123","machine_id":"m-1","worker_id":"w-1","session_id":"s-1","meta":{"job_id":"inner","a":{"b":[1,2.5,null,"}"]}},"id":"k3f9q2xw.4.1871"}"#;
    let found = facts(text).unwrap();
    assert_eq!(found.ts_us, 1_759_758_190_123_456);
    assert_eq!(ts(text), Some(found.ts_us));
    let ids = [found.trace_id, found.job_id, found.machine_id, found.id];
    let expected = ["0edadbc0a1b2c3d4e5f60718293a4b5c", "job-123", "m-1", "k3f9q2xw.4.1871"];
    assert_eq!(ids.map(Option::unwrap), expected.map(str::as_bytes));
    assert!(agree(text));
    assert!(agree(br#"{"ts":"2025-10-06T13:43:10.123456Z"}"#));
}

#[test]
fn other_forms_mean_the_same_or_are_left_to_the_parser() {
    let walked = [
        r#"{"ts":"2025-10-06T13:43:10.123456Z","job_id":"jé"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","level":"WARN","evt":""}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","level":"fatal-ish"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","severity":"ERROR","level":"info"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","n":-1.5e3,"t":true,"job_id":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","e":[],"o":{},"job_id":"j"}"#,
        r#"{"job_id":"j","ts":"2025-10-06T13:43:10.123456Z"}"#,
        "{\"ts\":\"2025-10-06T13:43:10.123456Z\",\"job_id\":\"j\"}\r",
    ];
    let left = [
        r#" { "ts" : "2025-10-06T13:43:10.123456Z" , "job_id" : "j" } "#,
        r#"{"ts":"2025-10-06T15:43:10+02:00","job_id":"j"}"#,
        r#"{"ts":"1969-12-31T23:59:59.9999999Z","job_id":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:60.000000Z","job_id":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","session_id":null}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","level":7}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","level":null}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","severity":"ERROR"}"#,
        r#"{"levelname":"odd","ts":"2025-10-06T13:43:10.123456Z","level":"odd"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","job\u005fid":"j"}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","job_id":"a\u002db\""}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","evt":"a\tb"}"#,
    ];
    for (texts, is_walked) in [(&walked[..], true), (&left, false)] {
        for text in texts {
            assert!(parsed(text.as_bytes()).is_some(), "{text}");
            assert_eq!(agree(text.as_bytes()), is_walked, "{text}");
        }
    }
}

#[test]
fn the_time_alone_is_told_where_it_stands_first_in_our_form() {
    for (text, expected) in [
        (r#"{"ts":"1970-01-01T00:00:00.000001Z"}"#, Some(1)),
        (r#"{"ts":"1969-12-31T23:59:59.999999Z","evt":"e"}"#, Some(-1)),
        (r#"{"ts":"2024-02-29T00:00:00.000000Z"}"#, Some(1_709_164_800_000_000)),
        (r#"{"ts":"2023-02-29T00:00:00.000000Z"}"#, None),
        (r#"{"ts":"2025-10-06T13:43:10.12345Z"}"#, None),
        (r#"{"ts":"2025-10-06T13:43:10.1234567Z"}"#, None),
        (r#"{"ts":"2025-10-06T13:43:10.123456+"}"#, None),
        (r#"{"ts":"2025-10-06T13:43:10.123456Z"#, None),
        (r#"{"evt":"e","ts":"1970-01-01T00:00:00.000001Z"}"#, None),
        (r#"{"ts":"#, None),
        ("", None),
    ] {
        assert_eq!(ts(text.as_bytes()), expected, "{text}");
    }
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
        Just("Warning".to_owned()),
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
        Just(r#""machine_id""#.to_owned()),
        Just(r#""worker_id""#.to_owned()),
        Just(r#""level""#.to_owned()),
        Just(r#""severity""#.to_owned()),
        Just(r#""evt""#.to_owned()),
        Just(r#""id""#.to_owned()),
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
        let moment = jiff::Timestamp::new(seconds, micros * 1_000);
        let ts = moment.map_or_else(|_| "0000-01-01T00:00:00.000000Z".to_owned(), |ts| format!("{ts:.6}"));
        let mut fields: Vec<String> =
            fields.iter().map(|(k, v)| format!("{k}:{space}{v}")).collect();
        fields.insert(at.min(fields.len()), format!(r#""ts":"{ts}""#));
        let _ = agree(format!("{{{}}}", fields.join(",")).as_bytes());
    }

    #[test]
    fn damaged_lines_are_walked_without_harm(cut in 0usize..200, at in 0usize..200, byte: u8) {
        let mut text = br#"{"ts":"2025-10-06T13:43:10.123456Z","level":"info","msg":"a\"b","job_id":"job-1","meta":{"x":[1,{"y":"z"}]},"id":"aaaaaaaa.1.2"}"#.to_vec();
        let last = text.len() - 1;
        text[at.min(last)] = byte;
        let _ = agree(&text);
        let _ = agree(&text[..cut.min(last)]);
    }
}
