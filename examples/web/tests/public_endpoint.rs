//! A public endpoint, as its lines tell it: a trace of its own, with a link to its caller's span.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use radiosonde::http::{grpc, server};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The call of somebody who is in a trace and a job.
fn call(path: &str) -> Request<Empty<Bytes>> {
    let request = Request::post(path).header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    let request = request.header("content-type", "application/grpc");
    request.header("baggage", "job_id=job-7").body(Empty::new()).unwrap()
}

async fn answer(_: Request<Empty<Bytes>>) -> Result<Response<Empty<Bytes>>, Infallible> {
    Ok(Response::builder().header("grpc-status", "0").body(Empty::new()).unwrap())
}

/// The spans on disk, by the path or the method that was asked for.
fn spans(directory: &Path) -> BTreeMap<String, Value> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.to_string_lossy().ends_with(".jsonl"));
    let text: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter_map(|line| {
            let attributes = &line["meta"]["attributes"];
            let asked = attributes["url.path"].as_str().or(attributes["rpc.method"].as_str());
            Some((asked?.to_owned(), line))
        })
        .collect()
}

// One test: there is one telemetry in a process.
#[tokio::test]
async fn the_line_of_a_public_endpoint_has_a_link_to_its_caller() {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = radiosonde::init!(
        service = "public",
        dir = directory.path(),
        profile = radiosonde::Profile::Cli
    );
    let http = server::ServerLayer::new();
    let service = http.clone().public_endpoint().layer(service_fn(answer));
    service.oneshot(call("/public")).await.unwrap();
    http.layer(service_fn(answer)).oneshot(call("/trusted")).await.unwrap();
    let grpc = grpc::ServerLayer::new();
    let service = grpc.clone().public_endpoint().layer(service_fn(answer));
    service.oneshot(call("/shop.Public/Buy")).await.unwrap();
    grpc.layer(service_fn(answer)).oneshot(call("/shop.Trusted/Buy")).await.unwrap();
    let report = telemetry.shutdown(PATIENCE);
    assert_eq!((report.spans.pending, report.spans.dropped), (0, 0), "{report}");

    let spans = spans(directory.path());
    for public in ["/public", "shop.Public/Buy"] {
        let line = &spans[public];
        assert_eq!(line["meta"]["links"], json!([{"trace_id": TRACE, "span_id": SPAN}]), "{line}");
        assert_ne!(line["trace_id"], TRACE, "{line}");
        assert_eq!(line["meta"]["parent_span_id"], Value::Null, "{line}");
        assert_eq!(line["job_id"], Value::Null, "no baggage: {line}");
    }
    for trusted in ["/trusted", "shop.Trusted/Buy"] {
        let line = &spans[trusted];
        assert_eq!(line["meta"]["links"], Value::Null, "{line}");
        assert_eq!(line["trace_id"], TRACE, "{line}");
        assert_eq!(line["meta"]["parent_span_id"], SPAN, "{line}");
        assert_eq!(line["job_id"], "job-7", "{line}");
    }
}
