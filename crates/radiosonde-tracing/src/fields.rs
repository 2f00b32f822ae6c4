//! The fields of a span: attributes, and those that mean something to the span itself.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use radiosonde_context::propagation::Propagators;
use radiosonde_context::{Context, CorrelationId};
use radiosonde_record::{EncodedFields, Value};
use tracing_core::Metadata;
use tracing_core::field::{Field, Visit};

use crate::counts::{Counted, SpanCounts};
use crate::cut::{Cuts, MESSAGE_MAX, NAME_MAX, Text, with_limited};
use crate::exception::Exception;
use crate::keys::Keys;
use crate::settings::SpanLimits;
use crate::span::{STATUS_ERROR, STATUS_OK, STATUS_UNSET};
use crate::visit::Chain;

/// The attributes of a span.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) encoded: EncodedFields,
    /// The keys that were recorded.
    seen: Keys,
    /// How many these are.
    count: u32,
    /// The keys past the limit of attributes.
    refused: Keys,
    /// The keys that stand at no call site, by their hash.
    named: Vec<u64>,
    /// Whether attributes are wanted, and not the ids alone.
    pub(crate) collects: bool,
    /// From `otel.kind`; 0 when it does not say.
    pub(crate) kind: u8,
    /// From `otel.name`; empty when it does not say.
    pub(crate) name: String,
    /// Attributes past their limit.
    pub(crate) dropped: u32,
    /// What was cut of the span, besides attributes.
    pub(crate) cuts: Cuts,
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
    pub(crate) message: Option<Text>,
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
    /// None so far, for a new span: what few spans have went at the end of the last one.
    #[inline(always)]
    pub(crate) fn begin(&mut self, collects: bool) {
        self.encoded.clear();
        self.seen = Keys::default();
        self.count = 0;
        self.collects = collects;
        self.cuts = Cuts::default();
        self.kind = 0;
        if self.dropped > 0 {
            (self.dropped, self.refused) = (0, Keys::default());
        }
        if !self.name.is_empty() {
            self.name.clear();
        }
        if !self.named.is_empty() {
            self.named.clear();
        }
    }

    /// Takes all of them out.
    pub(crate) fn clear(&mut self, collects: bool) {
        self.begin(collects);
        (self.ids, self.special) = (None, None);
    }

    /// The span has ended: gives back what most spans do not need, and keeps the rest of the memory for
    /// the next one.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.encoded.release();
        if self.ids.is_some() || self.special.is_some() {
            (self.ids, self.special) = (None, None);
        }
    }

    /// Whether the record lacks something that was cut.
    #[inline]
    pub(crate) fn are_cut(&self) -> bool {
        self.encoded.is_truncated() || self.cuts.are_any()
    }

    /// Counts what was cut, and has the line say that something was.
    #[cold]
    pub(crate) fn count_cuts(&mut self, counts: &SpanCounts) {
        counts.add(Counted::CutAttribute, u32::from(self.encoded.is_truncated()));
        self.cuts.count(counts);
        self.encoded.set_truncated();
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
            self.cuts.set(Counted::CutName, later.cuts.has(Counted::CutName));
        }
        if let Some(special) = later.special {
            self.special().join(*special);
        }
        // Each of them is one, however often it is recorded.
        self.dropped += self.refused.join(later.refused);
        let mut seen = self.seen;
        let count = self.count + seen.join(later.seen);
        // All or none: which of them to leave out is not known any more.
        if count > limits.attributes {
            self.dropped += self.refused.join(later.seen);
            return;
        }
        (self.count, self.seen) = (count, seen);
        self.encoded.append(&later.encoded);
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
    /// Takes a field whose key stands at no call site, and has this hash.
    pub(crate) fn named(&mut self, key: &str, hash: u64, value: Value<'_>) {
        if may_mean(key) && self.take_special(key, value) {
            return;
        }
        let fields = &mut *self.fields;
        if !fields.collects {
            return;
        }
        if !fields.named.contains(&hash) {
            if fields.count >= self.limits.attributes {
                fields.dropped += 1;
                return;
            }
            fields.count += 1;
            fields.named.push(hash);
        }
        match self.limits.value_length {
            None => fields.encoded.push_named(key, value),
            Some(most) => with_limited(value, most, &mut fields.encoded, |to, value| {
                to.push_named(key, value);
            }),
        }
    }

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
        let fields = &mut *self.fields;
        if fields.count < self.limits.attributes {
            fields.count += u32::from(fields.seen.insert(index));
        } else if !fields.seen.have(index) {
            fields.dropped += u32::from(fields.refused.insert(index));
            return;
        }
        match self.limits.value_length {
            None => fields.encoded.push(index, value),
            Some(most) => {
                with_limited(value, most, &mut fields.encoded, |to, value| to.push(index, value));
            }
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
            "otel.name" => self.name(value),
            "otel.status_code" => self.fields.special().status = Some(status(&text(value))),
            "otel.status_message" | "otel.status_description" => {
                let message = Text::of(value, MESSAGE_MAX).without_quotes();
                self.fields.special().message = Some(message);
            }
            _ => return false,
        }
        true
    }

    /// In the memory there is.
    fn name(&mut self, value: Value<'_>) {
        if !self.fields.collects {
            return;
        }
        let within;
        let name = match value {
            Value::Str(name) if name.len() <= NAME_MAX => {
                self.fields.cuts.set(Counted::CutName, false);
                name
            }
            value => {
                within = Text::of(value, NAME_MAX);
                self.fields.cuts.set(Counted::CutName, within.is_cut);
                &within.text
            }
        };
        self.fields.name.clear();
        self.fields.name.push_str(name.trim_matches('"'));
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

/// The text of a field with a meaning: `?string` and `%string` arrive alike, and quotes are never part
/// of these.
fn text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Str(text) => Cow::Borrowed(text.trim_matches('"')),
        other => Cow::Owned(Text::of_field(other).without_quotes().text),
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
