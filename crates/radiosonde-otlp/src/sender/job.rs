//! A range that was taken from a stream, and which parts of it are still to be sent.

use std::collections::VecDeque;
use std::time::Duration;

use radiosonde_spool::Settled;

use super::store::Range;
use crate::entry::{Entry, entries};
use crate::streams::Stream;

/// Failures of a collector at one range after which others go before it.
const FAULTS_MAX: u32 = 4;
/// How long such a range rests at first; twice as long after each further failure.
const REST: Duration = Duration::from_secs(1);
/// How long it rests at most.
const REST_MAX: Duration = Duration::from_secs(60);

/// One range. Its parts go out in order; it is settled when nothing of it is left.
#[derive(Debug)]
pub(super) struct Job<T> {
    pub(super) id: u64,
    pub(super) source: u64,
    pub(super) stream: Stream,
    pub(super) taken: T,
    slots: Vec<Slot>,
    /// Still to be sent, by place.
    todo: VecDeque<Part>,
    parked: Vec<Parked>,
    /// Parts under way.
    pub(super) flying: usize,
    delivered: u64,
    /// How often the collector failed at a part of it since it took one.
    faults: u32,
    /// It waits behind the others until then.
    rests_until: Duration,
    /// When to try again to settle it.
    pub(super) settle_at: Duration,
}

/// What of an entry matters on the way.
#[derive(Clone, Copy, Debug)]
struct Slot {
    records: u64,
    bytes: usize,
    /// Sequence of its first record.
    first: u64,
}

/// Entries from one place up to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    from: usize,
    to: usize,
    /// Whether it is what is left of a search, and stays as small as it is.
    is_split: bool,
    /// For what is left of a search: how many requests had been accepted when it began.
    searched_from: u64,
    /// How often it was refused, alone.
    refusals: u8,
}

/// A single entry that was refused, waiting for a request that is not.
#[derive(Clone, Copy, Debug)]
struct Parked {
    part: Part,
    until: Duration,
}

impl Part {
    fn is_single(&self) -> bool {
        self.to - self.from <= 1
    }

    /// Whether anything was accepted since the search for what is wrong with it began.
    fn shows(&self, accepts: u64) -> bool {
        self.searched_from < accepts
    }
}

impl<T: Range> Job<T> {
    pub(super) fn new(id: u64, source: u64, stream: Stream, taken: T) -> Self {
        let mut slots = Vec::new();
        let mut first = taken.first();
        for entry in taken.payloads().into_iter().flat_map(entries).flatten() {
            let records = u64::from(entry.records);
            slots.push(Slot { records, bytes: entry.scope.len() + entry.item.len(), first });
            first = first.saturating_add(records);
        }
        let to = slots.len();
        let whole = Part { from: 0, to, is_split: false, searched_from: 0, refusals: 0 };
        let todo = (!slots.is_empty()).then_some(whole).into_iter().collect();
        Self {
            id,
            source,
            stream,
            taken,
            slots,
            todo,
            parked: Vec::new(),
            flying: 0,
            delivered: 0,
            faults: 0,
            rests_until: Duration::ZERO,
            settle_at: Duration::ZERO,
        }
    }

    /// Whether a part waits to be sent, and may be.
    pub(super) fn is_waiting(&self, now: Duration) -> bool {
        !self.todo.is_empty() && self.rests_until <= now
    }

    /// Whether a part waits to be sent, and may not be yet.
    pub(super) fn is_resting(&self, now: Duration) -> bool {
        !self.todo.is_empty() && self.rests_until > now
    }

    pub(super) fn rests_until(&self) -> Duration {
        self.rests_until
    }

    /// Whether nothing of it is left to be sent.
    pub(super) fn is_done(&self) -> bool {
        self.todo.is_empty() && self.parked.is_empty() && self.flying == 0
    }

    pub(super) fn parked(&self) -> usize {
        self.parked.len()
    }

    /// How often each parked entry was refused at least.
    pub(super) fn refusals(&self) -> u8 {
        self.parked.iter().map(|parked| parked.part.refusals).min().unwrap_or_default()
    }

    /// When the first parked entry is tried again at the latest.
    pub(super) fn parked_until(&self) -> Option<Duration> {
        self.parked.iter().map(|parked| parked.until).min()
    }

