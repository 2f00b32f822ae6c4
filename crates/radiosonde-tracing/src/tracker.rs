//! What the layer and the subscriber of its own have in common: spans are opened, entered and closed,
//! and events are recorded.

use std::sync::{Arc, OnceLock};

use radiosonde_context::{Context, with_current};
use radiosonde_record::{
    Descriptor, EncodedFields, Journal, Level, LogOrigin, Site, SpanExtras, now_ns,
};
use tracing_core::dispatcher::WeakDispatch;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{LevelFilter, Metadata};

use crate::call_names::CallNames;
use crate::callsites::{self, Callsites};
use crate::counts::SpanCounts;
use crate::cut::Text;
use crate::fields::{Taking, may_mean_any};
use crate::later::Later;
use crate::open_spans::OpenSpans;
use crate::sampler::Sampler;
use crate::settings::{Keep, SpanEvents, SpanLimits};
use crate::source::SpanSource;
use crate::span::{Beginning, Span};
use crate::stack;
use crate::store::Store;

/// Everything but the way in.
#[derive(Debug)]
pub(crate) struct Tracker {
    pub(crate) journal: Journal,
    pub(crate) sampler: Sampler,
    pub(crate) limits: SpanLimits,
    pub(crate) keep: Keep,
    pub(crate) span_events: SpanEvents,
    pub(crate) counts: SpanCounts,
    /// Whether nobody else listens.
    pub(crate) sole: bool,
    /// Only where somebody reads names: otherwise a span costs a load and a branch more.
    pub(crate) open_spans: Option<OpenSpans>,
    /// Whether spans may be left out.
    pub(crate) skips: bool,
    /// Where spans are left out: only where nobody else listens.
    pub(crate) callsites: Option<Callsites>,
    /// Names that were given to spans that are open.
    pub(crate) names: Arc<CallNames>,
    /// Who makes the spans, where somebody else does.
    pub(crate) source: Option<Arc<dyn SpanSource>>,
    /// Who the spans of the source are asked from.
    pub(crate) dispatch: OnceLock<WeakDispatch>,
    pub(crate) store: Arc<Store>,
}

/// Where a new span belongs.
#[derive(Clone, Copy)]
pub(crate) enum Parent<'a> {
    /// Where it is made.
    Current,
    /// To a span it was told; `None` for one that is not known.
    Known(Option<&'a Id>),
    /// Nowhere.
    Root,
}

impl Clone for Tracker {
    /// The same settings, for other spans.
    fn clone(&self) -> Self {
        Self {
            journal: self.journal.clone(),
            sampler: self.sampler,
            limits: self.limits,
            keep: self.keep,
            span_events: self.span_events,
            counts: self.counts.clone(),
            sole: self.sole,
            open_spans: self.open_spans.clone(),
            skips: self.skips,
            callsites: self.callsites.is_some().then(Callsites::default),
            names: Arc::clone(&self.names),
            source: self.source.clone(),
            dispatch: OnceLock::new(),
            store: Store::new(&self.counts),
        }
    }
}

impl Tracker {
    pub(crate) fn new(journal: &Journal, sampler: Sampler) -> Self {
        LogOrigin::prepare();
        let counts = SpanCounts::default();
        Self {
            journal: journal.clone(),
            sampler,
            limits: SpanLimits::default(),
            keep: Keep::default(),
            span_events: SpanEvents::default(),
            store: Store::new(&counts),
            counts,
            sole: false,
            open_spans: None,
            skips: false,
            callsites: None,
            names: Arc::default(),
            source: None,
            dispatch: OnceLock::new(),
        }
    }

    /// Counts there from now on.
    pub(crate) fn count_in(&mut self, counts: &SpanCounts) {
        self.counts = counts.clone();
        self.store = Store::new(counts);
    }

    /// Whether the filter lets something through.
    pub(crate) fn allows(&self, metadata: &Metadata<'_>) -> bool {
        self.journal.allows(metadata.target(), level(metadata.level()))
    }

    /// The most that the filter lets through of anything.
    pub(crate) fn max_level(&self) -> LevelFilter {
        match self.journal.filter().lowest() {
            None => LevelFilter::OFF,
            Some(Level::Trace) => LevelFilter::TRACE,
            Some(Level::Debug) => LevelFilter::DEBUG,
            Some(Level::Info) => LevelFilter::INFO,
            Some(Level::Warning) => LevelFilter::WARN,
            Some(Level::Error | Level::Critical) => LevelFilter::ERROR,
        }
    }

    pub(crate) fn site(&self, metadata: &'static Metadata<'static>) -> Site {
        self.journal.site(key(metadata), || describe(metadata))
    }

