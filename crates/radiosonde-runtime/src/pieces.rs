//! Which pieces of `Config::build` are in use: one that was forgotten loses everything it would have
//! received, and nothing fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Pieces of a pipeline of which it is known. Clones are of the same pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    /// Whether somebody was given them; `init!` says itself what it cannot install.
    is_handed_out: Used,
    pub(crate) events: Used,
    pub(crate) panic_hook: Used,
    pub(crate) recorder: Used,
    pub(crate) logger: Used,
}

/// Whether one is in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used(Arc<AtomicBool>);

impl Used {
    #[inline]
    pub(crate) fn mark(&self) {
        if !self.is_marked() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// For whoever marks it himself.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    fn is_marked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Pieces {
    pub(crate) fn hand_out(&self) {
        self.is_handed_out.mark();
    }

    /// Those that are not in use, as the report names them.
    pub(crate) fn unused(&self) -> Vec<&'static str> {
        if !self.is_handed_out.is_marked() {
            return Vec::new();
        }
        let all = [
            ("events", &self.events),
            ("logger", &self.logger),
            ("panic hook", &self.panic_hook),
            ("recorder", &self.recorder),
        ];
        let can_be = |name: &str| name != "panic hook" || cfg!(feature = "panic");
        let unused = all.into_iter().filter(|(name, used)| can_be(name) && !used.is_marked());
        unused.map(|(name, _)| name).collect()
    }
}
