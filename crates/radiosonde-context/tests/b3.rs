//! B3 in both its forms, and the order of several formats.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::{alone, newly_ignored};
use radiosonde_context::Context;
use radiosonde_context::propagation::Propagators;

const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
const SPAN: &str = "e457b5a2e4d86bd1";

fn extract(propagators: &str, headers: &[(&str, &str)]) -> Context {
    Propagators::parse(propagators).unwrap().extract(&headers)
}

fn inject(propagators: &str, context: &Context) -> BTreeMap<String, String> {
    let mut carrier = BTreeMap::new();
    Propagators::parse(propagators).unwrap().inject(context, true, &mut carrier);
    carrier
}

#[test]
fn every_state_of_the_single_header_is_read_and_written() {
    let parent = "05e3ac9a4f6e3b90";
    // The state, whether it is sampled, and how it goes on.
    let cases = [
        ("-1".to_owned(), Some(true), "-1"),
        ("-0".to_owned(), Some(false), "-0"),
        ("-d".to_owned(), Some(true), "-d"),
        (String::new(), None, ""),
        (format!("-1-{parent}"), Some(true), "-1"),
        (format!("-d-{parent}"), Some(true), "-d"),
    ];
    for (state, sampled, passed_on) in cases {
        let context = extract("b3", &[("B3", &format!("{TRACE}-{SPAN}{state}"))]);
        assert_eq!(context.trace_id().unwrap().to_string(), TRACE, "{state}");
        assert_eq!(context.span_id().unwrap().to_string(), SPAN, "{state}");
        assert_eq!(context.is_sampled(), sampled, "{state}");
        assert!(context.is_remote(), "{state}");
        assert_eq!(inject("b3", &context)["b3"], format!("{TRACE}-{SPAN}{passed_on}"));
    }
}

#[test]
fn short_trace_ids_are_padded_and_case_does_not_matter() {
    let padded = format!("{:0>32}", &TRACE[16..]);
    for trace in [TRACE[16..].to_owned(), TRACE[16..].to_uppercase(), padded.clone()] {
        let single = extract("b3", &[("b3", &format!("{trace}-{SPAN}-1"))]);
        let multi = extract("b3", &[("X-B3-TraceId", &trace), ("X-B3-SpanId", SPAN)]);
        for context in [single, multi] {
            assert_eq!(context.trace_id().unwrap().to_string(), padded);
        }
    }
}

#[test]
fn every_state_of_the_multiple_headers_is_read_and_written() {
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: [(Pairs, Option<bool>, Pairs); 8] = [
        (&[("x-b3-sampled", "1")], Some(true), &[("x-b3-sampled", "1")]),
        (&[("x-b3-sampled", "0")], Some(false), &[("x-b3-sampled", "0")]),
        (&[("x-b3-sampled", "true")], Some(true), &[("x-b3-sampled", "1")]),
        (&[("x-b3-sampled", "false")], Some(false), &[("x-b3-sampled", "0")]),
        (&[], None, &[]),
        (&[("x-b3-flags", "1")], Some(true), &[("x-b3-flags", "1")]),
        // Debug implies an accept, whatever stands beside it.
        (&[("x-b3-flags", "1"), ("x-b3-sampled", "0")], Some(true), &[("x-b3-flags", "1")]),
        (&[("x-b3-flags", "0"), ("x-b3-sampled", "1")], Some(true), &[("x-b3-sampled", "1")]),
    ];
    let ids = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
    for (states, sampled, passed_on) in cases {
        let parent = [("x-b3-parentspanid", "05e3ac9a4f6e3b90")];
        let headers: Vec<_> = ids.iter().chain(&parent).chain(states).copied().collect();
        let context = extract("b3multi", &headers);
        assert_eq!(context.is_sampled(), sampled, "{states:?}");
        let mut expected: Vec<_> = ids.iter().chain(passed_on).copied().collect();
        expected.sort_unstable();
        let injected = inject("b3multi", &context);
        let injected: Vec<_> = injected.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(injected, expected, "{states:?}");
    }
}

