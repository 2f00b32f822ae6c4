//! The short form of the fuzz targets: each with the inputs to begin with and some mutations of
//! them, the same in every run, and with inputs in which something was found once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

#[allow(unreachable_pub, reason = "public for the programs of the fuzzer")]
#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::{TARGETS, Target};

/// Mutations per target.
const MUTATIONS: usize = if cfg!(miri) { 8 } else { 2000 };
/// Miri takes a second for what takes a millisecond, and has no temporary files.
const INPUT_MAX: usize = if cfg!(miri) { 400 } else { 1 << 30 };
const NOT_UNDER_MIRI: [&str; 4] =
    ["ring_image", "stage_contents", "sealed_reader", "foreign_reader"];

/// Panics of this process, also those that the drain would catch.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

/// Where a mutation goes next: xorshift, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// A few changes: a byte, a bit, a number at its edge, a piece out, a piece from elsewhere.
    fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            let length = self.below(24).min(input.len() - at);
            match self.below(6) {
                0 => input[at..].iter_mut().take(1).for_each(|byte| *byte = self.below(256) as u8),
                1 => input[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
                2 => input[at..at + length].fill([0, 0xff, 0x7f, 0x80][self.below(4)]),
                3 => drop(input.drain(at..at + length)),
                _ => {
                    let from = self.below(other.len());
                    let piece = &other[from..(from + length).min(other.len())];
                    drop(input.splice(at..at, piece.iter().copied()));
                }
            }
        }
    }
}

fn try_out(target: &Target, input: &[u8], origin: &str) {
    let before = PANICS.load(Ordering::Relaxed);
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let found = ended.is_err() || PANICS.load(Ordering::Relaxed) != before;
    assert!(
        !found,
        "{} found something with {origin}. Mend it and put these bytes into a file in \
         fuzz/regressions/{0}:\n{}",
        target.name,
        input.escape_ascii()
    );
}

/// Files of a folder, in order; none when it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn no_target_finds_anything_near_the_inputs_to_begin_with() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    let can_run = |target: &&Target| !cfg!(miri) || !NOT_UNDER_MIRI.contains(&target.name);
    for target in TARGETS.iter().filter(can_run) {
        let mut seeds = (target.seeds)();
        seeds.retain(|seed| seed.len() <= INPUT_MAX);
        for (number, seed) in seeds.iter().enumerate() {
            try_out(target, seed, &format!("input {number} to begin with"));
        }
        for path in files(&folder("regressions").join(target.name)) {
            try_out(target, &fs::read(&path).unwrap(), &path.display().to_string());
        }
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for number in 0..MUTATIONS {
            let mut input = seeds[random.below(seeds.len())].clone();
            let other = &seeds[random.below(seeds.len())];
            random.mutate(&mut input, other);
            try_out(target, &input, &format!("mutation {number}"));
        }
    }
}

/// What the short form cannot show by passing: that its inputs get past the front door.
#[test]
#[cfg_attr(miri, ignore = "temporary files")]
fn the_inputs_to_begin_with_are_understood() {
    use radiosonde_record::{Record, fuzzing};
    for record in fuzz::seeds::record_decode() {
        let mut bytes = record[1..].to_vec();
        fuzzing::seal(&mut bytes, 1, 1);
        assert!(Record::decode_whole(&bytes).is_ok());
    }
    for input in fuzz::seeds::stage_contents().iter().filter(|input| input.len() != 4401) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&fuzz::stage::file(&mut fuzz::dice::Dice(input))).unwrap();
        let (files, exports) = fuzzing::stage(file).unwrap().expect("a stage that is ready");
        assert!(!files.is_empty());
        let is_first = input[0] == fuzz::stage::BUILT;
        assert_eq!(exports.len(), if is_first { 2 } else { 0 });
    }
    // Open, and being changed.
    let spans: Vec<_> =
        fuzz::seeds::open_spans().iter().map(|it| fuzz::targets::spans_of(it)).collect();
    assert_eq!(spans, [0, 2]);
    let inputs = fuzz::seeds::ring_image();
    let counts: Vec<u64> =
        inputs.iter().map(|input| fuzz::targets::records_of(input).unwrap()).collect();
    assert!(counts.iter().filter(|count| **count >= 1).count() >= 9, "{counts:?}");
    assert!(counts.iter().any(|count| *count >= 40), "{counts:?}");
}

/// `cargo xtask prove fuzz` has the fuzzer begin with them.
#[test]
#[ignore = "writes into the folder that XTASK_CORPUS names"]
fn write_the_inputs_to_begin_with() {
    let folder = PathBuf::from(std::env::var_os("XTASK_CORPUS").unwrap());
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}
