//! The proof: two processes live in one directory at all times, and each is killed, by itself at every
//! point of a hand-over, in a recovery too, or from outside at any moment.
//!
//! `XTASK_EXPORTS` says how many lives there are, `XTASK_SEED` repeats the draw. Whoever includes this
//! has a module `queue`, which makes sinks with a queue and reads what is in one.

pub(crate) mod end;
pub(crate) mod life;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use radiosonde_events::recover::{recover_directory, recover_directory_with};
use radiosonde_record::{AckCounter, Kind, Slot};

use crate::queue::{describe, read};
use end::Point;
use life::{Kill, Recoverer, Scene, THREADS, check, message};

/// Lives in one directory before it is recovered and verified.
const PER_DIRECTORY: u32 = 20;
/// Without `XTASK_EXPORTS`: the short form.
const LIVES: u32 = 40;
const LANES: u32 = 2;

/// So many lives, and what they left.
pub(crate) fn prove() {
    let lives = number("XTASK_EXPORTS").map_or(LIVES, |lives| lives as u32);
    let seed = number("XTASK_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("XTASK_EXPORTS={lives} XTASK_SEED={seed}");
    let random = Mutex::new(Random(seed | 1));
    let (mut by_itself, mut records) = (0, 0);
    for first in (0..lives).step_by(PER_DIRECTORY as usize) {
        let scratch = tempfile::tempdir().unwrap();
        let scene = Scene(scratch.path().to_owned());
        let range = first..lives.min(first + PER_DIRECTORY);
        let lane = |lane: u32| {
            let mine = range.clone().filter(|life| life % LANES == lane);
            mine.filter(|life| life::run(&scene, *life, draw(&random))).count()
        };
        by_itself += std::thread::scope(|scope| {
            let lanes = [0, 1].map(|number| scope.spawn(move || lane(number)));
            lanes.into_iter().map(|lane| lane.join().unwrap()).sum::<usize>()
        });
        let verified = finish(&scene).and_then(|()| verify(&scene, range));
        match verified {
            Ok(found) => records += found,
            Err(fault) => {
                panic!("XTASK_SEED={seed}, kept in {}: {fault}", scratch.keep().display())
            }
        }
    }
    println!("{lives} kills, {by_itself} of them in a hand-over; {records} records");
    assert!(by_itself * 3 > lives as usize, "the kills fell at the wrong moments: {by_itself}");
    assert!(records > u64::from(lives) * 100, "there was no load");
}

fn draw(random: &Mutex<Random>) -> Kill {
    let mut random = random.lock().unwrap();
    match random.below(3) {
        // Also before it has recovered.
        0 => Kill::After(Duration::from_millis(random.below(120))),
        _ => Kill::At(1 + random.below(8) as u32, Point::ALL[random.below(5) as usize]),
    }
}

/// Recovers what the last ones left. Who cannot export leaves it alone.
fn finish(scene: &Scene) -> Result<(), String> {
    let root = scene.telemetry();
    let refused = recover_directory(&root, false).map_err(|error| error.to_string())?;
    // But for one that was killed before it had written who it is.
    if refused.instances.iter().any(|found| found.service != "unknown") {
        return Err(format!("recovered without a queue: {refused:?}"));
    }
    let report = recover_directory_with(&root, false, &mut Recoverer(None));
    check(&report.map_err(|error| error.to_string())?)?;
    let again = recover_directory(&root, false).map_err(|error| error.to_string())?;
    if again.instances.is_empty() && again.failed.is_empty() {
        Ok(())
    } else {
        Err(format!("there is something left: {again:?}"))
    }
}

/// Holds queues and day files against what the calls had acknowledged. How many records there are.
fn verify(scene: &Scene, lives: std::ops::Range<u32>) -> Result<u64, String> {
    for life in lives.clone() {
        if let Ok(fault) = fs::read_to_string(scene.faults(life)) {
            return Err(format!("life {life}: {fault}"));
        }
    }
    let root = scene.telemetry();
    let mut exports = BTreeMap::new();
    for number in Slot::existing(&root) {
        let slot = Slot::try_take(&root, number).unwrap().expect("nobody lives");
        for spool in slot.left_spools().unwrap() {
            if spool.awaits_recovery {
                return Err(format!("{spool:?}"));
            }
            for message in read(&spool.path).unwrap() {
                *exports.entry(message).or_insert(0) += 1;
            }
        }
    }
    let mut lines = lines(&root);
    let mut records = 0;
    for life in lives {
        // Killed before it recorded anything.
        let acks = AckCounter::read_all(&scene.acks(life)).unwrap_or_else(|_| vec![0; THREADS]);
        for (thread, acknowledged) in acks.into_iter().take(THREADS).enumerate() {
            for number in 0.. {
                let ((kind, ..), message) = (describe(number), message(life, thread, number));
                let exported = exports.remove(&message).unwrap_or(0);
                let written = lines.remove(&message).unwrap_or(0);
                // The last call may have been on its way.
                if number >= acknowledged && (number > acknowledged || exported == 0) {
                    if exported + written > 0 {
                        return Err(format!("{message} was never recorded"));
                    }
                    break;
                }
                records += 1;
                let expected = u32::from(kind != Kind::Span);
                if (exported, written) != (1, expected) {
                    return Err(format!(
                        "{message} of {acknowledged}, {kind:?}: {exported} exports, {written} lines"
                    ));
                }
            }
        }
    }
    if exports.is_empty() && lines.is_empty() {
        Ok(records)
    } else {
        Err(format!("of nobody: {:?} {:?}", exports.keys().next(), lines.keys().next()))
    }
}

/// How often each message has a line.
fn lines(root: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        for line in fs::read_to_string(entry.path()).unwrap().lines() {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            *found.entry(json["msg"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    found
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// xorshift: the same draw for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
