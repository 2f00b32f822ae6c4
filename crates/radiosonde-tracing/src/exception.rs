//! Errors as the event `exception` of the OpenTelemetry conventions.

use std::error::Error;
use std::fmt::{self, Write as _};

use radiosonde_record::{EncodedFields, Value};
use tracing_core::field::{Field, Visit};

use crate::cut::{MESSAGE_MAX, Text};
use crate::settings::SpanLimits;

/// An error that happened in a span.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    /// For the status.
    pub(crate) message: Text,
    pub(crate) fields: EncodedFields,
    /// Attributes past their limit.
    pub(crate) dropped: u32,
}

/// Most errors of a chain of sources. A cycle is a bug elsewhere; it must not hang the caller.
const SOURCES_MAX: usize = 32;

impl Exception {
    /// Of an error value: what it says, and its sources as the stack trace. Its type is not known
    /// behind `dyn Error`.
    pub(crate) fn of_error(error: &(dyn Error + 'static), limits: &SpanLimits) -> Self {
        let message = Text::of_field(Value::Display(&error));
        let sources = Text::of_field(Value::Display(&Sources(error)));
        Self::new(&message, None, Some(&sources).filter(|of| !of.text.is_empty()), limits)
    }

    fn new(
        message: &Text,
        kind: Option<&Text>,
        sources: Option<&Text>,
        limits: &SpanLimits,
    ) -> Self {
        let mut fields = EncodedFields::default();
        let attributes = [
            ("exception.type", kind),
            ("exception.message", Some(message)),
            ("exception.stacktrace", sources),
        ];
        let known = attributes.into_iter().filter_map(|(key, text)| Some((key, text?)));
        let mut dropped = 0;
        for (at, (key, text)) in (0..).zip(known) {
            if at < limits.event_attributes {
                text.add_to(&mut fields, key, limits.value_length);
            } else {
                fields.set_truncated();
                dropped += 1;
            }
        }
        Self { message: message.within(MESSAGE_MAX), fields, dropped }
    }
}

/// The sources of an error, a line each: `caused by: disk full`.
struct Sources<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut source = self.0.source();
        for at in 0..SOURCES_MAX {
            let Some(error) = source else { break };
            if at > 0 {
                f.write_char('\n')?;
            }
            write!(f, "caused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Looks for an error in an event: a value that is one, or a field named `error`, as
/// `#[instrument(err)]` has it.
pub(crate) struct Seeking<'a> {
    limits: &'a SpanLimits,
    kind: Option<Text>,
    message: Option<Text>,
    found: Option<Exception>,
}

impl<'a> Seeking<'a> {
    pub(crate) fn new(limits: &'a SpanLimits) -> Self {
        Self { limits, kind: None, message: None, found: None }
    }

    /// The exception, when there was one.
    pub(crate) fn found(self) -> Option<Exception> {
        let Self { limits, kind, message, found } = self;
        found.or_else(|| Some(Exception::new(&message?, kind.as_ref(), None, limits)))
    }

    fn take(&mut self, field: &Field, value: Value<'_>) {
        let place = match field.name() {
            "error" | "err" | "exception.message" => &mut self.message,
            "error.type" | "exception.type" => &mut self.kind,
            _ => return,
        };
        *place = Some(Text::of_field(value));
    }
}

impl Visit for Seeking<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Value::Str(value));
    }
    fn record_error(&mut self, _field: &Field, value: &(dyn Error + 'static)) {
        if self.found.is_none() {
            self.found = Some(Exception::of_error(value, self.limits));
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, Value::Debug(value));
    }
}
