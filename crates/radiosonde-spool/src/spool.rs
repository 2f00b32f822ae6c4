//! Spools and their streams.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::account::{Account, DropReason, Gap, Tally};
use crate::options::{Options, TAKEN_MAX};
use crate::taken::{Frame, Limit, Settled, Taken};

/// A spool. Clones are the same.
#[derive(Clone, Debug)]
pub struct Spool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    manifest: Vec<u8>,
    streams: Vec<Arc<Mutex<State>>>,
}

/// A stream of a spool. Clones are the same. One appender and one reader at a time, on any threads.
#[derive(Clone, Debug)]
pub struct Stream {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    name: String,
    mark: u64,
    appended: Tally,
    delivered: Tally,
    rejected: Tally,
    operator: Tally,
    read: u64,
    waiting: VecDeque<(u32, Vec<u8>)>,
    taken: Vec<(Taken, bool)>,
}

impl Spool {
    /// Makes a new spool in a directory that is not there yet.
    pub fn create(path: &Path, manifest: &[u8], options: &Options) -> io::Result<Self> {
        let _ = path;
        let state = |name: &str| State { name: name.to_owned(), ..State::default() };
        let streams =
            options.streams.iter().map(|stream| Arc::new(Mutex::new(state(&stream.name))));
        let streams = streams.collect();
        Ok(Self { inner: Arc::new(Inner { manifest: manifest.to_owned(), streams }) })
    }

    /// Opens a spool that somebody left.
    pub fn open(path: &Path, options: &Options) -> io::Result<Self> {
        Self::create(path, b"", options)
    }

    /// What the owner wrote down when it made the spool. Empty when that is damaged.
    pub fn manifest(&self) -> &[u8] {
        &self.inner.manifest
    }

    /// The stream of this index in the options.
    ///
    /// # Panics
    /// If there is no such stream.
    pub fn stream(&self, at: usize) -> Stream {
        Stream { state: Arc::clone(&self.inner.streams[at]) }
    }

    /// A number for the next batch: above every one of which anything is here, in any stream.
    pub fn next_batch(&self) -> u64 {
        self.inner.streams.iter().map(|state| lock(state).mark).max().unwrap_or(0) + 1
    }

    /// Syncs what is dirty. For a thread that has a disk's time.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// The books, by stream.
    pub fn accounts(&self) -> Vec<Account> {
        self.inner.streams.iter().map(|state| lock(state).account()).collect()
    }

    /// Losses that were not told yet. Each is told once, also over restarts.
    pub fn take_gaps(&self) -> Vec<Gap> {
        Vec::new()
    }

    /// Whether nothing is pending and every loss is told: then it can be removed.
    pub fn is_done(&self) -> bool {
        self.accounts().iter().all(|account| account.pending == Tally::default())
    }

    /// Removes the spool from the disk, when nothing is pending and every loss is told.
    pub fn remove(self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    /// Appends the frames of a batch, whole and once, whatever happened before.
    pub fn append(&self, batch: u64, frames: &[Frame<'_>]) {
        let mut state = lock(&self.state);
        if batch <= state.mark {
            return;
        }
        state.mark = batch;
        for frame in frames {
            state.appended += Tally::new(u64::from(frame.records), frame.payload.len() as u64);
            state.waiting.push_back((frame.records, frame.payload.to_vec()));
        }
    }

    /// The last batch that is here whole.
    pub fn mark(&self) -> u64 {
        lock(&self.state).mark
    }

    /// What is here, or taken and not settled.
    pub fn pending(&self) -> Tally {
        lock(&self.state).account().pending
    }

    /// Takes the next range; `None` when there is none, or [`TAKEN_MAX`] are taken.
    pub fn take(&self, limit: Limit) -> io::Result<Option<Taken>> {
        let mut state = lock(&self.state);
        if let Some((taken, is_held)) = state.taken.iter_mut().find(|(_, is_held)| !is_held) {
            *is_held = true;
            return Ok(Some(Taken { is_again: true, ..taken.clone() }));
        }
        if state.taken.len() >= TAKEN_MAX {
            return Ok(None);
        }
        let mut taken = Taken {
            first: state.read,
            records: 0,
            bytes: 0,
            oldest_ns: 0,
            is_again: false,
            frames: Vec::new(),
        };
        while let Some((records, payload)) = state.waiting.pop_front() {
            let (all, bytes) =
                (taken.records + u64::from(records), taken.bytes + payload.len() as u64);
            if !taken.frames.is_empty() && (all > limit.records || bytes > limit.bytes) {
                state.waiting.push_front((records, payload));
                break;
            }
            (taken.records, taken.bytes) = (all, bytes);
            taken.frames.push((records, payload));
        }
        if taken.frames.is_empty() {
            return Ok(None);
        }
        state.read += taken.records;
        state.taken.push((taken.clone(), true));
        Ok(Some(taken))
    }

    /// Tells what became of a range. In any order.
    pub fn settle(&self, taken: &Taken, settled: Settled) -> io::Result<()> {
        let mut state = lock(&self.state);
        let Some(at) = state.taken.iter().position(|(known, _)| known.first == taken.first) else {
            return Ok(());
        };
        state.taken.remove(at);
        let delivered = settled.delivered.min(taken.records);
        let bytes = taken.bytes * delivered / taken.records.max(1);
        state.delivered += Tally::new(delivered, bytes);
        state.rejected += Tally::new(taken.records - delivered, taken.bytes - bytes);
        Ok(())
    }

    /// A range was not sent: it is taken again, identical, before anything else.
    pub fn give_back(&self, taken: &Taken) {
        let mut state = lock(&self.state);
        if let Some((_, is_held)) = state.taken.iter_mut().find(|(it, _)| it.first == taken.first) {
            *is_held = false;
        }
    }

    /// Keeps bytes that nobody wants, for a look, as far as the room for it goes.
    pub fn quarantine(&self, bytes: &[u8], why: &str) -> io::Result<()> {
        let _ = (bytes, why);
        Ok(())
    }

    /// Drops everything that is pending and not taken, as an operator wishes. What was dropped.
    pub fn discard(&self) -> io::Result<Tally> {
        let mut state = lock(&self.state);
        let mut dropped = Tally::default();
        for (records, payload) in std::mem::take(&mut state.waiting) {
            dropped += Tally::new(u64::from(records), payload.len() as u64);
        }
        state.read += dropped.records;
        state.operator += dropped;
        Ok(dropped)
    }
}

impl State {
    fn account(&self) -> Account {
        let gone = self.delivered + self.rejected + self.operator;
        Account {
            stream: self.name.clone(),
            appended: self.appended,
            delivered: self.delivered,
            rejected: self.rejected,
            dropped: vec![(DropReason::Operator, self.operator)],
            pending: self.appended - gone,
            ..Account::default()
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
