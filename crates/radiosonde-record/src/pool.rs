//! All rings of a process: who has one, which are free, and what they may take together.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::journal::{Placement, RING_CAPACITY_MAX, RING_CAPACITY_MIN, RINGS_BYTES_MAX};
use crate::placement::room_for_rings;
use crate::ring::{Consumer, Memory, Producer, Ring};
use crate::slot::RINGS;

/// How much larger the next ring of a thread under pressure is.
const GROWTH: usize = 4;
/// Free rings the drain keeps, by capacity: for new threads, and for those that burst before it has
/// looked.
const SPARES: [(usize, usize); 3] =
    [(RING_CAPACITY_MIN, 2), (RING_CAPACITY_MIN * GROWTH, 1), (RING_CAPACITY_MAX, 1)];
/// The ring all share, and some small ones, however little room there is.
const BYTES_MAX_MIN: usize = 2 * 1024 * 1024;
/// Pause after a ring that could not be made: on a full disk nobody should try at each look.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// A ring that is to be made: asking the system for it takes the time of a disk.
#[derive(Debug)]
pub(crate) struct ToMake {
    number: u32,
    size: usize,
    path: Option<PathBuf>,
}

/// Its memory, or why there is none.
#[derive(Debug)]
pub(crate) struct Made {
    number: u32,
    size: usize,
    memory: io::Result<Memory>,
}

impl ToMake {
    pub(crate) fn make(self) -> Made {
        let memory = match &self.path {
            Some(path) => Memory::create(path, self.size).map(Memory::pinned),
            None => Memory::anonymous(self.size),
        };
        Made { number: self.number, size: self.size, memory }
    }
}

/// What a thread without a ring gets.
pub(crate) enum Taken {
    Free(Producer),
    ToMake(ToMake),
    Nothing,
}

/// How many free rings of a capacity are kept.
fn spares(capacity: usize) -> usize {
    SPARES.iter().filter(|(of, _)| *of == capacity).map(|(_, count)| *count).sum()
}

/// The rings of a journal.
#[derive(Debug)]
pub(crate) struct Rings {
    /// Where the files are; `None` for memory rings.
    directory: Option<PathBuf>,
    all: Vec<Arc<Ring>>,
    /// Rings no thread has, for the next one: those of ended threads, of threads that went on in a
    /// larger one, and spares.
    free: Vec<Producer>,
    /// Rings the drain has not picked up yet.
    new: Vec<Consumer>,
    next_number: u32,
    /// Memory of all of them.
    bytes: usize,
    /// What it may be.
    bytes_max: usize,
    /// When the system refused the last one.
    refused: Option<Instant>,
}

impl Rings {
    pub(crate) fn new(placement: &Placement) -> Self {
        let directory = match placement {
            Placement::Directory(path) => Some(path.join(RINGS)),
            Placement::Memory => None,
        };
        // What the system does not tell, it says when a ring is made.
        let room = directory.as_deref().and_then(|path| room_for_rings(path).ok());
        let bytes_max = room.unwrap_or(RINGS_BYTES_MAX).max(BYTES_MAX_MIN);
        let (all, free, new) = (Vec::new(), Vec::new(), Vec::new());
        Self { directory, all, free, new, next_number: 0, bytes: 0, bytes_max, refused: None }
    }

    pub(crate) fn all(&self) -> &[Arc<Ring>] {
        &self.all
    }

    pub(crate) fn take_new(&mut self, into: &mut Vec<Consumer>) {
        into.append(&mut self.new);
    }

    /// A ring for a thread that has none: a free one that is not kept for others, or one to be
    /// made; failing both, any.
    pub(crate) fn take(&mut self) -> Taken {
        let not_kept = |rings: &Self, of| of == RING_CAPACITY_MIN || rings.free_of(of) > spares(of);
        if let Some(producer) = self.take_free(not_kept) {
            return Taken::Free(producer);
        }
        match self.reserve(RING_CAPACITY_MIN) {
            Some(to_make) => Taken::ToMake(to_make),
            None => self.free.pop().map_or(Taken::Nothing, Taken::Free),
        }
    }

