//! The life of day files: whatever several processes of one directory do, and however they die,
//! each accepted event stands in exactly one readable file, or was removed by a rule and counted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use radiosonde_events::recover::recover_directory;
use radiosonde_events::upkeep::{Retention, Rule, Step, Upkeep, Upkept, removed};
use radiosonde_events::{Live, Removed};

mod processes;
mod read;

use processes::{Clock, DAY, Process};

#[derive(Clone, Debug)]
enum Operation {
    Record {
        process: usize,
        count: u64,
    },
    Drain {
        process: usize,
    },
    Jump {
        seconds: i64,
    },
    Kill {
        process: usize,
    },
    Start,
    Recover,
    /// Upkeep that is killed at its `dies_at`th step.
    Keep {
        process: usize,
        retention: Kept,
        dies_at: Option<usize>,
        /// Whether all processes write on between its steps.
        busy: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    days: Option<u32>,
    files: Option<u32>,
    bytes: Option<u64>,
}

impl From<Kept> for Retention {
    fn from(kept: Kept) -> Self {
        let mut retention = Self::default();
        (retention.days, retention.files, retention.bytes) = (kept.days, kept.files, kept.bytes);
        retention
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let process = 0usize..3;
    let seconds = prop_oneof![
        Just(60),
        Just(DAY as i64 / 2),
        Just(DAY as i64),
        Just(-3_600),
        Just(-(DAY as i64)),
        Just(20 * DAY as i64),
    ];
    let kept = (
        proptest::option::weighted(0.5, 0u32..20),
        proptest::option::weighted(0.2, 1u32..6),
        proptest::option::weighted(0.2, 100u64..20_000),
    );
    let kept = kept.prop_map(|(days, files, bytes)| Kept { days, files, bytes });
    let dies_at = proptest::option::weighted(0.4, 0usize..6);
    prop_oneof![
        6 => (process.clone(), 1u64..40).prop_map(|(process, count)| Operation::Record { process, count }),
        5 => process.clone().prop_map(|process| Operation::Drain { process }),
        3 => seconds.prop_map(|seconds| Operation::Jump { seconds }),
        2 => process.clone().prop_map(|process| Operation::Kill { process }),
        2 => Just(Operation::Start),
        1 => Just(Operation::Recover),
        5 => (process, kept, dies_at, any::<bool>()).prop_map(|(process, retention, dies_at, busy)| {
            Operation::Keep { process, retention, dies_at, busy }
        }),
    ]
}

/// A directory, what was accepted for it, and what was removed from it.
struct Play<'a> {
    root: &'a Path,
    clock: &'a Clock,
    part_bytes: u64,
    processes: Vec<Process>,
    accepted: u64,
    /// The numbers in each file, as they were when a removal was entered.
    in_files: BTreeMap<String, BTreeSet<u64>>,
    removed: BTreeSet<u64>,
}

impl Play<'_> {
    fn run(&mut self, operations: &[Operation]) {
        self.start();
        for operation in operations {
            let at = |process: &usize| process % self.processes.len().max(1);
            match operation {
                Operation::Start if self.processes.len() < 3 => self.start(),
                Operation::Start => {}
                Operation::Recover => drop(recover_directory(self.root, false).unwrap()),
                Operation::Jump { seconds } => self.clock.jump(*seconds),
                _ if self.processes.is_empty() => {}
                Operation::Record { process, count } => {
                    self.processes[at(process)].record(self.accepted..self.accepted + count);
                    self.accepted += count;
                }
                Operation::Drain { process } => {
                    let at = at(process);
                    self.processes[at].drain();
                }
                Operation::Kill { process } => drop(self.processes.remove(at(process))),
                Operation::Keep { process, retention, dies_at, busy } => {
                    self.keep(at(process), (*retention).into(), *dies_at, *busy);
                }
            }
        }
    }

    fn start(&mut self) {
        self.processes.push(Process::start(self.root, self.clock, self.part_bytes));
    }

    fn keep(&mut self, at: usize, retention: Retention, dies_at: Option<usize>, busy: bool) {
        let upkeep = self.processes[at].upkeep(self.root, retention);
        let mut left = dies_at.unwrap_or(usize::MAX);
        let upkept = upkeep.run(self.clock.now(), &mut |step| {
            if step == Step::Entered {
                look(self.root, &mut self.in_files);
            }
            for process in self.processes.iter_mut().filter(|_| busy) {
                process.record(self.accepted..self.accepted + 3);
                self.accepted += 3;
                process.drain();
            }
            let goes_on = left > 0;
            left = left.saturating_sub(1);
            goes_on
        });
        self.note(&upkept);
        if upkept.stopped {
            drop(self.processes.remove(at));
        }
    }

