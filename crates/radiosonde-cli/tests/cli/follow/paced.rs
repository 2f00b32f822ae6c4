//! Following writers by the clock: 50,000 lines a second, by two processes, over midnights, in parts
//! that are sealed at once, and both are killed and recovered in every round.
//!
//! `cargo xtask prove follow` runs it for `XTASK_FOLLOW` rounds. It tells of every round how many lines
//! were written in a second, how many of them were missed or repeated, and how long after it was
//! recorded the last line was read here.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use radiosonde_store::Query;

use super::processes::{Clock, DAY, Process};
use super::proof::{keep_all, recover, rounds, sealed_in};
use super::{Following, Output, PATIENCE};
use crate::fixture::Dir;

/// Names the directory of a process that is killed, and the second its clock begins with.
const CHILD: &str = "XTASK_FOLLOW_PACED";
const BEGIN: &str = "XTASK_FOLLOW_BEGIN";
const WRITERS: u64 = 2;
/// Lines a second, of all writers.
const RATE: u64 = 50_000;
/// What is reached of it where the machine has the time.
const RATE_LEAST: f64 = 0.95 * RATE as f64;
const PART_BYTES: u64 = 2 << 20;
/// Between two turns of a drain.
const TURN: Duration = Duration::from_millis(4);
/// Records between two turns, also where some are late.
const RECORDS_MAX: u64 = 500;
/// Between two jumps of half a day.
const HALF_DAY: Duration = Duration::from_millis(400);
/// How long a round is written: for one part of this more in each, up to twice as long.
const ROUND: Duration = Duration::from_millis(1_000);
/// What was recorded so shortly before a kill may have been written by whoever recovered it.
const UNWRITTEN: Duration = Duration::from_millis(100);

/// A line that was read here.
struct Came {
    id: String,
    number: u64,
    ts: Timestamp,
    at: Timestamp,
}

/// Not a test: the process that is killed.
#[test]
#[ignore = "run by the test below"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let root = Path::new(&dir);
    let clock = Clock::at(std::env::var(BEGIN).unwrap().parse().unwrap());
    let mut process = Process::start(root, &clock, PART_BYTES);
    let upkeep = process.upkeep(root, keep_all());
    let clock = &clock;
    thread::scope(|scope| {
        let _ = scope.spawn(|| {
            loop {
                let upkept = upkeep.run(clock.now(), &mut |_| true);
                assert!(upkept.removed.is_empty(), "{upkept:?}");
                thread::sleep(Duration::from_millis(50));
            }
        });
        let _ = scope.spawn(|| {
            loop {
                thread::sleep(HALF_DAY);
                clock.jump(DAY as i64 / 2);
            }
        });
        // Until it is killed. What was late is made up for, so that the rate is that of the clock.
        let began = Instant::now();
        let mut next = 0;
        for turn in 1_u32.. {
            let due = began.elapsed().as_micros() as u64 * (RATE / WRITERS) / 1_000_000;
            while next < due {
                let until = due.min(next + RECORDS_MAX);
                process.record(next..until);
                process.drain();
                next = until;
            }
            process.drain();
            thread::sleep((began + turn * TURN).saturating_duration_since(Instant::now()));
        }
    });
}

