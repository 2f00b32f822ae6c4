//! Events as log records: OpenTelemetry Logs Data Model.

use radiosonde_context::packed::Unpacked;
use radiosonde_events::shown::{Head, ShownExtras, View};
use radiosonde_record::{Level, Record, Value};

use super::identity::{Identity, SOURCE, UID};
use super::{SCOPE_NAME, add_to_scope};
use crate::streams::Stream;
use crate::value::{any_value, attribute, text_attribute, text_value};
use crate::wire::Writer;

// `LogRecord`
const TIME: u32 = 1;
const SEVERITY_NUMBER: u32 = 2;
const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
const ATTRIBUTES: u32 = 6;
const DROPPED_ATTRIBUTES: u32 = 7;
const TRACE_ID: u32 = 9;
const SPAN_ID: u32 = 10;
const OBSERVED_TIME: u32 = 11;
const EVENT_NAME: u32 = 12;

/// The name of records that are log lines, and no business events.
const LOG_LINE: &str = "log";

/// A log record while it is written.
pub(super) struct Log<'w, 'r> {
    level: Level,
    timestamp_ns: u64,
    context: &'r Unpacked<'r>,
    identity: &'w mut Identity,
    scope: &'w mut Writer,
    item: &'w mut Writer,
    is_log_line: bool,
    body: Body,
    /// Its name, where the message is no more than that.
    name: String,
}

/// Where the body of a log record comes from. Of an SDK's record whose body is a list, a map or bytes, this is
/// the field `body`, and the message is the name of the event, or nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    /// It is written.
    Done,
    /// It is the message, or the field, if that comes.
    Waits,
}

impl<'w, 'r> Log<'w, 'r> {
    pub(super) fn new(
        record: &Record<'_>,
        context: &'r Unpacked<'r>,
        identity: &'w mut Identity,
        scope: &'w mut Writer,
        item: &'w mut Writer,
    ) -> Self {
        let (level, timestamp_ns) = (record.level, record.timestamp_ns);
        let (is_log_line, body, name) = (true, Body::Waits, String::new());
        Self { level, timestamp_ns, context, identity, scope, item, is_log_line, body, name }
    }

    /// Appends what stands in every record. The stream it belongs to.
    pub(super) fn end(self, ring: u32, sequence: u64) -> Stream {
        if self.body == Body::Waits && !self.name.is_empty() {
            text_value(self.item, BODY, &self.name);
        }
        self.identity.write(self.item, ATTRIBUTES, self.context);
        text_attribute(self.item, ATTRIBUTES, UID, self.identity.uid(ring, sequence));
        Stream::of_log(self.level, self.is_log_line)
    }
}

impl View for Log<'_, '_> {
    #[inline]
    fn begin(&mut self, head: &Head<'_>) {
        let Self { scope, item, .. } = self;
        scope.clear();
        scope.text_if_any(SCOPE_NAME, head.source);
        item.clear();
        item.fixed_64(TIME, self.timestamp_ns);
        // It was observed when it was recorded, by the process that did so.
        item.fixed_64(OBSERVED_TIME, self.timestamp_ns);
        item.unsigned(SEVERITY_NUMBER, severity_number(self.level));
        item.text(SEVERITY_TEXT, self.level.as_str());
        self.name.clear();
        self.body = Body::Waits;
        if head.message == head.name {
            self.name.push_str(head.name);
        } else if !head.message.is_empty() {
            text_value(item, BODY, head.message);
            self.body = Body::Done;
        }
        if let Some(trace) = self.context.trace_id {
            item.block(TRACE_ID, &trace.to_bytes());
        }
        if let Some(span) = self.context.span_id {
            item.block(SPAN_ID, &span.to_bytes());
        }
        self.is_log_line = head.name == LOG_LINE;
        if !self.is_log_line {
            item.text_if_any(EVENT_NAME, head.name);
        }
        text_attribute(item, ATTRIBUTES, SOURCE, head.source);
    }

    #[inline]
    fn field(&mut self, key: &str, value: Value<'_>) {
        if self.identity.has(self.context, key) {
            return attribute(self.item, ATTRIBUTES, self.identity.of_field(key), value);
        }
        // What an SDK's record says that has a place of its own in OTLP. Of a field that comes twice the
        // last one counts (Protocol Buffers, Encoding).
        match (key, value) {
            ("severity_number", Value::I64(number @ 1..=24)) => {
                self.item.unsigned(SEVERITY_NUMBER, number.cast_unsigned());
            }
            ("severity_text", Value::Str(text)) => self.item.text(SEVERITY_TEXT, text),
            ("body", Value::Bytes(_) | Value::Json(_) | Value::Marked(_))
                if self.body == Body::Waits =>
            {
                self.item.message(BODY, |out| any_value(out, value));
                self.body = Body::Done;
            }
            ("dropped_attributes_count", Value::U64(count)) => {
                self.item.unsigned(DROPPED_ATTRIBUTES, count.min(u32::MAX.into()));
            }
            _ if add_to_scope(self.scope, key, value) => {}
            _ => attribute(self.item, ATTRIBUTES, key, value),
        }
    }

    fn extras(&mut self, _: &ShownExtras<'_>) {
        // Only spans have them.
    }
}

/// The first number of the range of a level.
const fn severity_number(level: Level) -> u64 {
    match level {
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warning => 13,
        Level::Error => 17,
        Level::Critical => 21,
    }
}
