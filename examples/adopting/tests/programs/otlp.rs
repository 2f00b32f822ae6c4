//! The programs of the guide for OpenTelemetry: where their trace goes, and in which shape.

use std::collections::BTreeMap;

use radiosonde_testkit::{Received, Receiver, Signal, Span};
use serde_json::Value;

use crate::common::{Left, run};
use crate::text;

/// That of the caller.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const FILES: (&str, &str) = ("RADIOSONDE_FILES", "events,spans,metrics");

/// The trace of the shop, wherever it is seen.
fn shape() -> BTreeMap<String, Node> {
    let node = |parent: &str, kind: &str, number: Option<&str>| Node {
        trace: TRACE.to_owned(),
        parent: parent.to_owned(),
        kind: kind.to_owned(),
        number: number.map(str::to_owned),
    };
    BTreeMap::from([
        ("order".to_owned(), node("00f067aa0ba902b7", "server", None)),
        ("pay".to_owned(), node("order", "internal", Some("17"))),
        ("transfer".to_owned(), node("pay", "client", Some("1250"))),
    ])
}

/// What a program leaves that sends to a receiver, and what that has then.
fn run_with(receiver: &Receiver, program: &str, variables: &[(&str, &str)]) -> (Left, Received) {
    let endpoint = receiver.http_endpoint();
    let mut all =
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("NO_PROXY", "127.0.0.1")];
    all.extend(variables);
    let left = run(program, &all);
    (left, receiver.received())
}

#[test]
fn a_trace_has_the_same_shape_at_the_collector_and_on_disk() {
    let (before, after) = (env!("CARGO_BIN_EXE_otlp_before"), env!("CARGO_BIN_EXE_otlp_after"));
    let (kept, handed) = (env!("CARGO_BIN_EXE_otlp_kept"), env!("CARGO_BIN_EXE_otlp_handed"));
    let sdk_sends = ("OTEL_TRACES_EXPORTER", "none");
    for (program, variables, is_kept) in [
        (before, &[][..], false),
        (kept, &[sdk_sends], true),
        (handed, &[], false),
        (handed, &[FILES], true),
        (after, &[], false),
        (after, &[FILES], true),
    ] {
        let receiver = Receiver::start().unwrap();
        let (left, received) = run_with(&receiver, program, variables);
        assert_eq!(shape_of(received.spans.iter().map(sent_span)), shape(), "{program}");
        let on_disk = if is_kept { shape() } else { BTreeMap::new() };
        assert_eq!(shape_of(left.spans.iter().map(kept_span)), on_disk, "{program}");
        if is_kept {
            let ids = |spans: Vec<Seen>| spans.into_iter().map(|s| (s.name, s.id)).collect();
            let sent: BTreeMap<_, _> = ids(received.spans.iter().map(sent_span).collect());
            assert_eq!(ids(left.spans.iter().map(kept_span).collect()), sent, "the same spans");
        }
        // By whom: our requests say which batch they are.
        let of_spans = receiver.requests();
        let of_spans = of_spans.iter().filter(|request| request.signal == Some(Signal::Traces));
        let is_ours: Vec<_> = of_spans.map(|r| r.header("x-radiosonde-batch").is_some()).collect();
        assert_eq!(is_ours, [program == handed || program == after], "{program}");
        assert!(problems_of_otlp(&left).is_empty(), "{program}: {:?}", left.events);
        // Lines inside of spans are ours with the bridge alone, and so are the types of fields.
        let paid = left.events.iter().find(|line| line["msg"] == "paid");
        assert_eq!(paid.is_some(), program == after, "{program}: {:?}", left.events);
        if let Some(paid) = paid {
            let pay = received.spans.iter().find(|span| span.name == "pay").unwrap();
            assert_eq!(paid["span_id"], *pay.span_id);
            assert_eq!(pay.attributes.int("order"), Some(17));
            let logs: Vec<_> =
                received.logs.iter().filter(|log| log.span_id == pay.span_id).collect();
            assert_eq!(logs.len(), 1, "{logs:?}");
        }
    }
}

#[test]
fn spans_that_the_exporter_and_we_send_are_there_twice_and_that_is_a_problem_with_a_fix() {
    let receiver = Receiver::start().unwrap();
    let (left, received) = run_with(&receiver, env!("CARGO_BIN_EXE_otlp_kept"), &[]);
    assert_eq!(received.spans.len(), 2 * shape().len());
    let problems = problems_of_otlp(&left);
    let [problem] = problems[..] else { panic!("{:?}", left.events) };
    assert!(text(problem, "msg").contains("sent twice"), "{problem}");
    assert!(problem.to_string().contains("SdkClient::new()"), "{problem}");
}

