//! Spans, whose parts are all encoded when they end: written into the ring itself, in one go.

use crate::Site;
use crate::descriptor::Descriptor;
use crate::format::{self, EncodedFields, NameEntry, SpanExtras, SpanPart, Stamp};
use crate::journal::Journal;
use crate::level::{Kind, Level};
use crate::plain::{Cursor, LENGTH_MAX};
use crate::thread::{self, Push};
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
        let (_, fields) = span.fields.parts();
        let extras = span.extras.as_bytes();
        let length = format::HEADER_SIZE
            + format::SPAN_PART_SIZE
            + context.len()
            + NameEntry::of(span.name).len()
            + extras.len()
            + span.message.len()
            + fields.len();
        let length = length.next_multiple_of(8) + format::TRAILER_SIZE;
        let Site::Registered(id) = site else { return self.long_span(level, site, context, span) };
        if length > LENGTH_MAX {
            return self.long_span(level, site, context, span);
        }
        let mut push = Push::new(
            (Kind::Span, level),
            length,
            #[inline(always)]
            |record: &mut [u8], stamp| write(record, stamp, (level, *id), context, span),
        );
        push.truncated = span.fields.is_truncated();
        push.run(self);
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
        self.record_at(span.end_ns, (Kind::Span, level), site, context, |record| {
            record.span_with(&span.part, span.name, span.extras);
            record.message(Value::Str(span.message));
            record.encoded_fields(span.fields);
        });
    }
}

/// Writes the record into exactly its length of bytes.
#[inline(always)]
fn write(
    out: &mut [u8],
    stamp: Stamp,
    (level, site): (Level, u32),
    context: &[u8],
    span: &EndedSpan<'_>,
) {
    let (count, fields) = span.fields.parts();
    let (name, extras) = (NameEntry::of(span.name), span.extras.as_bytes());
    let flags = if span.fields.is_truncated() { format::FLAG_TRUNCATED } else { 0 };
    let length = out.len();
    let words = [
        length as u64 | stamp.accepted << 32,
        stamp.sequence,
        span.end_ns,
        u64::from(site) | (Kind::Span as u64) << 32 | (level as u64) << 40 | u64::from(flags) << 48,
        // All below 64 KiB: the length was bounded before.
        context.len() as u64 | u64::from(count) << 16 | (span.message.len() as u64) << 32,
    ];
    if let Some(trailer) = out.last_chunk_mut() {
        *trailer = stamp.accepted.to_le_bytes();
    }
    let to = Cursor::new(&mut *out).words(words).bytes(context);
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
