//! Records of several rings merged by time into batches.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use crate::batch::{Batch, Sink};
use crate::format::Record;
use crate::level::Kind;
use crate::ring::Source;
use crate::site_cache::Describe;

/// A ring and its next record.
#[derive(Debug)]
pub(crate) struct Lane<S> {
    pub(crate) source: S,
    /// Length and time of the next record, looked at but not yet encoded.
    next: Option<(usize, u64)>,
    /// Everything before this position is encoded.
    pub(crate) encoded: u64,
    /// As of the last batch that was made ready.
    pub(crate) staged: u64,
}

impl<S: Source> Lane<S> {
    pub(crate) fn new(source: S) -> Self {
        let encoded = source.position();
        Self { source, next: None, encoded, staged: encoded }
    }
}

impl<S: Source> Lane<S> {
    /// Goes back behind what was staged last.
    pub(crate) fn rewind(&mut self) {
        self.source.advance(self.staged);
        (self.next, self.encoded) = (None, self.staged);
    }
}

/// How far the rings were encoded, of those where that changed since the last batch.
pub(crate) fn ranges<S: Source>(lanes: &[Lane<S>]) -> Vec<(u32, u64)> {
    let changed = lanes.iter().filter(|lane| lane.staged != lane.encoded);
    changed.map(|lane| (lane.source.number(), lane.encoded)).collect()
}

/// The batch was made ready.
pub(crate) fn mark_staged<S>(lanes: &mut [Lane<S>]) {
    lanes.iter_mut().for_each(|lane| lane.staged = lane.encoded);
}

/// What could not become a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Records that were readable but not encodable, by kind.
    pub(crate) records: Vec<Kind>,
    /// Bytes of rings given up.
    pub(crate) bytes: u64,
}

/// Fills the batch from the lanes, oldest record first, until it has `limit` bytes or they are empty.
pub(crate) fn fill<S: Source>(
    lanes: &mut [Lane<S>],
    sink: &mut dyn Sink,
    batch: &mut Batch,
    limit: usize,
    sites: &mut impl Describe,
) -> Refused {
    let mut refused = Refused::default();
    batch.clear();
    sink.begin(SystemTime::now());
    let mut active = Vec::new();
    for (at, lane) in lanes.iter_mut().enumerate() {
        if let Some(next_ns) = peek(lane, &mut refused) {
            active.push(Reverse((next_ns, at)));
        }
    }
    let mut active = BinaryHeap::from(active);
    while let Some(Reverse((_, at))) = active.pop() {
        // The lane is the oldest until another one's next record is older than its own.
        let until = active.peek().map_or(u64::MAX, |Reverse((next_ns, _))| *next_ns);
        let lane = &mut lanes[at];
        while let Some(next_ns) = peek(lane, &mut refused) {
            if next_ns > until {
                active.push(Reverse((next_ns, at)));
                break;
            }
            if batch.len() >= limit {
                return refused;
            }
            encode(lane, sink, batch, sites, &mut refused);
        }
    }
    refused
}

/// The time of the lane's next record; `None` when there is none now.
fn peek<S: Source>(lane: &mut Lane<S>, refused: &mut Refused) -> Option<u64> {
    if let Some((_, next_ns)) = lane.next {
        return Some(next_ns);
    }
    match lane.source.next() {
        Ok(Some(length)) => {
            let time = |bytes: &[u8]| bytes[16..].first_chunk().map(|ns| u64::from_le_bytes(*ns));
            let next_ns = lane.source.record(length, time).unwrap_or_default();
            lane.next = Some((length, next_ns));
            Some(next_ns)
        }
        Ok(None) => {
            // Fillers may have been passed over.
            lane.encoded = lane.source.position();
            None
        }
        Err(bytes) => {
            refused.bytes += bytes;
            lane.encoded = lane.source.position();
            None
        }
    }
}

/// Encodes the lane's next record and goes past it.
fn encode<S: Source>(
    lane: &mut Lane<S>,
    sink: &mut dyn Sink,
    batch: &mut Batch,
    sites: &mut impl Describe,
    refused: &mut Refused,
) {
    let Some((length, _)) = lane.next.take() else { return };
    let number = lane.source.number();
    lane.source.record(length, |bytes| {
        let mark = batch.mark();
        // Whatever is wrong with it, a record costs itself and no other.
        let encode = || encode_record(bytes, number, S::TRUSTED, sink, batch, sites);
        let encoded = catch_unwind(AssertUnwindSafe(encode)).unwrap_or(false);
        // The kind stands at a fixed place; a record this damaged may lie about it.
        let told = bytes.get(28).and_then(|kind| Kind::from_u8(*kind)).unwrap_or(Kind::Event);
        if encoded {
            batch.records[told as usize] += 1;
        } else {
            batch.rewind(mark);
            refused.records.push(told);
        }
    });
    let position = lane.source.position() + length as u64;
    lane.source.advance(position);
    lane.encoded = position;
}

/// Whether the record could be encoded.
fn encode_record(
    bytes: &[u8],
    ring: u32,
    trusted: bool,
    sink: &mut dyn Sink,
    batch: &mut Batch,
    sites: &mut impl Describe,
) -> bool {
    let decoded = if trusted { Record::decode(bytes) } else { Record::decode_whole(bytes) };
    let Ok(record) = decoded else { return false };
    let site = match &record.inline_site {
        Some(site) => site,
        None => sites.describe(record.site),
    };
    sink.encode(&record, site, ring, batch);
    true
}
