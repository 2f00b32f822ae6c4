//! Ending a query before it is through.

use std::fmt;
use std::sync::Arc;

/// Whoever asked may want nothing more: asked by all threads that read, some times for each MiB.
#[derive(Clone)]
pub(crate) struct Stop(Arc<dyn Fn() -> bool + Send + Sync>);

impl Stop {
    pub(crate) fn new(is_wanted_no_more: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_wanted_no_more))
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}
