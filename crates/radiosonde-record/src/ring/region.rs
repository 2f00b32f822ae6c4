//! The file `callsites`: append-only descriptors that rings refer to by number.
//!
//! Layout: 8 bytes magic "RSNDSIT1", then entries on 8-byte steps: `length u32, crc32c u32` of the
//! descriptor and its bytes. The id of an entry is its offset / 8. Several threads may append at
//! once: a place is reserved by one atomic add, the bytes are copied, and the word with the length
//! is stored last with Release. An entry without length was never finished and nobody refers to
//! it. The cell that reserves is in memory only; nobody appends to a file of the dead.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Memory;
use super::memory::Words as _;
use crate::descriptor::Descriptor;

const MAGIC: u64 = u64::from_le_bytes(*b"RSNDSIT1");
const FIRST_AT: usize = 8;

/// The file mapped by its owner.
#[derive(Debug)]
pub(crate) struct Region {
    memory: Memory,
    end: AtomicUsize,
}

impl Region {
    pub(crate) fn new(memory: Memory) -> Self {
        memory.store_release(0, MAGIC);
        Self { memory, end: AtomicUsize::new(FIRST_AT) }
    }

    /// Appends a descriptor; `None` when the file is full.
    pub(crate) fn append(&self, descriptor: &Descriptor) -> Option<u32> {
        let mut bytes = Vec::with_capacity(128);
        descriptor.encode(&mut bytes);
        let size = (8 + bytes.len()).next_multiple_of(8);
        let reserve = |end: usize| (end + size <= self.memory.len()).then_some(end + size);
        let at = self.end.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve).ok()?;
        let copy = |place: &mut [u8]| place.copy_from_slice(&bytes);
        // SAFETY: in bounds, and reserved by the atomic above for this call alone; readers of this
        // process never look: recovery reads the file after the process is dead.
        unsafe { self.memory.fill(at + 8, bytes.len(), copy) };
        let crc = crc32c::crc32c(&bytes);
        self.memory.store_release(at, (u64::from(crc) << 32) | bytes.len() as u64);
        Some((at / 8) as u32)
    }

    /// What its file would hold.
    #[cfg(all(test, not(loom)))]
    pub(super) fn contents(&mut self) -> Vec<u8> {
        // SAFETY: in bounds, and `&mut self`: nobody appends.
        unsafe { self.memory.view(0, self.memory.len(), <[u8]>::to_vec) }
    }
}

/// Looks a descriptor up in the bytes of a `callsites` file.
pub(crate) fn lookup(file: &[u8], id: u32) -> Option<Descriptor> {
    if file.get(..8)? != MAGIC.to_le_bytes() {
        return None;
    }
    let at = (id as usize).checked_mul(8).filter(|at| *at >= FIRST_AT)?;
    let word = u64::from_le_bytes(file.get(at..at.checked_add(8)?)?.try_into().ok()?);
    let (length, crc) = (word as u32 as usize, (word >> 32) as u32);
    let bytes = file.get(at + 8..(at + 8).checked_add(length)?)?;
    if length == 0 || crc32c::crc32c(bytes) != crc {
        return None;
    }
    Descriptor::decode(bytes).map(|(descriptor, _)| descriptor)
}
