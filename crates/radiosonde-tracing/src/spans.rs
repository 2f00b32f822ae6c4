//! Spans that others than `tracing` begin and end, with names that are known at run time only.
//!
//! They have everything that those of `tracing` have: sampling, limits, a place among the open spans
//! and the same record.

use std::borrow::Cow;
use std::sync::Arc;

use radiosonde_context::{Context, SpanId, with_current};
use radiosonde_record::{EncodedFields, Level, Value};
use tracing_core::span::Id;

use crate::counts::Counted;
use crate::cut::{MESSAGE_MAX, NAME_MAX, Text};
use crate::fields::{Ids, Taking};
use crate::moment::Moment;
use crate::span::{Beginning, STATUS_ERROR, STATUS_OK, STATUS_UNSET, Span};
use crate::tracker::Tracker;
use crate::visit::Named;

/// Begins spans by the settings of a [`Layer`](crate::Layer). Clones are the same.
#[derive(Clone, Debug)]
pub struct Spans {
    tracker: Arc<Tracker>,
}

/// What a span whose times were ahead of the clock has as an attribute: by how much, in nanoseconds.
const AHEAD: &str = "otel.time_ahead_ns";

/// What a span begins as. See [`SpanStart::new`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SpanStart<'a> {
    /// Its name.
    pub name: &'a Cow<'static, str>,
    /// Who makes it: a module, a library. Default: not known.
    pub source: &'a str,
    /// The file where it is made; empty, the default, when that is not known.
    pub file: &'a str,
    /// And the line; 0, the default, when it is not known.
    pub line: u32,
    /// Its level. Default: info.
    pub level: Level,
    /// Its kind. Default: internal.
    pub kind: SpanKind,
    /// When it began, nanoseconds since 1970; of a time to come now is taken, and the attribute
    /// `otel.time_ahead_ns` says by how much. Default: now.
    pub start_ns: Option<u64>,
    /// The context around it, in whose span it is.
    pub parent: &'a Context,
}

/// The kind of a span, as OpenTelemetry has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanKind {
    /// Asks another service.
    Client,
    /// Takes a message that was left for it.
    Consumer,
    /// Within the program.
    #[default]
    Internal,
    /// Leaves a message for another one.
    Producer,
    /// Answers another service.
    Server,
}

/// How a span ended, as OpenTelemetry has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanStatus<'a> {
    /// With an error, which may be described.
    Error(&'a str),
    /// Well, and nobody says otherwise later.
    Ok,
}

/// An open span, by a number that finds nothing once it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanNumber {
    id: Id,
    /// Whose span it is: numbers of two layers may be the same.
    layer: usize,
}

/// A span that was begun by [`Spans::start`]. It ends when this is dropped, or before by
/// [`StartedSpan::end`].
#[derive(Debug)]
pub struct StartedSpan {
    spans: Spans,
    /// There until it ends.
    id: Option<Id>,
}

/// Job, worker or session that a span was given.
#[derive(Clone, Debug)]
pub struct SpanIds(Ids);

/// Changes an open span. See [`StartedSpan::edit`].
#[derive(Debug)]
pub struct SpanEditor<'a> {
    span: &'a mut Span,
    tracker: &'a Tracker,
}

impl<'a> SpanStart<'a> {
    /// A span of this name in a context, and otherwise as the fields say.
    #[expect(clippy::ptr_arg, reason = "whether the name lasts is made use of")]
    pub fn new(name: &'a Cow<'static, str>, parent: &'a Context) -> Self {
        Self {
            name,
            source: "",
            file: "",
            line: 0,
            level: Level::Info,
            kind: SpanKind::default(),
            start_ns: None,
            parent,
        }
    }
}

impl Spans {
    pub(crate) fn new(tracker: &Arc<Tracker>) -> Self {
        Self { tracker: Arc::clone(tracker) }
    }

