//! What the server of Python printed, as our receiver has it: so that one check holds for both.

use radiosonde_testkit::{
    Attributes, Exemplar, Link, Log, Measured, MetricKind, Point, Received, Span, SpanEvent, Value,
};
use serde_json::Value as Json;

/// All records of these requests.
pub(crate) fn received(requests: &[Json]) -> Received {
    let mut received = Received::default();
    for request in requests {
        let message = &request["message"];
        match request["signal"].as_str() {
            Some("logs") => {
                each(message, ["resourceLogs", "scopeLogs", "logRecords"], &mut |found| {
                    received.logs.push(log(found));
                });
            }
            Some("traces") => {
                each(message, ["resourceSpans", "scopeSpans", "spans"], &mut |found| {
                    received.spans.push(span(found));
                });
            }
            _ => each(message, ["resourceMetrics", "scopeMetrics", "metrics"], &mut |found| {
                points(found, &mut received.points);
            }),
        }
    }
    received
}

fn each(message: &Json, path: [&str; 3], take: &mut impl FnMut(&Json)) {
    let groups = items(message, path[0]).flat_map(|group| items(group, path[1]));
    groups.flat_map(|group| items(group, path[2])).for_each(take);
}

/// What is empty is left out.
fn items<'a>(of: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    of[key].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn log(found: &Json) -> Log {
    let mut log = Log::default();
    log.body = value(&found["body"]);
    log.attributes = attributes(found, "attributes");
    log.event_name = text(&found["eventName"]);
    log.severity_text = text(&found["severityText"]);
    log.time_ns = whole(&found["timeUnixNano"]);
    log.trace_id = hexadecimal(&found["traceId"]);
    log.span_id = hexadecimal(&found["spanId"]);
    log
}

fn span(found: &Json) -> Span {
    let mut span = Span::default();
    span.name = text(&found["name"]);
    span.trace_id = hexadecimal(&found["traceId"]);
    span.span_id = hexadecimal(&found["spanId"]);
    span.trace_state = text(&found["traceState"]);
    span.attributes = attributes(found, "attributes");
    span.start_ns = whole(&found["startTimeUnixNano"]);
    span.end_ns = whole(&found["endTimeUnixNano"]);
    span.links = items(found, "links").map(link).collect();
    span.events = items(found, "events").map(event).collect();
    span
}

fn link(found: &Json) -> Link {
    let mut link = Link::default();
    link.trace_id = hexadecimal(&found["traceId"]);
    link.span_id = hexadecimal(&found["spanId"]);
    link.trace_state = text(&found["traceState"]);
    link.attributes = attributes(found, "attributes");
    link
}

fn event(found: &Json) -> SpanEvent {
    let mut event = SpanEvent::default();
    event.name = text(&found["name"]);
    event.time_ns = whole(&found["timeUnixNano"]);
    event.attributes = attributes(found, "attributes");
    event
}

fn points(metric: &Json, to: &mut Vec<Point>) {
    for (key, kind) in [
        ("exponentialHistogram", MetricKind::ExponentialHistogram),
        ("gauge", MetricKind::Gauge),
        ("histogram", MetricKind::Histogram),
        ("sum", MetricKind::MonotonicSum),
    ] {
        for found in items(&metric[key], "dataPoints") {
            let mut point = Point::default();
            point.name = text(&metric["name"]);
            point.kind = kind;
            point.temporality = match metric[key]["aggregationTemporality"].as_str() {
                Some("AGGREGATION_TEMPORALITY_DELTA") => 1,
                Some("AGGREGATION_TEMPORALITY_CUMULATIVE") => 2,
                _ => 0,
            };
            point.attributes = attributes(found, "attributes");
            point.start_ns = whole(&found["startTimeUnixNano"]);
            point.time_ns = whole(&found["timeUnixNano"]);
            point.value = measured(found, kind);
            point.exemplars = items(found, "exemplars").map(exemplar).collect();
            to.push(point);
        }
    }
}

fn measured(found: &Json, kind: MetricKind) -> Measured {
    let mut total = radiosonde_testkit::Total::default();
    total.count = whole(&found["count"]);
    total.sum = found.get("sum").map(double);
    let counts = |of: &Json| items(of, "bucketCounts").map(whole).collect::<Vec<u64>>();
    match kind {
        MetricKind::ExponentialHistogram => {
            let buckets =
                |of: &Json| (of["offset"].as_i64().unwrap_or_default() as i32, counts(of));
            Measured::Exponential {
                total,
                scale: found["scale"].as_i64().unwrap_or_default() as i32,
                zero_count: whole(&found["zeroCount"]),
                zero_threshold: 0.0,
                positive: buckets(&found["positive"]),
                negative: buckets(&found["negative"]),
            }
        }
        MetricKind::Histogram => {
            let bounds = items(found, "explicitBounds").map(double).collect();
            Measured::Histogram { total, bounds, buckets: counts(found) }
        }
        _ => number(found),
    }
}

fn number(found: &Json) -> Measured {
    match (found.get("asInt"), found.get("asDouble")) {
        (Some(number), _) => Measured::Int(signed(number)),
        (_, Some(number)) => Measured::Double(double(number)),
        _ => Measured::Nothing,
    }
}

fn exemplar(found: &Json) -> Exemplar {
    let mut exemplar = Exemplar::default();
    exemplar.time_ns = whole(&found["timeUnixNano"]);
    exemplar.trace_id = hexadecimal(&found["traceId"]);
    exemplar.span_id = hexadecimal(&found["spanId"]);
    exemplar.value = number(found);
    exemplar
}

fn attributes(of: &Json, key: &str) -> Attributes {
    Attributes(items(of, key).map(|found| (text(&found["key"]), value(&found["value"]))).collect())
}

fn value(found: &Json) -> Value {
    let Some((kind, inner)) = found.as_object().and_then(|object| object.iter().next()) else {
        return Value::Empty;
    };
    match kind.as_str() {
        "stringValue" => Value::Text(text(inner)),
        "boolValue" => Value::Bool(inner.as_bool().expect("true or false")),
        "intValue" => Value::Int(signed(inner)),
        "doubleValue" => Value::Double(double(inner)),
        "bytesValue" => Value::Bytes(bytes(inner)),
        "arrayValue" => Value::Array(items(inner, "values").map(value).collect()),
        "kvlistValue" => Value::Map(attributes(inner, "values")),
        other => panic!("no value: {other}"),
    }
}

fn text(found: &Json) -> String {
    found.as_str().unwrap_or_default().to_owned()
}

/// Numbers of 64 bits are texts.
fn whole(found: &Json) -> u64 {
    found.as_str().map_or(0, |text| text.parse().expect("a number"))
}

fn signed(found: &Json) -> i64 {
    found.as_str().expect("a text").parse().expect("a number")
}

fn double(found: &Json) -> f64 {
    match found.as_str() {
        None => found.as_f64().expect("a number"),
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        Some(other) => panic!("no number: {other}"),
    }
}

fn hexadecimal(found: &Json) -> String {
    bytes(found).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Of base64, as `json_format` writes bytes.
fn bytes(found: &Json) -> Vec<u8> {
    let digit = |digit: u8| match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("no digit: {other}"),
    };
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for found in text(found).trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(digit(found));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
