//! Exports: each is in its queue once, however a drain or a recovery ends, and what nobody takes is
//! counted.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;

use super::poison::STAGED;
use super::tests::{Dead, FILE, Lines, PATIENCE, dead};
use super::*;
use crate::exports::Exports;
use crate::format::Record;
use crate::journal::Journal;
use crate::slot::Slot;
use crate::stage::{ExportsToStage, ToStage};
use crate::{Account, Drain, Filter, Lease, Notice, Placement};

/// A queue as a sink has one: it outlives processes, and knows what it has.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The last batch that is here whole.
    last: u64,
    /// One that is here in part, and how much of it.
    part: Option<(u64, usize)>,
    entries: Vec<String>,
}

impl Queue {
    fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends a batch, or only some of its entries. Whether it is whole.
    fn append(&self, number: u64, exports: Exports<'_>, most: usize) -> bool {
        self.with(|state| {
            if number <= state.last {
                return true;
            }
            let has = state.part.filter(|(of, _)| *of == number).map_or(0, |(_, has)| has);
            let text = |(stream, bytes)| format!("{stream} {}", String::from_utf8_lossy(bytes));
            let all: Vec<String> = exports.map(text).collect();
            let until = most.max(has).min(all.len());
            state.entries.extend_from_slice(&all[has..until]);
            if most < all.len() {
                state.part = Some((number, until));
                return false;
            }
            (state.last, state.part) = (number, None);
            true
        })
    }

    fn entries(&self) -> Vec<String> {
        self.with(|state| state.entries.clone())
    }
}

/// Beside a line, a record has an export: where its message says so, one of the two, or neither.
struct Exporting {
    lines: Lines,
    queue: Queue,
    takes: bool,
    /// How much of a batch the next calls append before they panic, the next one last.
    ends: Arc<Mutex<Vec<usize>>>,
    /// The queue of the next slot.
    next: Queue,
}

impl Exporting {
    fn to(queue: &Queue) -> Self {
        let (lines, next, ends) = Default::default();
        Self { lines, queue: queue.clone(), takes: true, ends, next }
    }

    fn ending(queue: &Queue, ends: &[usize]) -> Self {
        Self { ends: Arc::new(Mutex::new(ends.to_vec())), ..Self::to(queue) }
    }
}

impl Sink for Exporting {
    fn begin(&mut self, now: SystemTime) {
        self.lines.begin(now);
    }
    fn file(&self, kind: Kind) -> &str {
        self.lines.file(kind)
    }
    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        let (has_line, has_export) = match record.message.split_once(' ') {
            Some(("line", _)) => (true, false),
            Some(("export", _)) => (false, true),
            Some(("nothing", _)) => (false, false),
            _ => (true, true),
        };
        if has_line {
            self.lines.encode(record, site, ring, batch);
        }
        if has_export {
            batch.export(4, |bytes| bytes.extend_from_slice(record.message.as_bytes()));
        }
        assert_ne!(record.message, "poison");
    }
    fn show(&mut self, batch: &Batch) -> [bool; 3] {
        self.lines.show(batch)
    }
    fn move_to(&mut self, _slot: u32) {
        self.queue = self.next.clone();
    }
    fn renamed(&self, file: &str) -> String {
        self.lines.renamed(file)
    }
    fn next_part(&mut self, _is_taken: &dyn Fn(&str) -> bool) {}
    fn alternate(&self, file: &str, part: u32) -> String {
        self.lines.alternate(file, part)
    }
    fn exports(&self) -> bool {
        self.takes
    }
    fn last_export(&self) -> u64 {
        self.queue.with(|state| state.last)
    }
    fn export(&mut self, number: u64, exports: Exports<'_>) {
        let most = self.ends.lock().unwrap().pop();
        let is_whole = self.queue.append(number, exports, most.unwrap_or(usize::MAX));
        assert!(most.is_none() && is_whole, "the end in the middle of a batch");
    }
}

impl Dead {
    /// As a start recovers it that has such a sink.
    fn recover_with(&self, sink: &mut Exporting) -> io::Result<Recovered> {
        let root = self.root.path();
        let instance = self.slot.left_behind()?.pop().expect("remains are there");
        match Remains::open(root, instance, sink)? {
            Ok(remains) => remains.replay(root, sink, &mut || true)?.finish(),
            Err(set_aside) => Ok(set_aside),
        }
    }

