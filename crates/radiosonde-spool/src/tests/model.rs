//! Anything in any order, killed, cut off and damaged anywhere, against a model that is a few sets.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::files::Files as _;
use crate::format::{SEGMENT_HEAD, Step, seed, segment_number, spool_of, step, u64_at};
use crate::{DropReason, TAKEN_MAX, Tally};

#[derive(Clone, Debug)]
enum Act {
    Append { stream: usize, frames: Vec<(u32, usize)> },
    AppendLate { stream: usize },
    Take { stream: usize, limit: Limit },
    Settle { at: usize, rejected: u64 },
    GiveBack { at: usize },
    Sync,
    Tend,
    Gaps,
    Discard { stream: usize },
    Pass,
    Kill,
    PowerCut { seed: u64 },
    LoseSegment { file: usize },
    Flip { file: usize, at: usize },
}

impl Act {
    fn damages(&self) -> bool {
        matches!(self, Self::PowerCut { .. } | Self::LoseSegment { .. } | Self::Flip { .. })
    }
}

fn act() -> impl Strategy<Value = Act> {
    let frames = prop::collection::vec((1_u32..6, 12_usize..1800), 0..4);
    let limit = (1_u64..20, 1_u64..4000).prop_map(|(records, bytes)| Limit { records, bytes });
    prop_oneof![
        8 => (0_usize..2, frames).prop_map(|(stream, frames)| Act::Append { stream, frames }),
        1 => (0_usize..2).prop_map(|stream| Act::AppendLate { stream }),
        6 => (0_usize..2, limit).prop_map(|(stream, limit)| Act::Take { stream, limit }),
        5 => (0_usize..8, 0_u64..4).prop_map(|(at, rejected)| Act::Settle { at, rejected }),
        2 => (0_usize..8).prop_map(|at| Act::GiveBack { at }),
        2 => Just(Act::Sync),
        1 => Just(Act::Tend),
        1 => Just(Act::Gaps),
        1 => (0_usize..2).prop_map(|stream| Act::Discard { stream }),
        2 => Just(Act::Pass),
        2 => Just(Act::Kill),
        1 => any::<u64>().prop_map(|seed| Act::PowerCut { seed }),
        1 => (0_usize..9).prop_map(|file| Act::LoseSegment { file }),
        1 => (0_usize..50, 0_usize..20_000).prop_map(|(file, at)| Act::Flip { file, at }),
    ]
}

/// What one stream should be.
#[derive(Default)]
struct Model {
    /// Numbers given to records.
    appended: u64,
    /// Must come, once, unless the cap takes it.
    due: BTreeSet<u64>,
    /// May come, once at most: damage left open what became of it.
    open: BTreeSet<u64>,
    /// What no sync has seen: these were appended, and these settled or dropped by the operator.
    new: BTreeSet<u64>,
    done: BTreeSet<u64>,
    /// What was settled or dropped last: whether the last slot of the cursor says so.
    last_done: BTreeSet<u64>,
    /// The books as the spool opened them after damage.
    base: Account,
    /// And what they have had since, in records.
    since: Since,
    /// Losses that damage excuses, in all.
    excused: u64,
    /// Found missing before the end.
    missing: u64,
    told: u64,
}

#[derive(Default)]
struct Since {
    appended: u64,
    settled: u64,
    rejected: u64,
    discarded: u64,
    wrong_number: u64,
}

impl Model {
    fn is_over(&mut self, records: BTreeSet<u64>) {
        self.due.retain(|record| !records.contains(record));
        self.open.retain(|record| !records.contains(record));
        self.done.extend(&records);
        self.last_done = records;
    }

    fn is_synced(&mut self) {
        self.new.clear();
        self.done.clear();
    }

    /// What is known of these is forgotten.
    fn leave_open(&mut self, records: &BTreeSet<u64>) {
        self.due.retain(|record| !records.contains(record));
        self.open.extend(records);
    }

    fn is_damaged(&self) -> bool {
        self.excused > 0
    }

    fn lost(found: &Account, why: DropReason) -> u64 {
        let it = found.dropped.iter().find(|(reason, _)| *reason == why);
        it.map_or(0, |(_, lost)| lost.records)
    }