    /// The next part, of at most so many records and bytes, but of one entry at least.
    pub(super) fn next(&mut self, records_max: u64, bytes_max: usize) -> Option<Part> {
        let mut part = self.todo.pop_front()?;
        let (mut records, mut bytes, mut fitting) = (0, 0, 0);
        for slot in &self.slots[part.from..part.to] {
            records += slot.records;
            bytes += slot.bytes;
            if records > records_max || bytes > bytes_max {
                break;
            }
            fitting += 1;
        }
        let to = part.from + fitting.max(1);
        if to < part.to {
            self.todo.push_front(Part { from: to, ..part });
            part.to = to;
        }
        self.flying += 1;
        Some(part)
    }

    /// A part comes back unsent, or nobody knows.
    pub(super) fn give_back(&mut self, part: Part) {
        self.flying -= 1;
        self.put(part);
    }

    /// The collector failed at a part, which says nothing of the records in it: they stay whole, and wait
    /// behind the others, longer each time.
    pub(super) fn faulted(&mut self, part: Part, now: Duration) {
        self.give_back(part);
        self.faults = self.faults.saturating_add(1);
        if let Some(further) = self.faults.checked_sub(FAULTS_MAX + 1) {
            self.rests_until = now + REST.saturating_mul(1 << further.min(16)).min(REST_MAX);
        }
    }

    /// A part was taken, with so many records refused.
    pub(super) fn accepted(&mut self, part: Part, rejected: u64) {
        self.flying -= 1;
        self.faults = 0;
        self.delivered += self.records(part).saturating_sub(rejected);
    }

    /// A part is not sent again.
    pub(super) fn dropped(&mut self) {
        self.flying -= 1;
    }

    /// A part was refused: its halves are tried. A single entry waits until `until`, or until another
    /// request since the beginning of the search shows that the collector takes anything at all;
    /// refused once more after that, it is what is wrong, and is returned.
    pub(super) fn refused(&mut self, part: Part, accepts: u64, until: Duration) -> Option<Part> {
        self.flying -= 1;
        let searched_from = if part.is_split { part.searched_from } else { accepts };
        let part = Part { is_split: true, searched_from, ..part };
        if part.is_single() {
            if part.refusals > 0 && part.shows(accepts) {
                return Some(part);
            }
            let part = Part { refusals: part.refusals.saturating_add(1), ..part };
            self.parked.push(Parked { part, until });
            return None;
        }
        let middle = part.from + (part.to - part.from) / 2;
        self.put(Part { from: middle, ..part });
        self.put(Part { to: middle, ..part });
        None
    }

    /// Lets those parked entries go again whose time has come.
    pub(super) fn unpark(&mut self, now: Duration, accepts: u64) {
        let mut at = 0;
        while let Some(parked) = self.parked.get(at).copied() {
            if parked.until <= now || parked.part.shows(accepts) {
                self.parked.swap_remove(at);
                self.put(parked.part);
            } else {
                at += 1;
            }
        }
    }

    /// Parts keep their order; what was only cut grows together again.
    fn put(&mut self, part: Part) {
        let at = self.todo.partition_point(|other| other.from < part.from);
        if let Some(next) = self.todo.get_mut(at)
            && next.from == part.to
            && !next.is_split
            && !part.is_split
        {
            next.from = part.from;
            return;
        }
        self.todo.insert(at, part);
    }

    pub(super) fn records(&self, part: Part) -> u64 {
        self.slots[part.from..part.to].iter().map(|slot| slot.records).sum()
    }

    pub(super) fn bytes(&self, part: Part) -> usize {
        self.slots[part.from..part.to].iter().map(|slot| slot.bytes).sum()
    }

    /// Sequences of the first and the last record of a part.
    pub(super) fn range(&self, part: Part) -> (u64, u64) {
        let first = self.slots.get(part.from).map_or(self.taken.first(), |slot| slot.first);
        (first, first.saturating_add(self.records(part).max(1) - 1))
    }

    pub(super) fn entries(&self, part: Part) -> Vec<Entry<'_>> {
        let all = self.taken.payloads().into_iter().flat_map(entries).flatten();
        all.skip(part.from).take(part.to - part.from).collect()
    }

    /// What became of it. Records in entries that cannot be read count as rejected.
    pub(super) fn settled(&self) -> Settled {
        let delivered = self.delivered.min(self.taken.records());
        Settled { delivered, rejected: self.taken.records() - delivered }
    }

    /// Payloads with entries that cannot be read.
    pub(super) fn damaged(&self) -> Vec<&[u8]> {
        let payloads = self.taken.payloads().into_iter();
        payloads.filter(|payload| entries(payload).any(|entry| entry.is_err())).collect()
    }
}
