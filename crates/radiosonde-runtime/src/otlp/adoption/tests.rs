//! Turns, places and gaps, with spools on a disk and receivers that are not there.

use std::fs::File;
use std::time::Duration;

use radiosonde_otlp::{Destination, Protocol, SenderOptions, Signal, Stream, spool_options};
use radiosonde_spool::{FRAME_BYTES_MAX, Frame};

use super::*;
use crate::otlp::{Drainer, Otlp};

/// An entry without a scope: a record of which nothing is known.
const RECORD: Frame<'_> = Frame { records: 1, payload: &[7, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0] };

/// Makes a spool with one record that was left so long after the first.
fn leave(slot: &Slot, number: u64, to: &str) -> PathBuf {
    let id = format!("{number:08}");
    let mut destinations = Destinations::default();
    if !to.is_empty() {
        destinations.set(Signal::Logs, Some(Destination::new(to, Protocol::Http)));
    }
    let manifest = Manifest::new("shop", &id, destinations, Vec::new());
    let path = slot.place_for_spool(&id).unwrap();
    let options = spool_options(None, None);
    let spool = Spool::create(&path, &manifest.to_bytes().unwrap(), &options).unwrap();
    let logs = spool.stream(Stream::LogsInfo.index());
    logs.append(spool.next_batch(), &[RECORD]);
    let file = File::options().write(true).open(path.join("manifest")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(number)).unwrap();
    path
}

struct Bench {
    _root: tempfile::TempDir,
    path: PathBuf,
    slot: Slot,
    sender: Sender,
    problems: Problems,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().to_owned();
        let slot = Slot::take(&path, &mut |_, _| {}).unwrap();
        let sender = Sender::start(SenderOptions::default()).unwrap();
        Self { _root: root, path, slot, sender, problems: Problems::default() }
    }

    fn turn(&self, dead: &Dead) -> usize {
        let found = dead.find(&self.path, Some(&self.slot), None, &self.problems);
        dead.turn(&self.sender, &|_, manifest| manifest, &self.problems);
        found
    }
}

fn open(dead: &Dead) -> Vec<u64> {
    let number = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    dead.held().iter().map(|(path, _)| number(path)).collect()
}

#[test]
fn the_oldest_have_their_turn_first_and_a_full_destination_is_in_nobody_elses_way() {
    let bench = Bench::new();
    let (one, other) = ("http://127.0.0.1:1/v1/logs", "http://127.0.0.2:1/v1/logs");
    // The newest of one destination stand first in the directory.
    for number in 0..20 {
        leave(&bench.slot, 20 - number, one);
    }
    for number in 30..33 {
        leave(&bench.slot, number, other);
    }
    leave(&bench.slot, 40, "");
    let dead = Dead::default();
    assert_eq!(bench.turn(&dead), 24);
    let expected: Vec<u64> = (1..=16).chain(30..33).chain([40]).collect();
    assert_eq!(open(&dead), expected);
    let report = dead.report();
    assert_eq!((report.spools, report.waiting, report.pending), (20, 4, 20));
    assert_eq!(dead.pending_of_waiting(), 4);
    assert!(dead.has_waiting());
    let lost = bench.problems.all();
    assert!(lost.iter().any(|it| it.what.contains("nobody knows where it goes")), "{lost:?}");
    // What is known is not found again, and nobody is in two places.
    assert_eq!(bench.turn(&dead), 0);
    assert_eq!(open(&dead), expected);
}

#[test]
fn nothing_is_opened_once_the_end_has_begun() {
    let bench = Bench::new();
    leave(&bench.slot, 1, "http://127.0.0.1:1/v1/logs");
    let dead = Dead::default();
    dead.stop();
    assert_eq!(bench.turn(&dead), 1);
    assert!(open(&dead).is_empty());
    assert_eq!(dead.report().waiting, 1);
}

#[test]
fn a_gap_that_could_not_be_told_is_told_again_and_then_its_spool_goes() {
    let bench = Bench::new();
    let path = leave(&bench.slot, 1, "http://127.0.0.1:1/v1/logs");
    let spool = Spool::open(&path, &spool_options(None, None)).unwrap();
    let dropped = spool.stream(Stream::LogsInfo.index()).discard();
    assert_eq!(dropped.records, 1);
    drop(spool);
    let dead = Dead::default();
    let mut told = Vec::new();
    for is_told in [false, true, true] {
        bench.turn(&dead);
        assert!(path.exists() || told.len() == 2, "as long as its loss is not told");
        dead.tell_gaps(&mut |_, _, gaps| {
            told.push(gaps[0].records);
            usize::from(is_told)
        });
    }
    assert_eq!(told, [1, 1]);
    assert!(!path.exists());
}

#[test]
fn each_loss_that_is_found_while_a_spool_is_drained_is_told_to_the_collector() {
    let bench = Bench::new();
    leave(&bench.slot, 1, "http://127.0.0.1:1/v1/logs");
    let Bench { _root, path: root, slot, problems, .. } = bench;
    drop(slot);
    let otlp = Otlp::default();
    let mut drainer = Drainer::start(&otlp, &root, None, &problems).unwrap();
    drainer.turn(&problems);
    let [(_, spool)] = &otlp.dead().held()[..] else { panic!("one spool") };
    let lose = |stream: Stream| {
        let too_large = &[Frame { records: 1, payload: &vec![0; FRAME_BYTES_MAX + 1] }];
        spool.stream(stream.index()).append(spool.next_batch(), too_large);
    };
    let told = || spool.stream(Stream::Events.index()).account().pending.records;
    for count in 1..=3 {
        lose(Stream::LogsInfo);
        assert_eq!((drainer.tell_gaps(&problems).len(), told()), (1, count));
    }
    // What tells of losses may be lost in turn: that is said here alone, or it would never end.
    lose(Stream::Events);
    assert_eq!((drainer.tell_gaps(&problems).len(), told()), (1, 3));
    assert!(problems.all().is_empty(), "{:?}", problems.all());
}
