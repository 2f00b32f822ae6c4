//! Descriptors by the number that records have.

use std::sync::Arc;

use crate::descriptor::Descriptor;

/// Largest number of which the descriptor is kept: as many as a `callsites` file of 16 MiB has.
const KEPT_MAX: u32 = 2 * 1024 * 1024;

/// The descriptors a reader has met. Numbers are small: they are places in a file.
pub(crate) struct SiteCache<F> {
    known: Vec<Option<Arc<Descriptor>>>,
    /// The last one that is not kept.
    other: Arc<Descriptor>,
    find: F,
}

impl<F: FnMut(u32) -> Arc<Descriptor>> SiteCache<F> {
    /// `find` is asked once for each number.
    pub(crate) fn new(find: F) -> Self {
        Self { known: Vec::new(), other: Arc::default(), find }
    }
}

/// What readers of records ask.
pub(crate) trait Describe {
    fn describe(&mut self, id: u32) -> &Arc<Descriptor>;
}

impl<F: FnMut(u32) -> Arc<Descriptor>> Describe for SiteCache<F> {
    #[inline]
    fn describe(&mut self, id: u32) -> &Arc<Descriptor> {
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
}
