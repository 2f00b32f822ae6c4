//! The layer, for subscribers of `tracing-subscriber`.

use std::any::TypeId;
use std::sync::Arc;

use radiosonde_record::Journal;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Dispatch, Event, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::Context as Subscribed;
use tracing_subscriber::registry::LookupSpan;

use crate::asked::{self, Knows};
use crate::counts::SpanCounts;
use crate::open_spans::OpenSpans;
use crate::sampler::Sampler;
use crate::settings::{Keep, SpanEvents, SpanLimits};
use crate::source::SpanSource;
use crate::spans::Spans;
use crate::subscriber;
use crate::tracker::{Parent, Tracker};

/// Records events and spans in a journal. See the crate documentation.
///
/// Settings are made before the layer is part of a subscriber; clones that were made before share
/// nothing of what is set later.
#[derive(Clone, Debug)]
pub struct Layer {
    tracker: Arc<Tracker>,
    /// Finds the span behind an id of the subscriber the layer is part of.
    find: Option<Find>,
    /// Who else may know what this layer is asked for: the subscriber it is on, and the layers it is
    /// one of.
    others: [Option<Knows>; 2],
}

/// Looks for the number here of a span of the registry.
type Find = fn(&Dispatch, &Id, usize) -> Option<Id>;

/// What the registry keeps of a span: its number in each of our layers, mostly in one.
struct Tracked {
    layer: usize,
    id: Id,
    others: Vec<(usize, Id)>,
}

impl Tracked {
    fn of(&self, layer: usize) -> Option<Id> {
        if self.layer == layer {
            return Some(self.id.clone());
        }
        self.others.iter().find(|(found, _)| *found == layer).map(|(_, id)| id.clone())
    }
}

impl Layer {
    /// A layer over a journal, beside others: what the journal's filter holds back is still seen
    /// by them. One a program: of two each takes parents from the other's spans.
    pub fn new(journal: &Journal, sampler: Sampler) -> Self {
        let tracker = Arc::new(Tracker::new(journal, sampler));
        Self { tracker, find: None, others: [None; 2] }
    }

    /// For a subscriber without other layers: what the filter holds back is switched off at its
    /// call site, and then costs a load and a branch. [`Layer::into_subscriber`] costs less still.
    #[must_use]
    pub fn sole(self) -> Self {
        self.with(|tracker| tracker.sole = true)
    }

    /// A subscriber of its own, for programs without other layers: spans cost a fraction of what
    /// they do with a registry.
    pub fn into_subscriber(self) -> subscriber::Subscriber {
        subscriber::Subscriber::new(self.with(Tracker::may_skip).tracker)
    }

    /// Whether spans of traces that are not sampled are left out where they seem to be missed by
    /// nobody, and then cost next to nothing: at call sites of which some hundred such spans in a
    /// row were entered inside of their parents only, and that have neither ids nor `otel.kind` among
    /// their fields. Only [`Layer::into_subscriber`] can do that. Default: `false`.
    ///
    /// What is left out is not among the open spans. A call site that behaves otherwise later loses
    /// the context there: what a task or thread does that was handed such a span belongs to no
    /// trace. One span in 256, drawn by lot, is made all the same, and the first of these that would have
    /// been missed is the last that its call site leaves out; so is one that is told its parent.
    #[must_use]
    pub fn skip_unsampled(self, skip: bool) -> Self {
        self.with(|tracker| tracker.skips = skip)
    }

    /// Keeps the names of open spans in this table, for whoever shows events to people.
    #[must_use]
    pub fn with_open_spans(self, open_spans: OpenSpans) -> Self {
        self.with(|tracker| tracker.open_spans = Some(open_spans))
    }

    /// Records some spans of traces that are not sampled. Default: none.
    #[must_use]
    pub fn keep(self, keep: Keep) -> Self {
        self.with(|tracker| tracker.keep = keep)
    }

    /// Which events become events of their span. Default: [`SpanEvents::Exceptions`].
    #[must_use]
    pub fn with_span_events(self, span_events: SpanEvents) -> Self {
        self.with(|tracker| tracker.span_events = span_events)
    }

    /// How much of a span is recorded.
    #[must_use]
    pub fn with_limits(self, limits: SpanLimits) -> Self {
        self.with(|tracker| tracker.limits = limits)
    }

    /// Counts there what is dropped, kept or too late.
    #[must_use]
    pub fn with_counts(self, counts: &SpanCounts) -> Self {
        self.with(|tracker| tracker.count_in(counts))
    }

    /// For one of several layers that are one to their subscriber, such as `Vec<BoxedLayer>`: what is
    /// asked of it counts as [`Counted::Unanswered`](crate::Counted) only when none of them knows it.
    #[must_use]
    pub fn among<L: tracing_subscriber::Layer<Registry>>(mut self) -> Self {
        self.others[1] = Some(asked::layers_know::<L>);
        self
    }

    /// What the layer counts of itself.
    pub fn counts(&self) -> &SpanCounts {
        &self.tracker.counts
    }

    /// Leaves the spans of `tracing` to somebody else, who records them with [`Layer::spans`]: the
    /// layer then records events alone, inside of those spans. A bridge to another API does that.
    #[must_use]
    pub fn with_source(self, source: Arc<dyn SpanSource>) -> Self {
        self.with(|tracker| tracker.source = Some(source))
    }

    /// Whether the journal's filter lets a span or an event through.
    pub fn allows(&self, metadata: &Metadata<'_>) -> bool {
        self.tracker.allows(metadata)
    }

