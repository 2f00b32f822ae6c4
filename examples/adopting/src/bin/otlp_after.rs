//! The same shop with radiosonde alone: the API it uses is ours.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use opentelemetry::trace::{Span as _, SpanKind, Tracer as _};
use opentelemetry::{KeyValue, global};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

fn main() {
    let _telemetry = radiosonde::init!(otel_bridge = true);

    serve(&headers());
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
