//! Metric points.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality,
};
use radiosonde_otel_bridge::sdk::SdkClient;
use serde_json::{Value as Json, json};

use super::{lines_of, resource, telemetry, with};

fn provider(service: &'static str, temporality: Temporality) -> SdkMeterProvider {
    let _running = telemetry();
    let builder = MetricExporter::builder().with_http().with_temporality(temporality);
    let exporter = with(builder, SdkClient::new()).build().unwrap();
    // Only when it is told to.
    let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_secs(3_600));
    let exponential = |instrument: &Instrument| {
        let aggregation = Aggregation::Base2ExponentialHistogram {
            max_size: 160,
            max_scale: 0,
            record_min_max: true,
        };
        let is_one = instrument.name().starts_with("exponential");
        is_one.then(|| Stream::builder().with_aggregation(aggregation).build().unwrap())
    };
    let builder = SdkMeterProvider::builder().with_resource(resource(service));
    builder.with_reader(reader.build()).with_view(exponential).build()
}

fn metas(scope: &str) -> Vec<Json> {
    let is_of = |line: &Json| line["meta"]["labels"]["otel.scope.name"] == scope;
    let lines = lines_of("metrics", is_of);
    assert!(lines.iter().all(|line| line["evt"] == "metric" && line["source"] == "opentelemetry"));
    lines.into_iter().map(|line| line["meta"].clone()).collect()
}

#[test]
fn every_instrument_stands_as_snapshots_do() {
    let metrics = provider("shop", Temporality::Cumulative);
    let meter = metrics.meter("metrics.all");
    let labels = [KeyValue::new("route", "/größe"), KeyValue::new("code", 200)];
    let requests = meter.u64_counter("http.requests").with_unit("{request}").build();
    requests.add(2, &labels);
    meter.f64_up_down_counter("queue.seconds").build().add(-1.5, &[]);
    meter.i64_gauge("temperature").with_unit("Cel").build().record(-7, &[]);
    let latency = meter.f64_histogram("latency").with_boundaries(vec![0.5, 25.0]).build();
    let sizes = meter.u64_histogram("exponential.size").build();
    for value in [0.25, 3.0, 1_000.0] {
        latency.record(value, &[]);
        sizes.record(value as u64, &[]);
    }
    metrics.force_flush().unwrap();
    requests.add(3, &labels);
    metrics.force_flush().unwrap();
    let metas = metas("metrics.all");
    let last = |name: &str| {
        let mut found = metas.iter().filter(|meta| meta["name"] == name).cloned();
        let mut meta = found.next_back().unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(found.count(), 1, "{name}: once for each export");
        let labels = meta["labels"].as_object_mut().unwrap();
        let _scope = labels.remove("otel.scope.name");
        meta
    };
    let expected = json!({
        "name": "http.requests", "type": "counter", "unit": "{request}", "kind": "snapshot",
        "labels": {"code": "200", "route": "/größe"}, "value": 5,
    });
    assert_eq!(last("http.requests"), expected);
    let expected = json!({
        "name": "queue.seconds", "type": "gauge", "kind": "snapshot", "labels": {}, "value": -1.5,
    });
    assert_eq!(last("queue.seconds"), expected);
    let expected = json!({
        "name": "temperature", "type": "gauge", "unit": "Cel", "kind": "snapshot", "labels": {},
        "value": -7,
    });
    assert_eq!(last("temperature"), expected);
    let expected = json!({
        "name": "latency", "type": "histogram", "kind": "snapshot", "labels": {}, "count": 3,
        "sum": 1003.25, "min": 0.25, "max": 1000.0, "buckets": [[0.5, 1], [25.0, 2], ["+Inf", 3]],
    });
    assert_eq!(last("latency"), expected);
    // 0 by itself, 3 in (2, 4], 1,000 in (512, 1024].
    let expected = json!({
        "name": "exponential.size", "type": "histogram", "kind": "snapshot", "labels": {},
        "count": 3, "sum": 1003.0, "min": 0.0, "max": 1000.0,
        "buckets": [[0.0, 1], [4.0, 2], [1024.0, 3], ["+Inf", 3]],
    });
    assert_eq!(last("exponential.size"), expected);
}

#[test]
fn changes_are_changes() {
    let metrics = provider("billing", Temporality::Delta);
    let counter = metrics.meter("metrics.delta").u64_counter("jobs").build();
    for by in [2, 3] {
        counter.add(by, &[]);
        metrics.force_flush().unwrap();
    }
    let metas = metas("metrics.delta");
    let told: Vec<_> =
        metas.iter().map(|meta| (&meta["type"], &meta["kind"], &meta["value"])).collect();
    let (counter, delta) = (json!("counter"), json!("delta"));
    assert_eq!(told, [(&counter, &delta, &json!(2)), (&counter, &delta, &json!(3))]);
    assert_eq!(metas[0]["labels"]["service.name"], "billing");
    // Each begins where the one before ended.
    let starts: Vec<_> = metas.iter().map(|meta| meta["otel.start_ns"].as_u64()).collect();
    assert!(starts[0] > Some(0) && starts[1] > starts[0], "{starts:?}");
}

#[test]
fn secrets_in_labels_are_hidden_by_key_and_by_value() {
    let metrics = provider("shop", Temporality::Cumulative);
    let labels = [
        KeyValue::new("password", "hunter2"),
        KeyValue::new("note", "Bearer zyxwvutsrqponmlkjihgfedcba98"),
        KeyValue::new("route", "/pay"),
    ];
    metrics.meter("metrics.secret").u64_counter("calls").build().add(1, &labels);
    metrics.force_flush().unwrap();
    let is_of = |line: &Json| line["meta"]["labels"]["otel.scope.name"] == "metrics.secret";
    let lines = lines_of("metrics", is_of);
    let text = serde_json::to_string(&lines).unwrap();
    assert_eq!(lines.len(), 1);
    assert!(!text.contains("hunter2") && !text.contains("zyxwvuts"), "{text}");
    assert_eq!(lines[0]["meta"]["labels"]["route"], "/pay");
    assert_eq!(lines[0]["meta"]["labels"]["password"], "[redacted]");
}
