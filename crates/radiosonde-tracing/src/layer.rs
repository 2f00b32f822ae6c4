//! The layer itself.

use radiosonde_context::{Context, SpanId, TraceId, with_current};
use radiosonde_record::{
    Descriptor, EncodedFields, Journal, Kind, Level, OpenSpan, Site, SpanPart, Value,
};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::layer::Context as Subscribed;
use tracing_subscriber::registry::LookupSpan;

use crate::open_spans::OpenSpans;
use crate::sampler::Sampler;
use crate::span::{Span, SpanFields};
use crate::stack;
use crate::visit::{Each, MESSAGE, Message, MessageFirst, Rest};

/// Records events and spans in a journal. See the crate documentation.
#[derive(Clone, Debug)]
pub struct Layer {
    journal: Journal,
    sampler: Sampler,
    sole: bool,
    /// Only where somebody reads names: otherwise a span costs a load and a branch more.
    open_spans: Option<OpenSpans>,
}

impl Layer {
    /// A layer over a journal, beside others: what the journal's filter holds back is still seen
    /// by them.
    pub fn new(journal: &Journal, sampler: Sampler) -> Self {
        Self { journal: journal.clone(), sampler, sole: false, open_spans: None }
    }

    /// For a subscriber without other layers: what the filter holds back is switched off at its
    /// call site, and then costs a load and a branch.
    #[must_use]
    pub fn sole(mut self) -> Self {
        self.sole = true;
        self
    }

    /// Keeps the names of open spans in this table, for whoever shows events to people.
    #[must_use]
    pub fn with_open_spans(mut self, open_spans: OpenSpans) -> Self {
        self.open_spans = Some(open_spans);
        self
    }

    fn allows(&self, metadata: &Metadata<'_>) -> bool {
        self.journal.allows(metadata.target(), level(metadata.level()))
    }