    /// Whatever is removed was in a file, stands in none any more, and goes once.
    fn note(&mut self, upkept: &Upkept) {
        assert!(upkept.failed.is_empty(), "{:?}", upkept.failed);
        for file in &upkept.removed {
            let day = file.name.strip_suffix(".zst").unwrap_or(&file.name);
            let numbers = self.in_files.remove(day).unwrap_or_default();
            assert_eq!(numbers.len() as u64, file.removed.lines, "{file:?}");
            for number in numbers {
                assert!(self.removed.insert(number), "{number} was removed before {file:?}");
            }
        }
    }

    /// Everything that died is recovered, and what it had begun to seal or remove is completed.
    fn tidy_up(&mut self) {
        self.processes.clear();
        let upkept = tidy_up(self.root, self.clock);
        self.note(&upkept);
    }
}

/// Everything that died is recovered, and what it had begun to seal or remove is completed.
fn tidy_up(root: &Path, clock: &Clock) -> Upkept {
    let report = recover_directory(root, false).unwrap();
    assert!(report.failed.is_empty() && report.quarantined.is_empty(), "{report:?}");
    let mut forever = Retention::default();
    forever.days = None;
    let upkeep =
        Upkeep::new(root, None, &Live::default(), forever).seal_after(Some(Duration::ZERO));
    let first = upkeep.run(clock.now(), &mut |_| true);
    let second = upkeep.run(clock.now(), &mut |_| true);
    assert!(second.failed.is_empty() && second.removed.is_empty(), "{second:?}");
    first
}

fn look(root: &Path, in_files: &mut BTreeMap<String, BTreeSet<u64>>) {
    for (file, number) in numbered(root) {
        in_files.entry(file).or_default().insert(number);
    }
}

/// The numbers in each file, by the name it has while it is plain.
fn numbered(root: &Path) -> Vec<(String, u64)> {
    let number = |(file, line): (String, String)| {
        let parsed: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let number = parsed["msg"].as_str().unwrap().strip_prefix("number ").unwrap();
        (file.strip_suffix(".zst").unwrap_or(&file).to_owned(), number.parse().unwrap())
    };
    read::all_lines(root, "events-").into_iter().map(number).collect()
}

/// The numbers that stand in files; none may stand there twice.
fn numbers(root: &Path) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    for (file, number) in numbered(root) {
        assert!(numbers.insert(number), "{number} twice, also in {file}");
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn each_event_is_in_one_file_or_removed_by_a_rule_and_counted(
        operations in proptest::collection::vec(operation(), 1..40),
        part_bytes in prop_oneof![Just(600u64), Just(4_000), Just(1 << 30)],
    ) {
        let root = tempfile::tempdir().unwrap();
        let mut play = Play {
            root: root.path(),
            clock: &Clock::new(),
            part_bytes,
            processes: Vec::new(),
            accepted: 0,
            in_files: BTreeMap::new(),
            removed: BTreeSet::new(),
        };
        play.run(&operations);
        play.tidy_up();
        let found = numbers(root.path());
        prop_assert!(found.is_disjoint(&play.removed));
        let all: BTreeSet<u64> = found.union(&play.removed).copied().collect();
        prop_assert_eq!(all, (0..play.accepted).collect::<BTreeSet<u64>>());
        let entered: u64 = removed(root.path()).unwrap().values().map(|removed| removed.lines).sum();
        prop_assert_eq!(entered, play.removed.len() as u64);
        // All of them are closed, so all of them are sealed.
        prop_assert_eq!(read::names(root.path(), ".jsonl"), Vec::<String>::new());
    }
}

