//! Headers, maps and environments as carriers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, HashMap};
use std::process::Command;

use radiosonde_context::propagation::{self, Extract, Inject, Propagators};
use radiosonde_context::{Context, SpanId, TraceId, scope};

fn context() -> Context {
    let span = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    span.run(|| scope().job("job-7").run(Context::current))
}

fn there_and_back<C: Extract + Inject>(mut carrier: C) {
    let context = context();
    carrier.set("TRACESTATE", "stale=1");
    propagation::inject(&context, &mut carrier);
    let back = propagation::extract(&carrier);
    assert_eq!((back.trace_id(), back.span_id()), (context.trace_id(), context.span_id()));
    assert_eq!((back.job_id(), back.trace_state()), (Some("job-7"), None));
    propagation::inject(&Context::default(), &mut carrier);
    assert!(propagation::extract(&carrier).is_empty());
}

#[test]
fn every_kind_of_map_brings_a_context_over() {
    there_and_back(HashMap::<String, String>::new());
    there_and_back(BTreeMap::new());
    there_and_back(Vec::<(String, String)>::new());
    there_and_back(Message::default());
}

/// A carrier of one's own, around a map.
#[derive(Default)]
struct Message(BTreeMap<String, String>);

impl Extract for Message {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        self.0.each(name, value);
    }
}

impl Inject for Message {
    fn set(&mut self, name: &str, value: &str) {
        self.0.set(name, value);
    }

    fn remove(&mut self, name: &str) {
        Inject::remove(&mut self.0, name);
    }
}

#[cfg(feature = "http")]
#[test]
fn headers_bring_a_context_over_and_what_is_no_text_is_ignored() {
    let context = context();
    let mut headers = http::HeaderMap::new();
    headers.append("baggage", "of=before".parse().unwrap());
    headers.append("baggage", "another=1".parse().unwrap());
    propagation::inject(&context, &mut headers);
    assert_eq!(headers.get_all("baggage").iter().count(), 1);
    assert_eq!(propagation::extract(&headers).job_id(), Some("job-7"));
    headers.append("Baggage", "tenant=a".parse().unwrap());
    let both = propagation::extract(&headers);
    assert_eq!((both.job_id(), both.baggage().get("tenant")), (Some("job-7"), Some("a")));
    headers.append("tracestate", "a=1".parse().unwrap());
    headers.append("tracestate", "b=2".parse().unwrap());
    assert_eq!(propagation::extract(&headers).trace_state().unwrap().as_str(), "a=1,b=2");
    headers.append("tracestate", http::HeaderValue::from_bytes(b"\xff").unwrap());
    let context = propagation::extract(&headers);
    assert!(context.is_remote() && context.trace_state().is_none());
    headers.append("traceparent", headers["traceparent"].clone());
    assert_eq!(propagation::extract(&headers).trace_id(), None);
}

#[test]
fn a_command_gets_the_context_and_loses_a_stale_one() {
    let mut command = Command::new("program");
    command.env("TRACESTATE", "stale=1").env("BAGGAGE", "stale=1");
    let span = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    span.run(|| propagation::command(&mut command).arg("x"));
    let of = |name: &str| {
        let found = command.get_envs().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.map(|value| value.to_str().unwrap().to_owned()))
    };
    let (trace, span) = (span.trace_id().unwrap(), span.span_id().unwrap());
    assert_eq!(of("TRACEPARENT"), Some(Some(format!("00-{trace}-{span}-03"))));
    // Set to nothing: not inherited from this process either.
    assert_eq!((of("TRACESTATE"), of("BAGGAGE")), (Some(None), Some(None)));
}

/// Says to this program what it is started for.
const PART: &str = "CARRIERS_PART";
/// The propagators it sets when it has asked already.
const LATE: &str = "CARRIERS_LATE";

#[test]
fn an_environment_is_read_and_what_is_no_text_in_it_is_ignored() {
    let run = |variables: &[(&str, &[u8])]| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "the_started_process", "--nocapture"]).env(PART, "1");
        for name in ["TRACEPARENT", "TRACESTATE", "BAGGAGE", "B3"] {
            child.env_remove(name);
        }
        for (name, value) in variables {
            #[cfg(unix)]
            child.env(name, <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(value));
            #[cfg(not(unix))]
            child.env(name, String::from_utf8_lossy(value).into_owned());
        }
        let output = child.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        said.split_once("said:").unwrap().1.lines().next().unwrap().to_owned()
    };
    let parent = format!("00-{:032x}-{:016x}-01", 7, 9);
    let parent = parent.as_bytes();
    assert_eq!(run(&[]), " None None 0");
    assert_eq!(run(&[("TRACEPARENT", b"")]), " None None 0");
    let trace = format!(" Some(\"{:032x}\")", 7);
    let variables = [("TRACEPARENT", parent), ("BAGGAGE", b"job_id=j,tenant=a")];
    assert_eq!(run(&variables), format!("{trace} Some(\"j\") 1"));
    let variables = [("TRACEPARENT", parent), ("BAGGAGE", b"\xff\xfe"), ("TRACESTATE", b"\x80=1")];
    assert_eq!(run(&variables), format!("{trace} None 0"));
    assert_eq!(run(&[("TRACEPARENT", b"\xff\xff")]), " None None 0");
    // What was read before the propagators were known is read again.
    let b3 = format!("{:032x}-{:016x}-1", 8, 9);
    let variables = [("TRACEPARENT", parent), ("B3", b3.as_bytes()), (LATE, b"b3")];
    assert_eq!(run(&variables), format!(" Some(\"{:032x}\") None 0", 8));
}

/// Not a test of its own: what the one above starts.
#[test]
fn the_started_process() {
    if std::env::var_os(PART).is_none() {
        return;
    }
    let mut context = Context::from_env();
    if let Ok(propagators) = std::env::var(LATE) {
        propagation::set_propagators(Propagators::parse(&propagators).unwrap());
        context = Context::from_env();
    }
    let trace = context.trace_id().map(|trace| trace.to_string());
    println!("said: {trace:?} {:?} {}", context.job_id(), context.baggage().len());
}