    /// Opens a span. `None` past the number that can be open.
    #[inline]
    pub(crate) fn open(&self, attributes: &Attributes<'_>, parent: Parent<'_>) -> Option<Id> {
        let outer = match parent {
            Parent::Known(id) => id.and_then(|id| self.context_of(id)).unwrap_or_default(),
            Parent::Current | Parent::Root => Context::current(),
        };
        let start_ns = now_ns();
        let begin = |span: &mut Span| {
            let beginning = Beginning {
                metadata: Some(attributes.metadata()),
                level: level(attributes.metadata().level()),
                outer,
                is_root: matches!(parent, Parent::Root),
                is_contextual: matches!(parent, Parent::Current),
                start_ns,
            };
            span.begin(beginning, &self.sampler, &self.keep);
            // Nobody knows the span yet: whatever formatters do, they do not wait for it.
            if span.collects || may_mean_any(attributes.metadata()) {
                attributes.record(&mut Taking { fields: &mut span.fields, limits: &self.limits });
            }
            if let Some(special) = span.fields.take_special() {
                span.apply(*special, &self.limits, &self.counts);
            }
            self.opened(span);
        };
        self.store.open(begin)
    }

    /// Takes over fields that were recorded later.
    pub(crate) fn record(&self, id: &Id, values: &Record<'_>) {
        let mut later = Later::new(&self.store, id, &self.limits);
        values.record(&mut later);
        let Some(mut guard) = later.into_span() else { return };
        let span = &mut *guard;
        let Some(special) = span.fields.take_special() else { return };
        let ids = special.ids.clone();
        if !span.apply(*special, &self.limits, &self.counts) {
            return;
        }
        self.journal.change_span(&mut span.open, &span.context.packed(), &span.part);
        let own = span.id();
        drop(guard);
        // Ids recorded from inside hold for what follows inside; all else is as it is there.
        if let (Some(ids), Some(own)) = (ids, own) {
            stack::change(own, |context| ids.inside(context));
        }
    }

    /// Enters a span on this thread.
    #[inline]
    pub(crate) fn enter(&self, id: &Id) {
        let Some(mut span) = self.store.lock(id) else { return };
        let is_first = !span.entered;
        if with_current(|current| span.enter(current, &self.keep)) {
            let span = &mut *span;
            self.journal.change_span(&mut span.open, &span.context.packed(), &span.part);
        }
        let Some(metadata) = span.metadata else { return };
        // Entered the first time, it has been filled in already.
        let mut context = if is_first { span.context.clone() } else { span.own().clone() };
        drop(span);
        if !is_first {
            with_current(|current| context.fill(current));
        }
        stack::enter(self.number(), id, metadata, context);
    }

    /// Exits a span on this thread.
    #[inline]
    pub(crate) fn exit(&self, id: &Id) {
        if stack::exit(self.number(), id) {
            self.store.with(id, |span| span.failed(Some(Text::from("panicked"))));
        }
    }

    /// Lets go of a handle. Whether it was the last one, and the span has ended.
    #[inline]
    pub(crate) fn close(&self, id: &Id) -> bool {
        let mut switched_off = false;
        let is_last = self.store.drop_handle(id, |span| switched_off = self.end(span, None));
        if switched_off {
            // Asks all subscribers, which may do anything: not with the span's lock.
            tracing_core::callsite::rebuild_interest_cache();
        }
        is_last
    }

    /// Adds a link from a span to another one.
    pub(crate) fn follows(&self, id: &Id, follows: Option<&Id>) {
        let to = follows.and_then(|follows| self.context_of(follows));
        self.add_link(id, &to.unwrap_or_default());
    }

    /// Adds a link from a span to that of a context.
    pub(crate) fn add_link(&self, id: &Id, to: &Context) {
        let none = EncodedFields::default();
        self.store.with(id, |span| span.link(to, &none, &self.limits, &self.counts));
    }

    /// Makes a span a child of that of a context, when its ids are not known to anybody. Whether that
    /// was so; `None` where the span cannot be looked at.
    pub(crate) fn set_parent(&self, id: &Id, parent: &Context) -> Option<bool> {
        self.store.with(id, |span| {
            self.unname(span);
            let is_set = span.set_parent(parent, &self.sampler, &self.keep);
            if let (Some(callsites), Some(metadata)) = (&self.callsites, span.metadata) {
                // Where it is made says nothing of it.
                callsites.need(metadata);
            }
            self.name(span);
            self.journal.change_span(&mut span.open, &span.context.packed(), &span.part);
            is_set
        })
    }

