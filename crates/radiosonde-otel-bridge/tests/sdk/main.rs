//! Stock exporters of the OpenTelemetry SDK with our client: what they send stands in the day files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bodies;
mod forwarded;
mod killed;
mod logs;
mod metrics;
mod spans;

use std::path::Path;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{RetryPolicy, WithHttpConfig};
use opentelemetry_sdk::Resource;
use radiosonde_otel_bridge::sdk::SdkClient;
use radiosonde_runtime::{Config, Guard, Profile, Service};
use serde_json::Value as Json;

/// The telemetry of this test program: the SDK's own threads find no other.
fn telemetry() -> &'static Guard {
    static TELEMETRY: OnceLock<(Guard, tempfile::TempDir)> = OnceLock::new();
    &TELEMETRY
        .get_or_init(|| {
            let directory = tempfile::tempdir().unwrap();
            (start(directory.path()), directory)
        })
        .0
}

fn start(directory: &Path) -> Guard {
    let config = Config::new(Service::new("shop", "1.0.0")).filter("info");
    config.profile(Profile::Cli).dir(directory).init()
}

/// The lines of a signal that a source has written.
fn lines_of(signal: &str, is_wanted: impl Fn(&Json) -> bool) -> Vec<Json> {
    let report = telemetry().flush(Duration::from_secs(30));
    for books in [&report.events, &report.spans, &report.metrics] {
        let sum = books.delivered + books.rejected + books.dropped + books.pending;
        assert_eq!(books.offered, sum, "{report}");
    }
    let mut lines = lines(telemetry().directory().unwrap(), signal);
    lines.retain(is_wanted);
    lines
}

fn lines(directory: &Path, signal: &str) -> Vec<Json> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let begins = format!("{signal}-");
    let is_one = |path: &std::path::PathBuf| {
        path.file_name().unwrap().to_string_lossy().starts_with(&begins)
    };
    let mut lines = Vec::new();
    for path in entries.filter(is_one) {
        let text = std::fs::read_to_string(path).unwrap();
        lines.extend(text.lines().map(|line| {
            serde_json::from_str::<Json>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        }));
    }
    lines
}

/// An exporter's transport without retries.
fn with<B: WithHttpConfig>(builder: B, client: SdkClient) -> B {
    builder.with_http_client(client).with_retry_policy(RetryPolicy::disabled())
}

fn resource(service: &'static str) -> Resource {
    Resource::builder().with_service_name(service).build()
}

/// Sends a request whose answer needs no waiting.
fn send(client: &dyn HttpClient, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut sending = client.send_bytes(request);
    match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("recording waits for nobody"),
    }
}
