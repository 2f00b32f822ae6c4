//! A gRPC server on the packages of PyPI gets what the receiver gets: two decoders nobody here wrote
//! agree about each field.

use crate::common::{TIME, UNICODE, WITHIN, logs, metrics, traces};
use crate::parts::{Process, part};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// The server, and what it prints.
pub(crate) struct Collector {
    process: Process,
    pub(crate) endpoint: String,
    lines: Receiver<Value>,
}

impl Collector {
    pub(crate) fn start() -> Option<Collector> {
        let folder = part("opentelemetry-proto")?;
        let mut command = Command::new("python3");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside/collector.py");
        command.arg(script).env("PYTHONPATH", folder).stdout(Stdio::piped());
        let mut process = Process::start(command);
        let output = process.0.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        // It ends with the process.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).expect("a line of JSON");
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        let port = lines.recv_timeout(WITHIN).expect("a port");
        Some(Collector { process, endpoint: format!("http://127.0.0.1:{port}"), lines })
    }

    /// All requests so far; the server is ended.
    pub(crate) fn all(mut self) -> Vec<Value> {
        self.process.0.kill().expect("it is running");
        // Until its output is at its end.
        self.lines.iter().collect()
    }

    /// The next request, which is of this signal.
    fn next(&self, signal: &str) -> Value {
        let mut line = self.lines.recv_timeout(WITHIN).expect("a request");
        assert_eq!(line["signal"], signal, "{line}");
        line["message"].take()
    }
}

/// What the attributes are in protobuf's JSON.
fn kinds() -> Value {
    let values = |values: Value| json!({"arrayValue": {"values": values}});
    let inner = json!([
        {"key": "inner", "value": {"stringValue": "värde"}},
        {"key": "depth", "value": {"intValue": "2"}},
    ]);
    json!([
        {"key": "text", "value": {"stringValue": UNICODE}},
        {"key": "empty", "value": {"stringValue": ""}},
        {"key": "yes", "value": {"boolValue": true}},
        {"key": "least", "value": {"intValue": i64::MIN.to_string()}},
        {"key": "most", "value": {"intValue": i64::MAX.to_string()}},
        {"key": "half", "value": {"doubleValue": 0.5}},
        {"key": "bytes", "value": {"bytesValue": "AAH+/w=="}},
        {"key": "texts", "value": values(json!([{"stringValue": "a"}, {"stringValue": "ß"}]))},
        {"key": "numbers", "value": values(json!([{"intValue": "1"}, {"intValue": "-2"}]))},
        {"key": "mixed", "value": values(json!([{"boolValue": false}, {"doubleValue": 1e300}]))},
        {"key": "map", "value": {"kvlistValue": {"values": inner}}},
    ])
}

#[test]
fn everything_arrives_field_by_field() {
    let Some(collector) = Collector::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let endpoint = tonic::transport::Endpoint::new(collector.endpoint.clone());
        let channel = endpoint.expect("an endpoint").connect().await.expect("a channel");
        LogsServiceClient::new(channel.clone()).export(logs()).await.expect("success");
        TraceServiceClient::new(channel.clone()).export(traces()).await.expect("success");
        MetricsServiceClient::new(channel).export(metrics()).await.expect("success");
    });
    let log = collector.next("logs");
    let group = &log["resourceLogs"][0];
    assert_eq!(group["resource"]["attributes"][0]["value"]["stringValue"], "kasse-ß");
    let log = &group["scopeLogs"][0]["logRecords"][0];
    assert_eq!(log["attributes"], kinds());
    assert_eq!(log["body"]["stringValue"], UNICODE);
    assert_eq!(log["timeUnixNano"], TIME.to_string());
    assert_eq!(
        (&log["severityNumber"], &log["severityText"]),
        (&json!("SEVERITY_NUMBER_ERROR"), &json!("ERROR"))
    );
    assert_eq!(log["eventName"], "order.placed");
    assert_eq!(log["traceId"], "q6urq6urq6urq6urq6urqw==");
    assert_eq!(log["spanId"], "zc3Nzc3Nzc0=");

    let span = collector.next("traces");
    let span = &span["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!((&span["name"], &span["kind"]), (&json!(UNICODE), &json!("SPAN_KIND_SERVER")));
    assert_eq!(span["attributes"], kinds());
    assert_eq!(span["events"][0]["attributes"], kinds());
    assert_eq!(span["events"][0]["name"], "exception");
    assert_eq!(span["links"][0]["attributes"], kinds());
    assert_eq!(span["links"][0]["traceState"], "vendor=c");
    assert_eq!(span["status"], json!({"message": "kaputt ☠", "code": "STATUS_CODE_ERROR"}));
    assert_eq!(span["droppedLinksCount"], 5);

    let metrics = collector.next("metrics");
    let metrics = metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array();
    let metrics = metrics.expect("metrics");
    assert_eq!(metrics.len(), 5);
    let orders = &metrics[0]["sum"];
    assert_eq!(orders["isMonotonic"], true);
    assert_eq!(orders["dataPoints"][0]["asInt"], "7");
    let exemplar = &orders["dataPoints"][0]["exemplars"][0];
    assert_eq!((&exemplar["asInt"], &exemplar["spanId"]), (&json!("-4"), &json!("zc3Nzc3Nzc0=")));
    assert_eq!(exemplar["filteredAttributes"][0]["value"]["stringValue"], "ü");
    let point = &metrics[3]["histogram"]["dataPoints"][0];
    assert_eq!(point["bucketCounts"], json!(["1", "2", "3"]));
    assert_eq!(point["explicitBounds"], json!([0.5, 5.0]));
    let point = &metrics[4]["exponentialHistogram"]["dataPoints"][0];
    assert_eq!((&point["scale"], &point["zeroCount"]), (&json!(3), &json!("1")));
    assert_eq!(point["positive"], json!({"offset": -2, "bucketCounts": ["4", "0", "1"]}));
}