fn start(root: &Path, begin: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "follow::paced::child", "--ignored", "--quiet"])
        .env(CHILD, root)
        .env(BEGIN, begin.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads what the command prints, and when.
fn read(out: ChildStdout) -> Receiver<Came> {
    let (sender, receiver) = channel();
    let _ = thread::spawn(move || {
        for line in BufReader::with_capacity(1 << 20, out).lines().map_while(Result::ok) {
            let at = Timestamp::now();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            let number = text("msg").strip_prefix("number ").unwrap().parse().unwrap();
            let came = Came { id: text("id"), number, ts: text("ts").parse().unwrap(), at };
            if sender.send(came).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What was found in all rounds, or in one.
#[derive(Default)]
struct Tally {
    lines: usize,
    missed: usize,
    repeated: usize,
    /// Lines that came before an earlier one of their writer.
    disordered: usize,
    lag: Duration,
    written_for: Duration,
}

impl Tally {
    fn add(&mut self, round: &Self) {
        self.lines += round.lines;
        self.missed += round.missed;
        self.repeated += round.repeated;
        self.disordered += round.disordered;
        self.lag = self.lag.max(round.lag);
        self.written_for += round.written_for;
    }

    fn rate(&self) -> f64 {
        self.lines as f64 / self.written_for.as_secs_f64()
    }

    fn is_right(&self) -> bool {
        (self.missed, self.repeated, self.disordered) == (0, 0, 0)
    }

    #[allow(clippy::print_stdout, reason = "it is what the proof is run for")]
    fn tell(&self, what: &str) {
        println!(
            "{what}: {} lines, {:.0} a second; {} missed, {} repeated, {} out of order; lag at most {} ms",
            self.lines,
            self.rate(),
            self.missed,
            self.repeated,
            self.disordered,
            self.lag.as_millis(),
        );
    }
}

/// The follower's end of it.
struct Follower {
    came: Receiver<Came>,
    /// Writers of former rounds.
    known: BTreeSet<String>,
}

fn writer(id: &str) -> &str {
    id.split('.').next().unwrap()
}

impl Follower {
    /// One round: writers begin, are killed, and are recovered. Returns what came of it.
    fn round(&mut self, root: &Path, number: u64, rounds: u64) -> Tally {
        let began = Timestamp::now();
        // Twelve days are enough for any round.
        let begin = 1_759_794_000 + number * 12 * DAY;
        let mut children: Vec<Child> = (0..WRITERS).map(|_| start(root, begin)).collect();
        let share = (number * 7 % rounds.max(1)) as f64 / rounds.max(1) as f64;
        thread::sleep(ROUND.mul_f64(1.0 + share));
        children.iter_mut().for_each(|child| child.kill().unwrap());
        let killed = Timestamp::now();
        for mut child in children {
            let _ = child.wait().unwrap();
        }
        recover(root);
        let written = self.written(root, began);
        let mut tally = Tally { lines: written.len(), ..Tally::default() };
        let mut missing = written;
        let mut seen = HashSet::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let mut times: BTreeMap<String, (Timestamp, Timestamp)> = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            // What is repeated may come behind everything.
            let wait = match missing.is_empty() {
                true => Duration::from_millis(700),
                false => deadline.saturating_duration_since(Instant::now()),
            };
            let Came { id, number, ts, at } = match self.came.recv_timeout(wait) {
                Ok(came) => came,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            };
            let _ = missing.remove(&id);
            let writer = writer(&id).to_owned();
            let is_known = self.known.contains(&writer);
            tally.disordered +=
                usize::from(last.insert(writer.clone(), number).is_some_and(|last| last > number));
            let (first, latest) = times.entry(writer).or_insert((ts, ts));
            (*first, *latest) = ((*first).min(ts), (*latest).max(ts));
            if ts + UNWRITTEN < killed {
                tally.lag = tally.lag.max(at.duration_since(ts).unsigned_abs());
            }
            tally.repeated += usize::from(is_known || !seen.insert(id));
        }
        tally.missed = missing.len();
        // The mean of all writers, which do not begin at the same moment.
        let spans = times.values().map(|(first, latest)| latest.duration_since(*first));
        tally.written_for =
            spans.map(jiff::SignedDuration::unsigned_abs).sum::<Duration>() / WRITERS as u32;
        self.known.extend(times.into_keys());
        tally
    }

    /// The ids that stand in the files, of the writers of this round.
    fn written(&self, root: &Path, since: Timestamp) -> HashSet<String> {
        let mut query = Query::new(vec![root.to_owned()]);
        query.since = Some(since);
        let mut ids = HashSet::new();
        let reading = query.scan(&mut |found| {
            let id = found.line.id.unwrap();
            if !self.known.contains(writer(&id)) {
                let _ = ids.insert(id);
            }
        });
        assert!(!reading.is_partial(), "{reading:?}");
        ids
    }
}

#[test]
#[ignore = "by the clock: `cargo xtask prove follow`"]
fn nothing_is_missed_or_repeated_of_writers_by_the_clock() {
    // Others would take its time.
    let _alone = super::proof::ALONE.write().unwrap();
    let dir = Dir::empty();
    let root = dir.path().join("telemetry");
    let mut following = Following::start_unread("tail -o json", &root);
    following.tells("waiting for it");
    let Output::Unread(out) = std::mem::replace(&mut following.out, Output::Closed) else {
        unreachable!()
    };
    let mut follower = Follower { came: read(out), known: BTreeSet::new() };
    let mut all = Tally::default();
    for number in 0..rounds() {
        let round = follower.round(&root, number, rounds());
        round.tell(&format!("round {} of {}", number + 1, rounds()));
        all.add(&round);
        if !round.is_right() {
            break;
        }
    }
    let _ = following.interrupt().exits(0);
    all.tell(&format!("in all, {} rounds, {} files sealed", rounds(), sealed_in(&root)));
    assert!(all.is_right(), "see above");
    assert!(all.rate() >= RATE_LEAST, "the machine had no time for {RATE} lines a second");
}