    /// Begins a span; `edit` gives it its first attributes, of which `job_id` and its like are
    /// ids. Its ids are known from then on, so that its parent stays. `None` past the number that can
    /// be open, which is counted, where the filter holds it back, and in a forked child.
    pub fn start(
        &self,
        start: &SpanStart<'_>,
        edit: impl FnOnce(&mut SpanEditor<'_>),
    ) -> Option<StartedSpan> {
        let tracker = &*self.tracker;
        if !tracker.journal.allows(start.source, start.level) {
            return None;
        }
        let began = Moment::said(start.start_ns);
        let id = tracker.store.open(|span| {
            let beginning = Beginning {
                metadata: None,
                level: start.level,
                outer: start.parent.clone(),
                is_root: false,
                is_contextual: false,
                start_ns: began.ns,
            };
            span.begin(beginning, &tracker.sampler, &tracker.keep);
            span.fields.kind = start.kind.number();
            let mut editor = SpanEditor { span, tracker };
            editor.was_ahead(began);
            edit(&mut editor);
            if let Some(special) = span.fields.take_special() {
                span.apply(*special, &tracker.limits, &tracker.counts);
            }
            span.fix(&tracker.keep);
            self.opened(span, start);
        })?;
        Some(StartedSpan { spans: self.clone(), id: Some(id) })
    }

    /// The context inside a span.
    pub fn context_of(&self, span: &SpanNumber) -> Option<Context> {
        self.tracker.context_of(span.of(&self.tracker)?)
    }

    /// Enters a span where a context is current: the context to be put in place there, with what the
    /// span does not say itself from the one around.
    pub fn enter(&self, span: &SpanNumber) -> Option<Context> {
        let tracker = &*self.tracker;
        let mut span = tracker.store.lock(span.of(tracker)?)?;
        let is_first = !span.entered;
        if with_current(|current| span.enter(current, &tracker.keep)) {
            let span = &mut *span;
            tracker.journal.change_span(&mut span.open, &span.context.packed(), &span.part);
        }
        let mut context = if is_first { span.context.clone() } else { span.own().clone() };
        drop(span);
        if !is_first {
            with_current(|current| context.fill(current));
        }
        Some(context)
    }

    /// As [`StartedSpan::edit`], for whoever knows the number.
    pub fn edit(&self, span: &SpanNumber, f: impl FnOnce(&mut SpanEditor<'_>)) -> Option<SpanIds> {
        let tracker = &*self.tracker;
        let mut guard = tracker.store.lock(span.of(tracker)?)?;
        let span = &mut *guard;
        f(&mut SpanEditor { span: &mut *span, tracker });
        let special = span.fields.take_special()?;
        let ids = special.ids.clone();
        if !span.apply(*special, &tracker.limits, &tracker.counts) {
            return None;
        }
        tracker.journal.change_span(&mut span.open, &span.context.packed(), &span.part);
        ids.map(SpanIds)
    }

    /// A panic ended what happened in a span: its status is an error, unless it has one.
    pub fn panicked(&self, span: &SpanNumber) {
        if let Some(id) = span.of(&self.tracker) {
            self.tracker.store.with(id, |span| span.failed(Some(Text::from("panicked"))));
        }
    }

    fn opened(&self, span: &mut Span, start: &SpanStart<'_>) {
        let tracker = &*self.tracker;
        let (site, own) = tracker.names.given(&tracker.journal, &tracker.counts, start);
        // Its record has its own.
        if let Some(name) = own.filter(|_| span.fields.name.is_empty()) {
            SpanEditor { span: &mut *span, tracker }.rename(name);
        }
        span.open = tracker.journal.open_span(&site, &span.context.packed(), &span.part);
        span.site = Some(site);
        if let (Some(open_spans), Some(id)) = (&tracker.open_spans, span.id()) {
            open_spans.opened(id, span.part.parent, crate::call_names::lasting(start.name));
        }
    }
}

impl SpanNumber {
    /// The number there; `None` for a span of another layer.
    pub(crate) fn of(&self, tracker: &Tracker) -> Option<&Id> {
        (self.layer == tracker.number()).then_some(&self.id)
    }
}

impl SpanIds {
    /// A context with these ids.
    pub fn inside(&self, context: &Context) -> Context {
        self.0.inside(context)
    }
}

impl SpanKind {
    /// As records have it.
    fn number(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Server => 2,
            Self::Client => 3,
            Self::Producer => 4,
            Self::Consumer => 5,
        }
    }
}

impl StartedSpan {
    /// Its number, while it is open.
    pub fn number(&self) -> Option<SpanNumber> {
        let layer = self.spans.tracker.number();
        self.id.clone().map(|id| SpanNumber { id, layer })
    }

    /// Its own ids; `None` once it has ended.
    pub fn id(&self) -> Option<SpanId> {
        self.context().and_then(|context| context.span_id())
    }

    /// The context inside of it; `None` once it has ended.
    pub fn context(&self) -> Option<Context> {
        self.spans.tracker.context_of(self.id.as_ref()?)
    }

