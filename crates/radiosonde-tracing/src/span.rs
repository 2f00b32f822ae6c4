//! What the layer keeps of an open span.

use radiosonde_context::{Context, CorrelationId};
use radiosonde_record::{EncodedFields, OpenSpan, Site, SpanPart, Value};
use tracing_core::field::Field;

use crate::visit::{MESSAGE, Take};

/// An open span. Lives in the extensions of the registry.
#[derive(Debug)]
pub(crate) struct Span {
    /// The context of code inside the span: its own ids, those of its fields, its parent's.
    pub(crate) context: Context,
    pub(crate) sampled: bool,
    pub(crate) site: Site,
    /// Its place among the spans that are open.
    pub(crate) open: OpenSpan,
    pub(crate) part: SpanPart,
    pub(crate) fields: EncodedFields,
    pub(crate) message: Option<String>,
    /// From `otel.name`.
    pub(crate) name: Option<String>,
    /// Whether it was entered: from then on its ids are fixed.
    pub(crate) entered: bool,
}

/// Fields on their way into a span. They are formatted here, without the span's lock: formatters
/// are code of the application, take their time, and may come back.
#[derive(Debug, Default)]
pub(crate) struct SpanFields {
    /// Whether only the ids are wanted.
    ids_only: bool,
    job: Option<CorrelationId>,
    worker: Option<CorrelationId>,
    session: Option<CorrelationId>,
    kind: Option<u8>,
    status: Option<u8>,
    message: Option<String>,
    name: Option<String>,
    fields: EncodedFields,
}

impl SpanFields {
    /// For a span that is sampled, or of which only the ids are wanted.
    pub(crate) fn new(sampled: bool) -> Self {
        Self { ids_only: !sampled, ..Self::default() }
    }

    /// Whether the context of the span becomes another one.
    pub(crate) fn has_ids(&self) -> bool {
        self.job.is_some() || self.worker.is_some() || self.session.is_some()
    }
}

impl Take for SpanFields {
    fn take(&mut self, field: &Field, value: Value<'_>) {
        match field.name() {
            "job_id" => self.job = id(value),
            "worker_id" => self.worker = id(value),
            "session_id" => self.session = id(value),
            _ if self.ids_only => {}
            "otel.kind" => self.kind = Some(kind(&text(value))),
            "otel.status_code" => self.status = Some(status(&text(value))),
            "otel.status_message" | "otel.status_description" => self.message = Some(text(value)),
            "otel.name" => self.name = Some(text(value)),
            MESSAGE if self.message.is_none() => self.message = Some(text(value)),
            _ => self.fields.push(field.index(), value),
        }
    }
}

impl Span {
    /// Takes the fields over.
    pub(crate) fn update(&mut self, update: SpanFields) {
        if update.has_ids() {
            self.context = self.context.with_ids(update.job, update.worker, update.session);
        }
        self.part.kind = update.kind.unwrap_or(self.part.kind);
        self.part.status = update.status.unwrap_or(self.part.status);
        self.message = update.message.or(self.message.take());
        self.name = update.name.or(self.name.take());
        self.fields.append(update.fields);
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
