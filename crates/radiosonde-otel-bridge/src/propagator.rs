//! The propagator of the OpenTelemetry API: ours, in its form.

use opentelemetry::Context as OtelContext;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use radiosonde_context::propagation::{self, Extract, Inject};

use crate::current;

/// Reads and writes contexts by the propagators of the process (`OTEL_PROPAGATORS`).
///
/// The API does not tell who a context is written for. So the trace goes to everybody, as always, and
/// baggage too, unless `RADIOSONDE_BAGGAGE_TO` lists who may have it, or nobody. `job_id`, `worker_id`
/// and `session_id` are left out, unless it is `*`: see
/// [`inject_anywhere`](radiosonde_context::propagation::inject_anywhere).
#[derive(Debug)]
pub struct Propagator {
    fields: Vec<String>,
}

impl Propagator {
    /// The propagator, by what holds for the process whenever it is used.
    pub fn new() -> Self {
        let fields = propagation::fields().map(str::to_owned).collect();
        Self { fields }
    }
}

impl Default for Propagator {
    fn default() -> Self {
        Self::new()
    }
}

impl TextMapPropagator for Propagator {
    fn inject_context(&self, cx: &OtelContext, injector: &mut dyn Injector) {
        propagation::inject_anywhere(&current::meant_by(cx), &mut Into(injector));
    }

    fn extract_with_context(&self, cx: &OtelContext, extractor: &dyn Extractor) -> OtelContext {
        let found = propagation::extract(&From(extractor));
        let cx = current::up_to_date(cx);
        if found.is_empty() {
            return cx;
        }
        // What the carrier does not say stays as it was, as the specification has it.
        let context = found.over(&current::alone(&cx));
        current::carrying(cx, &context)
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

struct From<'a>(&'a dyn Extractor);

impl Extract for From<'_> {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        for found in self.0.get_all(name).into_iter().flatten() {
            value(found.as_bytes());
        }
    }
}

struct Into<'a>(&'a mut dyn Injector);

impl Inject for Into<'_> {
    fn set(&mut self, name: &str, value: &str) {
        self.0.set(name, value.to_owned());
    }

    fn remove(&mut self, _: &str) {
        // The API has no way to: what is in the carrier of that name stays.
    }
}
