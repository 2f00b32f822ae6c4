//! Values and attributes: `AnyValue` and `KeyValue` of OTLP.

use std::fmt;

use radiosonde_record::Value;
use radiosonde_record::marked::{self, Marked};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::{Writer, block_size, varint_size};

// `KeyValue`
const KEY: u32 = 1;
const VALUE: u32 = 2;

// `AnyValue`
const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
const MAP: u32 = 6;
const BYTES: u32 = 7;

/// Values of an `ArrayValue`, and pairs of a `KeyValueList`.
const VALUES: u32 = 1;

/// Deepest nesting of lists and maps that is told; what is deeper becomes [`DEEPER`].
const DEPTH_MAX: u32 = 16;
const DEEPER: &str = "…";

/// Appends an attribute as a field of this number.
pub(crate) fn attribute(out: &mut Writer, field: u32, key: &str, value: Value<'_>) {
    let Some(size) = size(value) else {
        return out.message(field, |out| {
            out.text_if_any(KEY, key);
            out.message(VALUE, |out| any_value(out, value));
        });
    };
    let of_key = if key.is_empty() { 0 } else { block_size(key.len()) };
    out.message_of(field, of_key + block_size(size), |out| {
        out.text_if_any(KEY, key);
        out.message_of(VALUE, size, |out| any_value(out, value));
    });
}

/// Appends text as an `AnyValue`.
pub(crate) fn text_value(out: &mut Writer, field: u32, text: &str) {
    out.message_of(field, block_size(text.len()), |out| out.text(STRING, text));
}

/// How long the inside of an `AnyValue` becomes, where that is known before it is written.
#[inline]
fn size(value: Value<'_>) -> Option<usize> {
    match value {
        Value::Bool(_) => Some(2),
        Value::I64(value) => Some(1 + varint_size(value.cast_unsigned())),
        Value::U64(value) if i64::try_from(value).is_ok() => Some(1 + varint_size(value)),
        Value::F64(_) => Some(9),
        Value::Str(text) => Some(block_size(text.len())),
        _ => None,
    }
}

/// As [`attribute`], for text.
#[inline]
pub(crate) fn text_attribute(out: &mut Writer, field: u32, key: &str, value: &str) {
    attribute(out, field, key, Value::Str(value));
}

/// Appends the inside of an `AnyValue`. Nothing is one without a value.
#[inline]
pub(crate) fn any_value(out: &mut Writer, value: Value<'_>) {
    match value {
        Value::Bool(value) => out.unsigned(BOOL, value.into()),
        Value::I64(value) => out.signed(INT, value),
        Value::U64(value) => unsigned(out, value),
        Value::F64(value) => out.double(DOUBLE, value),
        Value::Str(text) => out.text(STRING, text),
        Value::Bytes(bytes) => out.block(BYTES, bytes),
        Value::Json(text) => json(out, text, false),
        Value::Marked(text) => json(out, text, true),
        Value::Null => {}
        other => unknown(out, other),
    }
}

/// A record read back has no other kinds.
#[cold]
fn unknown(out: &mut Writer, value: Value<'_>) {
    out.text(STRING, &format!("{value:?}"));
}

/// A number that is too large for OTLP is text, as the specification wants it (Mapping arbitrary data to
/// OTLP `AnyValue`).
fn unsigned(out: &mut Writer, value: u64) {
    match i64::try_from(value) {
        Ok(value) => out.signed(INT, value),
        Err(_) => out.text(STRING, &value.to_string()),
    }
}

/// Finished JSON as lists, maps and what is in them, and what its texts stand for if they are marked; what
/// is none is text.
fn json(out: &mut Writer, text: &str, is_marked: bool) {
    let start = out.len();
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Nested { out, depth: 0, is_marked }.deserialize(&mut reader);
    if read.and_then(|()| reader.end()).is_err() {
        out.truncate(start);
        out.text(STRING, text);
    }
}

/// Writes the inside of an `AnyValue` while it is read.
struct Nested<'w> {
    out: &'w mut Writer,
    depth: u32,
    /// Whether texts may stand for something else.
    is_marked: bool,
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.out.unsigned(BOOL, value.into());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.out.signed(INT, value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        unsigned(self.out, value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.out.double(DOUBLE, value);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        match if self.is_marked { marked::read(text) } else { Marked::Text(text) } {
            Marked::Bytes(bytes) => self.out.block(BYTES, &bytes),
            Marked::Number(number) => self.out.double(DOUBLE, number),
            Marked::Text(text) => self.out.text(STRING, text),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { out, depth, is_marked } = self;
        if depth == DEPTH_MAX {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            out.text(STRING, DEEPER);
            return Ok(());
        }
        let array = out.begin(ARRAY);
        loop {
            let before = out.len();
            let value = out.begin(VALUES);
            let Some(()) = list.next_element_seed(Nested { out, depth: depth + 1, is_marked })?
            else {
                out.truncate(before);
                break;
            };
            out.end(value);
        }
        out.end(array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { out, depth, is_marked } = self;
        if depth == DEPTH_MAX {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            out.text(STRING, DEEPER);
            return Ok(());
        }
        let list = out.begin(MAP);
        loop {
            let before = out.len();
            let pair = out.begin(VALUES);
            let Some(()) = map.next_key_seed(Name(out))? else {
                out.truncate(before);
                break;
            };
            let value = out.begin(VALUE);
            map.next_value_seed(Nested { out, depth: depth + 1, is_marked })?;
            out.end(value);
            out.end(pair);
        }
        out.end(list);
        Ok(())
    }
}

/// Writes the key of a pair.
struct Name<'w>(&'w mut Writer);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.text_if_any(KEY, text);
        Ok(())
    }
}
