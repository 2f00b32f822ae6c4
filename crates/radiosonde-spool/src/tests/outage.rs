//! An outage: nothing is taken, everything is appended, on a disk in memory and by a clock that is
//! moved. A minute of it in the ordinary tests, an hour with `cargo xtask prove outage`.

use std::time::Instant;

use super::*;
use crate::{DropReason, Gap};

const SECOND: u64 = 1_000_000_000;
const PER_SECOND: u64 = 8000;
/// A record's payload in bytes.
const RECORD: usize = 250;
const CAP: u64 = 64 * 1024 * 1024;
/// Streams with their ranks, their shares, and how many of a hundred records are theirs.
const STREAMS: [(&str, u8, u64, u64); 4] = [
    ("logs-debug", 0, 0, 40),
    ("logs-info", 1, 8 << 20, 40),
    ("traces", 2, 8 << 20, 15),
    ("events", 3, 16 << 20, 5),
];

struct Outage {
    bench: Bench,
    spool: Spool,
    /// Records appended of each stream.
    appended: [u64; 4],
    told: [u64; 4],
    gaps: Vec<Gap>,
}

impl Outage {
    /// A second of telemetry, in batches as a drain makes them.
    fn second(&mut self) {
        for _ in 0..10 {
            self.bench.pass(SECOND / 10);
            let batch = self.spool.next_batch();
            for (at, (_, _, _, percent)) in STREAMS.iter().enumerate() {
                let records = PER_SECOND / 10 * percent / 100;
                let frames: Vec<(u32, usize)> = (0..records.div_ceil(200))
                    .map(|frame| {
                        let records = 200.min(records - 200 * frame) as u32;
                        (records, records as usize * RECORD)
                    })
                    .collect();
                let first = self.appended[at];
                self.appended[at] = append(&self.spool.stream(at), batch, first, &frames);
            }
        }
        self.spool.sync().unwrap();
        for gap in tell(&self.spool) {
            self.told[gap.stream] += gap.lost.records;
            assert_eq!(gap.reason, DropReason::Cap);
            self.gaps.push(gap);
        }
    }

    fn check(&self) {
        assert!(self.spool.disk_bytes() <= CAP, "{}", self.spool.disk_bytes());
        for (at, (name, _, share, _)) in STREAMS.iter().enumerate() {
            let found = account(&self.spool, at);
            assert_eq!(found.appended.records, self.appended[at], "{name}");
            assert_eq!(found.dropped_in_all().records, self.told[at], "{name}: all is told");
            // What is above the share may go; what is below may not, but in steps of a segment.
            let has_lost = self.told[at] > 0;
            assert!(!has_lost || found.disk_bytes + (4 << 20) >= *share, "{name}: {found:?}");
        }
    }
}

#[test]
fn an_hour_without_a_collector_costs_the_lowest_ranks_first_and_all_of_it_is_told() {
    let minutes = std::env::var("XTASK_OUTAGE").map_or(1, |text| text.parse().unwrap());
    let streams =
        STREAMS.iter().map(|(name, rank, share, _)| StreamOptions::new(name, *rank, *share));
    let mut options = Options::new(streams.collect());
    options.cap_bytes = CAP;
    let bench = Bench::new(options);
    let started = Instant::now();
    let spool = bench.create();
    let mut outage = Outage { bench, spool, appended: [0; 4], told: [0; 4], gaps: Vec::new() };
    let mut first_loss = [None; 4];
    for second in 0..60 * minutes {
        outage.second();
        outage.check();
        for (first, told) in first_loss.iter_mut().zip(outage.told) {
            if told > 0 && first.is_none() {
                *first = Some(second);
            }
        }
        // Somewhere in it the process is killed, and the next one goes on.
        if second % 600 == 37 {
            outage.bench = outage.bench.after_kill();
            outage.spool = outage.bench.open();
        }
    }
    let losses: Vec<u64> = first_loss.iter().map(|first| first.unwrap_or(u64::MAX)).collect();
    assert!(losses.is_sorted() && losses[0] < 60, "the lowest rank first: {first_loss:?}");
    // The collector is back. What is left comes in order, and is what is not told to be lost.
    for (at, (name, _, share, _)) in STREAMS.iter().enumerate() {
        let stream = outage.spool.stream(at);
        let records = drain(&stream, Limit { records: 2000, bytes: 4 << 20 });
        assert!(records.is_sorted_by(|a, b| a < b), "{name}");
        let lost = account(&outage.spool, at).dropped_in_all().records;
        assert_eq!(records.len() as u64 + lost, outage.appended[at], "{name}");
        let has_newest = records.last() == Some(&(outage.appended[at] - 1));
        assert!(*share == 0 || has_newest, "{name}: what it may keep is the newest");
        println!(
            "{name:<12} appended {:>9}, lost {lost:>9}, first loss after {:?} s",
            outage.appended[at], first_loss[at]
        );
    }
    let gaps = outage.gaps.iter().map(|gap| gap.lost.records).sum::<u64>();
    assert_eq!(gaps, outage.told.iter().sum::<u64>());
    println!(
        "{minutes} minutes of {PER_SECOND} records/s told in {} gaps; it took {:.1} s",
        outage.gaps.len(),
        started.elapsed().as_secs_f64()
    );
}
