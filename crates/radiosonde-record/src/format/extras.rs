//! What few spans have besides their attributes: a name of their own, trace state, links, events, and
//! how much of these was dropped.
//!
//! A sequence of entries `tag u8, length u32, body`, which stands in a record between the span part
//! and the message:
//! ```text
//! 1 trace state: UTF-8
//! 2 link: trace id 16 bytes, span id 8, trace state (length u16, UTF-8), number of fields u16, fields
//! 3 event: nanoseconds since 1970 u64, name (length u16, UTF-8), number of fields u16, fields; a
//!   field `truncated` says that something of the event was cut
//! 4 dropped: attributes u32, events u32, links u32
//! 5 name, in place of the call site's; stands first: UTF-8
//! ```
//! Fields are those of a record, all under keys of their own. Readers skip tags they do not know.

use super::encoded::EncodedFields;
use super::read::{Fields, Key, Reader};
use super::{BOOL, INLINE_KEY};
use crate::descriptor::floor_char_boundary;

/// Most bytes of links and events in a span: with a trace state, a message, a context and attributes
/// they fit a record.
pub const EXTRAS_MAX: usize = 20 * 1024;
/// Most bytes of a name or a trace state; more is cut.
const TEXT_MAX: usize = 512;

const TRACE_STATE: u8 = 1;
const LINK: u8 = 2;
const EVENT: u8 = 3;
const DROPPED: u8 = 4;
const NAME: u8 = 5;
/// Tag and length of an entry.
const HEAD_SIZE: usize = 5;
/// What an event says when something of it was cut, as lines do.
const TRUNCATED: &str = "truncated";
/// The same as a field.
const TRUNCATED_FIELD: &[u8] =
    &[INLINE_KEY, 9, b't', b'r', b'u', b'n', b'c', b'a', b't', b'e', b'd', BOOL, 1];

/// The extras of a span while it is open.
#[derive(Clone, Debug, Default)]
pub struct SpanExtras {
    bytes: Vec<u8>,
}

impl SpanExtras {
    /// Sets the trace state (W3C Trace Context §3.3), once. It stands before everything else and needs
    /// no room of that: a trace goes on with it.
    pub fn trace_state(&mut self, state: &str) {
        let after = std::mem::take(&mut self.bytes);
        let state = &state.as_bytes()[..floor_char_boundary(state, TEXT_MAX)];
        self.bytes.reserve_exact(HEAD_SIZE + state.len() + after.len());
        self.put(TRACE_STATE, &[state]);
        self.bytes.extend_from_slice(&after);
    }

    /// Adds a link to another span. Whether there was room.
    pub fn link(
        &mut self,
        trace_id: [u8; 16],
        span_id: [u8; 8],
        trace_state: &str,
        attributes: &EncodedFields,
    ) -> bool {
        let (length, state) = text(trace_state);
        let (count, fields) = attributes.parts();
        self.entry(LINK, &[&trace_id, &span_id, &length, state, &count.to_le_bytes(), fields])
    }

    /// Adds an event, at a time in nanoseconds since 1970. Whether there was room. What was cut of its
    /// attributes is said by one more, `truncated`, unless there is one of that name.
    pub fn event(&mut self, timestamp_ns: u64, name: &str, attributes: &EncodedFields) -> bool {
        let (length, name) = text(name);
        let (count, fields) = attributes.parts();
        let time = timestamp_ns.to_le_bytes();
        let is_said = || attributes.fields().any(|(key, _)| key == Key::Name(TRUNCATED));
        let says_so = attributes.is_truncated() && !is_said();
        let mark = if says_so { TRUNCATED_FIELD } else { &[] };
        let count = (count + u16::from(says_so)).to_le_bytes();
        self.entry(EVENT, &[&time, &length, name, &count, fields, mark])
    }

    /// Says how many attributes, events and links the span has lost: once, at its end.
    pub fn dropped(&mut self, attributes: u32, events: u32, links: u32) {
        let counts = [attributes, events, links].map(u32::to_le_bytes);
        self.put(DROPPED, &[&counts[0], &counts[1], &counts[2]]);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn entry(&mut self, tag: u8, parts: &[&[u8]]) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let fits = self.bytes.len() + length < EXTRAS_MAX;
        if fits {
            self.put(tag, parts);
        }
        fits
    }

    fn put(&mut self, tag: u8, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.bytes.push(tag);
        // Bounded by `EXTRAS_MAX`, or of three numbers.
        self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }
}

/// The entry of a span's own name. Without one it has no bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameEntry<'a> {
    head: [u8; HEAD_SIZE],
    name: &'a [u8],
}

