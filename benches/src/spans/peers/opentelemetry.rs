//! The SDK of OpenTelemetry through its own API, behind its batch processor.

use crate::spans::subject::{Ended, Fields, KEYS, Subject};
use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the spans that have these attributes, and throws all away.
#[derive(Clone, Debug)]
struct Counting {
    keys: &'static [&'static str],
    exported: Arc<AtomicU64>,
}

impl SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let has = |span: &SpanData, key: &str| {
            span.attributes.iter().any(|attribute| attribute.key.as_str() == key)
        };
        let whole = batch.iter().filter(|span| self.keys.iter().all(|key| has(span, key)));
        self.exported.fetch_add(whole.count() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// A provider with the defaults of its batch processor: 2,048 spans wait at most, what comes on top is
/// dropped. Its count of drops goes to a log message at the end and cannot be read.
pub(crate) struct Pipe {
    provider: SdkTracerProvider,
    exported: Arc<AtomicU64>,
}

impl Pipe {
    /// Starts it, for spans with these attributes. Who is sampled stands in a variable, which the SDK
    /// reads itself.
    pub(crate) fn new(keys: &'static [&'static str]) -> Pipe {
        let exported = Arc::new(AtomicU64::new(0));
        let exporter = Counting { keys, exported: Arc::clone(&exported) };
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        Pipe { provider, exported }
    }

    /// A tracer of this provider.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("benches")
    }

    /// The provider, for who takes it from the globals.
    pub(crate) fn provider(&self) -> SdkTracerProvider {
        self.provider.clone()
    }

    /// Sends what is left.
    pub(crate) fn finish(self) -> Result<Ended, String> {
        self.provider.force_flush().map_err(|error| error.to_string())?;
        self.provider.shutdown().map_err(|error| error.to_string())?;
        let received = self.exported.load(Ordering::Relaxed);
        Ok(Ended { received: Some(received), ..Ended::default() })
    }
}

/// The API of OpenTelemetry, the span made current as a layer for `tracing` does.
pub(crate) struct OpenTelemetry {
    pipe: Pipe,
    tracer: SdkTracer,
}

impl OpenTelemetry {
    #[inline]
    fn span(&self, name: &'static str, parent: &Context, fields: &Fields) -> Context {
        let &Fields { route, user, items } = fields;
        let attributes = [
            KeyValue::new("route", route),
            KeyValue::new("user", user),
            KeyValue::new("items", items),
        ];
        let builder = self.tracer.span_builder(name).with_attributes(attributes);
        parent.with_span(builder.start_with_context(&self.tracer, parent))
    }
}

impl Subject for OpenTelemetry {
    const NAME: &'static str = "opentelemetry";
    const PACKAGES: &'static [&'static str] = &["opentelemetry", "opentelemetry_sdk"];

    fn start(_folder: &Path) -> Result<Self, String> {
        let pipe = Pipe::new(KEYS);
        let tracer = pipe.tracer();
        Ok(Self { pipe, tracer })
    }

    #[inline]
    fn root(&self, fields: &Fields, inside: impl FnOnce()) {
        let entered = self.span("request", &Context::new(), fields).attach();
        inside();
        drop(entered);
    }

    #[inline]
    fn child(&self, fields: &Fields) {
        drop(self.span("load_order", &Context::current(), fields).attach());
    }

    fn finish(self) -> Result<Ended, String> {
        self.pipe.finish()
    }
}
