//! The thread `radiosonde-io`: syncs, snapshots, notices, and the listener.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use radiosonde_context::Context;
use radiosonde_events::recover::Work;
use radiosonde_events::upkeep::{RemovedFile, Step};
use radiosonde_record::{
    Descriptor, Kind, Level, Site, Value, patiently, suppress_thread, survive_size_limit,
};

use crate::batch::Keeper;
use crate::config::Fsync;
use crate::exports::Exports;
use crate::house::House;
use crate::listener::Bound;
use crate::metric_lines;
use crate::panic_hook;
use crate::park::{Parker, Unparker};
use crate::problem::Problem;
use crate::recovery::Told;
use crate::status::Heartbeat;
use crate::suppressed::{Summary, Suppressed};
use crate::telemetry::Telemetry;

/// Between two syncs of day files: what a power cut may cost.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at what was written to the metrics: how exact it is when one was last seen, and
/// how long values of batch gauges wait for their file.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a snapshot waits for room in the ring.
const PATIENCE: Duration = Duration::from_secs(1);

/// Orders for the thread.
#[derive(Default)]
pub(crate) struct IoControl {
    unparker: Unparker,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Work that takes the time of a disk.
    later: Vec<Work>,
    /// A last snapshot is wanted.
    stop: bool,
    /// It is recorded.
    snapshotted: bool,
    /// The drain has ended: a last sync is wanted.
    finish: bool,
    /// The thread has ended; `synced` says whether the last sync worked.
    ended: bool,
    synced: bool,
    /// Who waits for a sync has a number; up to this one they are done.
    syncs_wanted: u64,
    syncs_done: u64,
    /// Whether syncs are waited for at all.
    awaits_sync: bool,
    /// As with syncs: who waits for the values of batch gauges to be kept.
    looks_wanted: u64,
    looks_done: u64,
    awaits_look: bool,
    /// As with syncs: who waits for a snapshot that is not due yet.
    snapshots_wanted: u64,
    snapshots_done: u64,
}

/// How often what is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) metrics: Duration,
    pub(crate) fsync: Fsync,
}

impl IoControl {
    /// Has a last snapshot recorded, and waits for it, at most `within`.
    pub(crate) fn snapshot(&self, within: Duration) {
        self.state().stop = true;
        self.wait(within, |state| state.snapshotted);
    }

    /// Ends the thread after a last sync, and waits for it, at most `within`: a disk that hangs
    /// holds this thread, not the caller. Whether everything is on disk.
    pub(crate) fn finish(&self, within: Duration) -> bool {
        self.state().finish = true;
        self.wait(within, |state| state.ended);
        self.state().synced
    }

    /// Waits until what was written before this call is on disk, at most `within`, when the policy
    /// is to sync every batch; otherwise for nothing.
    pub(crate) fn await_sync(&self, within: Duration) {
        let mut state = self.state();
        if !state.awaits_sync {
            return;
        }
        state.syncs_wanted += 1;
        let wanted = state.syncs_wanted;
        drop(state);
        self.wait(within, |state| state.syncs_done >= wanted);
    }

    /// Waits until the values of batch gauges are kept, at most `within`; for nothing where there
    /// are none.
    pub(crate) fn await_look(&self, within: Duration) {
        let mut state = self.state();
        if !state.awaits_look {
            return;
        }
        state.looks_wanted += 1;
        let wanted = state.looks_wanted;
        drop(state);
        self.wait(within, |state| state.looks_done >= wanted);
    }

    /// Has a snapshot recorded now, and waits for it, at most `within`.
    pub(crate) fn await_snapshot(&self, within: Duration) {
        let mut state = self.state();
        state.snapshots_wanted += 1;
        let wanted = state.snapshots_wanted;
        drop(state);
        self.wait(within, |state| state.snapshots_done >= wanted);
    }

    /// Runs `work` on the thread, or on this one when that has ended.
    pub(crate) fn later(&self, work: Work) {
        let mut state = self.state();
        if state.ended || state.finish {
            drop(state);
            return work();
        }
        state.later.push(work);
        drop(state);
        self.unparker.unpark();
    }

