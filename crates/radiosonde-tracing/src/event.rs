//! Events: a record of their own, and what they say about the span they happen in.

use radiosonde_context::{Context, with_current};
use radiosonde_record::{EncodedFields, Kind, Level, Value, now_ns};
use tracing_core::span::Id;
use tracing_core::{Event, Metadata};

use crate::cut::{NAME_MAX, Text};
use crate::exception::Seeking;
use crate::settings::SpanEvents;
use crate::tracker::{Tracker, describe, key, level};
use crate::visit::{Each, MESSAGE, Message, MessageFirst, Named, Rest};

impl Tracker {
    /// Records an event. `parent` is that of an event that was told one, as it is known here.
    #[inline]
    pub(crate) fn event(&self, event: &Event<'_>, parent: Option<&Id>) {
        let metadata = event.metadata();
        if !self.sole && !self.allows(metadata) {
            return;
        }
        let level = level(metadata.level());
        if level >= Level::Error || self.span_events == SpanEvents::All {
            // A span has failed also when the event that says so is one too many.
            self.tell_span(event, level, parent);
        }
        if !self.journal.passes(level, key(metadata), || describe(metadata)) {
            return;
        }
        let site = self.site(metadata);
        self.journal.record(Kind::Event, level, &site, &[], |record| {
            if event.parent().is_some() || event.is_root() {
                let context = parent.and_then(|id| self.context_of(id)).unwrap_or_default();
                record.context(&context.packed());
            } else {
                with_current(|context| record.context(&context.packed()));
            }
            if is_message_first(metadata) {
                event.record(&mut Each(MessageFirst(record)));
            } else {
                event.record(&mut Each(Message(record)));
                event.record(&mut Each(Rest(record)));
            }
        });
    }

    /// What the event says about its span.
    #[cold]
    fn tell_span(&self, event: &Event<'_>, level: Level, parent: Option<&Id>) {
        let current = || match &self.source {
            Some(source) => source.find(with_current(Context::span_id)?)?.of(self).cloned(),
            None => self.current().map(|(id, _)| id),
        };
        let is_told = event.parent().is_some() || event.is_root();
        let Some(id) = (if is_told { parent.cloned() } else { current() }) else { return };
        if self.store.with(&id, |span| span.collects) != Some(true) {
            return;
        }
        let has_failed = level >= Level::Error;
        let exception = if has_failed && self.span_events != SpanEvents::None {
            let mut seeking = Seeking::new(&self.limits);
            event.record(&mut seeking);
            seeking.found()
        } else {
            None
        };
        if let Some(exception) = &exception {
            self.counts.add(crate::Counted::DroppedAttribute, exception.dropped);
            self.store.with(&id, |span| span.exception(exception, &self.limits, &self.counts));
        } else if self.span_events == SpanEvents::All {
            let mut fields = EncodedFields::default();
            let mut named = Named::new(&mut fields, &self.limits);
            event.record(&mut Each(&mut named));
            let (message, dropped) = named.end(event.metadata());
            self.counts.add(crate::Counted::DroppedAttribute, dropped);
            let own = || Text::of(Value::Str(event.metadata().name()), NAME_MAX);
            let name = message.unwrap_or_else(own);
            if name.is_cut {
                fields.set_truncated();
            }
            self.store.with(&id, |span| {
                span.event(now_ns(), &name.text, &fields, &self.limits, &self.counts);
            });
        }
        if has_failed {
            self.store.with(&id, |span| span.failed(None));
        }
    }
}

fn is_message_first(metadata: &Metadata<'_>) -> bool {
    metadata.fields().iter().next().is_some_and(|field| field.name() == MESSAGE)
}

impl Named<'_> {
    /// Adds level and target, unless the event has fields of these names. Its message, and how many
    /// attributes were past the limit.
    fn end(mut self, metadata: &Metadata<'_>) -> (Option<Text>, u32) {
        let own = [("level", level(metadata.level()).as_str()), ("target", metadata.target())];
        for (key, text) in own {
            if metadata.fields().field(key).is_none() {
                self.add(key, Value::Str(text));
            }
        }
        (self.message, self.dropped)
    }
}
