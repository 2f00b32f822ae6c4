//! An open span: what is known of it so far, and how it becomes another.

use radiosonde_context::{Context, SpanId, TraceId, TraceState};
use radiosonde_record::{EncodedFields, EndedSpan, Level, OpenSpan, Site, SpanExtras, SpanPart};
use tracing_core::Metadata;

use crate::counts::{Counted, SpanCounts};
use crate::cut::Text;
use crate::exception::Exception;
use crate::fields::{Fields, Special};
use crate::sampler::Sampler;
use crate::settings::{Keep, SpanLimits};

/// An open span. Used again for another one when it has ended, with the memory it has.
#[derive(Debug, Default)]
pub(crate) struct Span {
    /// Missing where it was not `tracing` that began it.
    pub(crate) metadata: Option<&'static Metadata<'static>>,
    /// There once it has begun.
    pub(crate) level: Option<Level>,
    pub(crate) site: Option<Site>,
    /// Its place among the spans that are open.
    pub(crate) open: OpenSpan,
    /// The context of code inside the span: its own ids, those of its fields, its parent's.
    pub(crate) context: Context,
    /// The same without what it took over where it was entered first, if it did: where it is entered
    /// again it takes over what is there then.
    own: Option<Box<Context>>,
    pub(crate) sampled: bool,
    /// Whether attributes and events are kept: not when it is certain that it leaves no record.
    pub(crate) collects: bool,
    /// Whether its ids stay as they are, since somebody may have seen them.
    pub(crate) is_fixed: bool,
    pub(crate) entered: bool,
    /// Whether it took its parent from where it was made.
    is_contextual: bool,
    /// Whether it was entered where its parent is not current.
    strayed: bool,
    pub(crate) part: SpanPart,
    pub(crate) fields: Fields,
    /// What few spans have.
    pub(crate) rest: Option<Box<Rest>>,
}

/// What few spans have.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Of the status.
    pub(crate) message: Option<String>,
    pub(crate) extras: SpanExtras,
    links: u32,
    events: u32,
    dropped_links: u32,
    dropped_events: u32,
}

/// What a span is made from.
pub(crate) struct Beginning {
    pub(crate) metadata: Option<&'static Metadata<'static>>,
    pub(crate) level: Level,
    /// The context around it.
    pub(crate) outer: Context,
    /// Whether it begins a trace of its own there.
    pub(crate) is_root: bool,
    /// Whether it was not told its parent.
    pub(crate) is_contextual: bool,
    pub(crate) start_ns: u64,
}

pub(crate) const STATUS_UNSET: u8 = 0;
pub(crate) const STATUS_OK: u8 = 1;
pub(crate) const STATUS_ERROR: u8 = 2;
const KEPT_ERROR: u8 = 1;
const KEPT_SLOW: u8 = 2;

impl Span {
    /// Becomes a new span, without fields so far.
    #[inline(always)]
    pub(crate) fn begin(&mut self, beginning: Beginning, sampler: &Sampler, keep: &Keep) {
        let outer = beginning.outer;
        let parent = match (outer.trace_id(), outer.span_id()) {
            (Some(trace), Some(span)) if !beginning.is_root => Some((trace, span)),
            _ => None,
        };
        let decision = parent.and_then(|_| outer.is_sampled());
        let id = SpanId::random();
        self.context = match parent {
            Some((trace, _)) => {
                self.sampled = sampler.decide(trace, decision);
                outer.into_child(id, self.sampled)
            }
            None => {
                let trace = TraceId::random();
                self.sampled = sampler.decide(trace, None);
                outer.with_span(trace, id, self.sampled)
            }
        };
        (self.metadata, self.level) = (beginning.metadata, Some(beginning.level));
        // Not known to be out before the parent is fixed, unless no parent changes anything.
        self.collects = self.sampled || !sampler.is_never() || keep.is_on();
        self.is_fixed = false;
        self.entered = false;
        self.is_contextual = beginning.is_contextual && parent.is_some();
        self.strayed = false;
        self.part = SpanPart {
            parent: parent.map_or(0, |(_, span)| number(span)),
            start_ns: beginning.start_ns,
            kind: 1,
            status: STATUS_UNSET,
            kept: 0,
        };
        self.fields.begin(self.collects);
    }

    /// Its own id.
    pub(crate) fn id(&self) -> Option<SpanId> {
        self.context.span_id()
    }