#[test]
fn a_collector_that_is_down_costs_the_exporter_all_and_us_nothing() {
    use radiosonde_testkit::{Fault, Script};

    for (program, arrives) in [
        (env!("CARGO_BIN_EXE_otlp_before"), false),
        (env!("CARGO_BIN_EXE_otlp_handed"), true),
        (env!("CARGO_BIN_EXE_otlp_after"), true),
    ] {
        let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().to_str().unwrap();
        let place = ("RADIOSONDE_DIR", directory);
        let (_, received) = run_with(&receiver, program, &[place]);
        assert!(received.is_empty(), "{program}");
        receiver.next_step();
        // Whoever starts next in the directory brings what is there along.
        let (_, received) = run_with(&receiver, program, &[place]);
        assert_eq!(received.spans.len(), shape().len() * (1 + usize::from(arrives)), "{program}");
    }
}

#[test]
fn switched_off_the_bridge_leaves_spans_of_tracing_in_a_trace_of_their_own() {
    let off = ("RADIOSONDE_OTEL_BRIDGE", "off");
    let left = run(env!("CARGO_BIN_EXE_otlp_after"), &[off]);
    let mut shape = shape_of(left.spans.iter().map(kept_span));
    let (order, pay) = (shape.remove("order").unwrap(), shape.remove("pay").unwrap());
    assert_eq!((&*order.parent, &*pay.parent, &order.trace), ("", "order", &pay.trace));
    assert!(shape.is_empty(), "nobody is behind the API: {shape:?}");
    let lost = left.events.iter().find(|line| line["msg"] == "a trace of its own");
    assert_eq!(lost.unwrap()["level"], "warning", "the program is told: {:?}", left.events);
    let counted = left.metrics.iter().find(|line| {
        let notice = &line["meta"]["labels"]["notice"];
        line["meta"]["name"] == "radiosonde_span_notices_total" && notice == "unanswered"
    });
    assert_eq!(counted.unwrap()["meta"]["value"], 1, "and so are we: {counted:?}");
}

/// What the log names that is about sending; where a program runs is not looked at here.
fn problems_of_otlp(left: &Left) -> Vec<&Value> {
    let is_one = |line: &&Value| {
        let words = ["OTLP", "sent twice"];
        line["evt"] == "telemetry.problem"
            && words.iter().any(|word| text(line, "msg").contains(word))
    };
    left.events.iter().filter(is_one).collect()
}

/// A span, wherever it was seen.
struct Seen {
    name: String,
    id: String,
    parent: String,
    node: Node,
}

/// What a span is in its trace.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    trace: String,
    /// The name of its parent, or the id of one that is elsewhere.
    parent: String,
    kind: String,
    /// Its attribute `order` or `cents`, as text: that is how tracing-opentelemetry sends `u32`.
    number: Option<String>,
}

fn shape_of(spans: impl Iterator<Item = Seen>) -> BTreeMap<String, Node> {
    let spans: Vec<Seen> = spans.collect();
    let names: BTreeMap<_, _> = spans.iter().map(|s| (s.id.clone(), s.name.clone())).collect();
    assert_eq!(names.len(), spans.len(), "each span once");
    let place = |span: Seen| {
        let parent = names.get(&span.parent).cloned().unwrap_or(span.parent);
        (span.name, Node { parent, ..span.node })
    };
    spans.into_iter().map(place).collect()
}

fn sent_span(span: &Span) -> Seen {
    const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];
    let number = |key: &str| {
        let attributes = &span.attributes;
        let number = attributes.int(key).map(|number| number.to_string());
        number.or_else(|| attributes.text(key).map(str::to_owned))
    };
    let node = Node {
        trace: span.trace_id.clone(),
        parent: String::new(),
        kind: KINDS[span.kind as usize].to_owned(),
        number: number("order").or_else(|| number("cents")),
    };
    Seen { name: span.name.clone(), id: span.span_id.clone(), parent: span.parent_id.clone(), node }
}

fn kept_span(line: &Value) -> Seen {
    let meta = &line["meta"];
    let attributes = &meta["attributes"];
    let number = attributes.get("order").or_else(|| attributes.get("cents"));
    let number = number.map(|number| number.to_string().trim_matches('"').to_owned());
    let kind = text(meta, "kind").to_owned();
    let node =
        Node { trace: text(line, "trace_id").to_owned(), parent: String::new(), kind, number };
    let parent = text(meta, "parent_span_id").to_owned();
    Seen { name: text(meta, "name").to_owned(), id: text(line, "span_id").to_owned(), parent, node }
}