#[test]
fn the_single_header_wins_over_the_multiple_ones_whichever_is_asked_for() {
    let other = "1".repeat(32);
    let headers = [
        ("b3", &*format!("{TRACE}-{SPAN}-0")),
        ("x-b3-traceid", &other),
        ("x-b3-spanid", "2222222222222222"),
        ("x-b3-sampled", "1"),
    ];
    for propagators in ["b3", "b3multi"] {
        let context = extract(propagators, &headers);
        assert_eq!(context.trace_id().unwrap().to_string(), TRACE);
        assert_eq!(context.is_sampled(), Some(false));
        let context = extract(propagators, &headers[1..]);
        assert_eq!(context.trace_id().unwrap().to_string(), other);
    }
}

#[test]
fn what_is_no_b3_is_ignored_and_counted() {
    let _alone = alone();
    let zeros = "0".repeat(32);
    let single = |value: String| vec![("b3", value)];
    let multi = |trace: &str, span: &str| {
        vec![("x-b3-traceid", trace.to_owned()), ("x-b3-spanid", span.to_owned())]
    };
    let cases = [
        (single(String::new()), "malformed"),
        (single(TRACE.to_owned()), "malformed"),
        (single(format!("{zeros}-{SPAN}-1")), "malformed"),
        (single(format!("{TRACE}-0000000000000000-1")), "malformed"),
        (single(format!("{TRACE}-{SPAN}-2")), "malformed"),
        (single(format!("{TRACE}-{SPAN}-1-short")), "malformed"),
        (single(format!("{TRACE}-{SPAN}-1-{SPAN}-more")), "malformed"),
        (single(format!("{}-{SPAN}-1", &TRACE[1..])), "malformed"),
        (multi(TRACE, ""), "malformed"),
        (multi("no id", SPAN), "malformed"),
        (vec![("x-b3-traceid", TRACE.to_owned())], "malformed"),
        (
            vec![("b3", format!("{TRACE}-{SPAN}-1")), ("b3", format!("{TRACE}-{SPAN}-1"))],
            "repeated",
        ),
    ];
    for (headers, reason) in cases {
        let propagators = Propagators::parse("b3").unwrap();
        let (context, ignored) = newly_ignored(|| propagators.extract(&headers.as_slice()));
        assert!(context.is_empty(), "{headers:?}");
        assert_eq!(ignored, [format!("b3 {reason} 1")], "{headers:?}");
    }
    for alone in ["0", "1", "d"] {
        let (context, ignored) = newly_ignored(|| extract("b3", &[("b3", alone)]));
        assert!(context.is_empty(), "a state without ids says nothing of a span");
        assert_eq!(ignored, Vec::<String>::new());
    }
}

#[test]
fn a_child_of_a_deferred_span_is_decided_and_one_of_a_debugged_span_debugged() {
    let child = |state: &str, sampled: bool| {
        let context = extract("b3", &[("b3", &format!("{TRACE}-{SPAN}{state}"))]);
        let span = radiosonde_context::SpanId::random();
        let child = context.with_span(context.trace_id().unwrap(), span, sampled);
        let b3 = inject("b3", &child).remove("b3").unwrap();
        b3.strip_prefix(&format!("{TRACE}-{span}")).unwrap().to_owned()
    };
    assert_eq!([child("", true), child("", false)], ["-1", "-0"]);
    assert_eq!([child("-d", true), child("-d", false)], ["-d", "-0"]);
}