    /// From now on somebody knows its ids.
    #[inline(always)]
    pub(crate) fn fix(&mut self, keep: &Keep) {
        if !self.is_fixed {
            self.is_fixed = true;
            if !self.sampled && !keep.is_on() {
                self.collects = false;
                self.fields.clear(false);
                self.rest = None;
            }
        }
    }

    /// Is entered where this context is current, for the first time or again. Whether it has taken
    /// something of it over.
    #[inline(always)]
    pub(crate) fn enter(&mut self, current: &Context, keep: &Keep) -> bool {
        if !self.sampled {
            let around = current.span_id().map_or(0, number);
            self.strayed |= around != self.part.parent || !self.context.is_alike(current);
        }
        if self.entered {
            return false;
        }
        self.entered = true;
        self.fix(keep);
        // A span made before the scope it runs in belongs to that scope's job all the same.
        let own = self.context.clone();
        let is_filled = self.context.fill(current);
        if is_filled {
            self.own = Some(Box::new(own));
        }
        is_filled
    }

    /// The context inside where it takes over what it does not say itself.
    #[inline(always)]
    pub(crate) fn own(&self) -> &Context {
        self.own.as_deref().unwrap_or(&self.context)
    }

    /// Its ids go where it need not be entered: it would be missed.
    pub(crate) fn is_asked_for(&mut self) {
        self.strayed = true;
    }

    /// Whether it has no parent.
    pub(crate) fn is_root(&self) -> bool {
        self.part.parent == 0
    }

    /// Whether nobody would miss it: it leaves no record, and the contexts in which it was entered
    /// said all that its own does.
    pub(crate) fn is_dispensable(&self) -> bool {
        !self.sampled && self.is_contextual && self.entered && !self.strayed
    }

    /// Becomes a child of another span, or takes only the ids of a context without one. Whether that
    /// was possible.
    pub(crate) fn set_parent(&mut self, parent: &Context, sampler: &Sampler, keep: &Keep) -> bool {
        if self.is_fixed {
            return false;
        }
        let (Some(trace), Some(outer), Some(own)) =
            (parent.trace_id(), parent.span_id(), self.id())
        else {
            self.context = self.context.over(parent);
            return true;
        };
        self.sampled = sampler.decide(trace, parent.is_sampled());
        // What it was given itself holds before what came from afar, and that before its scope's.
        let ids = &self.fields.ids;
        let context = parent.with_span(trace, own, self.sampled);
        let context = ids.as_ref().map_or(context.clone(), |ids| ids.inside(&context));
        self.context = context.over(&self.context);
        self.part.parent = number(outer);
        self.collects |= self.sampled || keep.is_on();
        self.fields.collects = self.collects;
        true
    }

    /// Takes over fields that mean something to the span itself. Whether its ids are others now.
    #[cold]
    pub(crate) fn apply(
        &mut self,
        special: Special,
        limits: &SpanLimits,
        counts: &SpanCounts,
    ) -> bool {
        let mut has_changed = false;
        if let Some(ids) = special.ids {
            let after = ids.inside(&self.context);
            has_changed = *after.packed() != *self.context.packed();
            self.context = after;
            if let Some(own) = &mut self.own {
                **own = ids.inside(own);
            }
            let before = self.fields.ids.take();
            self.fields.ids = Some(Box::new(ids.over(before.map(|before| *before))));
        }
        if !self.collects {
            return has_changed;
        }
        for to in &special.links {
            self.link(to, &EncodedFields::default(), limits, counts);
        }
        for exception in &special.exceptions {
            self.exception(exception, limits, counts);
        }
        match (special.status, special.message) {
            (Some(STATUS_OK), _) => self.set_status(STATUS_OK, None),
            (Some(STATUS_ERROR), message) => self.set_status(STATUS_ERROR, message),
            // Who describes what went wrong says that it did.
            (_, Some(message)) => self.set_status(STATUS_ERROR, Some(message)),
            _ => {}
        }
        has_changed
    }

    /// An error happened, which is an event of the span and its status.
    pub(crate) fn exception(
        &mut self,
        exception: &Exception,
        limits: &SpanLimits,
        counts: &SpanCounts,
    ) {
        let now = radiosonde_record::now_ns();
        self.event(now, "exception", &exception.fields, limits, counts);
        self.failed(Some(exception.message.clone()));
    }