    /// The context inside a span. Who asks knows its ids, which are fixed from now on.
    pub(crate) fn context_of(&self, id: &Id) -> Option<Context> {
        self.store.with(id, |span| {
            span.fix(&self.keep);
            span.is_asked_for();
            span.own().clone()
        })
    }

    /// The span this thread has entered last.
    pub(crate) fn current(&self) -> Option<(Id, &'static Metadata<'static>)> {
        stack::current(self.number())
    }

    /// Whether a span of this call site, made here and now, would be one that nobody misses.
    #[inline]
    pub(crate) fn can_do_without(&self, metadata: &Metadata<'_>) -> bool {
        radiosonde_context::is_sampled_out()
            && self.callsites.as_ref().is_some_and(|known| {
                self.sampler.follows(|| with_current(Context::trace_id))
                    && known.leave_out(metadata)
            })
    }

    /// Nobody else listens: spans are left out from now on, where that was asked for.
    pub(crate) fn may_skip(&mut self) {
        self.sole = true;
        self.callsites = self.skips.then(Callsites::default);
    }

    /// A span was opened.
    #[inline(always)]
    fn opened(&self, span: &mut Span) {
        let Some(metadata) = span.metadata else { return };
        let site = self.site(metadata);
        // Also one that is not sampled: it may hang as well.
        let named = match span.given_name() {
            Some(name) => self.names.site(&self.journal, &self.counts, metadata, name),
            None => None,
        };
        let shown = named.as_ref().unwrap_or(&site);
        span.open = self.journal.open_span(shown, &span.context.packed(), &span.part);
        span.site = Some(site);
        self.name(span);
    }

    /// Tells whoever shows text to people what a span is called.
    #[inline(always)]
    fn name(&self, span: &Span) {
        let Some(open_spans) = &self.open_spans else { return };
        if let (Some(id), Some(metadata)) = (span.id(), span.metadata) {
            open_spans.opened(id, span.part.parent, metadata.name());
        }
    }

    /// Nothing more is told of a span.
    #[inline(always)]
    pub(crate) fn unname(&self, span: &Span) {
        if let (Some(open_spans), Some(id)) = (&self.open_spans, span.id()) {
            open_spans.closed(id);
        }
    }

    /// Ends a span, now or at a time it was told. Whether call sites have to ask each time from now on.
    #[inline]
    pub(crate) fn end(&self, span: &mut Span, end_ns: Option<u64>) -> bool {
        self.unname(span);
        let is_out = !span.sampled && !self.keep.is_on();
        let switched_off = is_out && self.learn(span);
        if !is_out {
            self.record_ended(span, end_ns);
        }
        // After its record: who dies in between has left either.
        self.journal.close_span(std::mem::take(&mut span.open));
        span.release();
        switched_off
    }

    #[inline]
    fn record_ended(&self, span: &mut Span, end_ns: Option<u64>) {
        let end_ns = end_ns.unwrap_or_else(now_ns);
        let Some(level) = span.level else { return };
        if !span.end(end_ns, &self.keep, &self.counts) {
            return;
        }
        // Set since it was opened.
        let Some(site) = span.site.take() else { return };
        let none = SpanExtras::default();
        self.journal.span(level, &site, &span.context.packed(), &span.ended(&none, end_ns));
    }

    /// Remembers whether spans of this call site are missed when there are none. Whether it is the
    /// first one of which they are not.
    fn learn(&self, span: &Span) -> bool {
        let (Some(callsites), Some(metadata)) = (&self.callsites, span.metadata) else {
            return false;
        };
        if span.is_root() {
            return false;
        }
        let is_dispensable = span.is_dispensable() && !callsites::matter(metadata);
        callsites.learn(metadata, is_dispensable)
    }

    /// Tells the spans of this tracker from others on the stack.
    pub(crate) fn number(&self) -> usize {
        Arc::as_ptr(&self.store).addr()
    }
}

/// Identifies a call site within the process.
pub(crate) fn key(metadata: &'static Metadata<'static>) -> usize {
    std::ptr::from_ref(metadata).addr()
}

pub(crate) fn describe(metadata: &Metadata<'_>) -> Descriptor {
    Descriptor {
        name: if metadata.is_span() { metadata.name() } else { "log" }.to_owned(),
        source: metadata.target().to_owned(),
        file: metadata.file().unwrap_or_default().to_owned(),
        line: metadata.line().unwrap_or_default(),
        keys: metadata.fields().iter().map(|field| field.name().to_owned()).collect(),
        ..Descriptor::default()
    }
}

#[inline]
pub(crate) fn level(level: &tracing_core::Level) -> Level {
    match *level {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warning,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}