    /// The smallest free ring of a capacity that will do.
    fn take_free(&mut self, will_do: impl Fn(&Self, usize) -> bool) -> Option<Producer> {
        let capacities = self.free.iter().map(|producer| producer.ring().capacity()).enumerate();
        let fitting = capacities.filter(|(_, of)| will_do(self, *of));
        let (at, _) = fitting.min_by_key(|(_, of)| *of)?;
        Some(self.free.swap_remove(at))
    }

    fn free_of(&self, capacity: usize) -> usize {
        self.free.iter().filter(|free| free.ring().capacity() == capacity).count()
    }

    /// A number and a part of the cap for a ring that is to be made, without this lock.
    fn reserve(&mut self, capacity: usize) -> Option<ToMake> {
        let size = Ring::memory_size(capacity);
        let is_past_cap = self.bytes + size > self.bytes_max;
        if is_past_cap || self.refused.is_some_and(|at| at.elapsed() < REFUSED_PAUSE) {
            return None;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.bytes += size;
        let path = self.directory.as_ref().map(|path| path.join(format!("{number}.ring")));
        Some(ToMake { number, size, path })
    }

    /// Takes a ring that was made, or learns that the system refused it.
    pub(crate) fn add(&mut self, made: Made) -> Option<Producer> {
        let Made { number, size, memory } = made;
        self.refused = memory.is_err().then(Instant::now);
        let Ok(memory) = memory else {
            self.bytes -= size;
            return None;
        };
        let (ring, producer, consumer) = Ring::split(memory, number);
        self.all.push(ring);
        self.new.push(consumer);
        Some(producer)
    }

    /// Makes a ring at once: before anybody else asks.
    ///
    /// # Errors
    /// As from the system.
    pub(crate) fn create(&mut self, capacity: usize) -> io::Result<Producer> {
        let to_make = self.reserve(capacity).ok_or(io::ErrorKind::StorageFull)?;
        let Made { number, size, memory } = to_make.make();
        let memory = Ok(memory?);
        self.add(Made { number, size, memory }).ok_or_else(|| io::ErrorKind::Other.into())
    }

    pub(crate) fn give_back(&mut self, producer: Producer) {
        self.free.push(producer);
    }

    /// Makes larger rings ready for threads that asked, takes back what they left, and keeps a few
    /// spares: so that no application thread maps memory while it records, but for a crowd of new
    /// threads at once. What is to be made for it, without this lock: for a ring, or as a spare.
    pub(crate) fn tend<'a>(
        &mut self,
        rings: &mut dyn Iterator<Item = &'a Arc<Ring>>,
        has_time: bool,
    ) -> Vec<(Option<&'a Arc<Ring>>, ToMake)> {
        let mut to_make = Vec::new();
        for ring in rings.filter(|ring| ring.wants_attention()) {
            self.free.extend(ring.collect());
            if !ring.wants_more() || ring.capacity() >= RING_CAPACITY_MAX {
                continue;
            }
            let capacity = (ring.capacity() * GROWTH).min(RING_CAPACITY_MAX);
            match self.take_free(|_, of| of >= capacity) {
                Some(larger) => self.free.extend(ring.offer(larger)),
                None => to_make.extend(self.reserve(capacity).map(|to_make| (Some(ring), to_make))),
            }
        }
        // One at a look, and none while it hurries: the drain has other things to do.
        let spare = if has_time { self.missing_spare() } else { None };
        to_make.extend(spare.map(|to_make| (None, to_make)));
        to_make
    }

    /// Makes all spares: before the first record, which may be the first of a thousand.
    pub(crate) fn add_spares(&mut self) {
        while let Some(to_make) = self.missing_spare() {
            let spare = self.add(to_make.make());
            self.free.extend(spare);
        }
    }

    fn missing_spare(&mut self) -> Option<ToMake> {
        let missing = SPARES.into_iter().find(|(of, count)| self.free_of(*of) < *count);
        missing.and_then(|(capacity, _)| self.reserve(capacity))
    }

    /// A larger ring for a producer that is under pressure, when there is a free one; its own goes
    /// to the next thread.
    pub(crate) fn exchange(&mut self, producer: &mut Producer) {
        let wanted = (producer.ring().capacity() * GROWTH).min(RING_CAPACITY_MAX);
        if producer.ring().capacity() < wanted
            && let Some(larger) = self.take_free(|_, of| of >= wanted)
        {
            self.free.push(producer.move_to(larger));
        }
    }
}
