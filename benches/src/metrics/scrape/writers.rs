//! Four threads write at full speed, without scrapes and while there is one every 100 ms, in turns.
//!
//! The time of each batch of writes is that on the clock, so that waiting for a lock is part of it.
//! A batch during which the thread was put off its core for another says nothing and is left out;
//! what a thread gave up by itself, because it had to wait, is counted apart.

use super::render::books;
use super::subject::{Registry, Text};
use crate::harness::{Measured, Round, stats};
use crate::metrics::text;
use crate::metrics::values::{Kind, SERIES, Values, names, series};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// What the workload is.
pub(crate) const ABOUT: &str = "p99.9 of a batch of 256 values into 1,000 histograms, four threads at \
     full speed on two cores, while a scrape runs every 100 ms; `without` scrapes; `waits`: how often \
     in a second a writer went to sleep for a lock, with and without scrapes; `inconsistent`: \
     histograms whose count was not the sum of their buckets";

const WRITERS: usize = 4;
const METRICS: usize = 5;
/// Writes in a batch.
const BATCH: usize = 256;
/// Time between the beginnings of two scrapes.
const INTERVAL: Duration = Duration::from_millis(100);
/// Scrapes, or times without one, in a turn.
const TICKS: u32 = 10;
/// Turns without scrapes and with them.
const TURNS: usize = 3;

/// What the threads know.
#[derive(Default)]
struct Shared {
    scraping: AtomicBool,
    ended: AtomicBool,
    writes: AtomicU64,
}

/// What one writer saw, without scrapes and with them.
#[derive(Default)]
struct Seen {
    us: [Vec<f64>; 2],
    waits: [i64; 2],
}

/// One round.
pub(crate) fn run<R: Registry>(round: &Round) -> Result<Measured, String> {
    let names = names(Kind::Histogram, METRICS);
    let registry = R::start(Kind::Histogram, &names)?;
    let labels: Vec<[String; 3]> = (0..SERIES).map(series).collect();
    let shared = Shared::default();
    let turns = round.size.of(TURNS, 1);
    let (seen, wrong) = std::thread::scope(|scope| {
        let spawn = |at| {
            let (registry, labels, shared) = (&registry, &labels, &shared);
            scope.spawn(move || write(registry, labels, shared, at))
        };
        let writers: Vec<_> = (0..WRITERS).map(spawn).collect();
        let wrong = turns_of(&registry, &shared, turns);
        shared.ended.store(true, Ordering::Release);
        let seen = writers.into_iter().map(ScopedJoinHandle::join);
        let seen: Result<Vec<Seen>, _> = seen.collect();
        (seen, wrong)
    });
    let seen = seen.map_err(|_| "a writer panicked")?;
    let (inconsistent, scrapes) = wrong?;
    let p999 = |which: usize| {
        let all: Vec<f64> = seen.iter().flat_map(|seen| &seen.us[which]).copied().collect();
        stats::quantile(&all, 0.999).ok_or("no batch ran uninterrupted")
    };
    let seconds = (INTERVAL * TICKS * turns as u32).as_secs_f64();
    let waits =
        |which: usize| seen.iter().map(|seen| seen.waits[which]).sum::<i64>() as f64 / seconds;
    let figures = vec![
        ("without", p999(0)?),
        ("waits", waits(1)),
        ("waits_without", waits(0)),
        ("inconsistent", inconsistent as f64),
        ("scrapes", f64::from(scrapes)),
    ];
    let writes = shared.writes.load(Ordering::Acquire);
    let books = books(&registry, &names, writes)?;
    if R::ROLE == crate::harness::Role::Ours && inconsistent > 0 {
        return Err(format!("{inconsistent} histograms were not consistent"));
    }
    Ok(Measured { samples: vec![p999(1)?], books, figures })
}

/// The turns, on this thread; histograms that were wrong, and how many scrapes there were.
fn turns_of<R: Registry>(
    registry: &R,
    shared: &Shared,
    turns: usize,
) -> Result<(usize, u32), String> {
    let (mut text, mut wrong, mut scrapes) = (R::Text::default(), 0, 0);
    let mut next = Instant::now();
    for turn in 0..turns * 2 {
        let scraping = turn % 2 == 1;
        shared.scraping.store(scraping, Ordering::Release);
        for _ in 0..TICKS {
            registry.upkeep();
            if scraping {
                registry.scrape(&mut text)?;
                wrong += text::inconsistent(text.as_str()).len();
                scrapes += 1;
            }
            next += INTERVAL;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
    Ok((wrong, scrapes))
}

fn write<R: Registry>(
    registry: &R,
    labels: &[[String; 3]],
    shared: &Shared,
    writer: usize,
) -> Seen {
    let values = Values::new();
    let mut seen = Seen::default();
    let mut number = writer * 7919;
    // The first batches make the series.
    let (mut before, mut writes) = (usage(), 0);
    while !shared.ended.load(Ordering::Acquire) {
        let which = usize::from(shared.scraping.load(Ordering::Acquire));
        let started = Instant::now();
        for _ in 0..BATCH {
            let at = values.index(number);
            registry.write(at % METRICS, &labels[at % SERIES], values.seconds(number));
            number += 1;
        }
        let took = started.elapsed();
        writes += BATCH as u64;
        let after = usage();
        seen.waits[which] += after[0] - before[0];
        // Of the first writes, some make series.
        if after[1] == before[1] && writes > 20_000 {
            seen.us[which].push(took.as_nanos() as f64 / 1e3);
        }
        before = after;
    }
    shared.writes.fetch_add(writes, Ordering::AcqRel);
    seen
}

/// How often this thread gave up its core, and how often it was taken from it.
fn usage() -> [i64; 2] {
    let usage = getrusage(UsageWho::RUSAGE_THREAD);
    let of = |what: fn(&Usage) -> i64| usage.as_ref().map_or(0, what);
    [of(Usage::voluntary_context_switches), of(Usage::involuntary_context_switches)]
}
