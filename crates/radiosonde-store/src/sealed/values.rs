//! Which frames hold which machine, worker, level and event: a bitmap over the frames for each value.
//!
//! As bytes, all numbers little-endian, for each field: its number and how many values it has (4
//! each), the bitmap of the frames that may hold another value besides, and for each value its length
//! (4), its bytes and the bitmap of its frames. A bitmap has a bit for each frame, the lowest of the
//! first byte for the first one, and fills its last byte. A field that is not there may have any value
//! in any frame.
//!
//! Only what a field has few of stands there: the first [`VALUES_MAX`] values, and none above
//! [`VALUE_BYTES_MAX`]. The others are told together, by the bitmap of other values.

use crate::line::Line;
use crate::peek::Peek;
use crate::sealed::index::Fields;
use crate::sealed::wanted::Wanted;

/// A field by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Event = 2,
    Level = 1,
    Machine = 3,
    Service = 5,
    Worker = 4,
}

impl Field {
    const ALL: [Self; 5] = [Self::Level, Self::Event, Self::Machine, Self::Worker, Self::Service];
}

/// Values of a field that are told apart.
const VALUES_MAX: usize = 256;
/// Length of a value that is told apart.
const VALUE_BYTES_MAX: usize = 128;
/// Of all bitmaps: a file with more frames and values has none.
const BITMAPS_BYTES_MAX: usize = 8 << 20;

/// Collects the values while frames are written.
#[derive(Debug)]
pub(super) struct Values {
    /// In the order of [`Field::ALL`].
    tables: [Table; 5],
    /// The frame whose lines come.
    frame: usize,
    /// Whether there were too many to tell.
    is_given_up: bool,
}

impl Values {
    pub(super) fn new() -> Self {
        Self { tables: std::array::from_fn(|_| Table::new()), frame: 0, is_given_up: false }
    }

    /// Takes a line into account.
    pub(super) fn add(&mut self, line: &Peek<'_>) {
        let level = line.level.map(|level| level.as_str().as_bytes());
        let values = [level, Some(line.evt), line.machine_id, line.worker_id, line.service];
        self.add_values(values);
    }

    /// Takes a line into account that was parsed.
    pub(super) fn add_parsed(&mut self, line: &Line) {
        self.add_values([
            line.level.map(|level| level.as_str().as_bytes()),
            Some(line.evt.as_bytes()),
            line.machine_id.as_deref().map(str::as_bytes),
            line.worker_id.as_deref().map(str::as_bytes),
            line.service.as_deref().map(str::as_bytes),
        ]);
    }

    fn add_values(&mut self, values: [Option<&[u8]>; 5]) {
        if self.is_given_up {
            return;
        }
        for ((field, table), value) in Field::ALL.iter().zip(&mut self.tables).zip(values) {
            match value {
                Some(value) => table.add(value, self.frame),
                // It may have one that a later version knows.
                None if *field == Field::Level => table.others.set(self.frame),
                None => {}
            }
        }
    }

    /// The lines of the next frame come.
    pub(super) fn end_frame(&mut self) {
        self.frame += 1;
        let bitmaps: usize = self.tables.iter().map(|table| table.values.len() + 1).sum();
        if bitmaps * self.frame.div_ceil(8) > BITMAPS_BYTES_MAX {
            *self = Self { is_given_up: true, ..Self::new() };
        }
    }

    /// The section; `None` where there were too many to tell.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        if self.is_given_up {
            return None;
        }
        let mut out = Vec::new();
        for (field, table) in Field::ALL.iter().zip(&self.tables) {
            out.extend((*field as u32).to_le_bytes());
            out.extend((table.values.len() as u32).to_le_bytes());
            table.others.write(self.frame, &mut out);
            for value in &table.values {
                out.extend((value.bytes.len() as u32).to_le_bytes());
                out.extend(&value.bytes);
                value.frames.write(self.frame, &mut out);
            }
        }
        Some(out)
    }
}

