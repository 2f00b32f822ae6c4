//! Call sites: each is described once, and has a number from then on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Journal, lock};
use crate::callsite::Callsite;
use crate::descriptor::Descriptor;
use crate::format::Site;
use crate::{ring, thread};

impl Journal {
    /// The number of a call site, given at its first use; `None` when there is no room for it.
    #[inline(always)]
    pub(super) fn number(&self, callsite: &'static Callsite) -> Option<u32> {
        if self.0.global.load(Ordering::Relaxed) {
            let id = callsite.id();
            if id != 0 {
                return Some(id);
            }
        }
        self.find_number(callsite)
    }

    #[inline(never)]
    fn find_number(&self, callsite: &'static Callsite) -> Option<u32> {
        match self.site(callsite.key(), || callsite.describe()) {
            Site::Registered(id) => {
                if self.0.global.load(Ordering::Relaxed) {
                    callsite.set_id(id);
                }
                Some(id)
            }
            Site::Inline(_) => None,
        }
    }

    /// The site of a static call site, registered at its first use. `key` identifies it within
    /// the process.
    #[inline]
    pub fn site(&self, key: usize, describe: impl FnOnce() -> Descriptor) -> Site {
        match self.0.sites.find(key) {
            Some(id) => Site::Registered(id),
            None => self.new_site(key, describe),
        }
    }

    /// The site of a key that [`Journal::site`] was asked for before; `None` for another one, and for
    /// one of those past the first thousands. Takes no lock.
    #[inline]
    pub fn known_site(&self, key: usize) -> Option<Site> {
        self.0.sites.find(key).map(Site::Registered)
    }

    #[cold]
    fn new_site(&self, key: usize, describe: impl FnOnce() -> Descriptor) -> Site {
        let register = || {
            let mut more = lock(&self.0.more_sites);
            if let Some(id) = self.0.sites.find(key).or_else(|| more.get(&key).copied()) {
                return Site::Registered(id);
            }
            let descriptor = describe();
            let Some(id) = self.register(&descriptor) else { return Site::from(descriptor) };
            // Known before it can be met in a record.
            lock(&self.0.descriptors).insert(id, Arc::new(descriptor));
            if !self.0.sites.insert(key, id) {
                more.insert(key, id);
            }
            Site::Registered(id)
        };
        if ring::is_forked_child() {
            // Others may have held the lock when the process was forked.
            return Site::from(Descriptor::default());
        }
        // Inside of another registration: the record will be refused as reentrant.
        thread::inside(register).unwrap_or_else(|| Site::from(Descriptor::default()))
    }

    fn register(&self, descriptor: &Descriptor) -> Option<u32> {
        match &self.0.callsites {
            Some(region) => region.append(descriptor),
            None => Some(self.0.next_site.fetch_add(1, Ordering::Relaxed)),
        }
    }

    pub(crate) fn descriptor(&self, id: u32) -> Option<Arc<Descriptor>> {
        lock(&self.0.descriptors).get(&id).cloned()
    }
}