    /// The books say what happened.
    fn check(&self, found: &Account, may_evict: bool) {
        let Self { base, since, .. } = self;
        let place = || format!("{found:?} after {base:?}");
        assert_eq!(found.appended.records, base.appended.records + since.appended, "{}", place());
        let settled = |it: &Account| it.delivered.records + it.rejected.records;
        assert_eq!(settled(found), settled(base) + since.settled, "{}", place());
        assert_eq!(found.rejected.records, base.rejected.records + since.rejected, "{}", place());
        for why in DropReason::ALL {
            let lost = Self::lost(found, why) - Self::lost(base, why);
            match why {
                DropReason::Cap => assert!(may_evict || lost == 0, "{}", place()),
                DropReason::Damaged => assert!(lost <= self.excused, "{}", place()),
                DropReason::Operator => assert_eq!(lost, since.discarded, "{}", place()),
                DropReason::WrongNumber => assert_eq!(lost, since.wrong_number, "{}", place()),
                _ => assert_eq!(lost, 0, "{}", place()),
            }
        }
        // Nothing is pending that was never appended, or is over.
        let most = self.due.len() + self.open.len();
        assert!(found.pending.records <= most as u64, "{most}: {}", place());
        assert!(self.is_damaged() || self.told <= found.dropped_in_all().records);
    }
}

struct Run {
    bench: Bench,
    spool: Spool,
    models: [Model; 2],
    taken: Vec<(usize, Taken)>,
    batch: u64,
    may_evict: bool,
}

const STREAMS: [&str; 2] = ["events", "debug"];

