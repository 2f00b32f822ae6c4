//! Records of several rings merged by time into batches.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Instant, SystemTime};

use crate::batch::{BATCH_BYTES, Batch, HURRIED_BYTES, HURRIED_TIME, Sink};
use crate::control::Control;
use crate::format::Record;
use crate::horizon::Horizon;
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

/// What a look did not take.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) refused: Refused,
    /// The time of the oldest record that was younger than the look.
    pub(crate) held_ns: Option<u64>,
    /// The batch was full before there was nothing left.
    pub(crate) more: bool,
}

/// When a batch is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit<'a> {
    bytes: usize,
    /// Who may be waiting for what the batch gives back.
    control: Option<&'a Control>,
}

/// Records between two looks at whether somebody waits, and for how long.
const HURRY_STEP: u32 = 16;

impl<'a> Limit<'a> {
    /// Full at so many bytes.
    pub(crate) fn at(bytes: usize) -> Self {
        Self { bytes, control: None }
    }

    /// Full at [`BATCH_BYTES`]; much sooner once somebody has woken the drain.
    pub(crate) fn hurried_by(control: &'a Control) -> Self {
        Self { bytes: BATCH_BYTES, control: Some(control) }
    }

    fn is_reached(self, batch: &Batch, records: u32, began: Instant) -> bool {
        let weight = batch.weight();
        if weight >= self.bytes {
            return true;
        }
        records > 0
            && records.is_multiple_of(HURRY_STEP)
            && self.control.is_some_and(Control::is_woken)
            && (weight >= HURRIED_BYTES || began.elapsed() >= HURRIED_TIME)
    }
}

/// Fills the batch from the lanes, oldest record first, until it is full or there is
/// nothing before the horizon.
pub(crate) fn fill<S: Source>(
    lanes: &mut [Lane<S>],
    sink: &mut dyn Sink,
    batch: &mut Batch,
    limit: Limit<'_>,
    sites: &mut impl Describe,
    horizon: Horizon,
) -> Left {
    let mut refused = Refused::default();
    let mut held_ns: Option<u64> = None;
    let (mut records, began) = (0, Instant::now());
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
            if !horizon.reaches(next_ns) {
                held_ns = Some(held_ns.map_or(next_ns, |held| held.min(next_ns)));
                break;
            }
            if next_ns > until {
                active.push(Reverse((next_ns, at)));
                break;
            }
            if limit.is_reached(batch, records, began) {
                return Left { refused, held_ns, more: true };
            }
            records += 1;
            encode(lane, sink, batch, sites, &mut refused);
        }
    }
    Left { refused, held_ns, more: false }
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
            batch.count(told, length, mark);
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
        None => sites.describe(record.site, record.name),
    };
    sink.encode(&record, site, ring, batch);
    true
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::sync::Arc;

    use super::*;
    use crate::descriptor::Descriptor;
    use crate::format::{Stamp, TRAILER_SIZE};
    use crate::level::Level;
    use crate::plain::{self, Plain};
    use crate::ring::{Consumer, Memory, Producer, Ring};
    use crate::site_cache::SiteCache;

    /// A line is the message.
    struct Messages;

    impl Sink for Messages {
        fn begin(&mut self, _now: SystemTime) {}
        fn file(&self, _kind: Kind) -> &str {
            ""
        }
        fn encode(
            &mut self,
            record: &Record<'_>,
            _site: &Arc<Descriptor>,
            _ring: u32,
            batch: &mut Batch,
        ) {
            batch.lines(Kind::Event).extend_from_slice(record.message.as_bytes());
        }
        fn show(&mut self, _batch: &Batch) -> [bool; 3] {
            [false; 3]
        }
        fn move_to(&mut self, _slot: u32) {}
        fn renamed(&self, file: &str) -> String {
            file.to_owned()
        }
        fn next_part(&mut self, _is_taken: &dyn Fn(&str) -> bool) {}
        fn alternate(&self, file: &str, _part: u32) -> String {
            file.to_owned()
        }
    }

    fn ring(number: u32) -> (Producer, Lane<Consumer>) {
        let memory = Memory::anonymous(Ring::<Memory>::memory_size(4096)).unwrap();
        let (_, producer, consumer) = Ring::split(memory, number);
        (producer, Lane::new(consumer))
    }

    fn push(producer: &mut Producer, timestamp_ns: u64, message: &str) {
        let (level, fields) = (Level::Info, &());
        let message = Some(message);
        let plain =
            Plain { level, timestamp_ns, site: 1, context: &[], message, fields, field_count: 0 };
        let length = plain::length(&[], message, fields, 0).unwrap();
        assert!(length > TRAILER_SIZE);
        let fill = |bytes: &mut [u8], stamp: Stamp| plain.write(bytes, stamp);
        assert!(producer.push(length, Kind::Event, level, false, fill).is_ok());
    }

    fn look(lanes: &mut [Lane<Consumer>], horizon: Horizon) -> (String, Option<u64>) {
        let mut sites = SiteCache::new(|_| Arc::new(Descriptor::default()));
        let mut batch = Batch::default();
        let left = fill(lanes, &mut Messages, &mut batch, Limit::at(4096), &mut sites, horizon);
        assert_eq!(left.refused, Refused::default());
        (String::from_utf8(batch.bytes(Kind::Event).to_vec()).unwrap(), left.held_ns)
    }

    #[test]
    fn what_is_younger_than_the_look_waits_for_what_may_come_before_it() {
        const SECOND: u64 = 1_000_000_000;
        let taken = |text: &str, held_ns| (text.to_owned(), held_ns);
        let ((mut first, lane), (mut second, other)) = (ring(1), ring(2));
        let mut lanes = [lane, other];
        push(&mut first, SECOND, "a");
        // Of a thread whose last record in its first ring this look did not see.
        push(&mut second, SECOND + 40_000, "d");
        let found = look(&mut lanes, Horizon::at(SECOND + 30_000));
        assert_eq!(found, taken("a", Some(SECOND + 40_000)));
        push(&mut first, SECOND + 20_000, "b");
        push(&mut first, SECOND + 30_000, "c");
        let found = look(&mut lanes, Horizon::at(SECOND + 30_000));
        assert_eq!(found, taken("", Some(SECOND + 20_000)));
        assert_eq!(look(&mut lanes, Horizon::at(2 * SECOND)), taken("bcd", None));
        push(&mut first, 3 * SECOND, "e");
        assert_eq!(look(&mut lanes, Horizon::at(3 * SECOND)), taken("", Some(3 * SECOND)));
        assert_eq!(look(&mut lanes, Horizon::NONE), taken("e", None));
    }
}