    /// For spans that others than `tracing` begin and end, by the settings that the layer has now.
    pub fn spans(&self) -> Spans {
        Spans::new(&self.tracker)
    }

    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    pub(crate) fn find(&self, dispatch: &Dispatch, id: &Id) -> Option<Id> {
        self.find.and_then(|find| find(dispatch, id, self.tracker.number()))
    }

    /// The number here of a span of the registry.
    fn known<S>(&self, subscribed: &Subscribed<'_, S>, id: &Id) -> Option<Id>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if self.is_beside() {
            return None;
        }
        let registered = subscribed.span(id)?;
        let extensions = registered.extensions();
        extensions.get::<Tracked>()?.of(self.tracker.number())
    }

    /// The number here of a span of the registry, or of the nearest one around it that is not held
    /// back.
    fn nearest<S>(&self, subscribed: &Subscribed<'_, S>, id: &Id) -> Option<Id>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let number = self.tracker.number();
        let mut scope = subscribed.span(id)?.scope();
        scope.find_map(|span| span.extensions().get::<Tracked>()?.of(number))
    }

    /// The span of the source that an event was told: the nearest one around it that is not held
    /// back.
    #[cold]
    fn of_source<S>(
        &self,
        source: &dyn SpanSource,
        subscribed: &Subscribed<'_, S>,
        id: &Id,
    ) -> Option<Id>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let dispatch = self.tracker.dispatch.get()?.upgrade()?;
        // Should the layer be part of two subscribers, the spans of the second are not known there.
        let known = dispatch.downcast_ref::<S>()?;
        let mut scope = subscribed.span(id)?.scope();
        let context = scope.find_map(|span| {
            known.span(&span.id())?;
            source.context_of(&span.id(), &dispatch)
        })?;
        source.find(context.span_id()?)?.of(&self.tracker).cloned()
    }

    /// Whether the spans are somebody else's.
    fn is_beside(&self) -> bool {
        self.tracker.source.is_some()
    }

    /// Somebody asks for a part of another layer.
    fn asked_for(&self, id: TypeId) {
        // Before it is part of a subscriber nobody can ask it for anything; beside the layer that makes
        // the spans it is that one which is asked.
        if self.find.is_some() && !self.is_beside() {
            asked::unknown(&self.tracker, id, &self.others);
        }
    }

    fn with(mut self, set: impl FnOnce(&mut Tracker)) -> Self {
        set(Arc::make_mut(&mut self.tracker));
        self
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_layer(&mut self, _: &mut S) {
        self.find = Some(|dispatch, id, layer| tracked(dispatch.downcast_ref::<S>()?, id, layer));
        self.others[0] = Some(asked::subscriber_knows::<S>);
    }

    asked::answers!(asked_for);

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let is_off = self.tracker.sole && !self.tracker.allows(metadata);
        if is_off { Interest::never() } else { Interest::always() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Subscribed<'_, S>) -> bool {
        !self.tracker.sole || self.tracker.allows(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.tracker.sole.then(|| self.tracker.max_level())
    }

    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        if self.is_beside() {
            let _first = self.tracker.dispatch.set(dispatch.downgrade());
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, subscribed: Subscribed<'_, S>) {
        if self.is_beside() {
            return;
        }
        // Alone, the call site's interest has answered this already.
        if !self.tracker.sole && !self.tracker.allows(attributes.metadata()) {
            return;
        }
        let Some(registered) = subscribed.span(id) else { return };
        let parent = attributes.parent().map(|parent| self.nearest(&subscribed, parent));
        let parent = match &parent {
            Some(known) => Parent::Known(known.as_ref()),
            None if attributes.is_root() => Parent::Root,
            None => Parent::Current,
        };
        if let Some(own) = self.tracker.open(attributes, parent) {
            let layer = self.tracker.number();
            let mut extensions = registered.extensions_mut();
            match extensions.get_mut::<Tracked>() {
                Some(tracked) => tracked.others.push((layer, own)),
                None => extensions.insert(Tracked { layer, id: own, others: Vec::new() }),
            }
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, subscribed: Subscribed<'_, S>) {
        if let Some(own) = self.known(&subscribed, id) {
            self.tracker.record(&own, values);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, subscribed: Subscribed<'_, S>) {
        if let Some(own) = self.known(&subscribed, id) {
            self.tracker.follows(&own, self.known(&subscribed, follows).as_ref());
        }
    }

    fn on_event(&self, event: &Event<'_>, subscribed: Subscribed<'_, S>) {
        let parent = event.parent().and_then(|parent| match &self.tracker.source {
            None => self.nearest(&subscribed, parent),
            Some(source) => self.of_source(&**source, &subscribed, parent),
        });
        self.tracker.event(event, parent.as_ref());
    }

    fn on_enter(&self, id: &Id, subscribed: Subscribed<'_, S>) {
        if let Some(own) = self.known(&subscribed, id) {
            self.tracker.enter(&own);
        }
    }

    fn on_exit(&self, id: &Id, subscribed: Subscribed<'_, S>) {
        if let Some(own) = self.known(&subscribed, id) {
            self.tracker.exit(&own);
        }
    }

    fn on_close(&self, id: Id, subscribed: Subscribed<'_, S>) {
        // Not taken out: another layer of ours may have its own there.
        if let Some(own) = self.known(&subscribed, &id) {
            self.tracker.close(&own);
        }
    }
}

fn tracked<S>(subscriber: &S, id: &Id, layer: usize) -> Option<Id>
where
    S: for<'a> LookupSpan<'a>,
{
    let registered = subscriber.span(id)?;
    let extensions = registered.extensions();
    extensions.get::<Tracked>()?.of(layer)
}