    fn wait(&self, within: Duration, done: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + within;
        self.unparker.unpark();
        let mut state = self.state();
        while !done(&state) && !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        log_problems(telemetry);
        log_recovered(telemetry);
        syncs.when_due(telemetry, control);
        if let Some(journal) = telemetry.journal() {
            log_suppressed(telemetry, suppressed.when_due(now, journal));
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
        log_suppressed(telemetry, suppressed.take(Instant::now(), journal));
    }
    log_recovered(telemetry);
    heartbeat.last(Instant::now(), telemetry);
    snapshot(telemetry);
    looks.last(telemetry);
    exports.last(telemetry);
    // Last, since what is done here last can fail too.
    log_problems(telemetry);
    control.change(|state| state.snapshotted = true);
    sync_to_the_end(telemetry, control, &parker, syncs);
}

/// Syncs until the drain has ended, and once more.
fn sync_to_the_end(telemetry: &Telemetry, control: &IoControl, parker: &Parker, mut syncs: Syncs) {
    while !control.state().finish {
        parker.park(SYNC_INTERVAL);
        syncs.when_due(telemetry, control);
    }
    work_off(control);
    let synced = syncs.fsync == Fsync::Never || sync(telemetry);
    control.change(|state| state.synced = synced);
}

/// Keeps house among the files as long as `go_on` says so.
fn keep(house: &mut House, telemetry: &Telemetry, go_on: &mut dyn FnMut(Step) -> bool) {
    let removed = house.keep(telemetry.problems(), go_on);
    if !removed.is_empty() {
        telemetry.unsynced().forget_removed();
    }
    log_removed(telemetry, &removed);
}

struct Snapshots {
    interval: Duration,
    next: Instant,
}

impl Snapshots {
    fn when_due(&mut self, telemetry: &Telemetry, control: &IoControl) {
        let now = Instant::now();
        let (wanted, done) = {
            let state = control.state();
            (state.snapshots_wanted, state.snapshots_done)
        };
        if wanted > done {
            // Besides those of the interval, which goes on.
            snapshot(telemetry);
            telemetry.unsynced().wake();
            control.change(|state| state.snapshots_done = wanted);
        }
        if now >= self.next {
            snapshot(telemetry);
            // Where each batch is synced, this is one: of the spool, whose files wake nobody.
            telemetry.unsynced().wake();
            self.next = now + self.interval;
        }
    }
}

/// Looks at what was written to the metrics.
struct Looks {
    keeper: Option<Keeper>,
    next: Instant,
    /// Who waited up to this number, waits no more.
    done: u64,
}

impl Looks {
    fn when_due(&mut self, telemetry: &Telemetry, control: &IoControl) {
        let now = Instant::now();
        let wanted = control.state().looks_wanted;
        if wanted > self.done {
            self.last(telemetry);
            self.done = wanted;
            control.change(|state| state.looks_done = wanted);
        }
        if now >= self.next {
            telemetry.metrics().note_writes();
            if let Some(keeper) = &mut self.keeper {
                keeper.keep(now, telemetry.metrics(), telemetry.problems());
            }
            self.next = now + LOOK_INTERVAL;
        }
    }