/// The values of one field.
#[derive(Debug)]
struct Table {
    values: Vec<Value>,
    /// Where a value stands, from 1, by its hash: at that place or behind it.
    slots: Vec<u16>,
    /// The value of the line before. Neighbours often share one.
    last: usize,
    others: Bitmap,
}

#[derive(Debug)]
struct Value {
    hash: u64,
    bytes: Vec<u8>,
    frames: Bitmap,
}

/// A few times as many as there are values, so that a search ends soon.
const SLOTS: usize = 4 * VALUES_MAX;

impl Table {
    fn new() -> Self {
        Self { values: Vec::new(), slots: Vec::new(), last: 0, others: Bitmap::default() }
    }

    fn add(&mut self, value: &[u8], frame: usize) {
        let at = match self.values.get(self.last) {
            Some(last) if last.bytes == value => Some(self.last),
            _ => self.find_or_insert(value),
        };
        match at {
            Some(at) => {
                self.last = at;
                self.values[at].frames.set(frame);
            }
            None => self.others.set(frame),
        }
    }

    /// Where a value stands; `None` when it is not told apart.
    fn find_or_insert(&mut self, value: &[u8]) -> Option<usize> {
        if value.len() > VALUE_BYTES_MAX {
            return None;
        }
        if self.slots.is_empty() {
            self.slots = vec![0; SLOTS];
        }
        let hash = hash(value);
        let mut slot = hash as usize % SLOTS;
        // There are more slots than values, so that an empty one is met.
        while let Some(at) = usize::from(self.slots[slot]).checked_sub(1) {
            if self.values[at].hash == hash && self.values[at].bytes == value {
                return Some(at);
            }
            slot = (slot + 1) % SLOTS;
        }
        if self.values.len() == VALUES_MAX {
            return None;
        }
        let (bytes, frames) = (value.to_vec(), Bitmap::default());
        self.values.push(Value { hash, bytes, frames });
        self.slots[slot] = self.values.len() as u16;
        Some(self.values.len() - 1)
    }
}

/// For finding a value again in memory: nothing of it is written.
fn hash(value: &[u8]) -> u64 {
    let (words, rest) = value.as_chunks();
    let rest = rest.iter().fold(1, |word, byte| word << 8 | u64::from(*byte));
    words.iter().map(|word| u64::from_le_bytes(*word)).chain([rest]).fold(0, |hash, word| {
        let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ hash >> 32
    })
}

/// A bit for each frame so far.
#[derive(Debug, Default)]
struct Bitmap(Vec<u8>);

impl Bitmap {
    fn set(&mut self, frame: usize) {
        if self.0.len() <= frame / 8 {
            self.0.resize(frame / 8 + 1, 0);
        }
        self.0[frame / 8] |= 1 << (frame % 8);
    }

    fn write(&self, frames: usize, out: &mut Vec<u8>) {
        let end = out.len() + frames.div_ceil(8);
        out.extend(&self.0);
        out.resize(end, 0);
    }
}

/// Takes off the frames in which nothing is wanted, by the section of a file with as many frames as
/// `chosen`. `None` when the section is impossible; `chosen` means nothing then.
pub(super) fn sift(section: &[u8], wanted: &Wanted, chosen: &mut [bool]) -> Option<()> {
    let mut rest = Fields(section);
    let length = chosen.len().div_ceil(8);
    while !rest.0.is_empty() {
        let (number, count) = (rest.u32()?, rest.u32()?);
        let field = Field::ALL.into_iter().find(|field| *field as u32 == number);
        let asked = field.filter(|field| wanted.asks(*field));
        let mut fits = rest.bytes(length)?.to_vec();
        for _ in 0..count {
            let value_length = usize::try_from(rest.u32()?).ok()?;
            let value = rest.bytes(value_length)?;
            let frames = rest.bytes(length)?;
            if asked.is_some_and(|field| wanted.accepts(field, value)) {
                fits.iter_mut().zip(frames).for_each(|(fits, frames)| *fits |= frames);
            }
        }
        if asked.is_some() {
            for (frame, chosen) in chosen.iter_mut().enumerate() {
                *chosen &= fits[frame / 8] >> (frame % 8) & 1 == 1;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
