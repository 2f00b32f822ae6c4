//! W3C Trace Context, rule by rule: Levels 1 and 2.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::{alone, newly_ignored};
use radiosonde_context::propagation::{Propagators, inject};
use radiosonde_context::{Context, InvalidTraceState, SpanId, TraceFlags, TraceId, TraceState};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn extract(headers: &[(&str, &str)]) -> Context {
    Propagators::parse("tracecontext").unwrap().extract(&headers)
}

fn injected(context: &Context) -> BTreeMap<String, String> {
    let mut carrier = BTreeMap::new();
    inject(context, &mut carrier);
    carrier
}

fn of(version: &str, rest: &str) -> String {
    format!("{version}-{TRACE}-{SPAN}-{rest}")
}

#[test]
fn a_valid_traceparent_is_a_remote_span() {
    // Value, and the flags that are passed on.
    let cases = [
        (of("00", "00"), 0),
        (of("00", "01"), 1),
        (of("00", "02"), 2),
        (of("00", "03"), 3),
        // Other flags have no meaning: they are cleared (§3.2.2.5).
        (of("00", "04"), 0),
        (of("00", "ff"), 3),
        (of("00", "a9"), 1),
        // White space of HTTP around the value is none of it.
        (format!(" \t{} \t", of("00", "01")), 1),
        // Later versions are read as far as they are known (§3.2.4).
        (of("01", "01"), 1),
        (of("fe", "01"), 1),
        (of("cc", "01-what-the-future-brings"), 1),
        (of("cc", "01-"), 1),
        (of("cc", "ff-"), 3),
    ];
    for (value, flags) in cases {
        let (context, ignored) = {
            let _alone = alone();
            newly_ignored(|| extract(&[("traceparent", &value)]))
        };
        assert_eq!(context.trace_id().unwrap().to_string(), TRACE, "{value}");
        assert_eq!(context.span_id().unwrap().to_string(), SPAN, "{value}");
        assert_eq!(context.trace_flags(), TraceFlags::from_bits(flags), "{value}");
        assert_eq!(context.is_sampled(), Some(flags % 2 == 1), "{value}");
        assert!(context.is_remote(), "{value}");
        assert_eq!(ignored, Vec::<String>::new(), "{value}");
        assert_eq!(injected(&context)["traceparent"], of("00", &format!("{flags:02x}")), "{value}");
    }
}

#[test]
fn an_invalid_traceparent_is_as_none() {
    let _alone = alone();
    let zeros = "0".repeat(32);
    let cases = [
        String::new(),
        "00".to_owned(),
        // Version ff, and versions that are none.
        of("ff", "01"),
        of("ff", "01-more"),
        of("0", "01"),
        of("000", "01"),
        of("0x", "01"),
        of("FE", "01"),
        of(".0", "01"),
        // Version 00 has exactly 55 characters.
        of("00", "01-"),
        of("00", "01-more"),
        of("00", "01.more"),
        of("00", "001"),
        of("00", "1"),
        of("00", ""),
        // A later one goes on with a dash.
        of("cc", "01."),
        of("cc", "010"),
        of("cc", "01 more"),
        // Ids of zeros, too short, too long, in upper case or with what is no digit.
        format!("00-{zeros}-{SPAN}-01"),
        format!("00-{TRACE}-0000000000000000-01"),
        format!("00-{}-{SPAN}-01", &TRACE[1..]),
        format!("00-{TRACE}0-{SPAN}-01"),
        format!("00-{TRACE}-{}-01", &SPAN[1..]),
        format!("00-{TRACE}-{SPAN}0-01"),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        format!("00-.{}-{SPAN}-01", &TRACE[1..]),
        format!("00-{TRACE}-{}.-01", &SPAN[1..]),
        format!("00-{TRACE}-{}é-01", &SPAN[2..]),
        // Flags that are no digits.
        of("00", ".0"),
        of("00", "0."),
        of("00", "0A"),
        of("00", "+1"),
        // The wrong separators.
        of("00", "01").replace('-', "_"),
        of("00", "01").replacen('-', "", 1),
        format!("00-{TRACE}{SPAN}--01"),
        // Two in one header.
        format!("{0},{0}", of("00", "01")),
        format!("{}, ", of("00", "01")),
    ];
    for value in cases {
        let (context, ignored) = newly_ignored(|| extract(&[("traceparent", &value)]));
        assert!(context.is_empty(), "{value}: {context:?}");
        assert_eq!(ignored, ["traceparent malformed 1"], "{value}");
    }
}

#[test]
fn of_two_traceparents_none_counts_even_if_they_are_the_same() {
    let _alone = alone();
    let (one, other) = (of("00", "01"), of("00", "00"));
    for (first, second) in [(&one, &other), (&one, &one)] {
        let headers = [("traceparent", first.as_str()), ("Traceparent", second.as_str())];
        let (context, ignored) = newly_ignored(|| extract(&headers));
        assert!(context.is_empty());
        assert_eq!(ignored, ["traceparent repeated 1"]);
    }
}

