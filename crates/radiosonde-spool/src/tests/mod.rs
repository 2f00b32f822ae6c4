//! Spools on a file system that fails, dies and forgets.

mod basic;
mod damage;
mod disk;
mod faults;
mod gone;
mod killed;
mod memory;
mod model;
mod outage;
mod root;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memory::Memory;

use crate::home::World;
use crate::{Account, Frame, Gap, Limit, Options, Settled, Spool, Stream, StreamOptions, Taken};

const ROOT: &str = "/spools";
const PATH: &str = "/spools/spool";
const MANIFEST: &[u8] = b"to: somewhere";
const ALL: Limit = Limit { records: u64::MAX, bytes: u64::MAX };

/// A spool in memory, with a clock that is moved by hand.
#[derive(Clone)]
struct Bench {
    memory: Memory,
    clock: Arc<AtomicU64>,
    options: Options,
}

impl Bench {
    fn new(options: Options) -> Self {
        let clock = Arc::new(AtomicU64::new(1_000_000_000));
        Self { memory: Memory::with(Path::new(ROOT)), clock, options }
    }

    fn world(&self) -> World {
        let clock = Arc::clone(&self.clock);
        World {
            files: Arc::new(self.memory.clone()),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        }
    }

    fn create(&self) -> Spool {
        Spool::create_in(self.world(), Path::new(PATH), MANIFEST, &self.options).unwrap()
    }

    fn try_open(&self) -> std::io::Result<Spool> {
        Spool::open_in(self.world(), Path::new(PATH), &self.options)
    }

    fn open(&self) -> Spool {
        self.try_open().unwrap()
    }

    /// As another process finds it after a kill.
    fn after_kill(&self) -> Self {
        Self { memory: self.memory.after_kill(), ..self.clone() }
    }

    fn pass(&self, ns: u64) {
        self.clock.fetch_add(ns, Ordering::Relaxed);
    }
}

/// These streams, with segments of 4 KiB.
fn options(streams: &[(&str, u8, u64)]) -> Options {
    let streams = streams.iter().map(|(name, rank, share)| StreamOptions::new(name, *rank, *share));
    let mut options = Options::new(streams.collect());
    options.segment_bytes = 4096;
    options
}

fn one_stream() -> Options {
    options(&[("events", 1, 0)])
}

/// A payload that says which records it has, and is what it should be only if no byte of it changed.
fn payload(first: u64, records: u32, length: usize) -> Vec<u8> {
    let mut bytes = first.to_le_bytes().to_vec();
    bytes.extend_from_slice(&records.to_le_bytes());
    while bytes.len() < length {
        bytes.push((first as usize * 31 + bytes.len()) as u8);
    }
    bytes
}

/// The records of a payload. Panics if it was changed.
fn records_in(frame: &Frame<'_>) -> std::ops::Range<u64> {
    let first = u64::from_le_bytes(frame.payload[..8].try_into().unwrap());
    let records = u32::from_le_bytes(frame.payload[8..12].try_into().unwrap());
    assert_eq!(records, frame.records);
    assert_eq!(frame.payload, payload(first, records, frame.payload.len()));
    first..first + u64::from(records)
}

fn taken_records(taken: &Taken) -> Vec<u64> {
    taken.frames().flat_map(|frame| records_in(&frame)).collect()
}

/// Appends a batch of frames of so many records each.
fn append(stream: &Stream, batch: u64, first: u64, frames: &[(u32, usize)]) -> u64 {
    let mut next = first;
    let payloads: Vec<(u32, Vec<u8>)> = frames
        .iter()
        .map(|(records, length)| {
            let bytes = payload(next, *records, *length);
            next += u64::from(*records);
            (*records, bytes)
        })
        .collect();
    let frames: Vec<Frame<'_>> =
        payloads.iter().map(|(records, payload)| Frame { records: *records, payload }).collect();
    stream.append(batch, &frames);
    next
}

fn settle(stream: &Stream, taken: &Taken) {
    stream.settle(taken, Settled { delivered: taken.records(), rejected: 0 }).unwrap();
}

/// Takes and settles everything; the records in the order in which they came.
fn drain(stream: &Stream, limit: Limit) -> Vec<u64> {
    let mut records = Vec::new();
    while let Some(taken) = stream.take(limit).unwrap() {
        records.extend(taken_records(&taken));
        settle(stream, &taken);
    }
    records
}

/// Losses that were not told yet, told.
fn tell(spool: &Spool) -> Vec<Gap> {
    let gaps = spool.take_gaps();
    spool.told();
    gaps
}

fn account(spool: &Spool, stream: usize) -> Account {
    let account = spool.accounts().swap_remove(stream);
    assert!(account.is_balanced(), "{account:?}");
    account
}
