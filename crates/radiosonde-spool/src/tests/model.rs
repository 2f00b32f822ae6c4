//! Anything in any order, killed, cut off and damaged anywhere, against a model that is a few sets.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{TAKEN_MAX, Tally};

#[derive(Clone, Debug)]
enum Act {
    Append { stream: usize, frames: Vec<(u32, usize)> },
    Take { stream: usize, limit: Limit },
    Settle { at: usize, rejected: u64 },
    GiveBack { at: usize },
    Sync,
    Gaps,
    Discard { stream: usize },
    Pass,
    Kill,
    PowerCut { seed: u64 },
    Flip { file: usize, at: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let frames = prop::collection::vec((1_u32..6, 12_usize..1800), 0..4);
    let limit = (1_u64..20, 1_u64..4000).prop_map(|(records, bytes)| Limit { records, bytes });
    prop_oneof![
        8 => (0_usize..2, frames).prop_map(|(stream, frames)| Act::Append { stream, frames }),
        6 => (0_usize..2, limit).prop_map(|(stream, limit)| Act::Take { stream, limit }),
        5 => (0_usize..8, 0_u64..4).prop_map(|(at, rejected)| Act::Settle { at, rejected }),
        2 => (0_usize..8).prop_map(|at| Act::GiveBack { at }),
        2 => Just(Act::Sync),
        1 => Just(Act::Gaps),
        1 => (0_usize..2).prop_map(|stream| Act::Discard { stream }),
        2 => Just(Act::Pass),
        2 => Just(Act::Kill),
        1 => any::<u64>().prop_map(|seed| Act::PowerCut { seed }),
        1 => (0_usize..50, 0_usize..20_000).prop_map(|(file, at)| Act::Flip { file, at }),
    ]
}

/// What one stream should be.
#[derive(Default)]
struct Model {
    appended: u64,
    /// Settled, not to be seen again while nothing was cut off or damaged.
    settled: BTreeSet<u64>,
    rejected: u64,
    lost: u64,
    told: u64,
}

struct Run {
    bench: Bench,
    spool: Spool,
    models: [Model; 2],
    taken: Vec<(usize, Taken)>,
    batch: u64,
    /// Appends and settles may be forgotten, and losses that are no caps occur.
    is_damaged: bool,
    may_evict: bool,
}

impl Run {
    fn new(cap: u64) -> Self {
        let mut options = options(&[("events", 1, 4096), ("debug", 0, 0)]);
        options.cap_bytes = cap;
        let bench = Bench::new(options);
        let spool = bench.create();
        let may_evict = cap < 1 << 20;
        let models = Default::default();
        Self { bench, spool, models, taken: Vec::new(), batch: 0, is_damaged: false, may_evict }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Append { stream, frames } => {
                self.batch = self.batch.max(self.spool.next_batch() - 1) + 1;
                let first = self.models[stream].appended;
                let next = append(&self.spool.stream(stream), self.batch, first, &frames);
                self.models[stream].appended = next;
            }
            Act::Take { stream, limit } => self.take(stream, limit),
            Act::Settle { at, rejected } => {
                if self.taken.is_empty() {
                    return;
                }
                let (stream, taken) = self.taken.remove(at % self.taken.len());
                let rejected = rejected.min(taken.records());
                let settled = Settled { delivered: taken.records() - rejected, rejected };
                self.spool.stream(stream).settle(&taken, settled).unwrap();
                self.models[stream].rejected += rejected;
                self.models[stream].settled.extend(taken_records(&taken));
            }
            Act::GiveBack { at } => {
                if !self.taken.is_empty() {
                    let (stream, taken) = self.taken.remove(at % self.taken.len());
                    self.spool.stream(stream).give_back(&taken);
                }
            }
            Act::Sync => self.spool.sync().unwrap(),
            Act::Gaps => {
                for gap in tell(&self.spool) {
                    self.models[gap.stream].told += gap.lost.records;
                }
            }
            Act::Discard { stream } => {
                let before = account(&self.spool, stream);
                let dropped = self.spool.stream(stream).discard();
                assert!(dropped.records <= before.pending.records);
                self.models[stream].lost += dropped.records;
            }
            Act::Pass => self.bench.pass(700_000_000),
            Act::Kill => self.reopen(self.bench.after_kill()),
            Act::PowerCut { seed } => {
                let mut state = seed | 1;
                let memory = self.bench.memory.after_power_cut(&mut |below| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 33) as usize % below
                });
                self.is_damaged = true;
                let bench = Bench { memory, ..self.bench.clone() };
                self.reopen(bench);
            }
            Act::Flip { file, at } => {
                let bench = self.bench.after_kill();
                let paths = bench.memory.paths();
                let path = &paths[file % paths.len()];
                let mut content = bench.memory.content(path);
                if !content.is_empty() {
                    let at = at % content.len();
                    content[at] ^= 1 << (at % 8);
                    bench.memory.set_content(path, content);
                    self.is_damaged = true;
                    self.reopen(bench);
                }
            }
        }
    }

    fn take(&mut self, stream: usize, limit: Limit) {
        let held = self.taken.iter().filter(|(of, _)| *of == stream).count();
        let Some(taken) = self.spool.stream(stream).take(limit).unwrap() else { return };
        assert!(held < TAKEN_MAX);
        let records = taken_records(&taken);
        assert!(records.is_sorted_by(|a, b| a < b));
        assert_eq!(records.len() as u64, taken.records());
        let is_large = taken.records() > limit.records || taken.bytes() > limit.bytes;
        assert!(!is_large || taken.frames().len() == 1 || taken.is_again());
        if !self.is_damaged {
            for record in &records {
                assert!(!self.models[stream].settled.contains(record), "{record} came again");
            }
            for (of, other) in &self.taken {
                let other = if *of == stream { taken_records(other) } else { Vec::new() };
                assert!(!other.iter().any(|record| records.contains(record)), "taken twice");
            }
        }
        self.taken.push((stream, taken));
    }

    fn reopen(&mut self, bench: Bench) {
        let told = |run: &Self| [0, 1].map(|at| run.models[at].told);
        let before = told(self);
        self.bench = bench;
        match self.bench.try_open() {
            Ok(spool) => self.spool = spool,
            // The directory's own name was never on disk: nothing was.
            Err(error) => {
                assert!(self.is_damaged, "{error}");
                self.spool = self.bench.create();
            }
        }
        assert_eq!(before, told(self));
        self.taken.clear();
        if self.is_damaged {
            // From here on the spool says what there was; the balance and the payloads stay.
            self.models.iter_mut().for_each(|model| model.settled.clear());
        }
    }

    fn check(&self) {
        for (at, model) in self.models.iter().enumerate() {
            let found = account(&self.spool, at);
            if self.is_damaged {
                continue;
            }
            assert_eq!(found.appended.records, model.appended);
            assert_eq!(
                found.delivered.records + found.rejected.records,
                model.settled.len() as u64
            );
            assert_eq!(found.rejected.records, model.rejected);
            let lost = found.dropped_in_all().records;
            assert!(lost >= model.told);
            assert!(self.may_evict || lost == model.lost, "{found:?}");
        }
    }

    /// Everything comes, or is counted.
    fn finish(mut self) {
        self.reopen(self.bench.after_kill());
        for at in [0, 1] {
            let stream = self.spool.stream(at);
            let before = account(&self.spool, at);
            let records = drain(&stream, Limit { records: 30, bytes: 5000 });
            let found = account(&self.spool, at);
            assert_eq!(found.pending, Tally::default());
            let lost = found.dropped_in_all() - before.dropped_in_all();
            assert_eq!(records.len() as u64 + lost.records, before.pending.records);
            if !self.is_damaged {
                assert_eq!(lost, Tally::default());
                let model = &self.models[at];
                assert!(records.iter().all(|record| !model.settled.contains(record)));
            }
        }
        let told: u64 = tell(&self.spool).iter().map(|gap| gap.lost.records).sum();
        let told = told + self.models.iter().map(|model| model.told).sum::<u64>();
        let lost: u64 =
            self.spool.accounts().iter().map(|found| found.dropped_in_all().records).sum();
        assert!(self.is_damaged || told == lost, "told {told} of {lost}");
        self.spool.remove().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_books_are_exact_and_nothing_comes_changed(
        acts in prop::collection::vec(act(), 1..80),
        cap in prop_oneof![Just(1_u64 << 30), Just(6 * 4096), Just(3 * 4096)],
        is_calm in any::<bool>(),
    ) {
        let mut run = Run::new(cap);
        for act in acts {
            // Damage takes away what the strict half of the checks is about.
            if is_calm && matches!(act, Act::PowerCut { .. } | Act::Flip { .. }) {
                continue;
            }
            run.act(act);
            run.check();
        }
        run.finish();
    }
}

