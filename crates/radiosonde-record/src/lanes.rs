//! Records of several rings merged by time into batches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use crate::batch::{Batch, Sink};
use crate::callsite::Descriptor;
use crate::format::Record;
use crate::level::Kind;
use crate::ring::Source;

/// A ring and its next record.
#[derive(Debug)]
pub(crate) struct Lane<S> {
    pub(crate) source: S,
    /// The next record, read but not yet encoded; empty when there is none.
    next: Vec<u8>,
    next_ns: u64,
    /// Everything before this position is encoded.
    pub(crate) encoded: u64,
}

impl<S: Source> Lane<S> {
    pub(crate) fn new(source: S) -> Self {
        let encoded = source.position();
        Self { source, next: Vec::new(), next_ns: 0, encoded }
    }
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
    describe: &mut dyn FnMut(u32) -> Arc<Descriptor>,
) -> Refused {
    let mut refused = Refused::default();
    batch.clear();
    sink.begin(SystemTime::now());
    let mut active: Vec<usize> = (0..lanes.len()).collect();
    active.retain(|&at| peek(&mut lanes[at], &mut refused));
    while batch.len() < limit {
        let oldest = active.iter().enumerate().min_by_key(|(_, at)| lanes[**at].next_ns);
        let Some((place, &at)) = oldest else { break };
        let lane = &mut lanes[at];
        encode(lane, sink, batch, describe, &mut refused);
        lane.next.clear();
        lane.encoded = lane.source.position();
        if !peek(&mut lanes[at], &mut refused) {
            active.swap_remove(place);
        }
    }
    batch.trim();
    refused
}

/// Reads the lane's next record, unless it has one. Whether it has one now.
fn peek<S: Source>(lane: &mut Lane<S>, refused: &mut Refused) -> bool {
    if !lane.next.is_empty() {
        return true;
    }
    match lane.source.read(&mut lane.next) {
        Ok(true) => {
            let timestamp = lane.next.get(16..24).and_then(|bytes| bytes.try_into().ok());
            lane.next_ns = timestamp.map_or(0, u64::from_le_bytes);
            true
        }
        Ok(false) => false,
        Err(bytes) => {
            refused.bytes += bytes;
            lane.next.clear();
            lane.encoded = lane.source.position();
            false
        }
    }
}

fn encode<S: Source>(
    lane: &Lane<S>,
    sink: &mut dyn Sink,
    batch: &mut Batch,
    describe: &mut dyn FnMut(u32) -> Arc<Descriptor>,
    refused: &mut Refused,
) {
    let Ok(record) = Record::decode(&lane.next) else {
        // The kind stands at a fixed place; a record this damaged may lie about it.
        let kind = lane.next.get(28).and_then(|kind| Kind::from_u8(*kind));
        refused.records.push(kind.unwrap_or(Kind::Event));
        return;
    };
    let site = match &record.inline_site {
        Some(site) => Arc::new(site.clone()),
        None => describe(record.site),
    };
    let mark = batch.mark();
    let number = lane.source.number();
    let encoded = catch_unwind(AssertUnwindSafe(|| sink.encode(&record, &site, number, batch)));
    match encoded {
        Ok(()) => batch.records[record.kind as usize] += 1,
        Err(_panic) => {
            batch.rewind(&mark);
            refused.records.push(record.kind);
        }
    }
}
