//! The fields of a span: attributes, and those that mean something to the span itself.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use radiosonde_context::propagation::Propagators;
use radiosonde_context::{Context, CorrelationId};
use radiosonde_record::{EncodedFields, FIELD_MAX, Value, text_of};
use tracing_core::Metadata;
use tracing_core::field::{Field, Visit};

use crate::exception::Exception;
use crate::settings::SpanLimits;
use crate::span::{STATUS_ERROR, STATUS_OK, STATUS_UNSET};
use crate::visit::Chain;

/// Most bytes of a span's own name.
const NAME_MAX: usize = 512;

/// The attributes of a span.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) encoded: EncodedFields,
    /// A bit for each key that was recorded, by its place at the call site.
    seen: u64,
    /// How many these are.
    count: u32,
    /// Whether attributes are wanted, and not the ids alone.
    pub(crate) collects: bool,
    /// From `otel.kind`; 0 when it does not say.
    pub(crate) kind: u8,
    /// From `otel.name`; empty when it does not say.
    pub(crate) name: String,
    /// Attributes past their limit.
    pub(crate) dropped: u32,
    /// Ids the span was given itself.
    pub(crate) ids: Option<Box<Ids>>,
    /// What the span is to take over.
    pub(crate) special: Option<Box<Special>>,
}

/// Ids among the fields of a span.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) job: Option<CorrelationId>,
    pub(crate) worker: Option<CorrelationId>,
    pub(crate) session: Option<CorrelationId>,
}

/// Fields that mean something to the span itself.
#[derive(Debug, Default)]
pub(crate) struct Special {
    pub(crate) ids: Option<Ids>,
    pub(crate) status: Option<u8>,
    pub(crate) message: Option<String>,
    pub(crate) links: Vec<Context>,
    pub(crate) exceptions: Vec<Exception>,
}

impl Ids {
    /// These, and what they do not say from `others`.
    pub(crate) fn over(self, others: Option<Self>) -> Self {
        let others = others.unwrap_or_default();
        Self {
            job: self.job.or(others.job),
            worker: self.worker.or(others.worker),
            session: self.session.or(others.session),
        }
    }

    pub(crate) fn inside(&self, context: &Context) -> Context {
        context.with_ids(self.job.clone(), self.worker.clone(), self.session.clone())
    }
}

impl Special {
    /// What was recorded after this.
    fn join(&mut self, later: Self) {
        if let Some(ids) = later.ids {
            self.ids = Some(ids.over(self.ids.take()));
        }
        self.status = later.status.or(self.status);
        if later.message.is_some() {
            self.message = later.message;
        }
        self.links.extend(later.links);
        self.exceptions.extend(later.exceptions);
    }
}

impl Fields {
    /// None so far.
    #[inline(always)]
    pub(crate) fn clear(&mut self, collects: bool) {
        self.encoded.clear();
        self.seen = 0;
        self.count = 0;
        self.collects = collects;
        self.dropped = 0;
        self.kind = 0;
        if !self.name.is_empty() {
            self.name.clear();
        }
        if self.ids.is_some() || self.special.is_some() {
            (self.ids, self.special) = (None, None);
        }
    }

    /// For fields that are recorded later.
    pub(crate) fn later(collects: bool) -> Self {
        Self { collects, ..Self::default() }
    }

    /// Adds those that were recorded later.
    pub(crate) fn append(&mut self, later: Self, limits: &SpanLimits) {
        if later.kind != 0 {
            self.kind = later.kind;
        }
        if !later.name.is_empty() {
            self.name = later.name;
        }
        if let Some(special) = later.special {
            self.special().join(*special);
        }
        let new = (later.seen & !self.seen).count_ones();
        // All or none: which of them to leave out is not known any more.
        if self.count + new > limits.attributes {
            self.dropped += later.count;
            return;
        }
        self.count += new;
        self.seen |= later.seen;
        self.encoded.append(&later.encoded);
        self.dropped += later.dropped;
    }

    /// Of each attribute only its last value stays.
    pub(crate) fn compact(&mut self) {
        self.encoded.compact();
    }

    /// Takes what the span is to take over.
    #[inline]
    pub(crate) fn take_special(&mut self) -> Option<Box<Special>> {
        self.special.take()
    }

    fn special(&mut self) -> &mut Special {
        self.special.get_or_insert_default()
    }
}

/// Takes fields of `tracing` into those of a span.
pub(crate) struct Taking<'a> {
    pub(crate) fields: &'a mut Fields,
    pub(crate) limits: &'a SpanLimits,
}

