//! Who serves, each set up as its documentation shows.

use super::Server;
use crate::harness::Role;
use crate::metrics::peers::opentelemetry::Pipe as Meters;
use crate::metrics::text::shown;
use crate::spans::peers::opentelemetry::Pipe as Spans;
use crate::spans::peers::radiosonde::Running;
use crate::spans::subject::Ended;
use axum::Router;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use opentelemetry::global;
use opentelemetry_instrumentation_tower::http::server::{Layer, LayerBuilder};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::path::Path;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// axum without telemetry.
pub(crate) struct Bare;

impl Server for Bare {
    const NAME: &'static str = "axum";
    const ROLE: Role = Role::Limit;
    const PACKAGES: &'static [&'static str] = &["axum"];

    fn start(_folder: &Path) -> Result<Self, String> {
        Ok(Self)
    }

    fn instrument(&self, router: Router) -> Router {
        router
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(Ended::default())
    }
}

/// This project: `init!`, and its layer, which makes a span and the metrics of the conventions.
pub(crate) struct Radiosonde(Running);

impl Server for Radiosonde {
    const NAME: &'static str = "radiosonde";
    const ROLE: Role = Role::Ours;
    const PACKAGES: &'static [&'static str] = &["radiosonde", "tracing", "tracing-subscriber"];

    fn start(folder: &Path) -> Result<Self, String> {
        Running::init(folder).map(Self)
    }

    fn instrument(&self, router: Router) -> Router {
        router.layer(radiosonde::http::server::ServerLayer::new())
    }

    fn durations(&self) -> Result<Option<u64>, String> {
        Ok(Some(shown(&self.0.metrics_text(), OUR_DURATION)))
    }

    fn finish(self) -> Result<Ended, String> {
        self.0.finish(KEYS)
    }
}

/// axum-tracing-opentelemetry, which makes a span of a request and no metric; or together with the
/// metrics of opentelemetry-instrumentation-tower, whose own spans are switched off.
pub(crate) struct Tracing<const METRICS: bool> {
    spans: Spans,
    meters: Meters,
}

impl<const METRICS: bool> Server for Tracing<METRICS> {
    const NAME: &'static str =
        if METRICS { "axum-tracing-opentelemetry-metrics" } else { "axum-tracing-opentelemetry" };
    const PACKAGES: &'static [&'static str] = if METRICS {
        &[
            "axum-tracing-opentelemetry",
            "tracing-opentelemetry",
            "opentelemetry_sdk",
            "opentelemetry-instrumentation-tower",
        ]
    } else {
        &["axum-tracing-opentelemetry", "tracing-opentelemetry", "opentelemetry_sdk"]
    };

    fn start(_folder: &Path) -> Result<Self, String> {
        let (spans, meters) = pipes();
        let layer = tracing_opentelemetry::layer().with_tracer(spans.tracer());
        tracing_subscriber::registry().with(layer).init();
        Ok(Self { spans, meters })
    }

    fn instrument(&self, router: Router) -> Router {
        if METRICS {
            // Without its own spans there is nothing in it that could fail.
            let metrics = LayerBuilder::builder().with_tracing(false).build();
            let router = metrics.map_or_else(|_| router.clone(), |it| router.clone().layer(it));
            return router.layer(OtelAxumLayer::default());
        }
        router.layer(OtelAxumLayer::default())
    }

    fn durations(&self) -> Result<Option<u64>, String> {
        if METRICS { self.meters.shown(DURATION).map(Some) } else { Ok(None) }
    }

    fn finish(self) -> Result<Ended, String> {
        self.spans.finish()
    }
}

/// opentelemetry-instrumentation-tower: span and metrics through the API of OpenTelemetry. A program
/// whose other spans come from `tracing` cannot use it for them.
pub(crate) struct Tower {
    spans: Spans,
    meters: Meters,
}

impl Server for Tower {
    const NAME: &'static str = "opentelemetry-instrumentation-tower";
    const PACKAGES: &'static [&'static str] =
        &["opentelemetry-instrumentation-tower", "opentelemetry_sdk"];

    fn start(_folder: &Path) -> Result<Self, String> {
        let (spans, meters) = pipes();
        global::set_tracer_provider(spans.provider());
        Ok(Self { spans, meters })
    }

    fn instrument(&self, router: Router) -> Router {
        router.layer(Layer::new())
    }

    fn durations(&self) -> Result<Option<u64>, String> {
        self.meters.shown(DURATION).map(Some)
    }

    fn finish(self) -> Result<Ended, String> {
        self.spans.finish()
    }
}

/// What a span of a request has to have.
const KEYS: &[&str] =
    &["http.request.method", "http.route", "url.path", "http.response.status_code"];

/// The metric that counts requests, as we call it.
const OUR_DURATION: &str = "http_server_request_duration_seconds";
/// The same, as the conventions call it.
const DURATION: &str = "http.server.request.duration";

/// Spans to a batch processor, metrics to a reader, and the propagator that reads `traceparent`.
fn pipes() -> (Spans, Meters) {
    let (meters, _) = Meters::new();
    global::set_meter_provider(meters.provider.clone());
    global::set_text_map_propagator(TraceContextPropagator::new());
    (Spans::new(KEYS), meters)
}
