//! A hook for whoever accumulates per context and must write before the context changes.
//!
//! Arming costs a thread-local store; a context change on a thread that is not armed costs a
//! thread-local load.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::Context;

static HOOK: OnceLock<fn(&Context)> = OnceLock::new();

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// Sets the process-wide hook. The first one stays; the result says whether it was this one.
pub fn set_hook(hook: fn(&Context)) -> bool {
    HOOK.set(hook).is_ok()
}

/// Asks for one call of the hook on this thread, with the context that is left, at the next
/// change of context or at the thread's end.
pub fn arm() {
    let _ = ARMED.try_with(|armed| armed.set(true));
}

pub(crate) fn left(context: &Context) {
    let armed = ARMED.try_with(|armed| armed.replace(false)).unwrap_or(false);
    if armed && let Some(hook) = HOOK.get() {
        hook(context);
    }
}
