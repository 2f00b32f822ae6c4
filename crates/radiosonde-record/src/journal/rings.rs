//! The rings of a journal: who gets one, and when it becomes a larger one.

use std::sync::{Arc, Mutex};

use super::{Journal, lock};
use crate::pool::Taken;
use crate::ring::{self, Consumer, Producer, Ring};

impl Journal {
    /// A ring for a thread; `None` past the cap or without room on disk. The lock is held for
    /// moments: making a ring takes longer, and happens without it.
    pub(crate) fn producer(&self) -> Option<Producer> {
        let taken = lock(&self.0.rings).take();
        match taken {
            Taken::Free(producer) => Some(producer),
            Taken::ToMake(to_make) => {
                let made = to_make.make();
                lock(&self.0.rings).add(made)
            }
            Taken::Nothing => None,
        }
    }

    /// A larger ring for a producer under pressure: the one the drain has made for it, or a spare.
    /// Waits for nobody.
    #[cold]
    pub(crate) fn grow(&self, producer: &mut Producer) {
        if producer.take_larger()
            && let Ok(mut rings) = self.0.rings.try_lock()
        {
            rings.exchange(producer);
        }
    }

    pub(crate) fn give_back(&self, mut producer: Producer) {
        if !ring::is_forked_child() {
            producer.renew();
            lock(&self.0.rings).give_back(producer);
        }
    }

    /// Sees to rings that are under pressure, and to spare ones when there is time for that. The drain
    /// calls it.
    pub(crate) fn tend(&self, rings: &mut dyn Iterator<Item = &Arc<Ring>>, has_time: bool) {
        let to_make = lock(&self.0.rings).tend(rings, has_time);
        for (ring, to_make) in to_make {
            let made = to_make.make();
            let mut rings = lock(&self.0.rings);
            let Some(producer) = rings.add(made) else { continue };
            let unwanted = match ring {
                Some(ring) => ring.offer(producer),
                None => Some(producer),
            };
            if let Some(producer) = unwanted {
                rings.give_back(producer);
            }
        }
    }

    pub(crate) fn shared(&self) -> &Mutex<Producer> {
        &self.0.shared
    }

    pub(crate) fn take_new_consumers(&self, into: &mut Vec<Consumer>) {
        lock(&self.0.rings).take_new(into);
    }
}
