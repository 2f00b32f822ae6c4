//! Spans.

use radiosonde_context::packed::Unpacked;
use radiosonde_context::{SpanId, TraceId};
use radiosonde_events::shown::{Head, ShownAttribute, ShownExtras, View};
use radiosonde_record::{Record, SpanPart, Value};

use super::identity::{Identity, SOURCE};
use super::{SCOPE_NAME, add_to_scope};
use crate::value::{attribute, text_attribute};
use crate::wire::Writer;

// `Span`
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const TRACE_STATE: u32 = 3;
const PARENT: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
const ATTRIBUTES: u32 = 9;
const DROPPED_ATTRIBUTES: u32 = 10;
const EVENTS: u32 = 11;
const DROPPED_EVENTS: u32 = 12;
const LINKS: u32 = 13;
const DROPPED_LINKS: u32 = 14;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;

// `Event`
const EVENT_TIME: u32 = 1;
const EVENT_NAME: u32 = 2;
const EVENT_ATTRIBUTES: u32 = 3;
const EVENT_DROPPED: u32 = 4;

// `Link`
const LINK_TRACE_ID: u32 = 1;
const LINK_SPAN_ID: u32 = 2;
const LINK_TRACE_STATE: u32 = 3;
const LINK_ATTRIBUTES: u32 = 4;
const LINK_DROPPED: u32 = 5;

// `Status`
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;

/// The trace is sampled (W3C Trace Context, trace flags).
const SAMPLED: u32 = 1;
/// Why a span was kept whose trace is not sampled.
const KEPT: &str = "radiosonde.kept";
/// How many attributes were dropped, among those that were not: records have no other place for it.
const DROPPED: &str = "dropped_attributes_count";

/// A span while it is written.
pub(super) struct Span<'w, 'r> {
    part: &'r SpanPart,
    end_ns: u64,
    ids: (TraceId, SpanId),
    context: &'r Unpacked<'r>,
    identity: &'w mut Identity,
    scope: &'w mut Writer,
    item: &'w mut Writer,
}

impl<'w, 'r> Span<'w, 'r> {
    pub(super) fn new(
        record: &Record<'_>,
        part: &'r SpanPart,
        ids: (TraceId, SpanId),
        context: &'r Unpacked<'r>,
        identity: &'w mut Identity,
        scope: &'w mut Writer,
        item: &'w mut Writer,
    ) -> Self {
        Self { part, end_ns: record.timestamp_ns, ids, context, identity, scope, item }
    }

    /// Appends what stands in every span.
    pub(super) fn end(self) {
        self.identity.write(self.item, ATTRIBUTES, self.context);
    }
}

impl View for Span<'_, '_> {
    #[inline]
    fn begin(&mut self, head: &Head<'_>) {
        let Self { part, ids: (trace, span), scope, item, .. } = self;
        scope.clear();
        scope.text_if_any(SCOPE_NAME, head.source);
        item.clear();
        item.block(TRACE_ID, &trace.to_bytes());
        item.block(SPAN_ID, &span.to_bytes());
        if part.parent != 0 {
            item.block(PARENT, &part.parent.to_be_bytes());
        }
        item.text_if_any(NAME, head.name);
        // What says nothing is internal, as in lines.
        item.unsigned(KIND, if (2..=5).contains(&part.kind) { part.kind.into() } else { 1 });
        item.fixed_64(START, part.start_ns);
        item.fixed_64(END, self.end_ns);
        if part.status != 0 || !head.message.is_empty() {
            item.message(STATUS, |status| {
                status.text_if_any(STATUS_MESSAGE, head.message);
                status.unsigned(STATUS_CODE, part.status.min(2).into());
            });
        }
        match part.kept {
            0 => item.fixed_32(FLAGS, SAMPLED),
            1 => text_attribute(item, ATTRIBUTES, KEPT, "error"),
            _ => text_attribute(item, ATTRIBUTES, KEPT, "slow"),
        }
        text_attribute(item, ATTRIBUTES, SOURCE, head.source);
    }

    #[inline]
    fn field(&mut self, key: &str, value: Value<'_>) {
        if self.identity.has(self.context, key) {
            attribute(self.item, ATTRIBUTES, self.identity.of_field(key), value);
        } else if !add_to_scope(self.scope, key, value) {
            attribute(self.item, ATTRIBUTES, key, value);
        }
    }

    fn extras(&mut self, extras: &ShownExtras<'_>) {
        let item = &mut *self.item;
        if let Some(state) = &extras.trace_state {
            item.text_if_any(TRACE_STATE, state);
        }
        for link in &extras.links {
            item.message(LINKS, |out| {
                out.block(LINK_TRACE_ID, &link.trace_id);
                out.block(LINK_SPAN_ID, &link.span_id);
                out.text_if_any(LINK_TRACE_STATE, &link.trace_state);
                attributes(out, LINK_ATTRIBUTES, LINK_DROPPED, &link.attributes);
            });
        }
        for event in &extras.events {
            item.message(EVENTS, |out| {
                out.fixed_64(EVENT_TIME, event.timestamp_ns);
                out.text_if_any(EVENT_NAME, &event.name);
                attributes(out, EVENT_ATTRIBUTES, EVENT_DROPPED, &event.attributes);
            });
        }
        let counts = [DROPPED_ATTRIBUTES, DROPPED_EVENTS, DROPPED_LINKS];
        for (field, count) in counts.into_iter().zip(extras.dropped).filter(|(_, count)| *count > 0)
        {
            item.unsigned(field, count.into());
        }
    }
}

fn attributes(out: &mut Writer, field: u32, dropped: u32, attributes: &[ShownAttribute<'_>]) {
    for shown in attributes {
        match (&*shown.key, shown.value()) {
            (DROPPED, Value::U64(count)) => out.unsigned(dropped, count.min(u32::MAX.into())),
            (key, value) => attribute(out, field, key, value),
        }
    }
}
