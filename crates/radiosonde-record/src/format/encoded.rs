//! Fields that wait for their record: a span collects them over its life.

use std::collections::HashMap;
use std::ops::Range;

use super::INLINE_KEY;
use super::buffer::{Buffer, Written};
use super::builder::key;
use super::read::{Fields, Key, Reader};
use crate::descriptor::floor_char_boundary;
use crate::value::Value;

/// Bytes past which it pays to look for values that others have replaced.
const COMPACT_FROM: usize = 2048;
/// Memory that is kept for other fields when these are not needed any more.
const ROOM_KEPT: usize = 4096;

/// Fields in their recorded form, kept until their record is written.
///
/// Of a key that is recorded over and over the last value counts. The others are taken out when more
/// memory would be needed and they may be a third of all, so that this is no more work than recording
/// them was, and where there is no room left.
#[derive(Clone, Debug)]
pub struct EncodedFields {
    buffer: Buffer,
    count: u16,
    truncated: bool,
    /// Bytes after the last look for values that others have replaced.
    compacted: usize,
}

impl Default for EncodedFields {
    fn default() -> Self {
        Self { buffer: Buffer::for_fields(), count: 0, truncated: false, compacted: 0 }
    }
}

impl EncodedFields {
    /// Adds the fields of `other` behind these.
    pub fn append(&mut self, other: &Self) {
        let is_replaced = |key: Key<'_>| other.fields().any(|(replaced, _)| replaced == key);
        self.compact_in_time(&is_replaced);
        let mut fits = self.buffer.bytes(other.buffer.written());
        if !fits && self.compact(&is_replaced) {
            fits = self.buffer.bytes(other.buffer.written());
        }
        if fits {
            self.count += other.count;
        }
        self.truncated |= other.truncated || !fits;
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
        let Some(key) = key(index) else { return self.add(Written::Refused) };
        let is_replaced = |other: Key<'_>| other == Key::Index(index);
        self.compact_in_time(&is_replaced);
        let mut written = self.buffer.field(key, value);
        if written == Written::Refused && is_plain(value) && self.compact_for(&is_replaced) {
            written = self.buffer.field(key, value);
        }
        self.add(written);
    }

    /// Adds a field with its key; a key past 255 bytes is cut. A later value of the same key comes
    /// later; readers take the last.
    pub fn push_named(&mut self, key: &str, value: Value<'_>) {
        let key = &key[..floor_char_boundary(key, usize::from(u8::MAX))];
        let is_replaced = |other: Key<'_>| other == Key::Name(key);
        self.compact_in_time(&is_replaced);
        let mut written = self.buffer.named_field(key, value);
        if written == Written::Refused && is_plain(value) && self.compact_for(&is_replaced) {
            written = self.buffer.named_field(key, value);
        }
        self.add(written);
    }

