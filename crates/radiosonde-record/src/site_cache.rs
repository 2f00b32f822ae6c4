//! Descriptors by the number that records have.

use std::collections::HashMap;
use std::sync::Arc;

use crate::descriptor::Descriptor;

/// Largest number of which the descriptor is kept: as many as a `callsites` file of 16 MiB has.
const KEPT_MAX: u32 = 2 * 1024 * 1024;
/// Names that spans gave themselves which are kept: routes of a server, not paths.
const NAMES_MAX: usize = 1024;

/// The descriptors a reader has met. Numbers are small: they are places in a file.
pub(crate) struct SiteCache<F> {
    known: Vec<Option<Arc<Descriptor>>>,
    /// Those with another name than their call site's, and how many there are.
    named: HashMap<u32, HashMap<Box<str>, Arc<Descriptor>>>,
    names: usize,
    /// The last one that is not kept.
    other: Arc<Descriptor>,
    find: F,
}

impl<F: FnMut(u32) -> Arc<Descriptor>> SiteCache<F> {
    /// `find` is asked once for each number.
    pub(crate) fn new(find: F) -> Self {
        Self { known: Vec::new(), named: HashMap::new(), names: 0, other: Arc::default(), find }
    }
}

/// What readers of records ask.
pub(crate) trait Describe {
    /// The descriptor with this number, with another name if that is not empty.
    fn describe(&mut self, id: u32, name: &str) -> &Arc<Descriptor>;
}

impl<F: FnMut(u32) -> Arc<Descriptor>> Describe for SiteCache<F> {
    #[inline]
    fn describe(&mut self, id: u32, name: &str) -> &Arc<Descriptor> {
        if name.is_empty() { self.plain(id) } else { self.named(id, name) }
    }
}

impl<F: FnMut(u32) -> Arc<Descriptor>> SiteCache<F> {
    #[inline]
    fn plain(&mut self, id: u32) -> &Arc<Descriptor> {
        let place = id as usize;
        if id > KEPT_MAX {
            self.other = (self.find)(id);
            return &self.other;
        }
        if place >= self.known.len() {
            self.known.resize(place + 1, None);
        }
        self.known[place].get_or_insert_with(|| (self.find)(id))
    }

    fn named(&mut self, id: u32, name: &str) -> &Arc<Descriptor> {
        if !self.named.get(&id).is_some_and(|of_site| of_site.contains_key(name)) {
            let site = Descriptor { name: name.to_owned(), ..(**self.plain(id)).clone() };
            self.other = Arc::new(site);
            if self.names >= NAMES_MAX {
                return &self.other;
            }
            self.names += 1;
            self.named.entry(id).or_default().insert(name.into(), Arc::clone(&self.other));
        }
        self.named.get(&id).and_then(|of_site| of_site.get(name)).unwrap_or(&self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_past_those_that_are_kept_are_right_all_the_same() {
        let mut asked = 0;
        let mut cache = SiteCache::new(|id| {
            asked += 1;
            let source = format!("source {id}");
            Arc::new(Descriptor { name: "site".to_owned(), source, ..Descriptor::default() })
        });
        for round in 0..2 {
            for nth in 0..NAMES_MAX + 100 {
                let name = format!("GET /{nth}");
                for id in [1, 2] {
                    let found = cache.describe(id, &name);
                    assert_eq!(found.name, name, "{round}");
                    assert_eq!(found.source, format!("source {id}"), "{round}");
                    assert_eq!(cache.describe(id, "").name, "site");
                }
            }
        }
        assert_eq!(cache.names, NAMES_MAX);
        assert_eq!(cache.named.values().map(HashMap::len).sum::<usize>(), NAMES_MAX);
        assert_eq!(asked, 2, "once for each number");
    }
}
