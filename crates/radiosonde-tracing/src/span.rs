//! What the layer keeps of an open span.

use radiosonde_context::{Context, CorrelationId};
use radiosonde_record::{EncodedFields, Site, SpanPart, Value};
use tracing_core::field::Field;

use crate::visit::{MESSAGE, Take};

/// An open span. Lives in the extensions of the registry.
#[derive(Debug)]
pub(crate) struct Span {
    /// The context of code inside the span: its own ids, those of its fields, its parent's.
    pub(crate) context: Context,
    pub(crate) sampled: bool,
    pub(crate) site: Site,
    pub(crate) part: SpanPart,
    pub(crate) fields: EncodedFields,
    pub(crate) message: Option<String>,
    /// From `otel.name`.
    pub(crate) name: Option<String>,
    /// Whether it was entered: from then on its ids are fixed.
    pub(crate) entered: bool,
}

/// Takes the fields of a span, at its creation and later.
pub(crate) struct SpanFields<'a> {
    pub(crate) span: &'a mut Span,
}

impl Take for SpanFields<'_> {
    fn take(&mut self, field: &Field, value: Value<'_>) {
        let span = &mut *self.span;
        match field.name() {
            "job_id" => span.correlate(id(value), None, None),
            "worker_id" => span.correlate(None, id(value), None),
            "session_id" => span.correlate(None, None, id(value)),
            _ if !span.sampled => {}
            "otel.kind" => span.part.kind = kind(&text(value)),
            "otel.status_code" => span.part.status = status(&text(value)),
            "otel.status_message" | "otel.status_description" => span.message = Some(text(value)),
            "otel.name" => span.name = Some(text(value)),
            MESSAGE if span.message.is_none() => span.message = Some(text(value)),
            _ => span.fields.push(field.index(), value),
        }
    }
}

impl Span {
    fn correlate(
        &mut self,
        job: Option<CorrelationId>,
        worker: Option<CorrelationId>,
        session: Option<CorrelationId>,
    ) {
        self.context = self.context.with_ids(job, worker, session);
    }

    /// An error happened inside.
    pub(crate) fn failed(&mut self) {
        if self.part.status == STATUS_UNSET {
            self.part.status = STATUS_ERROR;
        }
    }
}

const STATUS_UNSET: u8 = 0;
const STATUS_ERROR: u8 = 2;

fn id(value: Value<'_>) -> Option<CorrelationId> {
    CorrelationId::sanitize(&text(value))
}

/// The value as text. A formatter of the application may panic here; what it wrote is lost then.
fn text(value: Value<'_>) -> String {
    match value {
        Value::Str(text) => text.to_owned(),
        other => {
            let format = std::panic::AssertUnwindSafe(|| format!("{other:?}"));
            let text = std::panic::catch_unwind(format).unwrap_or_default();
            // `?string` and `%string` arrive alike; quotes are never part of these fields.
            text.trim_matches('"').to_owned()
        }
    }
}

fn kind(name: &str) -> u8 {
    match name.to_ascii_lowercase().as_str() {
        "server" => 2,
        "client" => 3,
        "producer" => 4,
        "consumer" => 5,
        _ => 1,
    }
}

fn status(name: &str) -> u8 {
    match name.to_ascii_lowercase().as_str() {
        "ok" => 1,
        "error" => STATUS_ERROR,
        _ => STATUS_UNSET,
    }
}
