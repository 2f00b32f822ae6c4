//! Spans, whose parts are all encoded when they end: written into the ring itself, in one go.

use crate::Site;
use crate::descriptor::Descriptor;
use crate::format::{self, EncodedFields, NameEntry, SpanExtras, SpanPart, Stamp};
use crate::journal::Journal;
use crate::level::{Kind, Level};
use crate::plain::{Cursor, LENGTH_MAX};
use crate::push::Push;
use crate::thread;
use crate::value::Value;

/// A span that has ended.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "built by the tracing layer, field by field")]
pub struct EndedSpan<'a> {
    /// When it began, its parent, kind and status.
    pub part: SpanPart,
    /// Its own name, in place of the call site's; empty when it has none.
    pub name: &'a str,
    /// Trace state, links and events.
    pub extras: &'a SpanExtras,
    /// What its status says.
    pub message: &'a str,
    /// Its attributes.
    pub fields: &'a EncodedFields,
    /// When it ended, nanoseconds since 1970.
    pub end_ns: u64,
}

impl Journal {
    /// Records a span that has ended: as [`Journal::record`], and no code of the application runs.
    pub fn span(&self, level: Level, site: &Site, context: &[u8], span: &EndedSpan<'_>) {
        if thread::is_suppressed() {
            return;
        }
        let Site::Registered(id) = site else { return self.long_span(level, site, context, span) };
        let what = (level, *id);
        let (_, fields) = span.fields.parts();
        match context.try_into() {
            Ok(context) if span.is_plain() => {
                let length = PLAIN_SIZE + fields.len();
                self.written_span(
                    what,
                    length,
                    span,
                    #[inline(always)]
                    |record: &mut [u8], stamp| write_plain(record, stamp, what, context, span),
                )
            }
            _ => {
                let (name, extras) = (NameEntry::of(span.name).len(), span.extras.as_bytes().len());
                let length = format::HEADER_SIZE + format::SPAN_PART_SIZE + context.len();
                let length = length + name + extras + span.message.len() + fields.len();
                self.written_span(what, length, span, |record: &mut [u8], stamp| {
                    write(record, stamp, what, context, span);
                })
            }
        }
        .unwrap_or_else(|| self.long_span(level, site, context, span));
    }

    /// Writes the record, `length` bytes without padding and trailer, with `fill`; `None` when it is too
    /// long for that.
    #[inline(always)]
    fn written_span(
        &self,
        (level, _): (Level, u32),
        length: usize,
        span: &EndedSpan<'_>,
        fill: impl Fn(&mut [u8], Stamp),
    ) -> Option<()> {
        let length = length.next_multiple_of(8) + format::TRAILER_SIZE;
        if length > LENGTH_MAX {
            return None;
        }
        let mut push = Push::new((Kind::Span, level), length, fill);
        push.truncated = span.fields.is_truncated();
        push.run(self);
        Some(())
    }

    #[cold]
    fn long_span(&self, level: Level, site: &Site, context: &[u8], span: &EndedSpan<'_>) {
        let renamed = match site {
            Site::Inline(site) if !span.name.is_empty() => {
                Some(Site::from(Descriptor { name: span.name.to_owned(), ..(**site).clone() }))
            }
            _ => None,
        };
        let site = renamed.as_ref().unwrap_or(site);
        self.build_at(span.end_ns, (Kind::Span, level), site, context, |record| {
            record.span_with(&span.part, span.name, span.extras);
            record.message(Value::Str(span.message));
            record.encoded_fields(span.fields);
        });
    }
}

impl EndedSpan<'_> {
    /// Whether it has attributes at most.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.name.is_empty() && self.extras.as_bytes().is_empty() && self.message.is_empty()
    }

    /// The header, of a record of this length.
    #[inline(always)]
    fn header(
        &self,
        stamp: Stamp,
        (level, site): (Level, u32),
        length: usize,
        context: usize,
    ) -> [u64; format::HEADER_SIZE / 8] {
        let (count, _) = self.fields.parts();
        let flags = if self.fields.is_truncated() { format::FLAG_TRUNCATED } else { 0 };
        let what = (Kind::Span as u64) << 32 | (level as u64) << 40 | u64::from(flags) << 48;
        [
            length as u64 | stamp.accepted << 32,
            stamp.sequence,
            self.end_ns,
            u64::from(site) | what,
            // All below 64 KiB: the length was bounded before.
            context as u64 | u64::from(count) << 16 | (self.message.len() as u64) << 32,
        ]
    }
}

/// A context that has a trace and a span, and no other ids.
const IDS_SIZE: usize = 28;
/// A record without attributes.
const PLAIN_SIZE: usize = format::HEADER_SIZE + IDS_SIZE + format::SPAN_PART_SIZE;

/// As [`write`], for most spans: all but the attributes is of known size.
#[inline(always)]
fn write_plain(
    out: &mut [u8],
    stamp: Stamp,
    what: (Level, u32),
    context: &[u8; IDS_SIZE],
    span: &EndedSpan<'_>,
) {
    let length = out.len();
    if let Some(trailer) = out.last_chunk_mut() {
        *trailer = stamp.accepted.to_le_bytes();
    }
    let header = span.header(stamp, what, length, IDS_SIZE);
    let (_, fields) = span.fields.parts();
    let to = Cursor::new(&mut *out).words(header).array(context);
    let _padding = to.array(&span.part.to_bytes(0)).bytes(fields);
    if length > format::SECTOR {
        format::seal(out, stamp);
    }
}

/// Writes the record into exactly its length of bytes.
#[inline(always)]
fn write(out: &mut [u8], stamp: Stamp, what: (Level, u32), context: &[u8], span: &EndedSpan<'_>) {
    let (_, fields) = span.fields.parts();
    let (name, extras) = (NameEntry::of(span.name), span.extras.as_bytes());
    let length = out.len();
    if let Some(trailer) = out.last_chunk_mut() {
        *trailer = stamp.accepted.to_le_bytes();
    }
    let header = span.header(stamp, what, length, context.len());
    let to = Cursor::new(&mut *out).words(header).bytes(context);
    let to = to.bytes(&span.part.to_bytes(name.len() + extras.len()));
    let (head, name) = name.parts();
    // Most have neither.
    let to = if head.is_empty() { to } else { to.bytes(head).bytes(name) };
    let to = to.bytes(extras);
    let _padding = to.bytes(span.message.as_bytes()).bytes(fields);
    if length > format::SECTOR {
        format::seal(out, stamp);
    }
}
