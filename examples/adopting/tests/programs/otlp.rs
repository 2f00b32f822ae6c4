//! The programs of the guide for OpenTelemetry: where their trace goes, and in which shape.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;

use crate::collector::Collector;
use crate::common::run;
use crate::text;

#[test]
fn a_trace_has_the_same_shape_at_the_collector_and_on_disk() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736"; // that of the caller
    let node = |parent: &str, kind: &str, number: Option<&str>| Node {
        trace: TRACE.to_owned(),
        parent: parent.to_owned(),
        kind: kind.to_owned(),
        number: number.map(str::to_owned),
    };
    let shape = BTreeMap::from([
        ("order".to_owned(), node("00f067aa0ba902b7", "server", None)),
        ("pay".to_owned(), node("order", "internal", Some("17"))),
        ("transfer".to_owned(), node("pay", "client", Some("1250"))),
    ]);
    // What has the trace: the collector, and our files.
    for (program, is_sent, is_kept) in [
        (env!("CARGO_BIN_EXE_otlp_before"), true, false),
        (env!("CARGO_BIN_EXE_otlp_kept"), true, true),
        (env!("CARGO_BIN_EXE_otlp_after"), false, true),
    ] {
        let collector = Collector::start();
        let left = run(program, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)]);
        let sent = collector.spans();
        let expected = |has: bool| if has { shape.clone() } else { BTreeMap::new() };
        assert_eq!(shape_of(sent.iter().map(sent_span)), expected(is_sent), "{program}");
        assert_eq!(shape_of(left.spans.iter().map(kept_span)), expected(is_kept), "{program}");
        assert_eq!(collector.connections() > 0, is_sent, "{program}");
        if is_sent && is_kept {
            let ids = |spans: Vec<Seen>| spans.into_iter().map(|s| (s.name, s.id)).collect();
            let sent: BTreeMap<_, _> = ids(sent.iter().map(sent_span).collect());
            assert_eq!(ids(left.spans.iter().map(kept_span).collect()), sent, "the same spans");
        }
        // `init!` has no sender for what the variable names.
        let problems = left.events.iter().filter(|line| line["evt"] == "telemetry.problem");
        let named =
            problems.filter(|line| text(line, "msg").contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
        assert_eq!(named.count(), usize::from(is_kept), "{program}: {:?}", left.events);
        // Lines inside of spans are ours with the bridge alone, and so are the types of fields.
        let paid = left.events.iter().find(|line| line["msg"] == "paid");
        assert_eq!(paid.is_some(), !is_sent, "{program}: {:?}", left.events);
        if let Some(paid) = paid {
            let pay = left.spans.iter().find(|line| line["msg"] == "pay").unwrap();
            assert_eq!(paid["span_id"], pay["span_id"]);
            assert_eq!(pay["meta"]["attributes"]["order"], 17);
        }
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
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let number = |key: &str| {
        let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
        match attribute.value.as_ref()?.value.as_ref()? {
            AnyValue::IntValue(number) => Some(number.to_string()),
            AnyValue::StringValue(text) => Some(text.clone()),
            _ => None,
        }
    };
    let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_lowercase();
    let number = number("order").or_else(|| number("cents"));
    let parent = hex(&span.parent_span_id);
    let node = Node { trace: hex(&span.trace_id), parent: String::new(), kind, number };
    Seen { name: span.name.clone(), id: hex(&span.span_id), parent, node }
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