#[test]
fn what_was_synced_outlasts_a_power_cut_whatever_of_the_rest_does() {
    let too_large = vec![0; crate::FRAME_BYTES_MAX + 1];
    for seed in 0..400 {
        let bench = Bench::new(one_stream());
        let spool = bench.create();
        let stream = spool.stream(0);
        let limit = Limit { records: 9, bytes: 3000 };
        let append_some = |from: u64, batches: u64| {
            let append_one =
                |first, _| append(&stream, spool.next_batch(), first, &[(4, 700), (2, 90)]);
            (0..batches).fold(from, append_one)
        };
        // A loss to be told, and ranges that are held: the cursor has more than one sector to be torn.
        stream.append(spool.next_batch(), &[Frame { records: 1, payload: &too_large }]);
        append_some(0, 20 + seed % 5);
        let settle_some = |ranges: u64| {
            let mut settled = Vec::new();
            for _ in 0..ranges {
                let taken = stream.take(limit).unwrap().unwrap();
                settled.extend(taken_records(&taken));
                settle(&stream, &taken);
            }
            settled
        };
        let settled = settle_some(seed % 9);
        let _held = [(); 3].map(|()| stream.take(limit).unwrap().unwrap());
        let appended = 6 * (20 + seed % 5);
        spool.sync().unwrap();
        // None of this is synced: any part of it may be there.
        let maybe = settle_some(seed % 4);
        append_some(appended, seed % 13);
        for _ in 0..seed % 6 {
            bench.pass(1000);
            stream.append(spool.next_batch(), &[Frame { records: 1, payload: &too_large }]);
        }
        let mut state = seed;
        let memory = bench.memory.after_power_cut(&mut |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            (state >> 33) as usize % below
        });
        let bench = Bench { memory, ..bench.clone() };
        let spool = bench.open();
        let records = drain(&spool.stream(0), limit);
        let found = account(&spool, 0);
        for record in 0..appended {
            let times = records.iter().filter(|found| **found == record).count();
            let expected = match () {
                () if settled.contains(&record) => 0..=0,
                () if maybe.contains(&record) => 0..=1,
                () => 1..=1,
            };
            assert!(
                expected.contains(&times),
                "seed {seed}: {record} came {times} times; {found:?}"
            );
        }
    }
}
