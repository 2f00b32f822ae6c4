//! Which spans this thread has entered, and the context each of them replaced.

use std::cell::RefCell;

use radiosonde_context::Context;
use tracing_core::span::Id;

thread_local! {
    static STACK: RefCell<Vec<(Id, Context)>> = const { RefCell::new(Vec::new()) };
}

/// Enters a span: its context, filled in from the code around it, becomes current.
pub(crate) fn enter(id: &Id, context: Context) {
    let previous = context.enter_over_current();
    let _ = STACK.try_with(|stack| stack.borrow_mut().push((id.clone(), previous)));
}

/// Exits a span. Usually the one entered last; otherwise the context it replaced is handed to the
/// span entered after it, which brings it back in turn.
pub(crate) fn exit(id: &Id) {
    let restore = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let at = stack.iter().rposition(|(entered, _)| entered == id)?;
        let (_, previous) = stack.remove(at);
        match stack.get_mut(at) {
            Some((_, after)) => {
                *after = previous;
                None
            }
            None => Some(previous),
        }
    });
    if let Ok(Some(previous)) = restore {
        let _left = previous.replace_current();
    }
}
