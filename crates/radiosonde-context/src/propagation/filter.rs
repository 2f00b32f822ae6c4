//! What of the baggage may leave the process at all.

use std::sync::{Arc, RwLock};

use super::locks;

type Filter = dyn Fn(&str, &str) -> bool + Send + Sync;

static OF_PROCESS: RwLock<Option<Arc<Filter>>> = RwLock::new(None);

/// Sets what is asked, with key and value, before a member of baggage is written to any carrier.
/// A member it says `false` to is left out and counted. `radiosonde::init!` sets the rules of
/// redaction here; without a filter all members are written.
///
/// Metadata is asked about as a value of the same key. The ids of the context are not asked about:
/// their alphabet is what lines are searched by.
pub fn set_baggage_filter(filter: impl Fn(&str, &str) -> bool + Send + Sync + 'static) {
    if let Some(mut of_process) = locks::write(&OF_PROCESS) {
        *of_process = Some(Arc::new(filter));
    }
}

/// The filter of this process; one that lets nothing through where it cannot be had.
pub(super) fn of_process() -> Option<Arc<Filter>> {
    match locks::read(&OF_PROCESS) {
        Some(of_process) => of_process.clone(),
        None => Some(Arc::new(|_: &str, _: &str| false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forked_child_that_cannot_ask_sends_nothing() {
        crate::reseed_after_fork();
        let held = OF_PROCESS.write().unwrap();
        let filter = of_process().unwrap();
        drop(held);
        assert!(!filter("tenant", "acme"));
    }
}
