//! Events: a record of their own, and what they say about the span they happen in.

use radiosonde_context::{Context, with_current};
use radiosonde_record::{Builder, EncodedFields, Kind, Level, Value, now_ns};
use tracing_core::span::Id;
use tracing_core::{Event, Metadata};

use crate::cut::{NAME_MAX, Text};
use crate::exception::Seeking;
use crate::log_record::is_log_record;
use crate::settings::SpanEvents;
use crate::tracker::{Tracker, describe, key, level};
use crate::visit::{Each, MESSAGE, Message, MessageFirst, MessageOnly, Named, Rest};

impl Tracker {
    /// Records an event. `parent` is that of an event that was told one, as it is known here.
    #[inline]
    pub(crate) fn event(&self, event: &Event<'_>, parent: Option<&Id>) {
        let metadata = event.metadata();
        if is_log_record(metadata) {
            return self.log_record(event, parent);
        }
        if !self.sole && !self.allows(metadata) {
            return;
        }
        let level = level(metadata.level());
        if self.is_told(level) {
            // A span has failed also when the event that says so is one too many.
            self.tell_span(event, level, parent, None);
        }
        if !self.journal.passes(level, key(metadata), || describe(metadata)) {
            return;
        }
        let site = self.site(metadata);
        self.journal.record(Kind::Event, level, &site, &[], |record| {
            self.fill_context(event, parent, record);
            if is_message_first(metadata) {
                event.record(&mut Each(MessageFirst(record)));
            } else {
                event.record(&mut Each(Message(record)));
                event.record(&mut Each(Rest(record)));
            }
        });
    }

    /// Whether spans are told of events of this level.
    #[inline]
    pub(crate) fn is_told(&self, level: Level) -> bool {
        level >= Level::Error || self.span_events == SpanEvents::All
    }

    /// Gives a record the ids of the span its event was told, or of where it happens.
    #[inline]
    pub(crate) fn fill_context(
        &self,
        event: &Event<'_>,
        parent: Option<&Id>,
        record: &mut Builder<'_>,
    ) {
        if event.parent().is_some() || event.is_root() {
            let context = parent.and_then(|id| self.context_of(id)).unwrap_or_default();
            record.context(&context.packed());
        } else {
            with_current(|context| record.context(&context.packed()));
        }
    }

    /// What the event says about its span. One with a target of its own is a record of `log`, of
    /// which the message alone is told.
    #[cold]
    pub(crate) fn tell_span(
        &self,
        event: &Event<'_>,
        level: Level,
        parent: Option<&Id>,
        target: Option<&str>,
    ) {
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
            match target {
                None => event.record(&mut Each(&mut named)),
                Some(_) => event.record(&mut Each(MessageOnly(&mut named))),
            }
            let (message, dropped) = named.end(event.metadata(), target);
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
    fn end(mut self, metadata: &Metadata<'_>, target: Option<&str>) -> (Option<Text>, u32) {
        let target = target.unwrap_or_else(|| metadata.target());
        let own = [("level", level(metadata.level()).as_str()), ("target", target)];
        for (key, text) in own {
            if metadata.fields().field(key).is_none() {
                self.add(key, Value::Str(text));
            }
        }
        (self.message, self.dropped)
    }
}
