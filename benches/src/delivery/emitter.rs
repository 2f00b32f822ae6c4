//! The process that sends: told what by a file, it counts each call that has returned where a death does
//! not reach.

use super::arrivals::NUMBER;
use super::case::{End, Pace, Signal, TOGETHER, Transport};
use crate::harness::Round;
use radiosonde::__private::AckCounter;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a process is to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Plan {
    pub(super) signal: Signal,
    pub(super) transport: Transport,
    /// Number of the first event.
    pub(super) first: u64,
    /// How many events.
    pub(super) events: u64,
    pub(super) pace: Pace,
    pub(super) end: End,
    /// Where it counts what it has handed over, and behind that the points of the snapshots it has taken.
    pub(super) acknowledged: PathBuf,
    /// Where it says what it dropped.
    pub(super) dropped: PathBuf,
    /// Where the time of each call goes, if it is taken.
    pub(super) times: Option<PathBuf>,
}

impl Plan {
    /// The file it stands in.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join("plan.json")
    }
}

/// Who sends.
pub(super) trait Emitter: Sized {
    /// Starts it as the environment says.
    fn start(plan: &Plan, folder: &Path) -> Result<Self, String>;

    /// One span, log record or increment.
    fn emit(&self, number: i64);

    /// Runs what emits, such that a full queue makes the caller wait, for who was asked to.
    fn produce(&self, produce: impl FnOnce()) {
        produce();
    }

    /// Points of all snapshots of its metrics so far; none where whoever exports them counts them.
    fn points(&self) -> Option<u64> {
        None
    }

    /// Shuts it down in order.
    fn finish(self) -> Finished;
}

/// What a candidate says in the end.
#[derive(Default)]
pub(super) struct Finished {
    /// What it dropped before anybody could have sent it; none when it does not count.
    pub(super) dropped: Option<u64>,
    /// As [`Emitter::points`].
    pub(super) points: Option<u64>,
}

/// Where points are counted, in the same file as the calls.
pub(super) fn points_counter(plan: &Plan) -> Result<AckCounter, String> {
    AckCounter::open(&plan.acknowledged, POINTS)
        .map_err(|error| format!("cannot count points: {error}"))
}

/// The counters of that file: calls, and points.
pub(super) const CALLS: usize = 0;
pub(super) const POINTS: usize = 1;
/// How often points are looked at, in events of a process that sleeps: 8 ms.
const LOOK_AT_POINTS: u64 = 64;

/// What an event carries besides its number.
pub(super) const ROUTE: &str = "/orders/{id}";
pub(super) const USER: &str = "user-4711";
pub(super) const ITEMS: i64 = 3;
pub(super) const RATIO: f64 = 0.75;
pub(super) const KEYS: [&str; 5] = [NUMBER, "route", "user", "items", "ratio"];

/// Does what the plan of this round says.
pub(super) fn run<E: Emitter>(round: &Round) -> Result<(), String> {
    let text = std::fs::read_to_string(Plan::path(&round.folder));
    let text = text.map_err(|error| format!("no plan: {error}"))?;
    let plan: Plan = serde_json::from_str(&text).map_err(|error| format!("no plan: {error}"))?;
    let acknowledged = AckCounter::open(&plan.acknowledged, CALLS)
        .map_err(|error| format!("cannot acknowledge: {error}"))?;
    let points = points_counter(&plan)?;
    let count_points = |count: Option<u64>| {
        if let (Signal::Metrics, Some(count)) = (plan.signal, count) {
            points.store(count);
        }
    };
    let telemetry = round.folder.join("telemetry");
    std::fs::create_dir_all(&telemetry).map_err(|error| format!("no folder: {error}"))?;
    let emitter = E::start(&plan, &telemetry)?;
    let mut times = Vec::with_capacity(if plan.times.is_some() { plan.events as usize } else { 0 });
    emitter.produce(|| {
        let started = Instant::now();
        for at in 0..plan.events {
            match plan.pace {
                Pace::AtOnce => {}
                Pace::Awake => {
                    let due = Duration::from_micros(at * 1000 / TOGETHER);
                    while started.elapsed() < due {
                        std::hint::spin_loop();
                    }
                }
                Pace::Sleeping if at % TOGETHER == 0 => {
                    let due = Duration::from_millis(at / TOGETHER);
                    std::thread::sleep(due.saturating_sub(started.elapsed()));
                }
                Pace::Sleeping => {}
            }
            let number = black_box((plan.first + at).cast_signed());
            if plan.times.is_some() {
                let before = Instant::now();
                emitter.emit(number);
                times.push(before.elapsed().as_nanos() as f64 / 1000.0);
            } else {
                emitter.emit(number);
            }
            acknowledged.store(at + 1);
            if plan.signal == Signal::Metrics && at % LOOK_AT_POINTS == 0 {
                count_points(emitter.points());
            }
        }
    });
    if let Some(path) = &plan.times {
        let text = serde_json::to_string(&times).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("cannot keep the times: {error}"))?;
    }
    match plan.end {
        End::Exit => {
            count_points(emitter.points());
            std::process::exit(0)
        }
        End::Shutdown => {
            let finished = emitter.finish();
            count_points(finished.points);
            let dropped = finished.dropped.unwrap_or(0).to_string();
            std::fs::write(&plan.dropped, dropped).map_err(|error| format!("no word: {error}"))
        }
        End::WhenTold => {
            // Nothing is ever written there; it ends when the watcher closes it, or dies.
            let _ = std::io::stdin().read(&mut [0]);
            emitter.finish();
            Ok(())
        }
    }
}
