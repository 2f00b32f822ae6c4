//! The SDK of OpenTelemetry with its own exporters, as its documentation has them: batch processors, a
//! periodic reader, all else by default.

use super::arrivals::COUNTER;
use super::case::{Signal, Transport};
use super::emitter::{Emitter, Finished, ITEMS, KEYS, Plan, RATIO, ROUTE, USER, points_counter};
use opentelemetry::KeyValue;
use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::metrics::{Counter, MeterProvider as _};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use radiosonde::__private::AckCounter;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The SDK, for one signal.
pub(super) struct Stock {
    pipe: Pipe,
    /// What the exporter for gRPC runs on. HTTP has a client that blocks a thread of its own.
    _runtime: Option<Runtime>,
}

enum Pipe {
    Logs(SdkLoggerProvider, SdkLogger),
    Metrics(SdkMeterProvider, Counter<u64>),
    Spans(SdkTracerProvider, SdkTracer),
}

/// The exporters have the same builder and no trait for it.
macro_rules! exporter {
    ($exporter:ident, $transport:expr) => {
        match $transport {
            Transport::Http => $exporter::builder().with_http().build(),
            Transport::Grpc => $exporter::builder().with_tonic().build(),
        }
        .map_err(|error| error.to_string())?
    };
}

impl Emitter for Stock {
    fn start(plan: &Plan, _: &Path) -> Result<Self, String> {
        let runtime = match plan.transport {
            Transport::Http => None,
            Transport::Grpc => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                let runtime = builder.worker_threads(1).enable_all().build();
                Some(runtime.map_err(|error| error.to_string())?)
            }
        };
        let _inside = runtime.as_ref().map(Runtime::enter);
        let pipe = match plan.signal {
            Signal::Logs => {
                let exporter = exporter!(LogExporter, plan.transport);
                let provider = SdkLoggerProvider::builder().with_batch_exporter(exporter).build();
                let logger = provider.logger("benches");
                Pipe::Logs(provider, logger)
            }
            Signal::Metrics => {
                let exporter = exporter!(MetricExporter, plan.transport);
                let exporter = Counting::new(exporter, points_counter(plan)?);
                let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
                let counter = provider.meter("benches").u64_counter(COUNTER).build();
                Pipe::Metrics(provider, counter)
            }
            Signal::Spans => {
                let exporter = exporter!(SpanExporter, plan.transport);
                let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
                let tracer = provider.tracer("benches");
                Pipe::Spans(provider, tracer)
            }
        };
        drop(_inside);
        Ok(Stock { pipe, _runtime: runtime })
    }

    #[inline]
    fn emit(&self, number: i64) {
        let [seq, route, user, items, ratio] = KEYS;
        match &self.pipe {
            Pipe::Logs(_, logger) => {
                let mut record = logger.create_log_record();
                record.set_severity_number(Severity::Info);
                record.set_body("order placed".into());
                record.add_attribute(seq, number);
                record.add_attribute(route, ROUTE);
                record.add_attribute(user, USER);
                record.add_attribute(items, ITEMS);
                record.add_attribute(ratio, RATIO);
                logger.emit(record);
            }
            Pipe::Metrics(_, counter) => {
                counter.add(1, &[KeyValue::new("method", "get"), KeyValue::new("region", "eu1")]);
            }
            Pipe::Spans(_, tracer) => {
                let attributes = [
                    KeyValue::new(seq, number),
                    KeyValue::new(route, ROUTE),
                    KeyValue::new(user, USER),
                    KeyValue::new(items, ITEMS),
                    KeyValue::new(ratio, RATIO),
                ];
                let builder = tracer.span_builder("place_order").with_attributes(attributes);
                builder.start(tracer).end();
            }
        }
    }

    fn finish(self) -> Finished {
        // An error is what the table shows: less arrives.
        let _ = match self.pipe {
            Pipe::Logs(provider, _) => provider.shutdown(),
            Pipe::Metrics(provider, _) => provider.shutdown(),
            Pipe::Spans(provider, _) => provider.shutdown(),
        };
        // It counts its drops for a log message only.
        Finished::default()
    }
}

/// The exporter of metrics, and how many points its reader has collected for it.
struct Counting {
    exporter: MetricExporter,
    counter: AckCounter,
    points: AtomicU64,
}

impl Counting {
    fn new(exporter: MetricExporter, counter: AckCounter) -> Self {
        Counting { exporter, counter, points: AtomicU64::new(0) }
    }
}

impl PushMetricExporter for Counting {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let scopes = metrics.scope_metrics();
        let points = scopes.flat_map(ScopeMetrics::metrics).map(|metric| match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => sum.data_points().count(),
            // Nothing else is recorded here.
            _ => 0,
        });
        let points = points.sum::<usize>() as u64;
        let before = self.points.fetch_add(points, Ordering::Relaxed);
        self.counter.store(before + points);
        self.exporter.export(metrics).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
