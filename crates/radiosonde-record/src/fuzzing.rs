//! What fuzz targets and their short form call: bytes in, result out. Not for users, and without any
//! promise.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::batch::{BATCH_BYTES, Batch, Sink};
use crate::descriptor::Descriptor;
use crate::exports::Exports;
use crate::format::{self, Buffer, Builder, Site, Stamp};
use crate::horizon::Horizon;
use crate::lanes::{self, Lane, Limit};
use crate::level::{Kind, Level};
use crate::open::remains;
use crate::plain::{self, FieldList, Plain};
use crate::ring::image::Image;
use crate::ring::{Source as _, region};
use crate::site_cache::SiteCache;
use crate::stage::Stage;

/// The parts of a record that do not depend on its call.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by fuzz targets, field by field")]
pub struct Front<'a> {
    /// Which signal.
    pub kind: Kind,
    /// How urgent.
    pub level: Level,
    /// Nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// The packed context.
    pub context: &'a [u8],
}

/// A record as [`Journal::record`](crate::Journal::record) makes it.
pub fn record(front: Front<'_>, site: &Site, build: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let Front { kind, level, timestamp_ns, context } = front;
    let mut buffer = Buffer::take();
    let mut builder = Builder::new(&mut buffer, kind, level, timestamp_ns, site);
    builder.context(context);
    build(&mut builder);
    builder.finish();
    let mut bytes = buffer.written().to_vec();
    seal(&mut bytes, 1, 1);
    bytes
}

/// A record as [`Journal::plain_event`](crate::Journal::plain_event) makes it in the ring; `None` when it would
/// not.
pub fn plain_record(
    front: Front<'_>,
    site: u32,
    message: Option<&str>,
    fields: &dyn FieldList,
    field_count: usize,
) -> Option<Vec<u8>> {
    let Front { kind: _, level, timestamp_ns, context } = front;
    let length = plain::length(context, message, fields, field_count)?;
    let mut bytes = vec![0; length];
    let plain = Plain { level, timestamp_ns, site, context, message, fields, field_count };
    plain.write(&mut bytes, Stamp { sequence: 1, accepted: 1 });
    Some(bytes)
}

/// Makes bytes look like a whole record: sequence, trailer and check.
pub fn seal(record: &mut [u8], sequence: u64, accepted: u64) {
    format::seal(record, Stamp { sequence, accepted });
}

/// The checksum of stages and call sites.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// A call site as it stands in `callsites`, without its length and checksum.
pub fn descriptor(descriptor: &Descriptor) -> Vec<u8> {
    let mut bytes = Vec::new();
    descriptor.encode(&mut bytes);
    bytes
}

/// Looks a call site up in the bytes of a file.
pub fn callsite(file: &[u8], id: u32) -> Option<Descriptor> {
    region::lookup(file, id)
}

/// Name and bytes of a file.
pub type Staged = (String, Vec<u8>);
/// Stream and bytes of an export.
pub type Export = (u8, Vec<u8>);

/// The files a stage is ready for, and its exports, each with its stream.
///
/// # Errors
/// As from the system.
pub fn stage(file: File) -> io::Result<Option<(Vec<Staged>, Vec<Export>)>> {
    let Some(contents) = Stage::of(file).contents()? else { return Ok(None) };
    let files = contents.targets.into_iter().map(|target| (target.file, target.bytes)).collect();
    let exports = contents.exports.unwrap_or_default().1;
    let exports = Exports::new(&exports).map(|(stream, bytes)| (stream, bytes.to_vec())).collect();
    Ok(Some((files, exports)))
}

/// What came of a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "read by fuzz targets")]
pub struct Replayed {
    /// Bytes of data the ring has.
    pub capacity: usize,
    /// Records that could not be read or encoded.
    pub refused: usize,
    /// Bytes nothing could be made of.
    pub lost_bytes: u64,
}

/// Empties the ring of a dead process as recovery does: `each` sees the batches.
///
/// # Errors
/// `InvalidData` for what is not a ring; others as from the system.
pub fn ring(
    file: File,
    callsites: &[u8],
    sink: &mut dyn Sink,
    each: &mut dyn FnMut(&Batch),
) -> io::Result<Replayed> {
    replay(Image::read(file)?, callsites, sink, each, Image::release)
}

/// Makes lines of the spans that were open in the bytes of a table, as recovery does. How many spans
/// there were, and what came of them.
///
/// # Errors
/// None that the bytes can bring about.
pub fn open_spans(
    table: &[u8],
    callsites: &[u8],
    sink: &mut dyn Sink,
    each: &mut dyn FnMut(&Batch),
) -> io::Result<(usize, Replayed)> {
    let spans = remains::interrupted(table, callsites).len();
    let records = remains::records(table, callsites, sink);
    let image = Image::made(Path::new(""), remains::RING, records, 0)?;
    replay(image, callsites, sink, each, |_, _| Ok(())).map(|replayed| (spans, replayed))
}

fn replay(
    image: Image,
    callsites: &[u8],
    sink: &mut dyn Sink,
    each: &mut dyn FnMut(&Batch),
    release: fn(&mut Image, u64) -> io::Result<()>,
) -> io::Result<Replayed> {
    let mut replayed = Replayed { capacity: image.capacity(), ..Replayed::default() };
    let mut lanes = [Lane::new(image)];
    let mut batch = Batch::default();
    let find = |id| Arc::new(region::lookup(callsites, id).unwrap_or_default());
    let mut sites = SiteCache::new(find);
    loop {
        let limit = Limit::at(BATCH_BYTES);
        let left = lanes::fill(&mut lanes, sink, &mut batch, limit, &mut sites, Horizon::NONE);
        let refused = left.refused;
        replayed.refused += refused.records.len();
        replayed.lost_bytes += refused.bytes;
        if batch.weight() == 0 {
            return Ok(replayed);
        }
        each(&batch);
        let [lane] = &mut lanes;
        release(&mut lane.source, lane.encoded)?;
    }
}