#[test]
fn of_several_formats_the_last_one_that_finds_a_span_wins_and_all_are_written() {
    let other = "1".repeat(32);
    let headers = [
        ("traceparent", format!("00-{other}-{SPAN}-01")),
        ("tracestate", "foo=1".to_owned()),
        ("b3", format!("{TRACE}-{SPAN}-1")),
    ];
    let trace = |list: &str| {
        let context = Propagators::parse(list).unwrap().extract(&headers);
        (context.trace_id().unwrap().to_string(), context.trace_state().is_some())
    };
    assert_eq!(trace("tracecontext,b3"), (TRACE.to_owned(), false), "state is of its own trace");
    assert_eq!(trace("b3,tracecontext"), (other.clone(), true));
    assert_eq!(trace("tracecontext,b3multi,tracecontext"), (TRACE.to_owned(), false));
    // Of one span each tells what it knows.
    let both = [
        ("traceparent", format!("00-{TRACE}-{SPAN}-02")),
        ("tracestate", "foo=1".to_owned()),
        ("b3", format!("{TRACE}-{SPAN}-1")),
    ];
    let context = Propagators::parse("tracecontext,b3").unwrap().extract(&both);
    assert_eq!(context.trace_flags().bits(), 3);
    assert_eq!(context.trace_state().unwrap().as_str(), "foo=1");
    let all = "tracecontext,baggage,b3,b3multi";
    let context = Propagators::parse(all).unwrap().extract(&headers);
    let names: Vec<_> = inject(all, &context).into_keys().collect();
    assert_eq!(names, ["b3", "traceparent", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"]);
}

#[test]
fn none_reads_nothing_and_leaves_nothing() {
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    assert!(extract("none", &[("traceparent", &traceparent)]).is_empty());
    let context = extract("tracecontext", &[("traceparent", &traceparent)]);
    let mut carrier = vec![("traceparent".to_owned(), "of somebody else".to_owned())];
    Propagators::NONE.inject(&context, true, &mut carrier);
    assert_eq!(carrier, []);
}

#[test]
fn what_a_copied_carrier_said_in_other_formats_goes_no_further() {
    let copied = [
        ("Traceparent", "00-stale"),
        ("tracestate", "stale=1"),
        ("baggage", "user=alice"),
        ("B3", "stale"),
        ("X-B3-TraceId", "stale"),
        ("x-b3-spanid", "stale"),
        ("x-b3-parentspanid", "stale"),
        ("x-b3-sampled", "1"),
        ("x-b3-flags", "1"),
        ("accept", "*/*"),
    ];
    let context = extract("b3", &[("b3", &format!("{TRACE}-{SPAN}-1"))]);
    let cases: [(&str, &[&str]); 5] = [
        ("none", &["accept"]),
        ("tracecontext", &["accept", "traceparent"]),
        ("baggage", &["accept"]),
        ("b3", &["accept", "b3"]),
        ("b3multi", &["accept", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"]),
    ];
    for (propagators, left) in cases {
        for with_baggage in [false, true] {
            let mut carrier: BTreeMap<String, String> =
                copied.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let propagators = Propagators::parse(propagators).unwrap();
            propagators.inject(&context, with_baggage, &mut carrier);
            assert!(carrier.keys().eq(left), "{propagators}: {carrier:?}");
            assert!(!carrier.values().any(|value| value.contains("stale")), "{carrier:?}");
        }
    }
}

#[test]
fn lists_of_names_are_read_as_the_variable_has_them() {
    let cases = [
        ("", Ok("none")),
        ("none", Ok("none")),
        (" tracecontext , baggage ", Ok("tracecontext,baggage")),
        ("b3,b3,b3multi", Ok("b3,b3multi")),
        ("baggage,,tracecontext", Ok("baggage,tracecontext")),
        ("jaeger", Err("jaeger")),
        ("tracecontext,none", Err("none")),
        ("B3", Err("B3")),
    ];
    for (list, expected) in cases {
        let parsed = Propagators::parse(list);
        let found = parsed.as_ref().map(ToString::to_string);
        assert_eq!(found.as_deref().map_err(|error| error.name()), expected, "{list}");
    }
    assert_eq!(Propagators::default().to_string(), "tracecontext,baggage");
}
