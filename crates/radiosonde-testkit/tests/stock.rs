//! The exporters of the OpenTelemetry SDK, as everybody uses them, against the receiver.

mod common;

use common::WITHIN;
use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use radiosonde_testkit::{Fault, Measured, Receiver, Script, Value};
use std::error::Error;
use std::time::Duration;

/// One record of each signal.
fn emit([logs, metrics, traces]: [Exporter; 3]) -> Result<(), Box<dyn Error>> {
    let (Exporter::Logs(logs), Exporter::Metrics(metrics), Exporter::Traces(traces)) =
        (logs, metrics, traces)
    else {
        return Err("exporters in another order".into());
    };
    let provider = SdkTracerProvider::builder().with_batch_exporter(traces).build();
    let mut span = provider.tracer("shop").start("checkout");
    span.set_attribute(KeyValue::new("user", "grüße"));
    span.end();
    provider.shutdown()?;
    let provider = SdkMeterProvider::builder().with_periodic_exporter(metrics).build();
    provider.meter("shop").u64_counter("orders").build().add(3, &[KeyValue::new("kind", "a")]);
    provider.shutdown()?;
    let provider = SdkLoggerProvider::builder().with_batch_exporter(logs).build();
    let logger = provider.logger("shop");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Warn);
    record.set_body("stock is low".into());
    record.add_attribute("bytes", AnyValue::Bytes(Box::new(vec![0, 255])));
    logger.emit(record);
    provider.shutdown()?;
    Ok(())
}

enum Exporter {
    Logs(LogExporter),
    Metrics(MetricExporter),
    Traces(SpanExporter),
}

fn over_http(endpoint: &str, gzip: bool) -> Result<[Exporter; 3], Box<dyn Error>> {
    let at = |path: &str| format!("{endpoint}/v1/{path}");
    let mut logs = LogExporter::builder().with_http().with_endpoint(at("logs"));
    let mut metrics = MetricExporter::builder().with_http().with_endpoint(at("metrics"));
    let mut traces = SpanExporter::builder().with_http().with_endpoint(at("traces"));
    if gzip {
        logs = logs.with_compression(Compression::Gzip);
        metrics = metrics.with_compression(Compression::Gzip);
        traces = traces.with_compression(Compression::Gzip);
    }
    Ok([
        Exporter::Logs(logs.build()?),
        Exporter::Metrics(metrics.build()?),
        Exporter::Traces(traces.build()?),
    ])
}

fn over_grpc(endpoint: &str, gzip: bool) -> Result<[Exporter; 3], Box<dyn Error>> {
    let mut logs = LogExporter::builder().with_tonic().with_endpoint(endpoint);
    let mut metrics = MetricExporter::builder().with_tonic().with_endpoint(endpoint);
    let mut traces = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
    if gzip {
        logs = logs.with_compression(Compression::Gzip);
        metrics = metrics.with_compression(Compression::Gzip);
        traces = traces.with_compression(Compression::Gzip);
    }
    Ok([
        Exporter::Logs(logs.build()?),
        Exporter::Metrics(metrics.build()?),
        Exporter::Traces(traces.build()?),
    ])
}

#[test]
fn each_signal_arrives_over_each_transport() {
    // The exporter for gRPC wants a runtime that runs beside the threads that wait for it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    for (is_grpc, gzip) in [(false, false), (false, true), (true, false), (true, true)] {
        let receiver = Receiver::start().expect("a receiver");
        let exporters = if is_grpc {
            let _inside = runtime.enter();
            over_grpc(&receiver.grpc_endpoint(), gzip)
        } else {
            over_http(&receiver.http_endpoint(), gzip)
        };
        exporters.and_then(emit).unwrap_or_else(|error| panic!("{is_grpc} {gzip}: {error}"));
        let received = receiver.wait_for(3, WITHIN).expect("one of each");
        let each = [received.logs.len(), received.spans.len(), received.points.len()];
        assert_eq!(each, [1, 1, 1], "{is_grpc} {gzip}");
        assert_eq!(received.spans[0].name, "checkout");
        assert_eq!(received.spans[0].attributes.text("user"), Some("grüße"));
        assert_eq!(received.points[0].value, Measured::Int(3));
        assert_eq!(received.logs[0].body, "stock is low".into());
        let bytes = received.logs[0].attributes.find("bytes");
        assert_eq!(bytes, Some(&Value::Bytes(vec![0, 255])));
        assert!(received.logs[0].origin.resource.text("telemetry.sdk.language").is_some());
    }
}

#[test]
fn a_lost_answer_makes_the_stock_sender_repeat_itself() {
    let script = Script::healthy().requests(1, Fault::LoseAnswer);
    let receiver = Receiver::with(script).expect("a receiver");
    let endpoint = receiver.http_endpoint() + "/v1/traces";
    let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint);
    let exporter = exporter.with_timeout(Duration::from_secs(10)).build().expect("an exporter");
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    provider.tracer("shop").start("checkout").end();
    provider.shutdown().expect("the second attempt");
    let counts = receiver.counts();
    assert_eq!((counts.unique, counts.duplicates()), (1, 1));
}
