//! The fields of a record as they stand in it, for whoever turns many of them into lines.

use super::{BOOL, F64, I64, INLINE_KEY, JSON, NULL, Record, TEXT, U64};

/// The value of a field as it was recorded, unless that is bytes or has some in it. Text is UTF-8 when the record was written by this
/// process or has passed [`Record::decode_whole`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "not for users; a new type is a new format")]
pub enum RawValue<'a> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A floating point number.
    F64(f64),
    /// Text.
    Text(&'a [u8]),
    /// Finished JSON.
    Json(&'a [u8]),
}

/// Reads fields whose keys are positions at the call site, first the key, then its value, so that
/// the compiler can join the look at a value's type with what is done for it; see
/// [`Record::raw_fields`].
#[derive(Clone, Debug)]
pub struct RawFields<'a> {
    bytes: &'a [u8],
    left: u16,
    /// Whether all that came so far was as it should be.
    is_indexed: bool,
}

impl<'a> Record<'a> {
    /// The fields as long as their keys are positions at the call site. Ends early, and says so,
    /// at a key that stands in the record, a value that is none of these, or damage.
    #[inline(always)]
    pub fn raw_fields(&self) -> RawFields<'a> {
        RawFields { bytes: self.fields, left: self.field_count, is_indexed: true }
    }

    /// How many fields there are, and their bytes with keys and types.
    #[inline(always)]
    pub fn fields_size(&self) -> (usize, usize) {
        (usize::from(self.field_count), self.fields.len())
    }
}

impl<'a> RawFields<'a> {
    /// The key of the next field, whose value is to be read next.
    #[inline(always)]
    pub fn key(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        match self.bytes.split_first() {
            Some((key, rest)) if *key != INLINE_KEY => {
                self.bytes = rest;
                Some(usize::from(*key))
            }
            _ => {
                self.is_indexed = false;
                None
            }
        }
    }

    /// The value of the key that was read; `None` when it is damaged, or stands in a line in another form
    /// than in the record.
    #[inline(always)]
    pub fn value(&mut self) -> Option<RawValue<'a>> {
        let (kind, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(match *kind {
            TEXT => RawValue::Text(self.text()?),
            JSON => RawValue::Json(self.text()?),
            U64 => RawValue::U64(self.word()?),
            I64 => RawValue::I64(self.word()? as i64),
            F64 => RawValue::F64(f64::from_bits(self.word()?)),
            BOOL => {
                let (value, rest) = self.bytes.split_first()?;
                self.bytes = rest;
                RawValue::Bool(*value != 0)
            }
            NULL => RawValue::Null,
            _ => return None,
        })
    }

    /// Whether every key has come: to be asked at the end.
    #[inline(always)]
    pub fn is_indexed(&self) -> bool {
        self.is_indexed
    }

    #[inline(always)]
    fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u64::from_le_bytes(*word))
    }

    #[inline(always)]
    fn text(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.bytes.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.bytes = rest;
        Some(text)
    }
}
