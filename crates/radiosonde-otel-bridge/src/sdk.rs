//! What stock OpenTelemetry SDK exporters send, as lines on disk: logs, metrics and spans of
//! pipelines that a team, or a library it uses, already has.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use opentelemetry_otlp::{LogExporter, RetryPolicy, WithHttpConfig as _};
//! use opentelemetry_sdk::logs::SdkLoggerProvider;
//! use radiosonde_otel_bridge::sdk::SdkClient;
//!
//! let exporter = LogExporter::builder()
//!     .with_http()
//!     .with_http_client(SdkClient::new())
//!     .with_retry_policy(RetryPolicy::disabled())
//!     .build()?;
//! let logs = SdkLoggerProvider::builder().with_simple_exporter(exporter).build();
//! # drop(logs);
//! # Ok(())
//! # }
//! ```
//!
//! A log record then stands in `events-*`, a span in `spans-*`, a metric point in `metrics-*`, each as
//! a native one would, redacted like them, and survives SIGKILL from the moment `export` returns. There
//! is no network and no collector. Where radiosonde sends over OTLP, it sends these as well;
//! [`SdkClient::in_front_of`] keeps a sender that is there.
//!
//! The client speaks OTLP/HTTP with protobuf (OTLP 1.x), as it is, by gzip or by zstd. Which signal a
//! request is of, its path says (`/v1/logs`, `/v1/metrics`, `/v1/traces` at the end), or
//! [`SdkClient::for_signal`].
//!
//! # What stands where
//!
//! | OpenTelemetry | line |
//! |---|---|
//! | severity number, or else text | `level`; steps in between and texts of their own in `meta` |
//! | event name | `evt`, where it is one by our rules; else `meta.event_name`, and `evt` is `log` |
//! | body | `msg`; a list, a map and bytes are `meta.body` |
//! | name of the scope | `source`; label `otel.scope.name` of metrics |
//! | version and attributes of the scope | `otel.scope.version`, `otel.scope.…` |
//! | `service.name` of the resource, if not that of `init!` | `service.name` |
//! | attributes | `meta`, `attributes` of a span, `labels` of a metric, where all are text |
//! | `job_id`, `worker_id`, `session_id` | the ids of the line |
//! | time, else observed time, else now | `ts`; never ahead of the clock |
//! | bytes | base64 |
//! | lists and maps | JSON |
//! | cumulative sums, gauges, histograms, summaries | `"kind":"snapshot"` |
//! | delta sums and histograms | `"kind":"delta"` |
//!
//! Other attributes of the resource, and exemplars, are left out. Exponential histograms have the
//! bounds of those of their buckets that hold something.
//!
//! # Behaviour under failure
//!
//! A request that cannot be taken over is answered as a collector would: 400 for a body that cannot be
//! read, 404 for a path, 413 past 64 MiB, 65,536 records
//! or 1,048,576 attributes, events and links, 415 for another content type or compression, 503 when nobody
//! has called `init!` or telemetry has ended. Points past 10,000 of one export, points without a value,
//! and spans without ids are left out, and the answer says how many (`partial_success`). All of that is
//! counted as rejected in the books, a body that cannot be read as one record, and named in the report.
//! What a full ring drops is in the books as well, and the SDK is not told.
//!
//! A request with one record waits as `event!` does, 1 ms at most; one with more waits up to a second
//! for the drain, whenever its ring gets full, since it comes on a thread of the SDK.

mod body;
mod buckets;
mod ids;
mod labels;
mod logs;
mod metrics;
mod origin;
mod reason;
mod repeats;
mod spans;
mod taken;
mod time;
mod value;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use repeats::Repeats;
use taken::Answer;

/// The `HttpClient` of exporters of `opentelemetry-otlp`. See the [module](self). Cheap to clone;
/// clones are the same client.
#[derive(Clone, Debug, Default)]
pub struct SdkClient {
    signal: Option<Signal>,
    behind: Option<Behind>,
}

/// A signal of OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// Log records.
    Logs,
    /// Metric points.
    Metrics,
    /// Spans.
    Traces,
}

#[derive(Clone, Debug)]
struct Behind {
    client: Arc<dyn HttpClient>,
    repeats: Arc<Repeats>,
}

impl SdkClient {
    /// A client that records what it is given, and sends nothing itself: that is done by whoever sends
    /// all other records, if anybody does.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client that records what it is given, and then hands the request on as it came, with all
    /// headers; its answer is the one the SDK gets. What cannot be recorded is handed on as well.
    ///
    /// What is sent again because the client behind has failed, or has answered with an error, is
    /// recorded once: the last 64 of such bodies are remembered, 16 bytes of each. That ends with the
    /// process, and a batch that is put together anew is another one. What could not be recorded, as
    /// before `init!`, is tried again with it.
    ///
    /// Where radiosonde sends this signal over OTLP as well, it arrives twice, which is a problem in
    /// the report: [`SdkClient::new`] is what is wanted there.
    pub fn in_front_of(client: impl HttpClient + 'static) -> Self {
        let behind = Behind { client: Arc::new(client), repeats: Arc::default() };
        Self { signal: None, behind: Some(behind) }
    }

    /// For an exporter whose endpoint has a path of its own, which does not tell the signal.
    #[must_use]
    pub fn for_signal(mut self, signal: Signal) -> Self {
        self.signal = Some(signal);
        self
    }

    fn take(&self, request: &Request<Bytes>) -> Answer {
        taken::take(request, self.signal_of(request))
    }

    fn signal_of(&self, request: &Request<Bytes>) -> Option<Signal> {
        self.signal.or_else(|| Signal::of_path(request.uri().path()))
    }
}

impl Signal {
    fn of_path(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        let ends = [
            ("/v1/logs", Self::Logs),
            ("/v1/metrics", Self::Metrics),
            ("/v1/traces", Self::Traces),
        ];
        ends.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, signal)| signal)
    }
}

#[async_trait]
impl HttpClient for SdkClient {
    /// # Errors
    /// Those of the client behind; without one there are none.
    ///
    /// # Cancel safety
    /// Recording is done when this is first polled. Dropped later, the request may or may not have
    /// reached the client behind.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Some(behind) = &self.behind else { return Ok(response(self.take(&request))) };
        let mut attempt = behind.repeats.begin(&request);
        // The client behind answers, whatever became of it here.
        if !attempt.is_repeat && self.take(&request).status.is_success() {
            attempt.recorded();
            taken::note_sent_elsewhere(self.signal_of(&request));
        }
        let answer = behind.client.send_bytes(request).await?;
        if answer.status().is_success() {
            attempt.done();
        }
        Ok(answer)
    }
}

fn response(answer: Answer) -> Response<Bytes> {
    let is_success = answer.status.is_success();
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    let kind = if is_success { "application/x-protobuf" } else { "text/plain; charset=utf-8" };
    let _none = response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