#[test]
fn a_day_ends_at_midnight_and_its_file_is_sealed_and_kept_for_its_time() {
    let (root, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    let mut process = Process::start(root.path(), &clock, u64::MAX);
    let retention = Retention::default();
    for day in 0..20 {
        process.record(day * 10..day * 10 + 10);
        process.settle();
        let upkept = process.upkeep(root.path(), retention).run(clock.now(), &mut |_| true);
        assert!(upkept.sealed.is_empty(), "a file that is written to is left alone: {upkept:?}");
        clock.jump(DAY as i64);
        // The next batch is tomorrow's.
        process.drain();
        let upkept = process.upkeep(root.path(), retention).run(clock.now(), &mut |_| true);
        assert_eq!(upkept.sealed.len(), 1, "day {day}: {upkept:?}");
        assert_eq!(upkept.removed.len(), usize::from(day >= 14), "day {day}: {upkept:?}");
    }
    let sealed = read::names(root.path(), ".jsonl.zst");
    assert_eq!(sealed.first().map(String::as_str), Some("events-2025-10-12.jsonl.zst"));
    assert_eq!(sealed.len(), 14);
    let by_age = removed(root.path()).unwrap()[&Rule::Age];
    let Removed { files, lines, .. } = by_age;
    assert_eq!((files, lines), (6, 60));
    assert_eq!(numbers(root.path()), (60..200).collect());
}

#[test]
fn a_part_that_is_full_is_closed_and_the_next_process_continues_the_last_one() {
    let (root, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    let mut process = Process::start(root.path(), &clock, 1_000);
    for batch in 0..6 {
        process.record(batch * 5..batch * 5 + 5);
        process.settle();
    }
    let parts = read::names(root.path(), ".jsonl");
    assert!(parts.len() > 1, "{parts:?}");
    assert_eq!(parts[0], "events-2025-10-06.0.1.jsonl");
    drop(process);
    let mut next = Process::start(root.path(), &clock, u64::MAX);
    next.record(30..31);
    next.settle();
    assert_eq!(read::names(root.path(), ".jsonl"), parts);
    assert_eq!(numbers(root.path()), (0..31).collect());
}

#[test]
fn a_clock_that_is_set_back_over_midnight_never_continues_a_sealed_file() {
    let (root, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    let mut process = Process::start(root.path(), &clock, u64::MAX);
    for turn in 0..4 {
        process.record(turn * 2..turn * 2 + 1);
        process.settle();
        clock.jump(DAY as i64);
        process.record(turn * 2 + 1..turn * 2 + 2);
        process.settle();
        let upkept =
            process.upkeep(root.path(), Retention::default()).run(clock.now(), &mut |_| true);
        assert!(upkept.failed.is_empty(), "{upkept:?}");
        clock.jump(-(DAY as i64));
    }
    assert_eq!(numbers(root.path()), (0..8).collect());
    let sealed: BTreeMap<bool, usize> =
        read::names(root.path(), ".zst").iter().fold(BTreeMap::new(), |mut sealed, name| {
            *sealed.entry(name.contains("2025-10-06")).or_default() += 1;
            sealed
        });
    assert_eq!(sealed[&true], 4, "{sealed:?}");
}

/// A retention that removes whatever is not written to.
fn one_file() -> Retention {
    let mut retention = Retention::default();
    retention.files = Some(1);
    retention
}

#[test]
fn a_new_file_of_the_name_and_inode_of_a_removed_one_stays() {
    let (root, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    for turn in 0..20 {
        // The first slot's process dies, and another keeps house in its place.
        let mut first = Process::start(root.path(), &clock, u64::MAX);
        let mut second = Process::start(root.path(), &clock, u64::MAX);
        first.record(turn * 2..turn * 2 + 1);
        first.settle();
        let upkept = first.upkeep(root.path(), one_file()).run(clock.now(), &mut |_| true);
        assert!(upkept.removed.is_empty() && upkept.failed.is_empty(), "{upkept:?}");
        drop(first);
        recover_directory(root.path(), false).unwrap();
        second.record(turn * 2 + 1..turn * 2 + 2);
        second.settle();
        let upkept = second.upkeep(root.path(), one_file()).run(clock.now(), &mut |_| true);
        assert_eq!(upkept.removed.len(), 1, "{upkept:?}");
        // The next turn's first process begins a file of that name.
        drop(second);
    }
    let gone: u64 = removed(root.path()).unwrap().values().map(|removed| removed.lines).sum();
    assert_eq!(numbers(root.path()).len() as u64 + gone, 40);
}

#[test]
fn a_file_whose_removal_was_entered_is_not_continued() {
    let (root, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    let mut first = Process::start(root.path(), &clock, u64::MAX);
    let mut second = Process::start(root.path(), &clock, u64::MAX);
    first.record(0..3);
    first.settle();
    drop(first);
    recover_directory(root.path(), false).unwrap();
    second.record(3..5);
    second.settle();
    let upkeep = second.upkeep(root.path(), one_file());
    let upkept = upkeep.run(clock.now(), &mut |step| step != Step::Entered);
    assert!(upkept.stopped);
    drop(second);
    // The first slot's next process comes before anybody completes the removal.
    let mut next = Process::start(root.path(), &clock, u64::MAX);
    next.record(5..9);
    next.settle();
    drop(next);
    tidy_up(root.path(), &clock);
    assert_eq!(numbers(root.path()), (3..9).collect());
    assert_eq!(removed(root.path()).unwrap()[&Rule::Files].lines, 3);
}

#[test]
fn what_a_file_was_when_it_was_listed_decides_nothing() {
    let (root, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    // A closed file, and an empty one that somebody has begun and not come to write.
    let line = r#"{"ts":"2025-10-06T00:00:00.000000Z","msg":"number 10"}"#;
    std::fs::write(root.path().join("events-2025-10-06.jsonl"), format!("{line}\n")).unwrap();
    std::fs::write(root.path().join("events-2025-10-06.0.1.jsonl"), "").unwrap();
    let mut process = Process::start(root.path(), &clock, 50);
    let upkeep = process.upkeep(root.path(), Retention::default());
    // While the first is sealed, the process fills the second and goes on to a third.
    let mut is_first = true;
    let upkept = upkeep.run(clock.now(), &mut |_| {
        if std::mem::take(&mut is_first) {
            for number in 0..10 {
                process.record(number..number + 1);
                process.settle();
            }
        }
        true
    });
    assert!(upkept.failed.is_empty(), "{upkept:?}");
    assert_eq!(numbers(root.path()), (0..=10).collect());
}
