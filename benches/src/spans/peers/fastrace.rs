//! fastrace. Its properties are strings, so integers are formatted; a child that stays in its thread
//! is a `LocalSpan`.

use crate::harness::Overflow;
use crate::spans::subject::{Ended, Fields, KEYS, Subject, is_sampled};
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::local::LocalSpan;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the spans that have the attributes, and throws all away.
struct Counting(Arc<AtomicU64>);

impl Reporter for Counting {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        let has =
            |span: &SpanRecord, key: &str| span.properties.iter().any(|(name, _)| name == key);
        let whole = spans.iter().filter(|span| KEYS.iter().all(|key| has(span, key)));
        self.0.fetch_add(whole.count() as u64, Ordering::Relaxed);
    }
}

/// See above.
pub(crate) struct Fastrace {
    reported: Arc<AtomicU64>,
    /// It has no sampler: who makes a root says whether it is sampled.
    is_sampled: bool,
}

type Property = (&'static str, Cow<'static, str>);

#[inline]
fn properties(fields: &Fields) -> [Property; 3] {
    let &Fields { route, user, items } = fields;
    [
        ("route", route.into()),
        ("user", user.to_string().into()),
        ("items", items.to_string().into()),
    ]
}

impl Subject for Fastrace {
    const NAME: &'static str = "fastrace";
    const OVERFLOW: Overflow = Overflow::Grows;
    const PACKAGES: &'static [&'static str] = &["fastrace"];

    fn start(_folder: &Path) -> Result<Self, String> {
        let reported = Arc::new(AtomicU64::new(0));
        fastrace::set_reporter(Counting(Arc::clone(&reported)), Config::default());
        Ok(Self { reported, is_sampled: is_sampled() })
    }

    #[inline]
    fn root(&self, fields: &Fields, inside: impl FnOnce()) {
        let parent = SpanContext::random().sampled(self.is_sampled);
        let span = fastrace::Span::root("request", parent).with_properties(|| properties(fields));
        let entered = span.set_local_parent();
        inside();
        drop(entered);
    }

    #[inline]
    fn child(&self, fields: &Fields) {
        let span = LocalSpan::enter_with_local_parent("load_order");
        drop(span.with_properties(|| properties(fields)));
    }

    fn finish(self) -> Result<Ended, String> {
        fastrace::flush();
        let received = self.reported.load(Ordering::Relaxed);
        Ok(Ended { received: Some(received), ..Ended::default() })
    }
}
