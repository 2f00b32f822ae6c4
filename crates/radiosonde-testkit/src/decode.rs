//! From the messages of OTLP to plain data.

use crate::Signal;
use crate::received::{
    Attributes, Exemplar, Link, Log, Measured, MetricKind, Origin, Point, Received, Span,
    SpanEvent, Total, Value,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use prost::{DecodeError, Message as _};
use std::sync::Arc;

/// Reads one request of this signal.
pub(crate) fn decode(signal: Signal, bytes: &[u8]) -> Result<Received, DecodeError> {
    let mut received = Received::default();
    match signal {
        Signal::Logs => {
            for group in ExportLogsServiceRequest::decode(bytes)?.resource_logs {
                for scope in group.scope_logs {
                    let resource = (group.resource.as_ref(), group.schema_url.as_str());
                    let origin = origin(resource, scope.scope, scope.schema_url);
                    let logs = scope.log_records.into_iter().map(|record| log(&origin, record));
                    received.logs.extend(logs);
                }
            }
        }
        Signal::Metrics => {
            for group in ExportMetricsServiceRequest::decode(bytes)?.resource_metrics {
                for scope in group.scope_metrics {
                    let resource = (group.resource.as_ref(), group.schema_url.as_str());
                    let origin = origin(resource, scope.scope, scope.schema_url);
                    scope.metrics.into_iter().for_each(|metric| {
                        points(&origin, metric, &mut received.points);
                    });
                }
            }
        }
        Signal::Traces => {
            for group in ExportTraceServiceRequest::decode(bytes)?.resource_spans {
                for scope in group.scope_spans {
                    let resource = (group.resource.as_ref(), group.schema_url.as_str());
                    let origin = origin(resource, scope.scope, scope.schema_url);
                    received
                        .spans
                        .extend(scope.spans.into_iter().map(|found| span(&origin, found)));
                }
            }
        }
    }
    Ok(received)
}

fn origin(
    (resource, schema): (Option<&Resource>, &str),
    scope: Option<InstrumentationScope>,
    scope_schema: String,
) -> Arc<Origin> {
    let scope = scope.unwrap_or_default();
    Arc::new(Origin {
        resource: attributes(resource.map(|found| found.attributes.clone()).unwrap_or_default()),
        resource_schema: schema.to_owned(),
        scope: scope.name,
        scope_version: scope.version,
        scope_attributes: attributes(scope.attributes),
        scope_schema,
    })
}

fn log(origin: &Arc<Origin>, record: LogRecord) -> Log {
    Log {
        origin: origin.clone(),
        time_ns: record.time_unix_nano,
        observed_ns: record.observed_time_unix_nano,
        severity: record.severity_number,
        severity_text: record.severity_text,
        body: value(record.body),
        event_name: record.event_name,
        attributes: attributes(record.attributes),
        attributes_dropped: record.dropped_attributes_count,
        trace_id: hex(&record.trace_id),
        span_id: hex(&record.span_id),
        flags: record.flags,
    }
}

fn span(origin: &Arc<Origin>, span: trace::Span) -> Span {
    let event = |event: trace::span::Event| SpanEvent {
        time_ns: event.time_unix_nano,
        name: event.name,
        attributes: attributes(event.attributes),
        attributes_dropped: event.dropped_attributes_count,
    };
    let link = |link: trace::span::Link| Link {
        trace_id: hex(&link.trace_id),
        span_id: hex(&link.span_id),
        trace_state: link.trace_state,
        attributes: attributes(link.attributes),
        attributes_dropped: link.dropped_attributes_count,
        flags: link.flags,
    };
    let status = span.status.unwrap_or_default();
    Span {
        origin: origin.clone(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        trace_state: span.trace_state,
        flags: span.flags,
        name: span.name,
        kind: span.kind,
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        attributes: attributes(span.attributes),
        attributes_dropped: span.dropped_attributes_count,
        events: span.events.into_iter().map(event).collect(),
        events_dropped: span.dropped_events_count,
        links: span.links.into_iter().map(link).collect(),
        links_dropped: span.dropped_links_count,
        status: status.code,
        status_message: status.message,
    }
}

fn points(origin: &Arc<Origin>, metric: metrics::Metric, out: &mut Vec<Point>) {
    let of_metric = Point {
        origin: origin.clone(),
        name: metric.name,
        description: metric.description,
        unit: metric.unit,
        ..Point::default()
    };
    let of_kind = |kind, temporality| Point { kind, temporality, ..of_metric.clone() };
    match metric.data {
        None => {}
        Some(metrics::metric::Data::Gauge(gauge)) => {
            let head = of_kind(MetricKind::Gauge, 0);
            out.extend(gauge.data_points.into_iter().map(|point| number(&head, point)));
        }
        Some(metrics::metric::Data::Sum(sum)) => {
            let kind = if sum.is_monotonic { MetricKind::MonotonicSum } else { MetricKind::Sum };
            let head = of_kind(kind, sum.aggregation_temporality);
            out.extend(sum.data_points.into_iter().map(|point| number(&head, point)));
        }
        Some(metrics::metric::Data::Histogram(found)) => {
            let head = of_kind(MetricKind::Histogram, found.aggregation_temporality);
            out.extend(found.data_points.into_iter().map(|point| histogram(&head, point)));
        }
        Some(metrics::metric::Data::ExponentialHistogram(found)) => {
            let head = of_kind(MetricKind::ExponentialHistogram, found.aggregation_temporality);
            out.extend(found.data_points.into_iter().map(|point| exponential(&head, point)));
        }
        Some(metrics::metric::Data::Summary(found)) => {
            let head = of_kind(MetricKind::Summary, 0);
            out.extend(found.data_points.into_iter().map(|point| summary(&head, point)));
        }
    }
}

fn number(head: &Point, point: metrics::NumberDataPoint) -> Point {
    let value = match point.value {
        None => Measured::Nothing,
        Some(metrics::number_data_point::Value::AsDouble(value)) => Measured::Double(value),
        Some(metrics::number_data_point::Value::AsInt(value)) => Measured::Int(value),
    };
    Point {
        attributes: attributes(point.attributes),
        start_ns: point.start_time_unix_nano,
        time_ns: point.time_unix_nano,
        value,
        exemplars: exemplars(point.exemplars),
        flags: point.flags,
        ..head.clone()
    }
}

fn histogram(head: &Point, point: metrics::HistogramDataPoint) -> Point {
    let total = Total { count: point.count, sum: point.sum, min: point.min, max: point.max };
    Point {
        attributes: attributes(point.attributes),
        start_ns: point.start_time_unix_nano,
        time_ns: point.time_unix_nano,
        value: Measured::Histogram {
            total,
            bounds: point.explicit_bounds,
            buckets: point.bucket_counts,
        },
        exemplars: exemplars(point.exemplars),
        flags: point.flags,
        ..head.clone()
    }
}

fn exponential(head: &Point, point: metrics::ExponentialHistogramDataPoint) -> Point {
    let total = Total { count: point.count, sum: point.sum, min: point.min, max: point.max };
    let buckets = |found: Option<metrics::exponential_histogram_data_point::Buckets>| {
        let found = found.unwrap_or_default();
        (found.offset, found.bucket_counts)
    };
    Point {
        attributes: attributes(point.attributes),
        start_ns: point.start_time_unix_nano,
        time_ns: point.time_unix_nano,
        value: Measured::Exponential {
            total,
            scale: point.scale,
            zero_count: point.zero_count,
            zero_threshold: point.zero_threshold,
            positive: buckets(point.positive),
            negative: buckets(point.negative),
        },
        exemplars: exemplars(point.exemplars),
        flags: point.flags,
        ..head.clone()
    }
}

fn summary(head: &Point, point: metrics::SummaryDataPoint) -> Point {
    let total = Total { count: point.count, sum: Some(point.sum), ..Total::default() };
    let quantiles = point.quantile_values.iter().map(|found| (found.quantile, found.value));
    Point {
        attributes: attributes(point.attributes),
        start_ns: point.start_time_unix_nano,
        time_ns: point.time_unix_nano,
        value: Measured::Summary { total, quantiles: quantiles.collect() },
        flags: point.flags,
        ..head.clone()
    }
}

fn exemplars(found: Vec<metrics::Exemplar>) -> Vec<Exemplar> {
    let exemplar = |found: metrics::Exemplar| Exemplar {
        time_ns: found.time_unix_nano,
        trace_id: hex(&found.trace_id),
        span_id: hex(&found.span_id),
        attributes: attributes(found.filtered_attributes),
        value: match found.value {
            None => Measured::Nothing,
            Some(metrics::exemplar::Value::AsDouble(value)) => Measured::Double(value),
            Some(metrics::exemplar::Value::AsInt(value)) => Measured::Int(value),
        },
    };
    found.into_iter().map(exemplar).collect()
}

fn attributes(found: Vec<KeyValue>) -> Attributes {
    Attributes(found.into_iter().map(|found| (found.key, value(found.value))).collect())
}

/// The depth is bounded by the decoder of protobuf, at 100.
fn value(found: Option<AnyValue>) -> Value {
    match found.and_then(|found| found.value) {
        // An index into a table of strings is of profiles alone.
        None | Some(any_value::Value::StringValueStrindex(_)) => Value::Empty,
        Some(any_value::Value::StringValue(text)) => Value::Text(text),
        Some(any_value::Value::BoolValue(found)) => Value::Bool(found),
        Some(any_value::Value::IntValue(number)) => Value::Int(number),
        Some(any_value::Value::DoubleValue(number)) => Value::Double(number),
        Some(any_value::Value::BytesValue(bytes)) => Value::Bytes(bytes),
        Some(any_value::Value::ArrayValue(array)) => {
            Value::Array(array.values.into_iter().map(|found| value(Some(found))).collect())
        }
        Some(any_value::Value::KvlistValue(list)) => Value::Map(attributes(list.values)),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
