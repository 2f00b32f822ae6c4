//! What the OpenTelemetry API's context and ours have to do with each other on a thread: whichever was
//! attached last holds.
//!
//! An observer is told when a context of the API becomes the current one, and puts ours in its place
//! among the changes of our own. So lines, metrics and requests have the ids of the API's span by the
//! way they always have them, and whoever reads our context pays nothing. The other way, ours is
//! looked at where the API's context is to be a parent or to be sent along.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Once};

use opentelemetry::context::{ContextObserver, GlobalContextObserver, ObserverContextView};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context as OtelContext, SpanId as OtelSpanId, TraceId as OtelTraceId};
use radiosonde_context::{Context, Replaced, SpanId, with_current};

use crate::open::Open;
use crate::{baggage, convert, open};

/// A context of ours that stands in one of the API, with what that has no room for: ids, and how
/// sampling was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Carried(pub(crate) Context);

/// As many contexts as the API attaches on a thread. Where there are more of them here, some were
/// dropped of which nobody was told.
const ATTACHED_MAX: usize = u16::MAX as usize;

/// Where a context of the API is; zeroes outside of a span.
type Place = (OtelTraceId, OtelSpanId);

/// Tells contexts of the API apart, by its address: clones share it. Empty ones have none, nor have
/// those that were made before the observer was set.
struct View;

impl ObserverContextView for View {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Which context of the API it is.
struct Identity {
    view: Option<Arc<dyn ObserverContextView>>,
    place: Place,
}

impl Identity {
    fn of(cx: &OtelContext) -> Self {
        Self { view: cx.observer_view().clone(), place: place(cx) }
    }

    fn is(&self, cx: &OtelContext) -> bool {
        match (&self.view, cx.observer_view()) {
            (Some(one), Some(other)) => std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other)),
            (None, None) => self.place == place(cx),
            _ => false,
        }
    }
}

/// A context of the API that is attached on this thread.
struct Attached {
    identity: Identity,
    /// Its span, when that is an open one of ours.
    own: Option<Open>,
    placed: Context,
    replaced: Replaced,
    was_panicking: bool,
}

