//! What of the baggage may leave the process at all.

use std::sync::{Arc, PoisonError, RwLock};

type Filter = dyn Fn(&str, &str) -> bool + Send + Sync;

static OF_PROCESS: RwLock<Option<Arc<Filter>>> = RwLock::new(None);

/// Sets what is asked, with key and value, before a member of baggage is written to any carrier.
/// A member it says `false` to is left out and counted. `radiosonde::init!` sets the rules of
/// redaction here; without a filter all members are written.
///
/// Metadata is asked about as a value of the same key. The ids of the context are not asked about:
/// their alphabet is what lines are searched by.
pub fn set_baggage_filter(filter: impl Fn(&str, &str) -> bool + Send + Sync + 'static) {
    let mut of_process = OF_PROCESS.write().unwrap_or_else(PoisonError::into_inner);
    *of_process = Some(Arc::new(filter));
}

/// The filter of this process.
pub(super) fn of_process() -> Option<Arc<Filter>> {
    OF_PROCESS.read().unwrap_or_else(PoisonError::into_inner).clone()
}
