//! The same shop: what its exporter makes is sent by radiosonde, from disk.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use opentelemetry::trace::{Span as _, SpanKind, Tracer as _, TracerProvider as _};
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use radiosonde::Global;
use radiosonde::otel::sdk::SdkClient;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _telemetry = radiosonde::init!(leave = [Global::Subscriber, Global::Logger]);
    let client = SdkClient::new();
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    global::set_tracer_provider(provider.clone());
    global::set_text_map_propagator(TraceContextPropagator::new());
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer())
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("shop")))
        .init();

    serve(&headers());
    Ok(provider.shutdown()?)
}

/// A request that another service has sent.
fn serve(headers: &HashMap<String, String>) {
    let request = tracing::info_span!("order", otel.kind = "server");
    let caller = global::get_text_map_propagator(|propagator| propagator.extract(headers));
    if let Err(error) = request.set_parent(caller) {
        tracing::warn!(%error, "a trace of its own");
    }
    request.in_scope(|| pay(17));
}

#[tracing::instrument]
fn pay(order: u32) {
    tracing::info!(cents = 1250, "paid");
    let tracer = global::tracer("bank");
    let builder = tracer.span_builder("transfer").with_kind(SpanKind::Client);
    let mut transfer = builder.start(&tracer);
    transfer.set_attribute(KeyValue::new("cents", 1250));
}

fn headers() -> HashMap<String, String> {
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    HashMap::from([("traceparent".to_owned(), caller.to_owned())])
}