#[test]
fn names_are_known_in_any_case() {
    for (parent, state) in [
        ("traceparent", "tracestate"),
        ("TraceParent", "TrAcEsTaTe"),
        ("TRACEPARENT", "TRACESTATE"),
    ] {
        let context = extract(&[(parent, &of("00", "01")), (state, "foo=1")]);
        assert_eq!(context.trace_state().unwrap().as_str(), "foo=1", "{parent}");
    }
    let context = extract(&[("trace-parent", &of("00", "01")), ("trace.parent", &of("00", "01"))]);
    assert!(context.is_empty());
}

#[test]
fn a_tracestate_goes_only_with_a_valid_traceparent() {
    let _alone = alone();
    for headers in [
        &[("tracestate", "foo=1")][..],
        &[("traceparent", "00-bad"), ("tracestate", "foo=1"), ("tracestate", "bar=2")],
    ] {
        let (context, ignored) = newly_ignored(|| extract(headers));
        assert_eq!(context.trace_state(), None);
        assert!(ignored.contains(&"tracestate without_traceparent 1".to_owned()), "{ignored:?}");
    }
}

/// The list that is passed on for these headers, and what was ignored.
fn state(headers: &[&str]) -> (Option<String>, Vec<String>) {
    let parent = of("00", "01");
    let headers: Vec<_> = [("traceparent", parent.as_str())]
        .into_iter()
        .chain(headers.iter().map(|value| ("tracestate", *value)))
        .collect();
    let (context, ignored) = newly_ignored(|| extract(&headers));
    assert_eq!(context.trace_id().unwrap().to_string(), TRACE, "the traceparent never suffers");
    let state = context.trace_state().map(|state| state.as_str().to_owned());
    assert_eq!(injected(&context).get("tracestate"), state.as_ref());
    (state, ignored)
}

