//! Names that spans are given as they begin (`otel.name`), for the table of open spans.
//!
//! The table has numbers of call sites, so that a name becomes one more call site, which has all but
//! the name from the real one.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU32, Ordering};

use radiosonde_record::{Descriptor, Journal, Site};
use rapidhash::quality::RandomState;
use tracing_core::Metadata;

use crate::counts::{Counted, SpanCounts};
use crate::tracker::{describe, key};

/// Names that are known at a time. A convention has a few for each route of a service; whoever puts
/// an id into a name has the name of the call site in the table, and the full name in the record.
const NAMES_MAX: u32 = 256;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 48;

/// The names that have become call sites.
#[derive(Debug, Default)]
pub(crate) struct CallNames {
    known: AtomicU32,
    hasher: RandomState,
}

impl CallNames {
    /// The call site of a name; `None` when it is a new one and there are too many, which is counted.
    #[inline(never)]
    pub(crate) fn site(
        &self,
        journal: &Journal,
        counts: &SpanCounts,
        metadata: &'static Metadata<'static>,
        name: &str,
    ) -> Option<Site> {
        let name = cut(name);
        // Odd: never the address of a call site, nor none.
        let key = self.hasher.hash_one((key(metadata), name)) as usize | 1;
        if let Some(site) = journal.known_site(key) {
            return Some(site);
        }
        if self.known.fetch_add(1, Ordering::Relaxed) >= NAMES_MAX {
            self.known.fetch_sub(1, Ordering::Relaxed);
            counts.add(Counted::UnlistedName, 1);
            return None;
        }
        let mut is_new = false;
        let site = journal.site(key, || {
            is_new = true;
            Descriptor { name: name.to_owned(), ..describe(metadata) }
        });
        if !is_new {
            // Another thread has met it first, or it stands where it is found more slowly.
            self.known.fetch_sub(1, Ordering::Relaxed);
        }
        Some(site)
    }
}

/// Its beginning, as far as there is room.
fn cut(name: &str) -> &str {
    // `str::floor_char_boundary` is younger than our oldest compiler.
    let end = (0..=name.len().min(NAME_BYTES_MAX)).rev().find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use radiosonde_record::{Filter, Level, Placement, with_journal};
    use tracing::{Dispatch, info_span};

    use super::*;
    use crate::sampler::Sampler;

    fn names(counts: &SpanCounts, open: impl FnOnce() -> Vec<tracing::Span>) -> Vec<String> {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        let layer = crate::Layer::new(&journal, Sampler::default()).with_counts(counts);
        let subscriber = layer.into_subscriber();
        let _spans = tracing::dispatcher::with_default(&Dispatch::new(subscriber), || {
            with_journal(&journal, open)
        });
        let running = journal.running_spans(usize::MAX).oldest;
        running.into_iter().map(|span| span.site.name).collect()
    }

    #[test]
    fn a_span_that_is_open_has_the_name_it_was_given_as_it_began() {
        let found = names(&SpanCounts::default(), || {
            let later = info_span!("later", otel.name = tracing::field::Empty);
            later.record("otel.name", "GET /later");
            let server = |name: &str| info_span!("http.server.request", otel.name = name);
            let long = "\u{fc}".repeat(30);
            vec![
                later,
                server("GET /slow/{id}"),
                server("GET /fast"),
                server("GET /slow/{id}"),
                server(&long),
            ]
        });
        let long = "\u{fc}".repeat(24);
        assert_eq!(found, ["later", "GET /slow/{id}", "GET /fast", "GET /slow/{id}", &long]);
    }

    #[test]
    fn names_are_bounded_and_known_ones_stay() {
        let counts = SpanCounts::default();
        let found = names(&counts, || {
            let server = |name: &str| info_span!("http.server.request", otel.name = name);
            let mut spans: Vec<_> = (0..300).map(|nth| server(&format!("GET /{nth}"))).collect();
            spans.push(server("GET /0"));
            spans
        });
        assert_eq!(found[255], "GET /255");
        assert!(found[256..300].iter().all(|name| name == "http.server.request"));
        assert_eq!(found[300], "GET /0");
        assert_eq!(counts.of(Counted::UnlistedName), 300 - 256);
    }
}
