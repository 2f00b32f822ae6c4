//! Fields that wait for their record: a span collects them over its life.

use super::buffer::{Buffer, Written};
use super::builder::key;
use super::read::{Fields, Key, Reader};
use crate::value::Value;

/// Fields in their recorded form, kept until their record is written.
#[derive(Clone, Debug)]
pub struct EncodedFields {
    buffer: Buffer,
    count: u16,
    truncated: bool,
}

impl Default for EncodedFields {
    fn default() -> Self {
        Self { buffer: Buffer::for_fields(), count: 0, truncated: false }
    }
}

impl EncodedFields {
    /// Adds the fields of `other` behind these.
    pub fn append(&mut self, other: &Self) {
        if self.buffer.bytes(other.buffer.written()) {
            self.count += other.count;
            self.truncated |= other.truncated;
        } else {
            self.truncated = true;
        }
    }

    /// Adds a field under the key with this index at the call site. A later value of the same key
    /// comes later; readers take the last.
    #[inline(always)]
    pub fn push(&mut self, index: usize, value: Value<'_>) {
        if key(index).is_some_and(|key| self.buffer.plain_field(key, value)) {
            self.count += 1;
        } else {
            self.push_slowly(index, value);
        }
    }

    /// A field that needs room, or a formatter.
    #[inline(never)]
    fn push_slowly(&mut self, index: usize, value: Value<'_>) {
        let written = key(index).map_or(Written::Refused, |key| self.buffer.field(key, value));
        self.add(written);
    }

    /// Adds a field with its key; a key past 255 bytes is cut.
    pub fn push_named(&mut self, key: &str, value: Value<'_>) {
        let written = self.buffer.named_field(key, value);
        self.add(written);
    }

    /// Takes all fields out and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.truncate(0);
        self.count = 0;
        self.truncated = false;
    }

    /// Bytes of the fields so far.
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// Of each key only the last value stays, in the place of the first: for a span that records the
    /// same keys over and over.
    #[cold]
    pub fn compact(&mut self) {
        let before = self.clone();
        let all =
            || Fields { reader: Reader { bytes: before.buffer.written() }, left: before.count };
        let truncated = self.truncated;
        self.clear();
        self.truncated = truncated;
        let is_new = |at: usize, key: Key<'_>| all().take(at).all(|(other, _)| other != key);
        for (at, (key, _)) in all().enumerate().filter(|(at, (key, _))| is_new(*at, *key)) {
            let last = all().skip(at).filter(|(other, _)| *other == key).last();
            match (key, last) {
                (Key::Index(index), Some((_, value))) => self.push(index, value),
                (Key::Name(name), Some((_, value))) => self.push_named(name, value),
                (_, None) => {}
            }
        }
    }

    /// How many there are, and their bytes.
    pub(crate) fn parts(&self) -> (u16, &[u8]) {
        (self.count, self.buffer.written())
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn add(&mut self, written: Written) {
        self.count += u16::from(written != Written::Refused);
        self.truncated |= written != Written::Whole;
    }
}
