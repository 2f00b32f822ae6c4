//! A spool in memory that behaves as the real one does over kills.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use radiosonde_spool::{Limit, Settled};

use crate::entry;
use crate::sender::store::{Range, Store, Waiting};
use crate::streams::Stream;

/// Ranges of a stream that may be taken.
const TAKEN_MAX: usize = 4;

/// Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct SimulatedSpool(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    streams: BTreeMap<Stream, Queue>,
    appended: u64,
    quarantined: BTreeSet<u64>,
    /// Every so many calls fail; none when it is 0.
    failing: u64,
    calls: u64,
}

impl State {
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.failing {
            1.. if self.calls.is_multiple_of(self.failing) => Err(io::Error::other("scripted")),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    appended: u64,
    delivered: u64,
    rejected: u64,
    read: u64,
    frames: VecDeque<(u64, u64, Vec<u8>)>,
    taken: Vec<(Taken, bool)>,
}

#[derive(Clone, Debug)]
pub(super) struct Taken {
    first: u64,
    records: u64,
    oldest_ns: u64,
    is_again: bool,
    payloads: Vec<Vec<u8>>,
}

impl SimulatedSpool {
    /// A frame of so many records, numbered on over all streams.
    pub(super) fn append(&self, stream: Stream, count: u64, now: Duration) {
        let mut state = self.0.borrow_mut();
        let mut payload = Vec::new();
        for record in state.appended..state.appended + count {
            let mut entry = Vec::new();
            entry::encode(&mut entry, 1, b"", &record.to_le_bytes());
            let length = u32::try_from(entry.len()).expect("small");
            payload.extend_from_slice(&length.to_le_bytes());
            payload.extend_from_slice(&entry);
        }
        state.appended += count;
        let queue = state.streams.entry(stream).or_default();
        queue.appended += count;
        let now_ns = u64::try_from(now.as_nanos()).expect("small");
        queue.frames.push_back((count, now_ns + 1, payload));
    }

    /// Every so many calls fail from now on; none with 0.
    pub(super) fn fail(&self, every: u64) {
        self.0.borrow_mut().failing = every;
    }

    /// Its process is dead: what was taken is taken again.
    pub(super) fn reopen(&self) {
        for queue in self.0.borrow_mut().streams.values_mut() {
            for (taken, is_held) in &mut queue.taken {
                (taken.is_again, *is_held) = (true, false);
            }
        }
    }

    pub(super) fn appended(&self) -> u64 {
        self.0.borrow().appended
    }

    pub(super) fn appended_of(&self, stream: Stream) -> u64 {
        self.0.borrow().streams.get(&stream).map_or(0, |queue| queue.appended)
    }

    pub(super) fn pending(&self) -> u64 {
        self.0.borrow().streams.values().map(Queue::pending).sum()
    }

    pub(super) fn pending_of(&self, stream: Stream) -> u64 {
        self.0.borrow().streams.get(&stream).map_or(0, Queue::pending)
    }

    /// Delivered and rejected.
    pub(super) fn settled(&self) -> (u64, u64) {
        let state = self.0.borrow();
        let sum = |(delivered, rejected): (u64, u64), queue: &Queue| {
            (delivered + queue.delivered, rejected + queue.rejected)
        };
        state.streams.values().fold((0, 0), sum)
    }

    pub(super) fn quarantined(&self) -> BTreeSet<u64> {
        self.0.borrow().quarantined.clone()
    }
}

impl Queue {
    fn pending(&self) -> u64 {
        self.appended - self.delivered - self.rejected
    }

    fn oldest_ns(&self) -> u64 {
        let taken = self.taken.iter().map(|(taken, _)| taken.oldest_ns);
        taken.chain(self.frames.front().map(|(_, ns, _)| *ns)).min().unwrap_or_default()
    }
}

impl Store for SimulatedSpool {
    type Taken = Taken;

    fn waiting(&self, streams: &[Stream]) -> Vec<Waiting> {
        let state = self.0.borrow();
        let waiting = |stream| {
            let Some(queue) = state.streams.get(stream) else { return Waiting::default() };
            let (appended, pending) = (queue.appended, queue.pending());
            Waiting { appended, pending, oldest_ns: queue.oldest_ns() }
        };
        streams.iter().map(waiting).collect()
    }

    fn take(&self, stream: Stream, limit: Limit) -> io::Result<Option<Taken>> {
        let mut state = self.0.borrow_mut();
        state.call()?;
        let queue = state.streams.entry(stream).or_default();
        if let Some((taken, is_held)) = queue.taken.iter_mut().find(|(_, is_held)| !*is_held) {
            *is_held = true;
            return Ok(Some(taken.clone()));
        }
        if queue.taken.len() >= TAKEN_MAX {
            return Ok(None);
        }
        let (first, payloads) = (queue.read, Vec::new());
        let mut taken = Taken { first, records: 0, oldest_ns: 0, is_again: false, payloads };
        while let Some((records, ns, payload)) = queue.frames.pop_front() {
            if !taken.payloads.is_empty() && taken.records + records > limit.records {
                queue.frames.push_front((records, ns, payload));
                break;
            }
            if taken.payloads.is_empty() {
                taken.oldest_ns = ns;
            }
            taken.records += records;
            taken.payloads.push(payload);
        }
        if taken.payloads.is_empty() {
            return Ok(None);
        }
        queue.read += taken.records;
        queue.taken.push((taken.clone(), true));
        Ok(Some(taken))
    }

    fn settle(&self, stream: Stream, taken: &Taken, settled: Settled) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.call()?;
        let queue = state.streams.get_mut(&stream).expect("a stream");
        let at = queue.taken.iter().position(|(known, _)| known.first == taken.first);
        queue.taken.remove(at.expect("settled once"));
        assert_eq!(settled.delivered + settled.rejected, taken.records);
        queue.delivered += settled.delivered;
        queue.rejected += settled.rejected;
        Ok(())
    }

    fn give_back(&self, stream: Stream, taken: &Taken) {
        let mut state = self.0.borrow_mut();
        let queue = state.streams.get_mut(&stream).expect("a stream");
        for (known, is_held) in &mut queue.taken {
            if known.first == taken.first {
                (known.is_again, *is_held) = (true, false);
            }
        }
    }

    fn quarantine(&self, _: Stream, bytes: &[u8], _: &str) -> io::Result<()> {
        let record = u64::from_le_bytes(bytes.try_into().expect("a record"));
        self.0.borrow_mut().quarantined.insert(record);
        Ok(())
    }
}

impl Range for Taken {
    fn first(&self) -> u64 {
        self.first
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn is_again(&self) -> bool {
        self.is_again
    }

    fn payloads(&self) -> Vec<&[u8]> {
        self.payloads.iter().map(Vec::as_slice).collect()
    }
}
