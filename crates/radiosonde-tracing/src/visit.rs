//! Visitors: fields of `tracing` to values of records.

use std::error::Error;
use std::fmt;

use radiosonde_record::{Builder, EncodedFields, Value};
use tracing_core::field::{Field, Visit};

use crate::cut::{NAME_MAX, Text, with_limited};
use crate::settings::SpanLimits;

/// One method for every type of value.
pub(crate) trait Take {
    fn take(&mut self, field: &Field, value: Value<'_>);
}

impl<T: Take> Take for &mut T {
    fn take(&mut self, field: &Field, value: Value<'_>) {
        (**self).take(field, value);
    }
}

/// Turns the many methods of `Visit` into one.
pub(crate) struct Each<T>(pub(crate) T);

impl<T: Take> Visit for Each<T> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.take(field, Value::F64(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.take(field, Value::I64(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.take(field, Value::U64(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.take(field, Value::Bool(value));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.take(field, Value::Str(value));
    }
    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.0.take(field, Value::Bytes(value));
    }
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.0.take(field, Value::Display(&Chain(value)));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.take(field, Value::Debug(value));
    }
}

/// An error and its sources: `saving: disk full`.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        // A cycle of sources is a bug elsewhere; it must not hang the caller.
        for _ in 0..32 {
            let Some(error) = source else { break };
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Records the fields of an event whose message stands first, as the macros of `tracing` have it:
/// the order of a record, and no name is looked at.
pub(crate) struct MessageFirst<'a, 'b>(pub(crate) &'a mut Builder<'b>);

impl Take for MessageFirst<'_, '_> {
    #[inline(always)]
    fn take(&mut self, field: &Field, value: Value<'_>) {
        match field.index() {
            0 => self.0.message(value),
            index => self.0.field(index, value),
        }
    }
}

/// Records the message of any event: it comes first in a record, wherever its field stands.
pub(crate) struct Message<'a, 'b>(pub(crate) &'a mut Builder<'b>);

impl Take for Message<'_, '_> {
    fn take(&mut self, field: &Field, value: Value<'_>) {
        if field.name() == MESSAGE {
            self.0.message(value);
        }
    }
}

/// Hands on the message of an event, and nothing else.
pub(crate) struct MessageOnly<T>(pub(crate) T);

impl<T: Take> Take for MessageOnly<T> {
    fn take(&mut self, field: &Field, value: Value<'_>) {
        if field.name() == MESSAGE {
            self.0.take(field, value);
        }
    }
}

/// Records the other fields of an event.
pub(crate) struct Rest<'a, 'b>(pub(crate) &'a mut Builder<'b>);

impl Take for Rest<'_, '_> {
    fn take(&mut self, field: &Field, value: Value<'_>) {
        if field.name() != MESSAGE {
            self.0.field(field.index(), value);
        }
    }
}

/// Collects the fields of an event as attributes of an event of its span.
pub(crate) struct Named<'a> {
    fields: &'a mut EncodedFields,
    limits: &'a SpanLimits,
    count: u32,
    pub(crate) dropped: u32,
    /// For its name.
    pub(crate) message: Option<Text>,
}

impl<'a> Named<'a> {
    pub(crate) fn new(fields: &'a mut EncodedFields, limits: &'a SpanLimits) -> Self {
        Self { fields, limits, count: 0, dropped: 0, message: None }
    }

    pub(crate) fn add(&mut self, key: &str, value: Value<'_>) {
        if self.count >= self.limits.event_attributes {
            self.dropped += 1;
            self.fields.set_truncated();
            return;
        }
        self.count += 1;
        match self.limits.value_length {
            None => self.fields.push_named(key, value),
            Some(most) => with_limited(value, most, self.fields, |fields, value| {
                fields.push_named(key, value);
            }),
        }
    }
}

impl Take for Named<'_> {
    fn take(&mut self, field: &Field, value: Value<'_>) {
        if field.name() == MESSAGE {
            self.message = Some(Text::of(value, NAME_MAX));
        } else {
            self.add(field.name(), value);
        }
    }
}

pub(crate) const MESSAGE: &str = "message";
