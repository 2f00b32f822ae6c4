//! Which spans this thread has entered, and what each of them did to the context.

use std::cell::RefCell;

use radiosonde_context::{Context, Replaced, SpanId, with_current};
use tracing_core::Metadata;
use tracing_core::span::Id;

thread_local! {
    static STACK: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

struct Entered {
    /// Whose span it is: numbers of two stores may be the same.
    store: usize,
    span: u64,
    metadata: &'static Metadata<'static>,
    replaced: Replaced,
    was_panicking: bool,
}

/// Enters a span: makes its context the thread's.
#[inline]
pub(crate) fn enter(store: usize, id: &Id, metadata: &'static Metadata<'static>, context: Context) {
    let was_panicking = std::thread::panicking();
    let span = id.into_u64();
    let _ = STACK.try_with(|stack| {
        // Not by an allocator, while the stack grows: its exit will find nothing.
        let Ok(mut stack) = stack.try_borrow_mut() else { return };
        let replaced = context.replace();
        stack.push(Entered { store, span, metadata, replaced, was_panicking });
    });
}

/// Exits a span: usually the one entered last. Whether a panic ends it.
#[inline]
pub(crate) fn exit(store: usize, id: &Id) -> bool {
    let span = id.into_u64();
    let is_it = |entered: &mut Entered| entered.span == span && entered.store == store;
    let exited = STACK.try_with(|stack| {
        let mut stack = stack.try_borrow_mut().ok()?;
        match stack.pop_if(is_it) {
            Some(exited) => Some((exited, true)),
            None => Some((remove(&mut stack, is_it)?, false)),
        }
    });
    let Ok(Some((Entered { replaced, was_panicking, .. }, is_last))) = exited else { return false };
    if is_last {
        replaced.leave();
    } else {
        replaced.leave_below();
    }
    std::thread::panicking() && !was_panicking
}

/// Changes the context inside a span: the current one, where the thread is in that span, and those that
/// will be brought back there.
#[cold]
pub(crate) fn change(span: SpanId, change: impl Fn(&Context) -> Context) {
    if with_current(Context::span_id) == Some(span) {
        let changed = with_current(&change);
        let _before = changed.replace_current();
    }
    let _ = STACK.try_with(|stack| {
        let Ok(mut stack) = stack.try_borrow_mut() else { return };
        let inside = |entered: &&mut Entered| entered.replaced.previous().span_id() == Some(span);
        for Entered { replaced, .. } in stack.iter_mut().filter(inside) {
            replaced.set_previous(change(replaced.previous()));
        }
    });
}

#[cold]
fn remove(stack: &mut Vec<Entered>, is_it: impl Fn(&mut Entered) -> bool) -> Option<Entered> {
    let at = stack.iter_mut().rposition(is_it)?;
    Some(stack.remove(at))
}

/// The span of this store that was entered last.
#[inline]
pub(crate) fn current(store: usize) -> Option<(Id, &'static Metadata<'static>)> {
    let found = STACK.try_with(|stack| {
        let stack = stack.try_borrow().ok()?;
        let last = stack.iter().rfind(|entered| entered.store == store)?;
        Some((Id::from_u64(last.span), last.metadata))
    });
    found.ok().flatten()
}

#[cfg(test)]
mod tests {
    use radiosonde_context::scope;

    use super::*;

    #[test]
    fn a_span_that_is_entered_while_the_stack_is_at_work_changes_nothing() {
        let registry = tracing_subscriber::registry();
        let span = tracing::subscriber::with_default(registry, || tracing::info_span!("any"));
        let metadata = span.metadata().unwrap();
        let id = Id::from_u64(1);
        let job = || Context::current().job_id().map(str::to_owned);
        scope().job("outer").run(|| {
            STACK.with(|stack| {
                let _at_work = stack.borrow_mut();
                enter(7, &id, metadata, scope_of("inner"));
                assert_eq!(job().as_deref(), Some("outer"));
                assert!(!exit(7, &id));
                assert!(current(7).is_none());
            });
            assert_eq!(job().as_deref(), Some("outer"));
            assert!(current(7).is_none());
            assert!(!exit(7, &id), "it finds nothing");
            enter(7, &id, metadata, scope_of("inner"));
            assert_eq!(current(7).map(|(id, _)| id), Some(id.clone()));
            assert!(!exit(7, &id));
            assert_eq!(job().as_deref(), Some("outer"));
        });
    }

    fn scope_of(job: &str) -> Context {
        scope().job(job).run(Context::current)
    }
}