impl Taking<'_> {
    // What the caller knows of the value is decided there.
    #[inline(always)]
    fn take(&mut self, field: &Field, value: Value<'_>) {
        let name = field.name();
        if may_mean(name) && self.take_special(name, value) {
            return;
        }
        if self.fields.collects {
            self.attribute(field.index(), value);
        }
    }

    #[inline(always)]
    fn attribute(&mut self, index: usize, value: Value<'_>) {
        // A call site has 32 fields at most.
        let bit = 1_u64 << (index as u32 % u64::BITS);
        if self.fields.seen & bit == 0 {
            if self.fields.count >= self.limits.attributes {
                self.fields.dropped += 1;
                return;
            }
            self.fields.count += 1;
            self.fields.seen |= bit;
        }
        match self.limits.value_length {
            None => self.fields.encoded.push(index, value),
            Some(most) => with_limited(value, most, |value| self.fields.encoded.push(index, value)),
        }
    }

    /// Whether the field was one with a meaning.
    #[inline(never)]
    fn take_special(&mut self, name: &str, value: Value<'_>) -> bool {
        let id = |value| CorrelationId::sanitize(&text(value));
        match name {
            "job_id" => self.ids().job = id(value),
            "worker_id" => self.ids().worker = id(value),
            "session_id" => self.ids().session = id(value),
            "otel.kind" => self.fields.kind = kind(&text(value)),
            "otel.link" => self.fields.special().links.push(linked(&text(value))),
            "otel.name" => self.name(&text(value)),
            "otel.status_code" => self.fields.special().status = Some(status(&text(value))),
            "otel.status_message" | "otel.status_description" => {
                self.fields.special().message = Some(text(value).into_owned());
            }
            _ => return false,
        }
        true
    }

    /// In the memory there is.
    fn name(&mut self, name: &str) {
        if self.fields.collects {
            let end = (0..=name.len().min(NAME_MAX)).rfind(|end| name.is_char_boundary(*end));
            let end = end.unwrap_or(0);
            self.fields.name.clear();
            self.fields.name.push_str(&name[..end]);
        }
    }

    fn ids(&mut self) -> &mut Ids {
        self.fields.special().ids.get_or_insert_default()
    }
}

/// Whether a field of this name may mean something to the span itself: all that do are of these
/// lengths, and begin with these letters.
#[inline(always)]
fn may_mean(name: &str) -> bool {
    matches!(name.len(), 6 | 9..=23) && matches!(name.as_bytes()[0], b'j' | b'o' | b's' | b'w')
}

/// Whether any field of a call site may.
#[inline]
pub(crate) fn may_mean_any(metadata: &Metadata<'_>) -> bool {
    metadata.fields().iter().any(|field| may_mean(field.name()))
}

impl Visit for Taking<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, Value::F64(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, Value::I64(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, Value::U64(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, Value::Bool(value));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Value::Str(value));
    }
    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.take(field, Value::Bytes(value));
    }
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.fields.collects {
            let exception = Exception::of_error(value, self.limits);
            self.fields.special().exceptions.push(exception);
        }
        self.take(field, Value::Display(&Chain(value)));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, Value::Debug(value));
    }
}

/// Hands over the value with at most so many characters.
pub(crate) fn with_limited(value: Value<'_>, most: u32, take: impl FnOnce(Value<'_>)) {
    let cut = |text: &str| {
        let end = text.char_indices().nth(most as usize).map(|(end, _)| end);
        end.map(|end| text[..end].to_owned())
    };
    match value {
        Value::Str(text) => match cut(text) {
            Some(text) => take(Value::Str(&text)),
            None => take(value),
        },
        Value::Bytes(_) | Value::Display(_) | Value::Debug(_) => {
            // Of as many characters at least, as they have four bytes at most.
            let whole = text_of(value, (most as usize).saturating_mul(4));
            take(Value::Str(cut(&whole).as_deref().unwrap_or(&whole)));
        }
        value => take(value),
    }
}

/// What a formatter writes, up to the length of a field.
pub(crate) fn written(value: Value<'_>) -> String {
    match value {
        Value::Str(text) => text.to_owned(),
        other => text_of(other, FIELD_MAX),
    }
}

/// The text of a field with a meaning: `?string` and `%string` arrive alike, and quotes are never part
/// of these.
fn text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Str(text) => Cow::Borrowed(text.trim_matches('"')),
        other => Cow::Owned(written(other).trim_matches('"').to_owned()),
    }
}

/// The context of a `traceparent`; an empty one when it is none, which is counted as a link is that
/// leads nowhere.
fn linked(traceparent: &str) -> Context {
    Propagators::TRACE_CONTEXT.extract(&[("traceparent", traceparent)])
}

fn kind(name: &str) -> u8 {
    let kinds = ["server", "client", "producer", "consumer"];
    let at = kinds.iter().position(|kind| kind.eq_ignore_ascii_case(name));
    at.map_or(1, |at| at as u8 + 2)
}

fn status(name: &str) -> u8 {
    match name {
        _ if name.eq_ignore_ascii_case("ok") => STATUS_OK,
        _ if name.eq_ignore_ascii_case("error") => STATUS_ERROR,
        _ => STATUS_UNSET,
    }
}