impl<'a> NameEntry<'a> {
    #[inline]
    pub(crate) fn of(name: &'a str) -> Self {
        let end = floor_char_boundary(name, TEXT_MAX);
        let [a, b, c, d] = (end as u32).to_le_bytes();
        Self { head: [NAME, a, b, c, d], name: &name.as_bytes()[..end] }
    }

    /// Its pieces, one behind the other.
    #[inline]
    pub(crate) fn parts(&self) -> (&[u8], &'a [u8]) {
        (if self.name.is_empty() { &[] } else { &self.head }, self.name)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        if self.name.is_empty() { 0 } else { HEAD_SIZE + self.name.len() }
    }
}

/// The name at the front of extras, and what stands behind it. `None` for damage.
#[inline]
pub(super) fn split_name(extras: &[u8]) -> Option<(&str, &[u8])> {
    let [NAME, rest @ ..] = extras else { return Some(("", extras)) };
    let mut reader = Reader { bytes: rest };
    let length = reader.u32()? as usize;
    let name = std::str::from_utf8(reader.take(length)?).ok()?;
    Some((name, reader.bytes))
}

fn text(text: &str) -> ([u8; 2], &[u8]) {
    let end = floor_char_boundary(text, TEXT_MAX);
    ((end as u16).to_le_bytes(), &text.as_bytes()[..end])
}

/// One of the extras of a span, read back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Extra<'a> {
    /// How many attributes, events and links it has lost.
    Dropped {
        /// Attributes.
        attributes: u32,
        /// Events.
        events: u32,
        /// Links.
        links: u32,
    },
    /// An event.
    Event {
        /// Nanoseconds since 1970.
        timestamp_ns: u64,
        /// Its name.
        name: &'a str,
        /// Its attributes.
        attributes: Fields<'a>,
    },
    /// A link to another span.
    Link {
        /// The trace of that span.
        trace_id: [u8; 16],
        /// The span.
        span_id: [u8; 8],
        /// Its trace state; empty when there is none.
        trace_state: &'a str,
        /// The link's attributes.
        attributes: Fields<'a>,
    },
    /// The trace state.
    TraceState(&'a str),
}

/// Iterator over the extras of a span; ends at the first that is damaged.
#[derive(Clone, Debug)]
pub struct Extras<'a> {
    pub(super) reader: Reader<'a>,
}

impl<'a> Iterator for Extras<'a> {
    type Item = Extra<'a>;

    fn next(&mut self) -> Option<Extra<'a>> {
        loop {
            let tag = self.reader.u8()?;
            let length = self.reader.u32()? as usize;
            let body = Reader { bytes: self.reader.take(length)? };
            if let Some(extra) = read(tag, body)? {
                return Some(extra);
            }
        }
    }
}

impl Extras<'_> {
    /// Whether everything can be read: for bytes of a dead process.
    pub(super) fn are_whole(mut self) -> bool {
        loop {
            if self.reader.bytes.is_empty() {
                return true;
            }
            let Some(extra) = self.next() else { return self.reader.bytes.is_empty() };
            if let Extra::Event { attributes, .. } | Extra::Link { attributes, .. } = extra
                && !attributes.are_whole()
            {
                return false;
            }
        }
    }
}

/// `None` for damage, `Some(None)` for a tag that is not known.
#[expect(clippy::option_option, reason = "the inner one is for what newer versions write")]
fn read(tag: u8, mut body: Reader<'_>) -> Option<Option<Extra<'_>>> {
    Some(match tag {
        TRACE_STATE => Some(Extra::TraceState(std::str::from_utf8(body.bytes).ok()?)),
        LINK => Some(Extra::Link {
            trace_id: body.take(16)?.try_into().ok()?,
            span_id: body.take(8)?.try_into().ok()?,
            trace_state: body.short_text()?,
            attributes: body.fields()?,
        }),
        EVENT => Some(Extra::Event {
            timestamp_ns: body.u64()?,
            name: body.short_text()?,
            attributes: body.fields()?,
        }),
        DROPPED => Some(Extra::Dropped {
            attributes: body.u32()?,
            events: body.u32()?,
            links: body.u32()?,
        }),
        _ => None,
    })
}

impl<'a> Reader<'a> {
    fn short_text(&mut self) -> Option<&'a str> {
        let length = self.take(2)?.try_into().ok().map(u16::from_le_bytes)?;
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }

    fn fields(mut self) -> Option<Fields<'a>> {
        let count = self.take(2)?.try_into().ok().map(u16::from_le_bytes)?;
        Some(Fields { reader: self, left: count })
    }
}