    /// Sets the status: `ok` is final, and only an error has a message, the last one.
    pub(crate) fn set_status(&mut self, status: u8, message: Option<Text>) {
        if self.part.status == STATUS_OK || status == STATUS_UNSET {
            return;
        }
        self.part.status = status;
        if status == STATUS_OK {
            if let Some(rest) = &mut self.rest {
                rest.message = None;
            }
            self.fields.cuts.set(Counted::CutMessage, false);
        } else if let Some(message) = message.filter(|message| !message.text.is_empty()) {
            self.fields.cuts.set(Counted::CutMessage, message.is_cut);
            self.rest().message = Some(message.text);
        }
    }

    /// An error happened inside: what somebody said about it before holds.
    pub(crate) fn failed(&mut self, message: Option<Text>) {
        if self.part.status == STATUS_UNSET {
            self.set_status(STATUS_ERROR, message);
        }
    }

    /// Adds an event.
    pub(crate) fn event(
        &mut self,
        now_ns: u64,
        name: &str,
        fields: &EncodedFields,
        limits: &SpanLimits,
        counts: &SpanCounts,
    ) {
        let rest = self.rest();
        if rest.events < limits.events && rest.extras.event(now_ns, name, fields) {
            rest.events += 1;
            if fields.is_truncated() {
                self.fields.cuts.set(Counted::CutEvent, true);
            }
        } else {
            rest.dropped_events += 1;
            counts.add(Counted::DroppedEvent, 1);
        }
    }

    /// Adds a link to the span of a context.
    pub(crate) fn link(
        &mut self,
        to: &Context,
        attributes: &EncodedFields,
        limits: &SpanLimits,
        counts: &SpanCounts,
    ) {
        let Some((trace, span)) = to.trace_id().zip(to.span_id()) else {
            return counts.add(Counted::DroppedLink, 1);
        };
        if !self.collects {
            return;
        }
        let rest = self.rest();
        let (trace, span) = (trace.to_bytes(), span.to_bytes());
        let state = to.trace_state().map(TraceState::as_str);
        let fits = rest.links < limits.links;
        if fits && rest.extras.link(trace, span, state.unwrap_or_default(), attributes) {
            rest.links += 1;
        } else {
            rest.dropped_links += 1;
            counts.add(Counted::DroppedLink, 1);
        }
    }

    /// Ends at this time. Whether it leaves a record.
    #[inline]
    pub(crate) fn end(&mut self, end_ns: u64, keep: &Keep, counts: &SpanCounts) -> bool {
        if !self.sampled {
            let took = end_ns.saturating_sub(self.part.start_ns);
            let is_slow = |least: std::time::Duration| u128::from(took) >= least.as_nanos();
            if keep.errors && self.part.status == STATUS_ERROR {
                self.part.kept = KEPT_ERROR;
                counts.add(Counted::KeptError, 1);
            } else if keep.slow.is_some_and(is_slow) {
                self.part.kept = KEPT_SLOW;
                counts.add(Counted::KeptSlow, 1);
            } else {
                return false;
            }
        }
        if let Some(state) = self.context.trace_state().cloned() {
            self.rest().extras.trace_state(state.as_str());
        }
        if self.fields.are_cut() {
            self.fields.count_cuts(counts);
        }
        let dropped = self.fields.dropped;
        if dropped > 0 {
            counts.add(Counted::DroppedAttribute, dropped);
            self.rest();
        }
        if let Some(rest) = &mut self.rest
            && dropped + rest.dropped_events + rest.dropped_links > 0
        {
            rest.extras.dropped(dropped, rest.dropped_events, rest.dropped_links);
        }
        true
    }

    /// It is over, and what few spans have makes room: the memory of a store is that of open spans.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.fields.release();
        if self.rest.is_some() {
            self.rest = None;
        }
        self.context = Context::default();
        self.own = None;
    }

    /// What its record has.
    #[inline]
    pub(crate) fn ended<'a>(&'a self, none: &'a SpanExtras, end_ns: u64) -> EndedSpan<'a> {
        let (extras, message) = match &self.rest {
            Some(rest) => (&rest.extras, rest.message.as_deref().unwrap_or_default()),
            None => (none, ""),
        };
        let (name, fields) = (&*self.fields.name, &self.fields.encoded);
        let part = SpanPart { kind: self.fields.kind.max(1), ..self.part };
        EndedSpan { part, name, extras, message, fields, end_ns }
    }

    /// The name it was given in place of that of its call site.
    #[inline]
    pub(crate) fn given_name(&self) -> Option<&str> {
        let name = self.fields.name.as_str();
        (!name.is_empty()).then_some(name)
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }
}

fn number(span: SpanId) -> u64 {
    u64::from_be_bytes(span.to_bytes())
}
