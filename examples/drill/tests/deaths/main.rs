//! A thousand deaths: every record whose call had returned is in the day files after the next
//! start, once and whole, or was dropped and counted.
//!
//! Two processes live in one directory at all times. Each records with several threads at full
//! speed, events, spans and metrics, and dies as it is told: by a signal, by itself, while it
//! records, while a batch is being written, or while it recovers what the one before left. After
//! some deaths everything is recovered and held against what the calls had acknowledged.
//!
//! `XTASK_DEATHS` says how many, `XTASK_SEED` repeats the draw (what the scheduler adds to it
//! cannot be repeated). The directory of a failure stays.
#![allow(clippy::print_stdout, reason = "the proof says what it has shown")]

mod directory;
mod lane;
mod life;
mod lines;
mod plan;
mod summary;
mod verify;

use std::fs;
use std::path::Path;
use std::sync::{Barrier, Mutex, RwLock};
use std::time::{Duration, Instant};

use drill::order::Order;
use lane::{Course, Pair};
use life::{Life, Scene};
use plan::{Death, Moment, Phase, Plan, Random};
use summary::Summary;

/// Processes that live in a directory at the same time.
const LANES: usize = 2;
/// Deaths in one directory before it is recovered, verified and removed.
const DEATHS_PER_DIRECTORY: usize = 20;
/// Without `XTASK_DEATHS`: the short form.
const DEATHS: usize = 40;
/// Recoveries of a directory after which nothing may be left: one that was begun by an orderly
/// start and ended by it, one that ends it, one that brings back what was set aside.
const RECOVERIES_MAX: usize = 4;

#[test]
fn what_was_accepted_before_a_death_is_there_once_after_the_next_start() {
    let deaths = number("XTASK_DEATHS").map_or(DEATHS, |number| number as usize);
    let seed = number("XTASK_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("XTASK_DEATHS={deaths} XTASK_SEED={seed}");
    let mut random = Random(seed);
    let mut summary = Summary::default();
    let begin = Instant::now();
    let mut directories = 0;
    while summary.deaths() < deaths {
        let scratch = tempfile::tempdir().expect("a directory for the proof");
        let count = DEATHS_PER_DIRECTORY.min(deaths - summary.deaths());
        directories += 1;
        let faults = prove(scratch.path(), &mut random, directories, count, &mut summary);
        if !faults.is_empty() {
            let kept = scratch.keep();
            println!("{summary}");
            panic!(
                "directory {directories} of XTASK_DEATHS={deaths} XTASK_SEED={seed}, kept in {}:\n{}",
                kept.display(),
                faults.join("\n")
            );
        }
        println!("{} deaths in {:.0} s", summary.deaths(), begin.elapsed().as_secs_f64());
    }
    println!("{summary}");
    let missed = summary.missed();
    assert!(missed.is_empty(), "the deaths fell at the wrong moments: {missed:?}");
}

/// So many deaths in one directory. What is wrong.
fn prove(
    scratch: &Path,
    random: &mut Random,
    directory: usize,
    deaths: usize,
    summary: &mut Summary,
) -> Vec<String> {
    let scene = Scene { telemetry: scratch.join("telemetry"), notes: scratch.join("notes") };
    for path in [&scene.telemetry, &scene.notes] {
        fs::create_dir(path).expect("an empty directory");
    }
    let lives = deaths.div_ceil(LANES);
    let mut draw = |lane: usize| -> Vec<Plan> {
        let service = |number| format!("drill-{directory}-{lane}-{number}");
        (0..lives).map(|number| Plan::draw(random, service(number), number)).collect()
    };
    let plans: [Vec<Plan>; LANES] = std::array::from_fn(&mut draw);
    let pair =
        Pair { together: Barrier::new(LANES), starts: RwLock::new(()), watch: Mutex::new(()) };
    let mut course = Course::default();
    std::thread::scope(|scope| {
        let lanes = plans.map(|plans| scope.spawn(|| lane::run(&scene, &pair, plans)));
        for lane in lanes {
            course.add(lane.join().expect("a lane does not panic"));
        }
    });
    finish(&scene, directory, &mut course);
    let mut faults = std::mem::take(&mut course.faults);
    match lines::read(&scene.telemetry) {
        Ok(lines) => faults.extend(summary.add(&course, lines)),
        Err(error) => faults.push(format!("day files cannot be read: {error}")),
    }
    faults
}

/// Recovers what the last deaths left: every other time by a start that ends in order, and then,
/// or only, by hand. Nothing is left afterwards.
fn finish(scene: &Scene, directory: usize, course: &mut Course) {
    if directory.is_multiple_of(2) {
        let plan = Plan {
            service: format!("drill-{directory}-last"),
            death: Death::Kill,
            moment: Moment { phase: Phase::UnderLoad, after: Duration::ZERO, write: None },
            paced: 1,
            eager: 0,
            recovered_by_hand: false,
            together: false,
        };
        let ended = Life::start(scene, plan).and_then(|mut life| {
            life.wait_for_load()?;
            life.end(Some(Order::Return))?;
            life.examine()
        });
        match ended {
            Ok(ended) => course.ended.push(ended),
            Err(fault) => course.faults.push(fault),
        }
    }
    let more = (0..RECOVERIES_MAX).any(|_| !course.recover(&scene.telemetry, true));
    if !more {
        course.faults.push("there is always something left to recover".to_owned());
    }
    course.seal(&scene.telemetry);
    for place in directory::all(&scene.telemetry) {
        let empty = fs::read_dir(&place.path).is_ok_and(|mut entries| entries.next().is_none());
        if !(empty && place.path.ends_with("quarantine")) {
            course.faults.push(format!("{} is left", place.path.display()));
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