    /// The state after "stage ready": both records for the end of the file, or for no file, and their
    /// exports.
    fn stage_with_exports(&self, number: u64, with_line: bool) {
        let mut image = Image::open(&self.instance.join("rings/1.ring")).unwrap();
        while let Some(length) = image.next().unwrap() {
            image.advance(image.position() + length as u64);
        }
        let path = self.root.path().join(FILE);
        fs::write(&path, "old\n").unwrap();
        let stage = self.instance.join("stage");
        let (mut stage, mut batch) = Stage::create(&stage, true).unwrap();
        batch.lines(Kind::Event).extend_from_slice(BOTH.as_bytes());
        ["a", "b"].iter().for_each(|message| {
            batch.export(4, |bytes| bytes.extend_from_slice(message.as_bytes()));
        });
        let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
        let lines = batch.of(Kind::Event);
        let target = ToStage { file: FILE, inode, offset: 4, on_new_line: false, lines };
        let exports = ExportsToStage { number, bytes: batch.exported() };
        let targets = if with_line { &[target][..] } else { &[] };
        stage.ready(&[(1, image.position())], targets, Some(exports)).unwrap();
    }
}

const BOTH: &str = "1 0 tick a\n1 1 tick b\n";

#[test]
fn a_staged_batch_is_in_the_queue_once_wherever_the_kill_fell() {
    // Bytes in the file, the last batch in the queue, and entries of this one in it.
    let file = [(0, 2, 0), (5, 2, 0), (BOTH.len(), 2, 0)];
    let queue = [(BOTH.len(), 2, 1), (BOTH.len(), 2, 2), (BOTH.len(), 3, 2)];
    for (written, last, had) in file.into_iter().chain(queue) {
        for with_line in [true, false] {
            let (dead, queue) = (dead(&["a", "b"]), Queue::default());
            dead.stage_with_exports(3, with_line);
            if with_line {
                let torn = format!("old\n{}", &BOTH[..written]);
                fs::write(dead.root.path().join(FILE), torn).unwrap();
            }
            queue.with(|state| {
                state.entries = ["4 a", "4 b"][..had].iter().map(ToString::to_string).collect();
                (state.last, state.part) = (last, Some((3, had)));
            });
            let recovered = dead.recover_with(&mut Exporting::to(&queue)).unwrap();
            let case = format!("{written} bytes, batch {last} and {had} entries, {with_line}");
            assert_eq!(queue.entries(), ["4 a", "4 b"], "{case}");
            assert_eq!(queue.with(|state| state.last), 3, "{case}");
            let lines = if with_line { BOTH } else { "" };
            assert_eq!(dead.lines(), format!("old\n{lines}"), "{case}");
            assert_eq!((recovered.staged_exports, recovered.maybe_duplicates), (2, 0), "{case}");
            assert!(!dead.instance.exists());
        }
    }
}

#[test]
fn a_queue_that_has_forgotten_where_it_stood_gets_the_batch_and_that_is_counted() {
    let (dead, queue) = (dead(&["a", "b"]), Queue::default());
    dead.stage_with_exports(3, true);
    let recovered = dead.recover_with(&mut Exporting::to(&queue)).unwrap();
    assert_eq!((recovered.staged_exports, recovered.maybe_duplicates), (2, 1));
    assert_eq!(queue.entries(), ["4 a", "4 b"]);
}

#[test]
fn what_was_never_drained_is_exported_as_well_with_and_without_lines() {
    let dead = dead(&["a", "export b", "line c", "nothing d", "poison"]);
    let queue = Queue::default();
    let recovered = dead.recover_with(&mut Exporting::to(&queue)).unwrap();
    assert_eq!(queue.entries(), ["4 a", "4 export b"]);
    assert_eq!(dead.lines(), "1 0 tick a\n1 2 tick line c\n");
    assert_eq!((recovered.records, recovered.without_destination), ([3, 0, 0], [1, 0, 0]));
    assert_eq!((recovered.rejected, recovered.exports_lost), (1, 0));
}

