//! The record format, version 2.
//!
//! # Constraints
//! Written by an application thread into its ring in one piece; read by the drain of the same
//! process, or by whoever recovers the ring of a dead one, possibly with another version of this
//! crate. All numbers are little-endian. A record is a multiple of 8 bytes and at most
//! [`RECORD_MAX`].
//!
//! # Layout
//! ```text
//!  0 u32 length, all of it             24 u32 call site: offset / 8 in `callsites`, 0 = inline
//!  4 u32 check, see below              28 u8  kind     29 u8 level   30 u16 flags
//!  8 u64 sequence within the ring      32 u16 context length         34 u16 number of fields
//! 16 u64 nanoseconds since 1970        36 u32 message length
//! 40 inline call site, when 24 is 0 (see `Descriptor::encode`)
//!    context (packed form of radiosonde-context)
//!    span part, when the kind is span: parent u64, start ns u64, span kind u8, status u8, kept u8,
//!            1 pad, length of the extras u32, and those (see `extras`)
//!    message, UTF-8
//!    fields: key u8 (index into the call site's keys; 255: length u8 and the key's bytes),
//!            type u8, value (bool u8; i64, u64, f64 8 bytes; text, JSON, bytes and marked JSON u32
//!            length and as many bytes)
//!    padding to 8 bytes
//!    trailer u64: how many records the ring had accepted with this one
//! ```
//! Flags: 1 = something was cut to fit; 2 = the message is the call site's.
//!
//! The check is for power cuts, after which sectors of a ring may be from different laps. A record
//! of up to 512 bytes lies in two sectors at most: its check is the low half of the trailer, so
//! that either sector missing shows. A longer one has the crc32c of its bytes from 8 to the end.
//! Against SIGKILL nothing needs to be checked: see the ring.
//!
//! # Recovery
//! A record counts when its length is plausible and its check is right. Readers skip field types
//! they do not know by refusing the record (it is counted), never by guessing.

mod buffer;
mod builder;
mod encoded;
mod extras;
mod raw;
mod read;
mod text;

use crate::descriptor::Descriptor;

pub(crate) use buffer::Buffer;
pub use builder::Builder;
pub use encoded::EncodedFields;
pub(crate) use extras::NameEntry;
pub use extras::{EXTRAS_MAX, Extra, Extras, SpanExtras};
pub use raw::{RawFields, RawValue};
pub use read::{DecodeError, Fields, Key, Record};
pub use text::{format_panics, text_of, text_within};

/// The largest record, in bytes.
pub const RECORD_MAX: usize = 64 * 1024;
/// The largest message, in bytes; more is cut with a marker.
pub const MESSAGE_MAX: usize = 24 * 1024;
/// The largest text of one field, in bytes; more is cut with a marker.
pub const FIELD_MAX: usize = 12 * 1024;

pub(crate) const HEADER_SIZE: usize = 40;
pub(crate) const SPAN_PART_SIZE: usize = 24;
pub(crate) const TRAILER_SIZE: usize = 8;
pub(crate) const FLAG_TRUNCATED: u16 = 1;
pub(crate) const FLAG_SITE_MESSAGE: u16 = 2;
/// Records past this have a checksum.
pub(crate) const SECTOR: usize = 512;
/// The bit that makes a length one of bytes to be passed over.
pub(crate) const FILLER: u32 = 1 << 31;
pub(crate) const INLINE_KEY: u8 = 255;

// The types of a field's value.
pub(crate) const NULL: u8 = 0;
pub(crate) const BOOL: u8 = 1;
pub(crate) const I64: u8 = 2;
pub(crate) const U64: u8 = 3;
pub(crate) const F64: u8 = 4;
pub(crate) const TEXT: u8 = 5;
pub(crate) const JSON: u8 = 6;
// Those that the first of version 2 did not have: it refuses the records they are in.
pub(crate) const BYTES: u8 = 7;
pub(crate) const MARKED: u8 = 8;

/// The part of a record only spans have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanPart {
    /// The parent's span id, 0 for a root.
    pub parent: u64,
    /// When it began, nanoseconds since 1970.
    pub start_ns: u64,
    /// Its kind, by the numbers of OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u8,
    /// Its status, by the numbers of OTLP: 0 unset, 1 ok, 2 error.
    pub status: u8,
    /// Why it was recorded though its trace is not sampled: 1 for its error, 2 for its duration;
    /// 0 when the trace is sampled.
    pub kept: u8,
}

impl SpanPart {
    /// The part as it stands in a record, before extras of this length.
    #[inline]
    pub(crate) fn to_bytes(self, extras: usize) -> [u8; SPAN_PART_SIZE] {
        let mut bytes = [0; SPAN_PART_SIZE];
        put(&mut bytes, self.parent.to_le_bytes());
        put(&mut bytes[8..], self.start_ns.to_le_bytes());
        // Extras are bounded by `EXTRAS_MAX`.
        let [a, b, c, d] = (extras as u32).to_le_bytes();
        put(&mut bytes[16..], [self.kind, self.status, self.kept, 0, a, b, c, d]);
        bytes
    }
}

/// Where a record says its call site is.
#[derive(Clone, Debug)]
pub enum Site {
    /// In the file `callsites`, under this id.
    Registered(u32),
    /// In the record itself. Rare, and so small where it is not.
    Inline(Box<Descriptor>),
}

impl From<Descriptor> for Site {
    /// In the record itself.
    fn from(descriptor: Descriptor) -> Self {
        Self::Inline(Box::new(descriptor))
    }
}

/// What only the ring of a record knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) sequence: u64,
    /// Records the ring has accepted with this one.
    pub(crate) accepted: u64,
}

/// Stores an array at the front, where there is room for it. Not by `copy_from_slice`: without
/// link-time optimization that is a call.
#[inline(always)]
pub(crate) fn put<const N: usize>(to: &mut [u8], bytes: [u8; N]) {
    if let Some(place) = to.first_chunk_mut() {
        *place = bytes;
    }
}

/// Writes the stamp into a finished record, and the check.
#[inline]
pub(crate) fn seal(record: &mut [u8], Stamp { sequence, accepted }: Stamp) {
    let Some(trailer) = record.last_chunk_mut() else { return };
    *trailer = accepted.to_le_bytes();
    put(&mut record[8..], sequence.to_le_bytes());
    let check = if record.len() > SECTOR { crc32c::crc32c(&record[8..]) } else { accepted as u32 };
    put(&mut record[4..], check.to_le_bytes());
}

/// The first bytes of what is passed over.
pub(crate) fn filler(length: u32) -> [u8; 8] {
    u64::from(length | FILLER).to_le_bytes()
}

/// Whether all sectors of a record are of one lap.
fn is_whole(record: &[u8], check: u32) -> bool {
    if record.len() > SECTOR {
        return crc32c::crc32c(&record[8..]) == check;
    }
    record.last_chunk().is_some_and(|trailer| u64::from_le_bytes(*trailer) as u32 == check)
}

#[cfg(test)]
mod tests;
