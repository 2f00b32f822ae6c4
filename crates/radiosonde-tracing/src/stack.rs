//! Which spans this thread has entered, and the context each of them replaced.

use std::cell::RefCell;

use radiosonde_context::Context;
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
    previous: Context,
    was_panicking: bool,
}

/// Enters a span: makes its context the thread's.
#[inline]
pub(crate) fn enter(
    store: usize,
    id: &Id,
    metadata: &'static Metadata<'static>,
    mut context: Context,
) {
    let was_panicking = std::thread::panicking();
    let span = id.into_u64();
    let _ = STACK.try_with(|stack| {
        // Not by an allocator, while the stack grows: its exit will find nothing.
        let Ok(mut stack) = stack.try_borrow_mut() else { return };
        context.swap_current();
        stack.push(Entered { store, span, metadata, previous: context, was_panicking });
    });
}

/// Exits a span: usually the one entered last. Whether a panic ends it.
#[inline]
pub(crate) fn exit(store: usize, id: &Id) -> bool {
    let span = id.into_u64();
    let is_it = |entered: &mut Entered| entered.span == span && entered.store == store;
    let exited = STACK.try_with(|stack| {
        let mut stack = stack.try_borrow_mut().ok()?;
        stack.pop_if(is_it).or_else(|| exit_below(&mut stack, is_it))
    });
    let Ok(Some(Entered { mut previous, was_panicking, .. })) = exited else { return false };
    previous.swap_current();
    std::thread::panicking() && !was_panicking
}

/// The context that a span replaced which is not the last is handed to the span entered after it,
/// which brings it back in turn.
#[cold]
fn exit_below(stack: &mut Vec<Entered>, is_it: impl Fn(&mut Entered) -> bool) -> Option<Entered> {
    let at = stack.iter_mut().rposition(is_it)?;
    let mut exited = stack.remove(at);
    let after = stack.get_mut(at)?;
    // The current context stays, and comes back at once when it is replaced by itself.
    let current = Context::current();
    after.previous = std::mem::replace(&mut exited.previous, current);
    Some(exited)
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
