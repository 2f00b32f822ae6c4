//! Names that spans are given as they begin (`otel.name`), for the table of open spans.
//!
//! The table has numbers of call sites, so that a name becomes one more call site, which has all but
//! the name from the real one.

use std::borrow::Cow;
use std::hash::BuildHasher as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use radiosonde_record::{Descriptor, Journal, Site, start_of};
use rapidhash::quality::RandomState;
use tracing_core::Metadata;

use crate::counts::{Counted, SpanCounts};
use crate::spans::SpanStart;
use crate::tracker::{describe, key};

/// Names that are known at a time. A convention has a few for each route of a service; whoever puts
/// an id into a name has the name of the call site in the table, and the full name in the record.
const NAMES_MAX: u32 = 256;
/// Names of spans that were not made by `tracing`, or by it through a bridge, which has no call sites:
/// those of a large program, and what a library calls its operations.
const GIVEN_MAX: u32 = 2048;
/// Places where spans are made whose names are too many or too long, each known by its source, file and
/// line: all of a large program.
const PLACES_MAX: u32 = 1024;
/// Names of those for whoever shows text to people, and their bytes in all below 12 KiB: they stay.
const LASTING_MAX: usize = 256;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 48;
/// Bytes of the name, the source and the file of a call site.
const DESCRIBED_MAX: usize = 768;
/// Bytes of the source, and of the file, of such a place.
const PLACE_BYTES_MAX: usize = 256;
/// What a span is called that is one too many.
const NAMELESS: &str = "span";

/// The names that have become call sites.
#[derive(Debug, Default)]
pub(crate) struct CallNames {
    known: AtomicU32,
    /// Those of spans without a call site of their own.
    given: AtomicU32,
    /// Those of them that have a common name.
    places: AtomicU32,
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
        let name = start_of(name, NAME_BYTES_MAX);
        // Odd: never the address of a call site, nor none.
        let key = self.hasher.hash_one((key(metadata), name)) as usize | 1;
        let describe = || Descriptor { name: name.to_owned(), ..describe(metadata) };
        let site = bounded(journal, key, (&self.known, NAMES_MAX), describe);
        if site.is_none() {
            counts.add(Counted::UnlistedName, 1);
        }
        site
    }

    /// The call site that stands for spans that begin so. Where the name is a new one and there are too
    /// many, or where it is too long, it is one with a common name, and the name is returned as well,
    /// for the record.
    pub(crate) fn given<'a>(
        &self,
        journal: &Journal,
        counts: &SpanCounts,
        start: &SpanStart<'a>,
    ) -> (Site, Option<&'a str>) {
        // With the source, what a descriptor has room for.
        let fits = start.name.len() + start.source.len() + start.file.len() <= DESCRIBED_MAX;
        let describe = || described(start.name, start.source, start.file, start.line);
        let key = self.key_of(start, start.name);
        let most = (&self.given, GIVEN_MAX);
        let site = fits.then(|| bounded(journal, key, most, describe)).flatten();
        if let Some(site) = site {
            return (site, None);
        }
        counts.add(Counted::UnlistedName, 1);
        (self.common(journal, start), Some(start.name))
    }

    /// The call site of spans of this place whose name is one too many; of all of them, where such
    /// places are too many.
    #[cold]
    fn common(&self, journal: &Journal, start: &SpanStart<'_>) -> Site {
        let [source, file] = [start.source, start.file].map(|text| start_of(text, PLACE_BYTES_MAX));
        let describe = || described(NAMELESS, source, file, start.line);
        let key = self.key_of(start, NAMELESS);
        bounded(journal, key, (&self.places, PLACES_MAX), describe).unwrap_or_else(|| {
            let key = self.hasher.hash_one(NAMELESS) as usize | 1;
            journal.site(key, || described(NAMELESS, "", "", 0))
        })
    }

    fn key_of(&self, start: &SpanStart<'_>, name: &str) -> usize {
        self.hasher.hash_one(((start.source, start.file, start.line), name)) as usize | 1
    }

    /// Tells keys of attributes apart.
    pub(crate) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }
}

fn described(name: &str, source: &str, file: &str, line: u32) -> Descriptor {
    let [name, source, file] = [name, source, file].map(str::to_owned);
    Descriptor { name, source, file, line, ..Descriptor::default() }
}

/// The site of a key; `None` when it is a new one and there are as many already.
fn bounded(
    journal: &Journal,
    key: usize,
    (known, most): (&AtomicU32, u32),
    describe: impl FnOnce() -> Descriptor,
) -> Option<Site> {
    if let Some(site) = journal.known_site(key) {
        return Some(site);
    }
    if known.fetch_add(1, Ordering::Relaxed) >= most {
        known.fetch_sub(1, Ordering::Relaxed);
        return None;
    }
    let mut is_new = false;
    let site = journal.site(key, || {
        is_new = true;
        describe()
    });
    if !is_new {
        // Another thread has met it first, or it stands where it is found more slowly.
        known.fetch_sub(1, Ordering::Relaxed);
    }
    Some(site)
}

/// A name that lasts as long as the process: one of those that do already, or of the first ones
/// that were made at run time.
#[expect(clippy::ptr_arg, reason = "whether it lasts is what is asked")]
pub(crate) fn lasting(name: &Cow<'static, str>) -> &'static str {
    static KNOWN: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let name = match name {
        Cow::Borrowed(name) => return name,
        Cow::Owned(name) => start_of(name, NAME_BYTES_MAX),
    };
    // Nobody waits for a name: who looks for one holds the lock for a look through the list.
    let Ok(mut known) = KNOWN.try_lock() else { return NAMELESS };
    if let Some(found) = known.iter().find(|known| **known == name) {
        return found;
    }
    if known.len() >= LASTING_MAX {
        return NAMELESS;
    }
    let lasting: &'static str = Box::leak(name.into());
    known.push(lasting);
    lasting
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