impl Run {
    fn new(cap: u64) -> Self {
        let mut options = options(&[(STREAMS[0], 1, 4096), (STREAMS[1], 0, 0)]);
        options.cap_bytes = cap;
        let bench = Bench::new(options);
        let spool = bench.create();
        let may_evict = cap < 1 << 20;
        let (models, taken) = Default::default();
        Self { bench, spool, models, taken, batch: 0, may_evict }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Append { stream, frames } => self.append(stream, &frames),
            Act::AppendLate { stream } => {
                let it = self.spool.stream(stream);
                // Below one that is there whole.
                if let Some(batch) = it.mark().checked_sub(1).filter(|batch| *batch > 0) {
                    append(&it, batch, u64::from(u32::MAX), &[(2, 50)]);
                    self.models[stream].since.appended += 2;
                    self.models[stream].since.wrong_number += 2;
                }
            }
            Act::Take { stream, limit } => drop(self.take(stream, limit)),
            Act::Settle { at, rejected } => {
                if !self.taken.is_empty() {
                    self.settle(at % self.taken.len(), rejected);
                }
            }
            Act::GiveBack { at } => {
                if !self.taken.is_empty() {
                    let (stream, taken) = self.taken.remove(at % self.taken.len());
                    self.spool.stream(stream).give_back(&taken);
                }
            }
            Act::Sync => {
                self.spool.sync().unwrap();
                self.models.iter_mut().for_each(Model::is_synced);
            }
            Act::Tend => self.spool.tend().unwrap(),
            Act::Gaps => self.tell(),
            Act::Discard { stream } => self.discard(stream),
            Act::Pass => self.bench.pass(700_000_000),
            Act::Kill => self.reopen(self.bench.after_kill()),
            Act::PowerCut { seed } => self.cut_power(seed),
            Act::LoseSegment { file } => self.lose_segment(file),
            Act::Flip { file, at } => self.flip(file, at),
        }
    }

    fn append(&mut self, stream: usize, frames: &[(u32, usize)]) {
        self.batch = self.batch.max(self.spool.next_batch() - 1) + 1;
        let model = &mut self.models[stream];
        let next = append(&self.spool.stream(stream), self.batch, model.appended, frames);
        model.due.extend(model.appended..next);
        model.new.extend(model.appended..next);
        model.since.appended += next - model.appended;
        model.appended = next;
    }

    fn take(&mut self, stream: usize, limit: Limit) -> Option<usize> {
        let held = self.taken.iter().filter(|(of, _)| *of == stream).count();
        let taken = self.spool.stream(stream).take(limit).unwrap()?;
        assert!(held < TAKEN_MAX);
        let records = taken_records(&taken);
        assert!(records.is_sorted_by(|a, b| a < b));
        assert_eq!(records.len() as u64, taken.records());
        let is_large = taken.records() > limit.records || taken.bytes() > limit.bytes;
        assert!(!is_large || taken.frames().len() == 1 || taken.is_again());
        let model = &self.models[stream];
        for record in &records {
            let is_wanted = model.due.contains(record) || model.open.contains(record);
            assert!(is_wanted, "{record} came again");
        }
        for (_, other) in self.taken.iter().filter(|(of, _)| *of == stream) {
            let other = taken_records(other);
            assert!(!other.iter().any(|record| records.contains(record)), "taken twice");
        }
        self.taken.push((stream, taken));
        Some(self.taken.len() - 1)
    }

    fn settle(&mut self, at: usize, rejected: u64) {
        let (stream, taken) = self.taken.remove(at);
        let rejected = rejected.min(taken.records());
        let settled = Settled { delivered: taken.records() - rejected, rejected };
        self.spool.stream(stream).settle(&taken, settled).unwrap();
        let model = &mut self.models[stream];
        model.since.settled += taken.records();
        model.since.rejected += rejected;
        model.is_over(taken_records(&taken).into_iter().collect());
    }

    fn tell(&mut self) {
        for gap in tell(&self.spool) {
            self.models[gap.stream].told += gap.lost.records;
        }
    }

    fn discard(&mut self, stream: usize) {
        let before = account(&self.spool, stream);
        let dropped = self.spool.stream(stream).discard();
        assert!(dropped.records <= before.pending.records);
        let held = self.taken.iter().filter(|(of, _)| *of == stream);
        let held: BTreeSet<u64> = held.flat_map(|(_, taken)| taken_records(taken)).collect();
        let model = &mut self.models[stream];
        model.since.discarded += dropped.records;
        let waited = model.due.union(&model.open).copied();
        let waited: BTreeSet<u64> = waited.filter(|record| !held.contains(record)).collect();
        // The others among them were given up before.
        model.missing += waited.len() as u64 - dropped.records;
        model.is_over(waited);
    }

    fn cut_power(&mut self, seed: u64) {
        let mut state = seed | 1;
        let memory = self.bench.memory.after_power_cut(&mut |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        });
        for (at, model) in self.models.iter_mut().enumerate() {
            let open: BTreeSet<u64> = model.new.union(&model.done).copied().collect();
            model.leave_open(&open);
            model.is_synced();
            // What was given up for the cap, but for whether it was, may be missing instead.
            let evicted = Model::lost(&account(&self.spool, at), DropReason::Cap);
            model.excused += open.len() as u64 + evicted + 1;
        }
        let bench = Bench { memory, ..self.bench.clone() };
        self.reopen_damaged(bench);
    }

    /// Segments of streams, with the stream.
    fn segments(bench: &Bench) -> Vec<(usize, PathBuf)> {
        let segments = bench.memory.paths().into_iter().filter_map(|path| {
            let folder =
                path.parent().filter(|_| path.extension().is_some_and(|it| it == "seg"))?;
            let stream = STREAMS.iter().position(|name| folder.ends_with(name))?;
            Some((stream, path))
        });
        segments.collect()
    }

    /// Besides the manifest: an undamaged head of a segment.
    fn says_whose_it_is(bench: &Bench) -> bool {
        Self::segments(bench).iter().any(|(stream, path)| {
            let name = path.file_name().and_then(|name| segment_number(name.to_str()?));
            spool_of(&bench.memory.content(path), name.unwrap_or(0), STREAMS[*stream]).is_some()
        })
    }

    fn lose_segment(&mut self, file: usize) {
        let bench = self.bench.after_kill();
        let segments = Self::segments(&bench);
        let Some((stream, path)) = segments.get(file % segments.len().max(1)) else { return };
        self.lose(*stream, &frames_at(&bench.memory.content(path), *stream, None));
        bench.memory.unlink(path).unwrap();
        self.reopen_damaged(bench);
    }

    fn lose(&mut self, stream: usize, records: &BTreeSet<u64>) {
        let model = &mut self.models[stream];
        model.leave_open(&model.due.intersection(records).copied().collect());
        model.excused += records.len() as u64 + 1;
    }

    fn flip(&mut self, file: usize, at: usize) {
        let bench = self.bench.after_kill();
        let paths = bench.memory.paths();
        let path = &paths[file % paths.len()];
        let mut content = bench.memory.content(path);
        if content.is_empty() {
            return;
        }
        let at = at % content.len();
        let stream = Self::segments(&bench).into_iter().find(|(_, segment)| segment == path);
        if let Some((stream, _)) = stream {
            self.lose(stream, &frames_at(&content, stream, Some(at)));
        }
        if path.ends_with("manifest") && !Self::says_whose_it_is(&bench) {
            for model in &mut self.models {
                model.leave_open(&model.due.clone());
                model.excused += model.appended;
            }
        }
        for (at, name) in STREAMS.iter().enumerate() {
            if path.ends_with(format!("{name}/cursor")) {
                // The one before it is as good but for what was done last.
                let evicted = Model::lost(&account(&self.spool, at), DropReason::Cap);
                let model = &mut self.models[at];
                model.leave_open(&model.last_done.clone());
                model.excused += model.last_done.len() as u64 + evicted + 1;
            }
        }
        content[at] ^= 1 << (at % 8);
        bench.memory.set_content(path, content);
        self.reopen_damaged(bench);
    }

    fn reopen(&mut self, bench: Bench) {
        self.bench = bench;
        self.spool = self.bench.open();
        self.taken.clear();
    }

    /// What there is now, the spool says. From there on it is held to it.
    fn reopen_damaged(&mut self, bench: Bench) {
        self.bench = bench;
        self.spool = self.bench.open();
        self.taken.clear();
        for (at, model) in self.models.iter_mut().enumerate() {
            model.excused = model.excused.max(1);
            (model.base, model.since) = (account(&self.spool, at), Since::default());
        }
    }

    fn check(&self) {
        for (at, model) in self.models.iter().enumerate() {
            model.check(&account(&self.spool, at), self.may_evict);
        }
    }

    /// Everything comes, or is counted.
    fn finish(mut self) {
        self.reopen(self.bench.after_kill());
        for at in [0, 1] {
            while let Some(taken) = self.take(at, Limit { records: 30, bytes: 5000 }) {
                self.settle(taken, 0);
                self.check();
            }
            let found = account(&self.spool, at);
            assert_eq!(found.pending, Tally::default());
            let model = &self.models[at];
            let missing = model.due.len() as u64 + model.missing;
            let evicted = Model::lost(&found, DropReason::Cap);
            // Of what damage left open nobody knows whether it was this that was given up.
            let is_counted = match model.is_damaged() {
                true => {
                    model.due.len() as u64
                        <= if self.may_evict { evicted + model.excused } else { 0 }
                }
                false => missing == evicted,
            };
            assert!(is_counted, "{:?} are missing; {found:?}", model.due);
        }
        self.tell();
        for (at, model) in self.models.iter().enumerate() {
            let lost = account(&self.spool, at).dropped_in_all().records;
            let told = model.told;
            assert!(told >= lost && (model.is_damaged() || told == lost), "{told} of {lost}");
        }
        // It goes on as if nothing had been.
        for at in [0, 1] {
            let before = account(&self.spool, at);
            self.append(at, &[(2, 300), (3, 40)]);
            let taken = self.take(at, ALL).expect("what was appended");
            self.settle(taken, 0);
            let found = account(&self.spool, at);
            assert_eq!(found.delivered.records, before.delivered.records + 5);
            assert_eq!(found.dropped, before.dropped);
        }
        self.spool.remove().unwrap();
    }
}

/// The records in the frame of a segment that has the byte at this place, or in all of them.
fn frames_at(content: &[u8], stream: usize, place: Option<usize>) -> BTreeSet<u64> {
    let seed = seed(u64_at(content, 16), STREAMS[stream]);
    let (mut records, mut at) = (BTreeSet::new(), SEGMENT_HEAD);
    loop {
        at = match step(content, at, seed) {
            Step::Frame(head, from, end) => {
                if place.is_none_or(|place| (at..end).contains(&place)) {
                    let payload = &content[from..from + head.length as usize];
                    records.extend(records_in(&Frame { records: head.records, payload }));
                }
                end
            }
            Step::Damaged(_, end) | Step::Bad(end) => end,
            Step::End => return records,
        }
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
            // Without damage nothing is excused.
            if is_calm && act.damages() {
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