    fn last(&mut self, telemetry: &Telemetry) {
        if let Some(keeper) = &mut self.keeper {
            let _kept = keeper.write_changes(telemetry.metrics(), telemetry.problems());
        }
    }
}

/// Syncs by policy.
struct Syncs {
    fsync: Fsync,
    next: Instant,
}

impl Syncs {
    fn when_due(&mut self, telemetry: &Telemetry, control: &IoControl) {
        let now = Instant::now();
        match self.fsync {
            Fsync::Interval | Fsync::Never
                if now < self.next && !telemetry.unsynced().are_many() =>
            {
                return;
            }
            Fsync::Interval => drop(sync(telemetry)),
            Fsync::Never => {
                telemetry.unsynced().forget();
                say_if_failed(
                    telemetry,
                    "the spool could not be kept up",
                    &telemetry.otlp().tend(),
                );
            }
            Fsync::Batch => {
                let wanted = control.state().syncs_wanted;
                let _synced = sync(telemetry);
                control.change(|state| state.syncs_done = wanted);
            }
        }
        self.next = now + SYNC_INTERVAL;
    }
}

fn work_off(control: &IoControl) {
    let later = std::mem::take(&mut control.state().later);
    later.into_iter().for_each(|work| work());
}

fn snapshot(telemetry: &Telemetry) {
    if let Some(journal) = telemetry.journal() {
        drop(telemetry.update_limits());
        let snapshot = telemetry.metrics().snapshot();
        if telemetry.otlp().snapshot(&snapshot) {
            telemetry.metrics().renew_exemplars();
        }
        if telemetry.has_lines(Kind::Metric) {
            patiently(PATIENCE, || metric_lines::record_snapshot(journal, &snapshot));
        }
    }
}

fn sync(telemetry: &Telemetry) -> bool {
    let (files, spool) = (telemetry.unsynced().sync(), telemetry.otlp().sync());
    for (what, synced) in [("day files", &files), ("the spool", &spool)] {
        say_if_failed(telemetry, &format!("{what} could not be synced"), synced);
    }
    files.is_ok() && spool.is_ok()
}

fn say_if_failed(telemetry: &Telemetry, what: &str, done: &io::Result<()>) {
    if let Err(error) = done {
        telemetry
            .problems()
            .say(format!("{what}: {error}; a power cut may lose the end"), "check the disk");
    }
}

/// Each problem stands in the log once; one that is a number with what it was first.
fn log_problems(telemetry: &Telemetry) {
    let counted = telemetry.counted_problems().filter(|it| telemetry.problems().is_first(it));
    let counted: Vec<Problem> = counted.collect();
    for problem in telemetry.problems().take_unlogged().into_iter().chain(counted) {
        let fix = [("fix", Value::Str(&problem.fix))];
        own_event(
            telemetry,
            &Context::default(),
            Level::Warning,
            "telemetry.problem",
            &problem.what,
            &fix,
        );
    }
}

/// Who was killed stands in the log of who comes after.
fn log_recovered(telemetry: &Telemetry) {
    for Told { text, records, spans, process } in telemetry.recovered().take_unlogged() {
        let mut meta = vec![("records", Value::U64(records)), ("spans", Value::U64(spans))];
        if let Some((pid, instance)) = &process {
            meta.extend([("pid", Value::U64((*pid).into())), ("instance", Value::Str(instance))]);
        }
        let (none, evt) = (Context::default(), "telemetry.recovered");
        own_event(telemetry, &none, Level::Warning, evt, &text, &meta);
    }
}

/// Losses stand in the log as well as in the books.
fn log_suppressed(telemetry: &Telemetry, summary: Option<Summary>) {
    let Some(Summary { text, meta }) = summary else { return };
    let meta: Vec<_> = meta.iter().map(|(key, json)| (*key, Value::Json(json))).collect();
    own_event(telemetry, &Context::default(), Level::Warning, "telemetry.suppressed", &text, &meta);
}

/// What a rule has removed stands in the log.
fn log_removed(telemetry: &Telemetry, all: &[RemovedFile]) {
    for RemovedFile { name: file, rule, removed, .. } in all {
        let rule = rule.as_str();
        let meta = [
            ("file", Value::Str(file)),
            ("rule", Value::Str(rule)),
            ("lines", Value::U64(removed.lines)),
            ("bytes", Value::U64(removed.bytes)),
        ];
        let text = format!("removed {file} by the rule `{rule}`");
        own_event(telemetry, &Context::default(), Level::Info, "telemetry.removed", &text, &meta);
    }
}

/// A line of telemetry itself. The filter holds for it, as its target is `radiosonde`; limits do
/// not, they would hold back what says so.
pub(crate) fn own_event(
    telemetry: &Telemetry,
    context: &Context,
    level: Level,
    evt: &str,
    msg: &str,
    meta: &[(&str, Value<'_>)],
) {
    let Some(journal) = telemetry.journal() else { return };
    let source = "radiosonde";
    if !journal.allows(source, level) {
        return;
    }
    let (name, source) = (evt.to_owned(), source.to_owned());
    let site = Site::from(Descriptor { name, source, ..Descriptor::default() });
    patiently(PATIENCE, || {
        journal.record(Kind::Event, level, &site, &context.packed(), |record| {
            record.message(Value::Str(msg));
            for (key, value) in meta {
                record.field_named(key, *value);
            }
        });
    });
}
