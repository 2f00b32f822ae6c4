//! The ring of a dead process, read from its file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Source;
pub(crate) use super::layout::TAIL_AT;
use super::layout::{self, Counters};

/// Largest ring file that is read: what this crate would ever write, with room.
const CAPACITY_MAX: usize = 4 * crate::journal::RING_CAPACITY_MAX;

/// Smallest ring that is read: every record's header fits.
const CAPACITY_MIN: usize = 4096;

/// A dead ring. Its owner's lock is held by the caller, so nobody else reads or writes it.
#[derive(Debug)]
pub(crate) struct Image {
    file: Kept,
    number: u32,
    /// Nothing, when nothing is pending.
    data: Vec<u8>,
    capacity: usize,
    head: u64,
    position: u64,
    /// The tail in the file.
    released: u64,
    counters: Counters,
}

impl Image {
    /// Reads a ring file.
    ///
    /// # Errors
    /// `InvalidData` for a file that is not a ring of this version; others as from the system.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        // Not kept open: there may be a thousand.
        Ok(Self { file: Kept::At(path.to_owned()), ..Self::read(open(path)?)? })
    }

    /// Reads what is in an open file.
    ///
    /// # Errors
    /// As [`Image::open`].
    pub(crate) fn read(file: File) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let size = file.metadata()?.len();
        let mut header = vec![0; layout::HEADER_SIZE];
        if size < header.len() as u64 {
            return Err(invalid("shorter than a ring header"));
        }
        file.read_exact_at(&mut header, 0)?;
        let load_u64 = |at: usize| u64::from_le_bytes(at_most(&header, at));
        let load_u32 = |at: usize| u32::from_le_bytes(at_most(&header, at));
        if load_u64(layout::MAGIC_AT) != layout::MAGIC {
            return Err(invalid("not a ring"));
        }
        if load_u32(layout::VERSION_AT) != layout::VERSION {
            return Err(invalid("ring of another version"));
        }
        let capacity = load_u32(layout::CAPACITY_AT) as usize;
        let expected = (layout::HEADER_SIZE + capacity) as u64;
        let possible = CAPACITY_MIN..=CAPACITY_MAX;
        if !capacity.is_power_of_two() || !possible.contains(&capacity) || size < expected {
            return Err(invalid("ring of a wrong size"));
        }
        let (head, tail) = (load_u64(layout::HEAD_AT), load_u64(layout::TAIL_AT));
        let aligned = head.is_multiple_of(8) && tail.is_multiple_of(8);
        if !aligned || head.checked_sub(tail).is_none_or(|used| used > capacity as u64) {
            return Err(invalid("ring with impossible positions"));
        }
        // Most rings of the dead are empty, and there may be a thousand.
        let mut data = vec![0; if head == tail { 0 } else { capacity }];
        file.read_exact_at(&mut data, layout::HEADER_SIZE as u64)?;
        let number = load_u32(layout::NUMBER_AT);
        let mut counters = Counters::read(load_u64);
        // The last record ends at the head, with its trailer.
        let mut trailer = [0; 8];
        if let Some(end) = head.checked_sub(8) {
            let place = layout::HEADER_SIZE as u64 + end % capacity as u64;
            file.read_exact_at(&mut trailer, place)?;
        }
        let last = u64::from_le_bytes(trailer);
        counters.settle(head, load_u64(layout::BUSY_AT), last);
        Ok(Self {
            file: Kept::Open(file),
            number,
            data,
            capacity,
            head,
            position: tail,
            released: tail,
            counters,
        })
    }

    /// Records that were made of another file, as if they were a ring's. Its header keeps how far
    /// they were read, where that of a ring does.
    ///
    /// # Errors
    /// `InvalidData` when that cannot be true.
    pub(crate) fn made(path: &Path, number: u32, mut data: Vec<u8>, tail: u64) -> io::Result<Self> {
        let head = data.len() as u64;
        if tail > head || !tail.is_multiple_of(8) {
            let what = "its records end before where they were read to";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let capacity = data.len().next_power_of_two().max(CAPACITY_MIN);
        data.resize(capacity, 0);
        Ok(Self {
            file: Kept::At(path.to_owned()),
            number,
            data,
            capacity,
            head,
            position: tail,
            released: tail,
            counters: Counters::default(),
        })
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many records there are from here on, before damage.
    pub(crate) fn count(&mut self) -> u64 {
        let (begin, mut count) = (self.position, 0);
        while let Ok(Some(length)) = self.next() {
            self.advance(self.position + length as u64);
            count += 1;
        }
        self.position = begin;
        count
    }

    /// Moves the tail in the file, and what is read next, to `position`; never backwards.
    pub(crate) fn release(&mut self, position: u64) -> io::Result<()> {
        let position = position.min(self.head).max(self.position);
        self.position = position;
        let write =
            |file: &File| file.write_all_at(&position.to_le_bytes(), layout::TAIL_AT as u64);
        match &self.file {
            _ if std::mem::replace(&mut self.released, position) == position => Ok(()),
            Kept::Open(file) => write(file),
            Kept::At(path) => write(&open(path)?),
        }
    }
}

/// How a ring is reached again.
#[derive(Debug)]
enum Kept {
    Open(File),
    At(PathBuf),
}

/// Opens a file of a dead process, and no link to another one.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits() as i32;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

impl Source for Image {
    const TRUSTED: bool = false;

    fn number(&self) -> u32 {
        self.number
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn head(&mut self) -> u64 {
        self.head
    }

    fn known_head(&self) -> u64 {
        self.head
    }

    fn advance(&mut self, position: u64) {
        self.position = position;
    }

    fn view<R>(&self, place: usize, length: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        f(&self.data[place..place + length])
    }
}

/// The `N` bytes at `at` of a header that is long enough for every offset of the layout.
fn at_most<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&header[at..at + N]);
    out
}
