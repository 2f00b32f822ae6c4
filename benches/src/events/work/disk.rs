//! Events at full speed until all their lines are in the file: events a second.
//!
//! Nothing may be lost: a candidate that can make its callers wait does so. Of a candidate that
//! cannot, what reached the file counts. In the file means written; nobody is asked to sync.

use super::bursts::BURST;
use crate::events::candidates::limit;
use crate::events::lines::Seen;
use crate::events::subject::{Fields, Subject};
use crate::harness::{Measured, Role, Round, Size};
use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

/// Events of a round: about a second of work for most peers.
const EVENTS: u64 = 500_000;
/// Events in a round of a quick run.
const EVENTS_QUICK: u64 = 60_000;
/// So many times more for those who write millions a second: their round should last as well.
const MORE: u64 = 4;
/// Bytes in one `write` of the limit.
const BLOCK_BYTES: usize = 64 * 1024;

/// One round with one producer.
pub(crate) fn from_one<S: Subject + Sync>(round: &Round) -> Result<Measured, String> {
    run::<S, 1>(round)
}

/// One round with two producers.
pub(crate) fn from_two<S: Subject + Sync>(round: &Round) -> Result<Measured, String> {
    run::<S, 2>(round)
}

fn run<S: Subject + Sync, const PRODUCERS: u64>(round: &Round) -> Result<Measured, String> {
    let more = if S::ROLE == Role::Ours { MORE } else { 1 };
    let each = match round.size {
        // For a test of the candidate, which wants no figure.
        Size::Bursts(bursts) => (bursts * BURST) as u64,
        size => size.of(EVENTS, EVENTS_QUICK) * more / PRODUCERS,
    };
    let events = each * PRODUCERS;
    let subject = S::start(&round.folder)?;
    let list = Fields::list();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let (subject, list) = (&subject, &list);
            scope.spawn(move || {
                S::without_loss(|| {
                    for number in 0..each {
                        subject.event(&Fields::numbered(list, number * PRODUCERS + producer));
                    }
                });
            });
        }
    });
    let ended = subject.finish()?;
    let took = ended.at.duration_since(started).as_secs_f64();
    let seen = Seen::of(&round.folder, events)?;
    let books = seen.books(events, &ended);
    let bytes = seen.bytes as f64 / seen.lines.max(1) as f64;
    let samples = vec![seen.distinct(events) as f64 / took];
    Ok(Measured { samples, books, figures: vec![("bytes_per_event", bytes)] })
}

/// The limit of the machine: the lines that `S` would write, 64 KiB in one `write`, again and again.
pub(crate) fn limit<S: Subject, const PRODUCERS: u64>(round: &Round) -> Result<Measured, String> {
    let lines = limit::lines_of::<S>(&round.folder)?;
    let line_bytes = lines.concat().len() as f64 / lines.len() as f64;
    let block: Vec<u8> = lines.concat().iter().copied().cycle().take(BLOCK_BYTES).collect();
    let events = (round.size.of(EVENTS, EVENTS_QUICK) * MORE) as f64;
    let blocks = (events * line_bytes / BLOCK_BYTES as f64 / PRODUCERS as f64).ceil() as u64;
    let path = round.folder.join("limit");
    let open = || File::options().append(true).create(true).open(&path);
    let started = Instant::now();
    let written = std::thread::scope(|scope| {
        let write = || {
            let mut file = open()?;
            (0..blocks).try_for_each(|_| file.write_all(&block))
        };
        let writers: Vec<_> = (0..PRODUCERS).map(|_| scope.spawn(write)).collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or(Ok(())))
    });
    let took = started.elapsed().as_secs_f64();
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    let bytes = (blocks * PRODUCERS * BLOCK_BYTES as u64) as f64;
    Ok(Measured {
        samples: vec![bytes / line_bytes / took],
        figures: vec![("bytes_per_event", line_bytes)],
        ..Measured::default()
    })
}