thread_local! {
    static ATTACHED: RefCell<Vec<Attached>> = const { RefCell::new(Vec::new()) };
    /// Whether `tracing` exits a span: what was left behind in it ends with it.
    static EXITS: Cell<bool> = const { Cell::new(false) };
    /// How often the observer was called.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// Is told of each change. Called while the API holds the thread's contexts: nothing here may ask the
/// API for the current one.
struct Observer;

impl ContextObserver for Observer {
    fn on_context_enter(&self, from: &OtelContext, to: &OtelContext) {
        CALLS.set(CALLS.get().wrapping_add(1));
        let _ = ATTACHED.try_with(|attached| {
            // Not by an allocator, while the list grows.
            let Ok(mut attached) = attached.try_borrow_mut() else { return };
            let (context, own) = entered(from, to);
            let (identity, placed) = (Identity::of(to), context.clone());
            let was_panicking = std::thread::panicking();
            let replaced = context.replace();
            if attached.len() >= ATTACHED_MAX {
                give_up_oldest(&mut attached);
            }
            attached.push(Attached { identity, own, placed, replaced, was_panicking });
        });
    }

    fn on_context_exit(&self, _: &OtelContext, to: &OtelContext) {
        let mut is_last = true;
        // Those that were dropped out of order are not told of: they go with the last one.
        while let Some((left, is_over)) = pop(to) {
            let Attached { own, replaced, was_panicking, .. } = left;
            if is_last && EXITS.get() {
                if std::thread::panicking()
                    && !was_panicking
                    && let Some(own) = &own
                {
                    own.spans.panicked(&own.number);
                }
                replaced.leave();
            } else {
                replaced.leave_below();
            }
            if is_over {
                return;
            }
            is_last = false;
        }
    }

    fn make_view(&self, _: &OtelContext) -> Option<Arc<dyn ObserverContextView>> {
        Some(Arc::new(View))
    }
}

/// Has the observer called from now on. Whether that is so: the first one of a process stays.
pub(crate) fn observe() -> bool {
    static SET: Once = Once::new();
    SET.call_once(|| GlobalContextObserver::set(Arc::new(Observer)));
    let before = CALLS.get();
    drop(OtelContext::current().attach());
    CALLS.get() != before
}

/// While `tracing` exits a span.
pub(crate) fn exiting(exits: bool) {
    EXITS.set(exits);
}

/// Whether our context is the one that the API's brought.
pub(crate) fn is_synced() -> bool {
    let is_as_placed = |attached: &RefCell<Vec<Attached>>| {
        let attached = attached.try_borrow().ok()?;
        Some(with_current(|current| match attached.last() {
            Some(last) => is_same(current, &last.placed),
            None => current.is_empty(),
        }))
    };
    // At the end of a thread there is nobody to tell.
    ATTACHED.try_with(is_as_placed).ok().flatten().unwrap_or(true)
}

/// The API's context as our current one has it.
pub(crate) fn outside() -> OtelContext {
    let context = Context::current();
    let cx = OtelContext::current();
    carrying(cx, &context)
}

/// A context of the API; of the current one what is current with us, where that is newer.
pub(crate) fn up_to_date(cx: &OtelContext) -> OtelContext {
    let is_current = OtelContext::map_current(|current| is_meant(current, cx));
    if is_current && !is_synced() { carrying(cx.clone(), &Context::current()) } else { cx.clone() }
}

/// A context of the API with ours in it, in place of what it says itself.
pub(crate) fn carrying(cx: OtelContext, context: &Context) -> OtelContext {
    let cx = match convert::span_context(context) {
        Some(span) if convert::ids(&span) == convert::ids(cx.span().span_context()) => cx,
        Some(span) => cx.with_remote_span_context(span),
        None if cx.has_active_span() => cx.with_remote_span_context(SpanContext::NONE),
        None => cx,
    };
    baggage::outside(cx, context).with_value(Carried(context.clone()))
}

/// The context that one of the API stands for, wherever it is: of the current one what is current
/// with us, which may be newer.
pub(crate) fn meant_by(cx: &OtelContext) -> Context {
    let current = OtelContext::map_current(|current| {
        is_meant(current, cx).then(|| {
            let given = Context::current();
            let is_other = !std::ptr::eq(current, cx);
            if is_other { baggage::inside(given, Some(current), cx, None) } else { given }
        })
    });
    current.unwrap_or_else(|| alone(cx))
}

/// The context that one of the API stands for, without a look at the thread.
pub(crate) fn alone(cx: &OtelContext) -> Context {
    let (context, own) = of(cx);
    let context = match (context, &own) {
        (Some(context), _) => context,
        (None, Some(own)) => own.spans.context_of(&own.number).unwrap_or_default(),
        (None, None) => Context::default(),
    };
    let given = own.as_ref().and_then(|own| own.given.as_deref());
    baggage::inside(context, None, cx, given)
}

/// Changes the context inside a span: the current one, where the thread is in that span, and those that
/// will be brought back there.
#[cold]
pub(crate) fn change(span: SpanId, change: impl Fn(&Context) -> Context) {
    let is_inside = |context: &Context| context.span_id() == Some(span);
    if with_current(is_inside) {
        let changed = with_current(&change);
        let _before = changed.replace_current();
    }
    let _ = ATTACHED.try_with(|attached| {
        let Ok(mut attached) = attached.try_borrow_mut() else { return };
        for Attached { placed, replaced, .. } in attached.iter_mut() {
            if is_inside(placed) {
                *placed = change(placed);
            }
            if is_inside(replaced.previous()) {
                replaced.set_previous(change(replaced.previous()));
            }
        }
    });
}

/// Our context where one of the API is attached in place of another.
fn entered(from: &OtelContext, to: &OtelContext) -> (Context, Option<Open>) {
    let (context, own) = of(to);
    let is_whole = to.get::<Carried>().is_some();
    let context = match (context, &own) {
        (Some(context), _) if is_whole => context,
        // Of somebody else's span nothing more is known: job and baggage are those of the place.
        (Some(context), _) => with_current(|current| context.over(&current.without_span())),
        (None, Some(own)) => own.spans.enter(&own.number).unwrap_or_else(Context::current),
        // It was in a span, and is not any more; or an empty one leaves what is there.
        (None, None) if is_in_span(from) || is_emptied(from, to) => {
            with_current(Context::without_span)
        }
        (None, None) => Context::current(),
    };
    let given = own.as_ref().and_then(|own| own.given.as_deref());
    (baggage::inside(context, Some(from), to, given), own)
}

/// What a context of the API says by itself: of its span, when that is an open one of ours, otherwise
/// all that is known.
fn of(cx: &OtelContext) -> (Option<Context>, Option<Open>) {
    let span = cx.span();
    let carried = cx.get::<Carried>();
    let Some(ids) = convert::ids(span.span_context()) else {
        let carried = carried.map(|Carried(context)| context);
        return (carried.filter(|context| context.span_id().is_none()).cloned(), None);
    };
    if let Some(own) = open::find(ids.1) {
        return (None, Some(own));
    }
    let context = match carried {
        Some(Carried(context)) if context.trace_id().zip(context.span_id()) == Some(ids) => {
            context.clone()
        }
        // Of a span that was made in it, and has ended.
        Some(Carried(context)) => {
            convert::in_span(span.span_context()).over(&context.without_span())
        }
        None => convert::in_span(span.span_context()),
    };
    (Some(context), None)
}

/// The last one that was attached, and whether what is below is the place.
fn pop(to: &OtelContext) -> Option<(Attached, bool)> {
    let popped = ATTACHED.try_with(|attached| {
        let mut attached = attached.try_borrow_mut().ok()?;
        let left = attached.pop()?;
        let is_over = attached.last().is_none_or(|below| below.identity.is(to));
        Some((left, is_over))
    });
    popped.ok().flatten()
}

/// Lets go of those that were attached first, as they are. The first one that stays brings back what
/// was there before all of them.
#[cold]
fn give_up_oldest(attached: &mut Vec<Attached>) {
    let oldest = attached.drain(..ATTACHED_MAX / 2).next();
    if let (Some(oldest), Some(first)) = (oldest, attached.first_mut()) {
        first.replaced.set_previous(oldest.replaced.previous().clone());
    }
}

/// Whether a context is the current one of the thread, or was made from it, as far as that can be
/// told: outside of spans it may also be another one. An empty one is the current one only where that
/// is empty too.
fn is_meant(current: &OtelContext, cx: &OtelContext) -> bool {
    place(current) == place(cx) && !is_emptied(current, cx)
}

/// Whether the first of two that are nowhere says something, and the second one nothing.
fn is_emptied(before: &OtelContext, cx: &OtelContext) -> bool {
    before.observer_view().is_some() && cx.observer_view().is_none() && !is_in_span(cx)
}

fn place(cx: &OtelContext) -> Place {
    let span = cx.span();
    let span = span.span_context();
    (span.trace_id(), span.span_id())
}

fn is_in_span(cx: &OtelContext) -> bool {
    cx.span().span_context().is_valid()
}

fn is_same(one: &Context, other: &Context) -> bool {
    let ids = |context: &Context| (context.trace_id(), context.span_id(), context.is_sampled());
    ids(one) == ids(other) && one.is_alike(other)
}

#[cfg(test)]
mod tests {
    use opentelemetry::TraceFlags;

    use super::*;

    fn in_span(id: u64) -> OtelContext {
        let (trace, span) = (OtelTraceId::from(7), OtelSpanId::from(id));
        let span = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, Default::default());
        OtelContext::new().with_remote_span_context(span)
    }

    #[test]
    fn contexts_that_nobody_tells_of_are_not_collected() {
        assert!(observe());
        let (outer, twice, between) = (in_span(1), in_span(2), in_span(3));
        let is_in = |cx: &OtelContext| {
            let (_, span) = convert::ids(cx.span().span_context()).unwrap();
            with_current(Context::span_id) == Some(span)
        };
        let around = outer.clone().attach();
        let first = twice.clone().attach();
        for _ in 0..ATTACHED_MAX {
            let other = between.clone().attach();
            let second = twice.clone().attach();
            let last = between.clone().attach();
            drop(other);
            drop(second);
            drop(last);
            assert!(is_in(&twice));
        }
        let collected = ATTACHED.with_borrow(Vec::len);
        assert!((2..=ATTACHED_MAX).contains(&collected), "{collected}");
        drop(first);
        // The one around has gone with the oldest: what was there before it holds from here on.
        assert!(!is_in(&twice) && !is_in(&between));
        drop(around);
        assert!(with_current(Context::is_empty));
        assert_eq!(ATTACHED.with_borrow(Vec::len), 0);
    }
}
