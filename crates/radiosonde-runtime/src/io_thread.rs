//! The thread `radiosonde-io`: syncs, snapshots, notices, and the listener.

mod control;
mod log;
mod tasks;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use radiosonde_events::upkeep::Step;
use radiosonde_record::{suppress_thread, survive_size_limit};

use self::tasks::{Looks, SYNC_INTERVAL, Snapshots, Syncs, snapshot, sync};
use crate::batch::Keeper;
use crate::config::Fsync;
use crate::exports::Exports;
use crate::house::House;
use crate::listener::Bound;
use crate::panic_hook;
use crate::park::Parker;
use crate::status::Heartbeat;
use crate::suppressed::Suppressed;
use crate::telemetry::Telemetry;

pub(crate) use self::control::IoControl;
pub(crate) use self::log::{own_event, unfiltered_event};

/// How often what is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) metrics: Duration,
    pub(crate) fsync: Fsync,
}

/// Starts the thread.
pub(crate) fn start(
    telemetry: &Telemetry,
    bound: Bound,
    house: Option<House>,
    keeper: Option<Keeper>,
    exports: Exports,
    pace: Pace,
) {
    let Some(control) = telemetry.io().cloned() else { return };
    if pace.fsync == Fsync::Batch {
        control.state().awaits_sync = true;
        let unparker = control.unparker.clone();
        telemetry.unsynced().on_write(move || unparker.unpark());
    }
    control.state().awaits_look = keeper.is_some();
    let unparker = control.unparker.clone();
    telemetry.files().on_turn(move || unparker.unpark());
    let (running, ended) = (telemetry.clone(), Arc::clone(&control));
    let problems = telemetry.problems().clone();
    let run = move || {
        suppress_thread();
        // A collector of the application may panic; shutdown must not wait for a dead thread.
        let looks = Looks { keeper, next: Instant::now(), done: 0 };
        let tasks = Tasks { house, looks, exports };
        let run = std::panic::AssertUnwindSafe(|| run(&running, &control, bound, tasks, pace));
        if std::panic::catch_unwind(|| survive_size_limit(run)).is_err() {
            problems.say(
                format!(
                    "the thread for syncs, snapshots, sealing and the listener panicked{} and has \
                     ended",
                    panic_hook::place()
                ),
                "mend it when it is a collector of the application, or report it; restart",
            );
        }
        control.change(|state| state.ended = true);
    };
    let thread = thread::Builder::new().name("radiosonde-io".to_owned()).spawn(run);
    if let Err(error) = thread {
        ended.change(|state| state.ended = true);
        telemetry.problems().say(
            format!("no thread for snapshots and syncs: {error}"),
            "raise the limit of threads and restart",
        );
    }
}

/// What is done besides syncs and snapshots.
struct Tasks {
    house: Option<House>,
    looks: Looks,
    exports: Exports,
}

fn run(telemetry: &Telemetry, control: &IoControl, bound: Bound, tasks: Tasks, pace: Pace) {
    let Tasks { mut house, mut looks, mut exports } = tasks;
    let parker = match control.unparker.parker() {
        Ok(parker) => parker,
        Err(error) => {
            return telemetry.problems().say(
                format!("no runtime for snapshots, syncs and the listener: {error}"),
                "raise the limit of file descriptors and restart",
            );
        }
    };
    bound.serve(telemetry, &parker);
    let begin = Instant::now();
    let mut snapshots = Snapshots { interval: pace.metrics, next: begin + pace.metrics };
    let mut syncs = Syncs { fsync: pace.fsync, next: begin };
    let mut suppressed = Suppressed::new(begin);
    let mut heartbeat = Heartbeat::new(telemetry.status(), begin);
    while !control.state().stop {
        let now = Instant::now();
        work_off(control);
        log::problems(telemetry);
        log::recovered(telemetry);
        syncs.when_due(telemetry, control);
        if let Some(journal) = telemetry.journal() {
            log::suppressed(telemetry, suppressed.when_due(now, journal));
        }
        heartbeat.when_due(now, telemetry);
        snapshots.when_due(telemetry, control);
        looks.when_due(telemetry, control);
        exports.when_due(telemetry);
        // Between two stretches of a long upkeep, whatever is due goes first.
        let mut go_on = |step| {
            if matches!(step, Step::Entered | Step::Sealed) {
                // What is entered, or sealed, goes at once: it is counted here, and stands once.
                return true;
            }
            parker.park(Duration::ZERO);
            work_off(control);
            syncs.when_due(telemetry, control);
            heartbeat.when_due(Instant::now(), telemetry);
            snapshots.when_due(telemetry, control);
            looks.when_due(telemetry, control);
            !control.state().stop
        };
        if let Some(house) = &mut house {
            keep(house, telemetry, &mut go_on);
        }
        let next = syncs.next.min(snapshots.next).min(suppressed.next()).min(looks.next);
        let next = house.as_ref().map_or(next, |house| next.min(house.next()));
        let next = heartbeat.next().map_or(next, |heartbeat| next.min(heartbeat));
        let next = exports.next(telemetry).map_or(next, |exports| next.min(exports));
        parker.park(next.saturating_duration_since(Instant::now()));
    }
    if let Some(journal) = telemetry.journal() {
        log::suppressed(telemetry, suppressed.take(Instant::now(), journal));
    }
    log::recovered(telemetry);
    heartbeat.last(Instant::now(), telemetry);
    snapshot(telemetry);
    looks.last(telemetry);
    exports.last(telemetry);
    // Last, since what is done here last can fail too.
    log::problems(telemetry);
    control.change(|state| state.snapshotted = true);
    end(telemetry, control, &parker, syncs, exports);
}

/// Syncs until the drain has ended, and once more; then what is left to do for the spools, when the sender
/// has ended.
fn end(
    telemetry: &Telemetry,
    control: &IoControl,
    parker: &Parker,
    mut syncs: Syncs,
    exports: Exports,
) {
    while !control.state().finish {
        parker.park(SYNC_INTERVAL);
        syncs.when_due(telemetry, control);
    }
    work_off(control);
    let synced = syncs.fsync == Fsync::Never || sync(telemetry);
    control.change(|state| state.synced = Some(synced));
    while control.state().close.is_none() {
        parker.park(SYNC_INTERVAL);
    }
    let until = control.state().close.unwrap_or_else(Instant::now);
    telemetry.otlp().close();
    // The slot is ours for as long as this thread, and that one, have it.
    exports.end(telemetry, until);
    control.change(|state| state.closed = true);
    while control.state().remove.is_none() {
        parker.park(SYNC_INTERVAL);
    }
    if control.state().remove == Some(true) {
        telemetry.otlp().remove();
    }
}

/// Keeps house among the files as long as `go_on` says so.
fn keep(house: &mut House, telemetry: &Telemetry, go_on: &mut dyn FnMut(Step) -> bool) {
    let removed = house.keep(telemetry.problems(), go_on);
    if !removed.is_empty() {
        telemetry.unsynced().forget_removed();
    }
    log::removed(telemetry, &removed);
}

fn work_off(control: &IoControl) {
    let later = std::mem::take(&mut control.state().later);
    later.into_iter().for_each(|work| work());
}