#[test]
fn who_cannot_export_leaves_a_staged_batch_to_who_can() {
    let (dead, queue) = (dead(&["a", "b"]), Queue::default());
    dead.stage_with_exports(1, true);
    let mut cannot = Exporting { takes: false, ..Exporting::to(&queue) };
    for _ in 0..5 {
        let error = dead.recover_with(&mut cannot).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
    assert_eq!((dead.lines().as_str(), queue.entries().len()), ("old\n", 0));
    assert!(has_ready_stage(&dead.instance));
    dead.recover_with(&mut Exporting::to(&queue)).unwrap();
    assert_eq!((dead.lines(), queue.entries().len()), (format!("old\n{BOTH}"), 2));
}

#[test]
fn exports_that_kill_three_readers_are_set_aside_and_can_be_tried_again() {
    for with_stage in [true, false] {
        let (dead, queue) = (dead(&["a", "b"]), Queue::default());
        if with_stage {
            dead.stage_with_exports(1, true);
        }
        // The one that meets them in the rings makes them ready; from there on it is charged.
        let deaths = if with_stage { 3 } else { 4 };
        for _ in 0..deaths {
            let mut dies = Exporting::ending(&queue, &[1]);
            assert!(dead.recover_with(&mut dies).unwrap_err().to_string().contains("panic"));
            assert_eq!(queue.entries(), ["4 a"]);
        }
        let recovered = dead.recover_with(&mut Exporting::to(&queue)).unwrap();
        let place = recovered.quarantined.unwrap();
        assert!(place.join("stage").exists());
        dead.slot.retry_quarantined().unwrap();
        dead.recover_with(&mut Exporting::to(&queue)).unwrap();
        assert_eq!(queue.entries(), ["4 a", "4 b"]);
        assert!(dead.lines().ends_with(BOTH));
    }
}

#[test]
fn a_reader_that_dies_once_is_forgiven() {
    let (dead, queue) = (dead(&["a", "b"]), Queue::default());
    dead.stage_with_exports(1, true);
    let mut dies = Exporting::ending(&queue, &[0]);
    assert!(dead.recover_with(&mut dies).is_err());
    assert_eq!(Deaths::read(&dead.instance).unwrap(), Deaths { count: 1, place: STAGED });
    dead.recover_with(&mut Exporting::to(&queue)).unwrap();
    assert_eq!(queue.entries(), ["4 a", "4 b"]);
}

/// A drain on this thread, and what it told.
struct Live {
    drain: Drain,
    told: Arc<Mutex<Vec<String>>>,
}

impl Live {
    fn of(dead: &Dead, sink: Exporting, with_files: bool) -> Self {
        let slot = with_files.then(|| Slot::take(dead.root.path(), &mut |_, _| {}).unwrap());
        let lease = slot.map(|slot| Lease::new(dead.root.path(), slot));
        let told = Arc::<Mutex<Vec<String>>>::default();
        let tell = Arc::clone(&told);
        let notify = Box::new(move |notice: Notice| {
            tell.lock().unwrap().push(format!("{notice:?}"));
        });
        let unsynced = Unsynced::default();
        let drain = Drain::new(&dead.journal, lease, &unsynced, Box::new(sink), notify);
        Self { drain, told }
    }

    /// Runs until everything is drained, in a thread of its own, and ends.
    fn run(self, journal: &Journal) -> Vec<String> {
        let drain = self.drain;
        let thread = std::thread::spawn(move || drain.run());
        assert!(journal.control().flush(PATIENCE));
        assert!(journal.control().stop(PATIENCE));
        thread.join().unwrap();
        let told = self.told.lock().unwrap();
        told.clone()
    }
}

fn sums(account: &Account) -> (u64, u64, u64, u64) {
    let sum = account.delivered + account.rejected + account.dropped_total() + account.pending;
    assert_eq!(account.offered, sum, "{account:?}");
    (account.delivered, account.rejected, account.dropped_total(), account.pending)
}

#[test]
fn the_live_drain_exports_each_record_once_also_when_the_sink_panics() {
    let messages = ["a", "export b", "line c", "nothing d", "poison"];
    for ends in [vec![], vec![0], vec![1, 0], vec![2, 1]] {
        let (dead, queue) = (dead(&messages), Queue::default());
        let panics = ends.len() as u64;
        let sink = Exporting::ending(&queue, &ends);
        Live::of(&dead, sink, true).run(&dead.journal);
        assert_eq!(queue.entries(), ["4 a", "4 export b"]);
        assert_eq!(dead.lines(), "1 0 tick a\n1 2 tick line c\n");
        assert_eq!(sums(&dead.journal.account(Kind::Event)), (3, 1, 1, 0));
        assert_eq!(dead.journal.exports_lost(), 0);
        assert_eq!(dead.journal.drain_restarts(), panics);
    }
}

#[test]
fn a_batch_that_makes_its_sink_panic_each_time_is_given_up_and_counted() {
    let (dead, queue) = (dead(&["a", "export b", "line c"]), Queue::default());
    let sink = Exporting::ending(&queue, &[0; 3]);
    let told = Live::of(&dead, sink, true).run(&dead.journal);
    assert_eq!(dead.lines(), "1 0 tick a\n1 2 tick line c\n");
    // What has nothing but its export is not delivered.
    assert_eq!(sums(&dead.journal.account(Kind::Event)), (2, 1, 0, 0));
    assert_eq!((dead.journal.exports_lost(), dead.journal.drain_restarts()), (2, 3));
    assert_eq!(told.last().unwrap(), "ExportsLost { exports: 2 }");
    assert!(!has_ready_stage(&dead.instance), "what follows is not held up");
}

#[test]
fn without_a_directory_the_sink_is_asked_and_what_it_does_not_take_is_counted() {
    for (takes, ends, delivered, lost) in
        [(true, vec![], 2, 0), (false, vec![], 0, 2), (true, vec![1], 0, 2)]
    {
        let (dead, queue) = (dead(&["a", "export b", "line c"]), Queue::default());
        let sink = Exporting { takes, ..Exporting::ending(&queue, &ends) };
        Live::of(&dead, sink, false).run(&dead.journal);
        let account = dead.journal.account(Kind::Event);
        assert_eq!(sums(&account), (delivered, 0, 3 - delivered, 0), "{takes}");
        assert_eq!(account.dropped[0].0, DropReason::NoDestination);
        assert_eq!(dead.journal.exports_lost(), lost);
    }
}

#[test]
fn a_sink_that_takes_no_exports_any_more_loses_them_and_no_line() {
    let (dead, queue) = (dead(&["a", "export b"]), Queue::default());
    let sink = Exporting { takes: false, ..Exporting::to(&queue) };
    Live::of(&dead, sink, true).run(&dead.journal);
    assert_eq!((dead.lines().as_str(), queue.entries().len()), ("1 0 tick a\n", 0));
    assert_eq!(sums(&dead.journal.account(Kind::Event)), (1, 1, 0, 0));
    assert_eq!(dead.journal.exports_lost(), 2);
}

#[test]
fn when_the_slot_is_lost_the_numbers_go_on_and_the_queue_is_that_of_the_new_one() {
    let (dead, queue, next) = (dead(&["a"]), Queue::default(), Queue::default());
    let sink = Exporting { next: next.clone(), ..Exporting::to(&queue) };
    let mut live = Live::of(&dead, sink, true);
    let drained = |live: &mut Live, of: &Queue, count: usize| {
        let deadline = Instant::now() + PATIENCE;
        while of.entries().len() < count {
            assert!(Instant::now() < deadline);
            live.drain.turn();
        }
    };
    drained(&mut live, &queue, 1);
    let lock = dead.root.path().join("inst/1/lock");
    fs::remove_file(lock).unwrap();
    dead.record("b");
    drained(&mut live, &next, 1);
    assert_eq!((queue.entries(), next.entries()), (vec!["4 a".to_owned()], vec!["4 b".to_owned()]));
    // Should its stage be found beside the first queue, that does not take it for one it had.
    assert_eq!([&queue, &next].map(|queue| queue.with(|state| state.last)), [1, 2]);
}

#[test]
fn a_batch_that_waits_while_the_slot_is_lost_is_exported_once() {
    let (dead, queue, next) = (dead(&[]), Queue::default(), Queue::default());
    let (stage, mut batch) = Stage::create(&dead.instance.join("stage"), true).unwrap();
    let mut sink = Exporting { next: next.clone(), ..Exporting::to(&queue) };
    let mut writer = Writer::new(dead.root.path(), Some(stage), Unsynced::default());
    batch.export(4, |bytes| bytes.extend_from_slice(b"a"));
    writer.stage(&batch, &[], &sink).unwrap();
    assert!(writer.is_blocked(), "a batch without lines is one");
    sink.move_to(1);
    writer.move_unfinished(&batch, &sink).unwrap();
    let staged = Stage::open(&dead.instance.join("stage")).unwrap().contents().unwrap().unwrap();
    assert_eq!(staged.exports.unwrap().0, 1);
    assert_eq!(writer.finish(&batch, &mut sink).unwrap(), Exported::Taken);
    assert!(!writer.is_blocked());
    assert_eq!((queue.entries().len(), next.entries().len()), (0, 1));
}

/// What happens to one process, and to those that recover it.
#[derive(Clone, Debug)]
enum Step {
    Record(Vec<u8>),
    Drain,
    /// The next hand-over ends after so many entries.
    Ends(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::vec(0u8..4, 1..30).prop_map(Step::Record),
        3 => Just(Step::Drain),
        2 => (0usize..20).prop_map(Step::Ends),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Processes that record, drain and die, in a hand-over or between, and are recovered by others
    /// that die of the same: what was to be exported is in the queue, in order, and each line in its
    /// file.
    #[test]
    fn whatever_dies_each_export_is_there_once(
        lives in proptest::collection::vec(proptest::collection::vec(step(), 1..8), 1..4),
        deaths in proptest::collection::vec(0usize..20, 0..2),
    ) {
        let root = tempfile::tempdir().unwrap();
        let (mut lines, mut exports, mut number) = (Vec::new(), Vec::new(), 0);
        let mut queues = Vec::new();
        for steps in lives {
            // Each process has a queue of its own.
            let queue = Queue::default();
            let ends = Arc::<Mutex<Vec<usize>>>::default();
            {
                let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
                let instance = slot.create_instance(b"{}").unwrap();
                let placement = Placement::Directory(instance.path.clone());
                let journal = Journal::open(placement, Filter::at(Level::Trace)).unwrap();
                let lease = Some(Lease::new(root.path(), slot));
                let sink = Exporting { ends: Arc::clone(&ends), ..Exporting::to(&queue) };
                let (unsynced, notify) = (Unsynced::default(), Box::new(|_| {}));
                let mut drain = Drain::new(&journal, lease, &unsynced, Box::new(sink), notify);
                let mut is_dead = false;
                for step in steps {
                    if is_dead { break; }
                    match step {
                        Step::Record(records) => for kind in records {
                            number += 1;
                            let of = ["both", "line", "export", "nothing"][usize::from(kind)];
                            let message = format!("{of} {number}");
                            record(&journal, &message);
                            if kind == 0 || kind == 1 { lines.push(message.clone()); }
                            if kind == 0 || kind == 2 { exports.push(format!("4 {message}")); }
                        },
                        // Time passes between two looks, for what was recorded in the same moment.
                        Step::Drain => for _ in 0..3 {
                            if is_dead { break; }
                            let turn = std::panic::AssertUnwindSafe(|| drain.turn());
                            // A living drain goes on after that; this one dies of it.
                            is_dead = is_dead || std::panic::catch_unwind(turn).is_err();
                            std::thread::sleep(Duration::from_micros(50));
                        },
                        Step::Ends(after) => *ends.lock().unwrap() = vec![after],
                    }
                }
            }
            // The recoveries of this one die of it as well, before one does not.
            for after in deaths.iter().copied().map(Some).chain([None]) {
                let slot = Slot::try_take(root.path(), 0).unwrap().unwrap();
                let Some(instance) = slot.left_behind().unwrap().pop() else { break };
                let mut sink = Exporting::ending(&queue, after.as_slice());
                let recovered = Remains::open(root.path(), instance, &mut sink)
                    .and_then(|opened| {
                        let remains = opened.expect("nothing is set aside");
                        remains.replay(root.path(), &mut sink, &mut || true)?.finish()
                    });
                if let Ok(recovered) = recovered {
                    prop_assert_eq!(recovered.maybe_duplicates, 0);
                    prop_assert_eq!(recovered.rejected + recovered.exports_lost, 0);
                    break;
                }
            }
            queues.push(queue);
        }
        let there: Vec<String> = queues.iter().flat_map(Queue::entries).collect();
        prop_assert_eq!(there, exports);
        let text = fs::read_to_string(root.path().join(FILE)).unwrap_or_default();
        let written: Vec<&str> = text.lines().filter_map(|line| line.split_once("tick ")).map(|(_, message)| message).collect();
        prop_assert_eq!(written, lines);
    }
}

fn record(journal: &Journal, message: &str) {
    let describe = || Descriptor { name: "tick".into(), ..Descriptor::default() };
    let site = journal.site(1, describe);
    journal.record(Kind::Event, Level::Info, &site, &[], |record| {
        record.message(crate::Value::Str(message));
    });
}
