//! The fields of a record as they stand in it, for whoever turns many of them into lines.

use super::{BOOL, F64, I64, INLINE_KEY, JSON, NULL, Record, TEXT, U64};

/// The value of a field as it was recorded. Text is UTF-8 when the record was written by this
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

/// Iterator over values whose keys are positions at the call site; see [`Record::raw_fields`].
#[derive(Clone, Debug)]
pub struct RawFields<'a> {
    bytes: &'a [u8],
    left: u16,
    /// Whether all that came so far was as it should be.
    is_indexed: bool,
}

impl<'a> Record<'a> {
    /// The fields as long as their keys are positions at the call site. Ends early, and says so,
    /// at a key that stands in the record, or at damage.
    #[inline(always)]
    pub fn raw_fields(&self) -> RawFields<'a> {
        RawFields { bytes: self.fields, left: self.field_count, is_indexed: true }
    }
}

impl RawFields<'_> {
    /// Whether every field has come: to be asked at the end.
    #[inline(always)]
    pub fn is_indexed(&self) -> bool {
        self.is_indexed
    }
}

impl<'a> Iterator for RawFields<'a> {
    type Item = (usize, RawValue<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let taken = take(self.bytes);
        match taken {
            Some((key, value, rest)) if key != INLINE_KEY => {
                self.bytes = rest;
                Some((usize::from(key), value))
            }
            _ => {
                (self.left, self.is_indexed) = (0, false);
                None
            }
        }
    }
}

#[inline(always)]
fn take(bytes: &[u8]) -> Option<(u8, RawValue<'_>, &[u8])> {
    let [key, kind, rest @ ..] = bytes else { return None };
    let number = || rest.split_first_chunk::<8>();
    let (value, rest) = match *kind {
        TEXT | JSON => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            (if *kind == TEXT { RawValue::Text(text) } else { RawValue::Json(text) }, rest)
        }
        U64 => number().map(|(n, rest)| (RawValue::U64(u64::from_le_bytes(*n)), rest))?,
        I64 => number().map(|(n, rest)| (RawValue::I64(i64::from_le_bytes(*n)), rest))?,
        F64 => number().map(|(n, rest)| (RawValue::F64(f64::from_le_bytes(*n)), rest))?,
        BOOL => rest.split_first().map(|(b, rest)| (RawValue::Bool(*b != 0), rest))?,
        NULL => (RawValue::Null, rest),
        _ => return None,
    };
    Some((*key, value, rest))
}
