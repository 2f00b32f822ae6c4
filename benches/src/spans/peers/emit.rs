//! emit: a span is an event with a start and an end, built and handed over by its thread. Its emitter
//! here only counts, where a batching one would format as well; what is in a span it looks up in debug
//! builds only, as it would be the caller who looks.

use crate::harness::Overflow;
use crate::spans::subject::{Ended, Fields, KEYS, Subject, is_sampled};
use emit::Props as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// See above.
pub(crate) struct Emit(Arc<AtomicU64>);

#[emit::span("request", route, user, items)]
#[inline]
fn request(route: &str, user: i64, items: i64, inside: impl FnOnce()) {
    inside();
}

#[emit::span("load_order", route, user, items)]
#[inline]
fn load_order(route: &str, user: i64, items: i64) {}

impl Subject for Emit {
    const NAME: &'static str = "emit";
    const OVERFLOW: Overflow = Overflow::Writes;
    const PACKAGES: &'static [&'static str] = &["emit"];

    fn start(_folder: &Path) -> Result<Self, String> {
        let emitted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&emitted);
        // It has no sampler of its own: a filter that takes nothing does the same here.
        let takes = is_sampled();
        let _runtime = emit::setup()
            .emit_when(emit::filter::from_fn(move |_| takes))
            .emit_to(emit::emitter::from_fn(move |event| {
                let has = |key: &&str| event.props().get(*key).is_some();
                if !cfg!(debug_assertions) || KEYS.iter().all(has) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }))
            .init();
        Ok(Self(emitted))
    }

    #[inline]
    fn root(&self, fields: &Fields, inside: impl FnOnce()) {
        request(fields.route, fields.user, fields.items, inside);
    }

    #[inline]
    fn child(&self, fields: &Fields) {
        load_order(fields.route, fields.user, fields.items);
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(Ended { received: Some(self.0.load(Ordering::Relaxed)), ..Ended::default() })
    }
}
