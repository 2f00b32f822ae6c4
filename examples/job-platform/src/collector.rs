//! The status of each machine as OpenTelemetry metrics, sent to the collector that the environment names:
//! what a team has that had a collector before it had radiosonde. The exporter reads endpoint, headers and
//! compression itself, so that the environment says which data set it goes to. What is sent stands in
//! the day files as well.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, RetryPolicy, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::EnvResourceDetector;
use radiosonde::otel::sdk::SdkClient;

use crate::queue::Queue;
use crate::{Error, Role};

/// How long the collector may take to answer: the exporter's own default.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long the end of a process waits for the last export. The platform ends four, one after the other,
/// and a collector that is down costs it no more than two seconds.
const END_WITHIN: Duration = Duration::from_millis(500);

/// Ends the sending when it is dropped, with a last export.
pub(crate) struct Sending(SdkMeterProvider);

/// A client that says what the SDK would keep to itself: that the collector did not take something.
#[derive(Debug)]
struct Outspoken(reqwest::blocking::Client);

/// Begins to send the status of this machine, where `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Not inside of a
/// tokio runtime: the client has its own, and would end it there.
pub(crate) fn start(service: &'static str, role: &Role) -> Option<Sending> {
    let is_machine = matches!(role, Role::Api(_) | Role::Scheduler(_) | Role::Worker(_));
    let endpoint = std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap_or_default();
    if !is_machine || endpoint.is_empty() {
        return None;
    }
    let provider = provider(service).inspect_err(|error| {
        tracing::error!(%error, "the status of this machine is not sent");
    });
    let provider = provider.ok()?;
    let meter = provider.meter("job-platform");
    let begun = Instant::now();
    let uptime = meter.f64_observable_gauge("process.uptime").with_unit("s");
    let _kept_by_the_provider = uptime
        .with_callback(move |gauge| gauge.observe(begun.elapsed().as_secs_f64(), &[]))
        .build();
    let jobs = |name, count: Box<dyn Fn() -> usize + Send + Sync>| {
        let gauge = meter.u64_observable_gauge(name).with_unit("{job}");
        let _kept_by_the_provider =
            gauge.with_callback(move |gauge| gauge.observe(count() as u64, &[])).build();
    };
    match role {
        Role::Scheduler(options) => {
            let queue = Queue::at(&options.queue);
            jobs("jobs.waiting", Box::new(move || queue.ready().len()));
        }
        Role::Worker(options) => {
            let (queue, worker) = (Queue::at(&options.queue), options.id.clone());
            jobs("jobs.running", Box::new(move || queue.leased_by(&worker)));
        }
        _ => {}
    }
    Some(Sending(provider))
}

fn provider(service: &'static str) -> Result<SdkMeterProvider, Error> {
    let client = reqwest::blocking::Client::builder().timeout(ANSWER_WITHIN).build()?;
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(SdkClient::in_front_of(Outspoken(client))) // the one line
        // The next point says all that a lost one would have said.
        .with_retry_policy(RetryPolicy::disabled())
        .build()?;
    let machine = std::env::var("RADIOSONDE_MACHINE_ID").unwrap_or_default();
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", service),
            KeyValue::new("host.name", machine),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()));
    let reader = PeriodicReader::builder(exporter).build();
    Ok(SdkMeterProvider::builder().with_resource(resource.build()).with_reader(reader).build())
}

impl Drop for Sending {
    fn drop(&mut self) {
        let provider = self.0.clone();
        let (ended, end) = channel();
        // On a thread that nobody waits for any longer than this.
        drop(std::thread::spawn(move || {
            drop(provider.shutdown()); // What went wrong has been said.
            let _ = ended.send(());
        }));
        if end.recv_timeout(END_WITHIN).is_err() {
            tracing::warn!("the collector does not answer: the last status is not sent");
        }
        // The provider outlives us in that thread, and ends with the process.
    }
}

#[async_trait]
impl HttpClient for Outspoken {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.send_bytes(request).await;
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::warn!(status, "the collector did not take the status of this machine");
            }
            Err(error) => {
                tracing::warn!(%error, "the status of this machine did not reach the collector");
            }
        }
        answer
    }
}