    /// Takes all fields out and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.buffer.truncate(0);
        self.count = 0;
        self.truncated = false;
        self.compacted = 0;
    }

    /// Gives back the memory of many or long fields, and takes these out.
    #[inline]
    pub fn release(&mut self) {
        if self.buffer.room() > ROOM_KEPT {
            *self = Self::default();
        }
    }

    /// Bytes of the fields so far.
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes of the memory they stand in.
    pub fn room(&self) -> usize {
        self.buffer.room()
    }

    /// Whether something was cut, or left out for want of room.
    #[inline]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Something was cut before it came here: the line says so.
    pub fn set_truncated(&mut self) {
        self.truncated = true;
    }

    /// How many there are, and their bytes.
    pub(crate) fn parts(&self) -> (u16, &[u8]) {
        (self.count, self.buffer.written())
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields { reader: Reader { bytes: self.buffer.written() }, left: self.count }
    }

    #[inline]
    fn compact_in_time(&mut self, is_replaced: &dyn Fn(Key<'_>) -> bool) {
        if self.buffer.len() >= (self.compacted / 2 * 3).max(COMPACT_FROM) {
            self.compact(is_replaced);
        }
    }

    /// The same where there is no room left: unless nothing has come since the last look, and nothing
    /// of that is replaced. Who goes on all the same shall not pay for a look each time.
    #[cold]
    fn compact_for(&mut self, is_replaced: &dyn Fn(Key<'_>) -> bool) -> bool {
        let may_shrink = self.buffer.len() != self.compacted
            || self.fields().any(|(known, _)| is_replaced(known));
        may_shrink && self.compact(is_replaced)
    }

    /// Of each key only the last value stays, in the place of the first, and none of those that are
    /// about to be replaced. Whether there is more room now.
    #[cold]
    fn compact(&mut self, is_replaced: &dyn Fn(Key<'_>) -> bool) -> bool {
        let before = self.buffer.written().to_vec();
        let places = last_values(&before, self.count);
        self.buffer.truncate(0);
        self.count = 0;
        for (_, place) in places.into_iter().filter(|(key, _)| !is_replaced(*key)) {
            // All of them were there before.
            self.count += u16::from(self.buffer.bytes(&before[place]));
        }
        self.compacted = self.buffer.len();
        self.compacted < before.len()
    }

    fn add(&mut self, written: Written) {
        self.count += u16::from(written != Written::Refused);
        self.truncated |= written != Written::Whole;
    }
}

/// Whether a value can be written again: a formatter is not run twice.
fn is_plain(value: Value<'_>) -> bool {
    !matches!(value, Value::Debug(_) | Value::Display(_))
}

/// Where the last value of each key stands, in the order the keys came first.
fn last_values(bytes: &[u8], count: u16) -> Vec<(Key<'_>, Range<usize>)> {
    let mut places: Vec<(Key<'_>, Range<usize>)> = Vec::new();
    let mut of_index = [None; INLINE_KEY as usize];
    let mut of_name: HashMap<&str, usize> = HashMap::new();
    let mut fields = Fields { reader: Reader { bytes }, left: count };
    loop {
        let start = bytes.len() - fields.reader.bytes.len();
        let Some((key, _)) = fields.next() else { return places };
        let place = start..bytes.len() - fields.reader.bytes.len();
        let known = match key {
            Key::Index(index) => of_index.get(index).copied().flatten(),
            Key::Name(name) => of_name.get(name).copied(),
        };
        match known.and_then(|at| places.get_mut(at)) {
            Some((_, before)) => *before = place,
            None => {
                match key {
                    Key::Index(index) => {
                        if let Some(at) = of_index.get_mut(index) {
                            *at = Some(places.len());
                        }
                    }
                    Key::Name(name) => {
                        let _new = of_name.insert(name, places.len());
                    }
                }
                places.push((key, place));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FIELD_MAX;
    use super::*;

    fn values(fields: &EncodedFields) -> Vec<String> {
        let mut last: Vec<(Key<'_>, String)> = Vec::new();
        for (key, value) in fields.fields() {
            let value = match value {
                Value::Str(text) => format!("{} bytes", text.len()),
                other => format!("{other:?}"),
            };
            match last.iter_mut().find(|(known, _)| *known == key) {
                Some((_, before)) => *before = value,
                None => last.push((key, value)),
            }
        }
        last.into_iter().map(|(key, value)| format!("{key:?} {value}")).collect()
    }

    #[test]
    fn of_fields_recorded_over_and_over_the_last_value_stays_and_the_work_is_linear() {
        // What is there besides: little, more than a half of all room, nearly all.
        for (long, rounds_most) in [(10, 3), (9_000, 3), (2 * FIELD_MAX, 6)] {
            let text = "x".repeat(long / 2);
            let mut fields = EncodedFields::default();
            fields.push(0, Value::Str(&text));
            fields.push(1, Value::Str(&text));
            let (mut recorded, mut looked_at) = (fields.size(), 0);
            for number in 0..100_000 {
                let before = fields.size();
                fields.push(2, Value::U64(number));
                let size = fields.size();
                recorded += 10;
                // It went down, or by so much less up.
                if size < before + 10 {
                    looked_at += before;
                }
                assert!(size <= (2 * long + 200).max(ROOM_KEPT), "{long}: {size}");
            }
            let length = long / 2;
            assert_eq!(
                values(&fields),
                [
                    format!("Index(0) {length} bytes"),
                    format!("Index(1) {length} bytes"),
                    "Index(2) 99999".to_owned()
                ]
            );
            assert!(looked_at > 0 && looked_at < rounds_most * recorded, "{long}: {looked_at}");
            assert!(!fields.is_truncated());
        }
    }

    #[test]
    fn of_a_key_of_its_own_the_last_value_stays_as_well() {
        let mut fields = EncodedFields::default();
        let long = "k".repeat(300);
        for number in 0..100_000 {
            fields.push_named("rows", Value::U64(number));
            fields.push_named(&long, Value::Str("same"));
        }
        let mut found = values(&fields);
        found.sort();
        let name = &long[..255];
        assert_eq!(found, [format!("Name({name:?}) 4 bytes"), r#"Name("rows") 99999"#.to_owned()]);
        assert!(!fields.is_truncated() && fields.size() <= ROOM_KEPT, "{}", fields.size());
    }

    #[test]
    fn keys_without_end_are_looked_through_once() {
        let mut fields = EncodedFields::default();
        let key = |number: u32| format!("key.{number}");
        let mut number = 0;
        while !fields.is_truncated() {
            fields.push_named(&key(number), Value::U64(number.into()));
            number += 1;
        }
        assert_eq!(fields.compacted, fields.size(), "no room was found");
        assert!(!fields.compact_for(&|_| false), "nothing to find");
        // A key that is there has its new value all the same.
        fields.push_named(&key(7), Value::U64(1));
        let found = values(&fields);
        assert!(found.contains(&r#"Name("key.7") 1"#.to_owned()));
        assert_eq!(found.len() as u32, number - 1);
    }

    #[test]
    fn a_value_is_replaced_where_there_is_no_room_for_both() {
        let text = |length| "x".repeat(length);
        let mut fields = EncodedFields::default();
        for index in 0..2 {
            fields.push(index, Value::Str(&text(FIELD_MAX)));
        }
        fields.push(2, Value::Str(&text(7_000)));
        fields.push(1, Value::Str(&text(FIELD_MAX - 1)));
        let mut later = EncodedFields::default();
        later.push(0, Value::Display(&text(FIELD_MAX - 2)));
        fields.append(&later);
        assert!(!fields.is_truncated());
        let expected = ["Index(2) 7000 bytes", "Index(1) 12287 bytes", "Index(0) 12286 bytes"];
        assert_eq!(values(&fields), expected);
        fields.push(3, Value::Str(&text(FIELD_MAX)));
        assert!(fields.is_truncated());
        assert_eq!(values(&fields), expected);
    }

    #[test]
    fn memory_of_many_fields_is_given_back() {
        let mut fields = EncodedFields::default();
        fields.push(0, Value::U64(1));
        fields.release();
        assert_eq!(values(&fields), ["Index(0) 1"], "little is kept for others");
        for index in 1..100 {
            fields.push(index, Value::Str(&"x".repeat(1024)));
        }
        assert!(fields.room() > ROOM_KEPT && fields.is_truncated());
        fields.release();
        assert_eq!((fields.room(), fields.size(), fields.is_truncated()), (0, 0, false));
    }
}