    /// Whether what is said of it is recorded: not in a trace that is not sampled, nor after its end.
    pub fn is_recording(&self) -> bool {
        let Some(id) = &self.id else { return false };
        self.spans.tracker.store.with(id, |span| span.collects).unwrap_or(false)
    }

    /// Changes it, with its lock held: `f` must run no code of the application. Ids that it was
    /// given by that hold for what follows inside: they are returned for whoever keeps contexts. Does
    /// nothing after its end.
    pub fn edit(&self, f: impl FnOnce(&mut SpanEditor<'_>)) -> Option<SpanIds> {
        self.spans.edit(&self.number()?, f)
    }

    /// Ends it now, or at this time in nanoseconds since 1970: not before its start, nor at a time to
    /// come, of which the attribute `otel.time_ahead_ns` has by how much. A second end does nothing.
    pub fn end(&mut self, end_ns: Option<u64>) {
        let Some(id) = self.id.take() else { return };
        let tracker = &*self.spans.tracker;
        let _is_last = tracker.store.drop_handle(&id, |span| {
            let ended = Moment::said(end_ns);
            SpanEditor { span: &mut *span, tracker }.was_ahead(ended);
            let end_ns = ended.ns.max(span.part.start_ns);
            // There is no call site that could be switched off.
            let _ = tracker.end(span, Some(end_ns));
        });
    }
}

impl Drop for StartedSpan {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl SpanEditor<'_> {
    /// Sets an attribute. Those with a meaning in `tracing` have it here: `job_id`, `otel.link` and
    /// so on.
    pub fn attribute(&mut self, key: &str, value: Value<'_>) {
        let hash = self.tracker.names.hash(key);
        let mut taking = Taking { fields: &mut self.span.fields, limits: &self.tracker.limits };
        taking.named(key, hash, value);
    }

    /// Adds an event at a time, nanoseconds since 1970; of a time to come now is taken.
    pub fn event<'a>(
        &mut self,
        at_ns: u64,
        name: &str,
        attributes: impl Iterator<Item = (&'a str, Value<'a>)>,
    ) {
        if !self.span.collects {
            return;
        }
        let tracker = self.tracker;
        let mut fields = self.fields(attributes);
        let name = Text::of(Value::Str(name), NAME_MAX);
        if name.is_cut {
            fields.set_truncated();
        }
        let at_ns = Moment::said(Some(at_ns)).ns;
        self.span.event(at_ns, &name.text, &fields, &tracker.limits, &tracker.counts);
    }

    /// Links it to the span of a context.
    pub fn link<'a>(
        &mut self,
        to: &Context,
        attributes: impl Iterator<Item = (&'a str, Value<'a>)>,
    ) {
        let fields = self.fields(attributes);
        self.span.link(to, &fields, &self.tracker.limits, &self.tracker.counts);
    }

    /// Sets the status. `Ok` is final; of errors the last one counts.
    pub fn status(&mut self, status: SpanStatus<'_>) {
        if !self.span.collects {
            return;
        }
        match status {
            SpanStatus::Ok => self.span.set_status(STATUS_OK, None),
            SpanStatus::Error(message) => {
                let message = Text::of(Value::Str(message), MESSAGE_MAX);
                self.span.set_status(STATUS_ERROR, Some(message));
            }
        }
    }

    /// Sets the status, unless somebody has said already how it ended.
    pub fn status_unless_set(&mut self, status: SpanStatus<'_>) {
        if self.span.part.status == STATUS_UNSET {
            self.status(status);
        }
    }

    /// Gives it another name. The list of open spans keeps the first one.
    pub fn rename(&mut self, name: &str) {
        if self.span.collects {
            let name = Text::of(Value::Str(name), NAME_MAX);
            self.span.fields.cuts.set(Counted::CutName, name.is_cut);
            self.span.fields.name = name.text;
        }
    }

    fn was_ahead(&mut self, moment: Moment) {
        if let Some(ahead_ns) = moment.ahead_ns {
            self.attribute(AHEAD, Value::U64(ahead_ns));
        }
    }

    fn fields<'a>(&self, attributes: impl Iterator<Item = (&'a str, Value<'a>)>) -> EncodedFields {
        let mut fields = EncodedFields::default();
        let mut named = Named::new(&mut fields, &self.tracker.limits);
        attributes.for_each(|(key, value)| named.add(key, value));
        let dropped = named.dropped;
        self.tracker.counts.add(Counted::DroppedAttribute, dropped);
        fields
    }
}