    fn site(&self, metadata: &'static Metadata<'static>) -> Site {
        self.journal.site(key(metadata), || describe(metadata))
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.sole && !self.allows(metadata) { Interest::never() } else { Interest::always() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Subscribed<'_, S>) -> bool {
        !self.sole || self.allows(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let lowest = || match self.journal.filter().lowest() {
            None => LevelFilter::OFF,
            Some(Level::Trace) => LevelFilter::TRACE,
            Some(Level::Debug) => LevelFilter::DEBUG,
            Some(Level::Info) => LevelFilter::INFO,
            Some(Level::Warning) => LevelFilter::WARN,
            Some(Level::Error | Level::Critical) => LevelFilter::ERROR,
        };
        self.sole.then(lowest)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, subscribed: Subscribed<'_, S>) {
        let metadata = attributes.metadata();
        // Alone, the call site's interest has answered this already.
        if !self.sole && !self.allows(metadata) {
            return;
        }
        let Some(registered) = subscribed.span(id) else { return };
        let parent = match attributes.parent() {
            Some(parent) => context_of(&subscribed, parent).unwrap_or_default(),
            None => Context::current(),
        };
        let (trace, parent_span, decision) = if attributes.is_root() {
            (None, None, None)
        } else {
            (parent.trace_id(), parent.span_id(), parent.is_sampled())
        };
        let trace_id = trace.unwrap_or_else(TraceId::random);
        let sampled = self.sampler.decide(trace_id, decision);
        let part = SpanPart {
            parent: parent_span.map_or(0, |id| u64::from_be_bytes(id.to_bytes())),
            start_ns: radiosonde_record::now_ns(),
            kind: 1,
            status: 0,
        };
        let mut span = Span {
            context: parent.with_span(trace_id, SpanId::random(), sampled),
            sampled,
            site: self.site(metadata),
            open: OpenSpan::default(),
            part,
            fields: EncodedFields::default(),
            message: None,
            name: None,
            entered: false,
        };
        let mut fields = Each(SpanFields::new(sampled));
        attributes.record(&mut fields);
        span.update(fields.0);
        // Also a span that is not sampled: it may hang as well.
        span.open = self.journal.open_span(&span.site, span.context.packed(), &span.part);
        if let Some(open_spans) = &self.open_spans
            && let Some(id) = span.context.span_id()
        {
            open_spans.opened(id, span.part.parent, metadata.name());
        }
        registered.extensions_mut().replace(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, subscribed: Subscribed<'_, S>) {
        let Some(registered) = subscribed.span(id) else { return };
        let sampled = registered.extensions().get::<Span>().map(|span| span.sampled);
        let Some(sampled) = sampled else { return };
        let mut fields = Each(SpanFields::new(sampled));
        values.record(&mut fields);
        let mut extensions = registered.extensions_mut();
        let Some(span) = extensions.get_mut::<Span>() else { return };
        let before = fields.0.has_ids().then(|| span.context.clone());
        span.update(fields.0);
        let Some(before) = before.filter(|before| before.packed() != span.context.packed()) else {
            return;
        };
        self.journal.change_span(&mut span.open, span.context.packed(), &span.part);
        let after = span.context.clone();
        drop(extensions);
        if with_current(|current| current.span_id() == before.span_id()) {
            // An id recorded from inside holds for what follows inside.
            let _before = after.enter_over_current();
        }
    }

    fn on_event(&self, event: &Event<'_>, subscribed: Subscribed<'_, S>) {
        let metadata = event.metadata();
        if !self.sole && !self.allows(metadata) {
            return;
        }
        let level = level(metadata.level());
        if level >= Level::Error
            && let Some(registered) = subscribed.event_span(event)
            && let Some(span) = registered.extensions_mut().get_mut::<Span>()
        {
            span.failed();
        }
        // A span has failed also when the event that says so is one too many.
        if !self.journal.passes(level, key(metadata), || describe(metadata)) {
            return;
        }
        let site = self.site(metadata);
        self.journal.record(Kind::Event, level, &site, &[], |record| {
            match event.parent() {
                Some(parent) => {
                    let context = context_of(&subscribed, parent).unwrap_or_default();
                    record.context(context.packed());
                }
                None => with_current(|context| record.context(context.packed())),
            }
            if is_message_first(metadata) {
                event.record(&mut Each(MessageFirst(record)));
            } else {
                event.record(&mut Each(Message(record)));
                event.record(&mut Each(Rest(record)));
            }
        });
    }

    fn on_enter(&self, id: &Id, subscribed: Subscribed<'_, S>) {
        let Some(registered) = subscribed.span(id) else { return };
        let mut extensions = registered.extensions_mut();
        let Some(span) = extensions.get_mut::<Span>() else { return };
        if !std::mem::replace(&mut span.entered, true) {
            // A span made before the scope it runs in belongs to that scope's job all the same.
            let before = std::mem::take(&mut span.context);
            span.context = with_current(|current| before.over(current));
            if span.context.packed() != before.packed() {
                self.journal.change_span(&mut span.open, span.context.packed(), &span.part);
            }
        }
        let context = span.context.clone();
        drop(extensions);
        stack::enter(id, context);
    }

    fn on_exit(&self, id: &Id, _: Subscribed<'_, S>) {
        stack::exit(id);
    }

    fn on_close(&self, id: Id, subscribed: Subscribed<'_, S>) {
        let Some(registered) = subscribed.span(&id) else { return };
        let Some(span) = registered.extensions_mut().remove::<Span>() else { return };
        if let Some(open_spans) = &self.open_spans
            && let Some(id) = span.context.span_id()
        {
            open_spans.closed(id);
        }
        if !span.sampled {
            return self.journal.close_span(span.open);
        }
        let metadata = registered.metadata();
        let site = match span.name {
            None => span.site,
            Some(name) => Site::Inline(Descriptor { name, ..describe(metadata) }),
        };
        let level = level(metadata.level());
        self.journal.record(Kind::Span, level, &site, span.context.packed(), |record| {
            record.span(&span.part);
            record.message(Value::Str(span.message.as_deref().unwrap_or_default()));
            record.encoded_fields(&span.fields);
        });
        self.journal.close_span(span.open);
    }
}

fn is_message_first(metadata: &Metadata<'_>) -> bool {
    metadata.fields().iter().next().is_some_and(|field| field.name() == MESSAGE)
}

/// Identifies a call site within the process.
fn key(metadata: &'static Metadata<'static>) -> usize {
    std::ptr::from_ref(metadata).addr()
}

fn describe(metadata: &Metadata<'_>) -> Descriptor {
    Descriptor {
        name: if metadata.is_span() { metadata.name() } else { "log" }.to_owned(),
        source: metadata.target().to_owned(),
        file: metadata.file().unwrap_or_default().to_owned(),
        line: metadata.line().unwrap_or_default(),
        keys: metadata.fields().iter().map(|field| field.name().to_owned()).collect(),
        ..Descriptor::default()
    }
}

fn context_of<S>(subscribed: &Subscribed<'_, S>, id: &Id) -> Option<Context>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let registered = subscribed.span(id)?;
    let extensions = registered.extensions();
    extensions.get::<Span>().map(|span| span.context.clone())
}

fn level(level: &tracing_core::Level) -> Level {
    match *level {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warning,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}