#[test]
fn a_valid_tracestate_is_passed_on_in_its_order() {
    let _alone = alone();
    let long_key = format!("{}=1", "z".repeat(256));
    let tenant_key = format!("{}@{}=1", "t".repeat(241), "v".repeat(14));
    let longest_value = format!("foo={}", "x".repeat(256));
    let members: Vec<String> =
        (0..32).map(|number| format!("bar{number:02}={number:02}")).collect();
    let most = members.join(",");
    let keys = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/";
    let values: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    let every_character = format!("{keys}={values}");
    let cases: [(&[&str], &str); 19] = [
        (&["foo=1"], "foo=1"),
        (&["foo=1,bar=2"], "foo=1,bar=2"),
        (&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        (&["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (&["\t foo=1 \t"], "foo=1"),
        // Members and headers without content.
        (&["foo=1,,bar=2, ,\t,baz=3,"], "foo=1,bar=2,baz=3"),
        (&["", "foo=1", ""], "foo=1"),
        // Blanks belong to the value in front and in the middle.
        (&["foo= a b "], "foo= a b"),
        (&[&long_key], &long_key),
        (&[&tenant_key], &tenant_key),
        (&[&longest_value], &longest_value),
        (&[&most], &most),
        (&[&every_character], &every_character),
        // Keys of Level 2 that Level 1 had no room for.
        (&["0foo=1"], "0foo=1"),
        (&["foo@=1"], "foo@=1"),
        (&["foo@@bar=1"], "foo@@bar=1"),
        (&["foo@bar@baz=1"], "foo@bar@baz=1"),
        (&["tenant@0vendor=1"], "tenant@0vendor=1"),
        // Empty members are none of the 32.
        (&[&most, ",,,"], &most),
    ];
    for (headers, expected) in cases {
        assert_eq!(state(headers), (Some(expected.to_owned()), vec![]), "{headers:?}");
    }
    assert_eq!(state(&[]), (None, vec![]));
    assert_eq!(state(&["", " \t", ",,"]), (None, vec![]), "nothing is ignored of nothing");
}

#[test]
fn an_invalid_tracestate_is_dropped_whole_and_counted() {
    let _alone = alone();
    let too_many: Vec<String> = (0..33).map(|number| format!("bar{number}=1")).collect();
    let too_many = too_many.join(",");
    let long_key = format!("{}=1", "z".repeat(257));
    let long_tenant = format!("{}@v=1", "t".repeat(256));
    let long_value = format!("foo={}", "x".repeat(257));
    let malformed = "tracestate malformed 1";
    let duplicate = "tracestate duplicate_key 1";
    let cases: [(&[&str], &str); 22] = [
        (&["foo =1"], malformed),
        (&["FOO=1"], malformed),
        (&["foo.bar=1"], malformed),
        (&["@foo=1"], malformed),
        (&["_foo=1"], malformed),
        (&["é=1"], malformed),
        (&["foo"], malformed),
        (&["foo="], malformed),
        (&["=1"], malformed),
        (&["foo=bar=baz"], malformed),
        (&["foo=,bar=3"], malformed),
        (&["foo=a\tb"], malformed),
        (&["foo=größe"], malformed),
        (&["good=1", "foo=\u{7f}"], malformed),
        (&[&long_key], malformed),
        (&[&long_tenant], malformed),
        (&[&long_value], malformed),
        (&[&too_many], "tracestate too_many_members 1"),
        (&["foo=1,foo=1"], duplicate),
        (&["foo=1,foo=2"], duplicate),
        (&["foo=1", "foo=2"], duplicate),
        (&["foo=1,bar=1", ",,foo=1"], duplicate),
    ];
    for (headers, expected) in cases {
        assert_eq!(state(headers), (None, vec![expected.to_owned()]), "{headers:?}");
    }
}

#[test]
fn what_is_longer_than_512_characters_loses_its_long_members_and_then_its_last() {
    let _alone = alone();
    let member = |key: &str, length: usize| format!("{key}={}", "x".repeat(length - key.len() - 1));
    let exact = [member("a", 128), member("b", 128), member("c", 128), member("d", 125)].join(",");
    assert_eq!(exact.len(), 512);
    assert_eq!(state(&[&exact]), (Some(exact.clone()), vec![]), "512 are passed on");

    let shortened = |members: &[String], expected: &[&String]| {
        let expected: Vec<&str> = expected.iter().map(|member| member.as_str()).collect();
        let found = state(&[&members.join(",")]);
        assert_eq!(found, (Some(expected.join(",")), vec!["tracestate too_long 1".to_owned()]));
    };
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|key| member(key, 128));
    let long = member("long", 129);
    let longer = member("longer", 260);
    // A member of more than 128 characters goes first, wherever it stands.
    shortened(&[long.clone(), a.clone(), b.clone(), c.clone(), d.clone()], &[&a, &b, &c]);
    let found = [a.clone(), longer, b.clone(), c.clone()];
    shortened(&found, &[&a, &b, &c]);
    // Only as much as has to go: one of two.
    let second = member("second", 200);
    shortened(&[long.clone(), second, a.clone(), b.clone()], &[&long, &a, &b]);
    // And then from the end.
    shortened(&[a.clone(), b.clone(), c.clone(), d, e], &[&a, &b, &c]);
}

#[test]
fn what_is_not_utf8_is_invalid_and_does_not_panic() {
    let _alone = alone();
    let traceparent = of("00", "01").into_bytes();
    let propagators = Propagators::default();
    for position in 0..traceparent.len() {
        let mut bytes = traceparent.clone();
        bytes[position] = 0xff;
        let headers = [("traceparent", bytes)];
        assert!(propagators.extract(&headers).is_empty(), "byte {position}");
    }
    let headers = [("traceparent", traceparent), ("tracestate", b"foo=\xff".to_vec())];
    let context = propagators.extract(&headers);
    assert!(context.is_remote() && context.trace_state().is_none());
}

#[test]
fn a_child_keeps_state_and_randomness_and_a_new_trace_has_its_own() {
    let remote = extract(&[("traceparent", &of("00", "02")), ("tracestate", "foo=1")]);
    let trace = remote.trace_id().unwrap();
    let child = remote.with_span(trace, SpanId::random(), true);
    assert_eq!(child.trace_flags().bits(), 3, "what the caller said of its ids stays");
    assert_eq!(child.trace_state(), remote.trace_state());
    assert!(!child.is_remote());

    let not_random = extract(&[("traceparent", &of("00", "01"))]);
    let child = not_random.with_span(trace, SpanId::random(), false);
    assert_eq!(child.trace_flags().bits(), 0);

    let new = remote.with_span(TraceId::random(), SpanId::random(), true);
    assert_eq!((new.trace_flags().bits(), new.trace_state()), (3, None));

    let outside = remote.without_span();
    assert_eq!((outside.trace_id(), outside.trace_state(), outside.is_empty()), (None, None, true));
}

#[test]
fn injecting_makes_the_carrier_say_what_the_context_says() {
    let stale = || {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            field("Traceparent", "old"),
            field("traceparent", "older"),
            field("TRACESTATE", "old=1"),
            field("baggage", "old=1"),
            field("other", "stays"),
        ]
    };
    let mut carrier = stale();
    let span = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    inject(&span, &mut carrier);
    let names: Vec<&str> = carrier.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["other", "traceparent"]);
    let mut carrier = stale();
    inject(&Context::default(), &mut carrier);
    assert_eq!(carrier, [("other".to_owned(), "stays".to_owned())]);
}

#[test]
fn a_trace_state_made_in_code_is_held_to_the_same_rules() {
    let cases = [
        ("foo=1, bar=2", Ok("foo=1,bar=2")),
        ("", Err(InvalidTraceState::Empty)),
        ("foo", Err(InvalidTraceState::Malformed)),
        ("foo=1,foo=1", Err(InvalidTraceState::DuplicateKey)),
    ];
    for (list, expected) in cases {
        let parsed = TraceState::parse(list);
        assert_eq!(parsed.as_ref().map(TraceState::as_str), expected.as_ref().copied(), "{list}");
    }
    let state = TraceState::parse("foo=1,tenant@bar= 2").unwrap();
    assert_eq!((state.get("tenant@bar"), state.get("bar")), (Some(" 2"), None));
}
