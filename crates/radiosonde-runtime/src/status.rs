//! How machine, process and workers are: an event once a minute, and gauges.

mod machine;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use radiosonde_context::Context;
use radiosonde_metrics::{Clock, Metrics, Snapshot};
use radiosonde_record::{Journal, Kind, Level, Value};
use serde_json::json;

use crate::io_thread::own_event;
use crate::problem::Problems;
use crate::telemetry::Telemetry;
use crate::words::{counted, size};
use machine::Machine;
use workers::{WORKERS, WORKERS_MAX, WorkerState, WorkerStatus};
pub use workers::{Worker, WorkerJob, worker};

/// Shorter intervals are taken as this one: the event would become the load it reports.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Processes that live shorter say nothing of themselves: a command that runs a thousand times an
/// hour would say little else.
const LIFE_MIN: Duration = Duration::from_secs(1);

/// What events and gauges have in common. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    interval: Option<Duration>,
    clock: Clock,
    root: Option<PathBuf>,
    /// When the last event was written, in milliseconds since 1970; 0 before the first one.
    last_ms: AtomicU64,
    /// Whether somebody was told that there are too many workers.
    told: AtomicBool,
}

/// Which event of a process's life it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Started,
    Running,
    Stopped,
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

impl Status {
    /// An event every `interval`, none without; `root` is the directory whose disk is looked at.
    pub(crate) fn new(interval: Option<Duration>, clock: &Clock, root: Option<&Path>) -> Self {
        Self(Arc::new(Shared {
            interval: interval.map(|interval| interval.max(INTERVAL_MIN)),
            clock: clock.clone(),
            root: root.map(Path::to_owned),
            ..Shared::default()
        }))
    }

    /// Adds the gauges to every snapshot.
    pub(crate) fn install(&self, metrics: &Metrics, problems: &Problems) {
        let (status, problems) = (self.clone(), problems.clone());
        metrics.add_collector(Box::new(move |snapshot| status.collect(snapshot, &problems)));
    }

    fn collect(&self, snapshot: &mut Snapshot, problems: &Problems) {
        self.tell_of_too_many(problems);
        let Shared { interval, clock, root, last_ms, .. } = &*self.0;
        if let Some(interval) = interval {
            let last_s = last_ms.load(Ordering::Acquire) as f64 / 1e3;
            if last_s > 0.0 {
                snapshot.gauge("machine_last_heartbeat_timestamp_seconds", &[], last_s);
            }
            let seconds = interval.as_secs_f64();
            snapshot.gauge("machine_heartbeat_interval_seconds", &[], seconds);
            Machine::look(root.as_deref()).collect(snapshot);
        }
        let now_s = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // After the workers, so that none of them is seen later than now.
        let (all, now_ns) = (WORKERS.all(), workers::now_ns());
        for worker in all {
            let label = [("worker", worker.id.as_str())];
            let seen_s = now_s - now_ns.saturating_sub(worker.seen_ns) as f64 / 1e9;
            snapshot.gauge("worker_last_heartbeat_timestamp_seconds", &label, seen_s);
            snapshot.gauge("worker_jobs_running", &label, f64::from(worker.running));
        }
        if let Some(totals) = WORKERS.totals() {
            for (outcome, count) in [("completed", totals.completed), ("aborted", totals.aborted)] {
                snapshot.counter("worker_jobs_total", &[("job_outcome", outcome)], count);
            }
            snapshot.counter("worker_handles_refused_total", &[], totals.refused);
        }
    }

    /// Once: who is not among the workers would be missed only when it is too late.
    pub(crate) fn tell_of_too_many(&self, problems: &Problems) {
        let refused = WORKERS.totals().map_or(0, |totals| totals.refused);
        if refused > 0 && !self.0.told.swap(true, Ordering::Relaxed) {
            problems.warn(
                format!(
                    "workers past the first {WORKERS_MAX}, or without a name, have no heartbeat"
                ),
                "give workers few and lasting names, not one for each job, and drop handles that \
                 are done",
            );
        }
    }
}

/// The events, written by the thread that runs it.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    status: Status,
    begin: Instant,
    /// None when there are no events, or no further ones.
    next: Option<Instant>,
    phase: Phase,
}

impl Heartbeat {
    /// The first event is due when the process has lived for a second, or for an interval.
    pub(crate) fn new(status: &Status, now: Instant) -> Self {
        let next = status.0.interval.map(|interval| now + interval.min(LIFE_MIN));
        Self { status: status.clone(), begin: now, next, phase: Phase::Started }
    }

    /// When the next event is due, if there is one.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Writes the events that are due.
    pub(crate) fn when_due(&mut self, now: Instant, telemetry: &Telemetry) {
        if let Some(phase) = self.due(now) {
            self.write(phase, now, telemetry);
        }
    }

    /// The last event; where none was due yet, workers alone have a last word.
    pub(crate) fn last(&mut self, now: Instant, telemetry: &Telemetry) {
        let Some(next) = self.next.take() else { return };
        if self.phase == Phase::Started && now < next {
            tell_workers(telemetry, &WORKERS.all());
        } else {
            self.write(Phase::Stopped, now, telemetry);
        }
    }

    fn due(&mut self, now: Instant) -> Option<Phase> {
        let interval = self.status.0.interval?;
        if now < self.next? {
            return None;
        }
        // From now, not from when it was due: a machine that slept says so once.
        self.next = Some(now + interval);
        Some(std::mem::replace(&mut self.phase, Phase::Running))
    }

    fn write(&self, phase: Phase, now: Instant, telemetry: &Telemetry) {
        let Shared { clock, root, last_ms, .. } = &*self.status.0;
        self.status.tell_of_too_many(telemetry.problems());
        let workers = WORKERS.all();
        let uptime = now.saturating_duration_since(self.begin);
        let machine = Machine::look(root.as_deref());
        let mut text = match phase {
            Phase::Started => "started".to_owned(),
            Phase::Running => format!("up {}", span(uptime)),
            Phase::Stopped => format!("stopped after {}", span(uptime)),
        };
        machine.words().iter().for_each(|words| text += &format!(", {words}"));
        let busy = workers.iter().filter(|worker| worker.running > 0).count();
        if !workers.is_empty() {
            text += &format!(", {}, {busy} busy", counted(workers.len() as u64, "worker"));
        }
        let mut meta =
            vec![("state", json!(phase.as_str())), ("uptime_s", json!(uptime.as_secs()))];
        meta.extend(machine.meta());
        meta.push(("books", books(telemetry)));
        meta.push(("workers", json!({"there": workers.len(), "busy": busy})));
        let open = telemetry.journal().map_or((0, 0), Journal::open_span_counts);
        let open = open.0 + open.1;
        if phase == Phase::Stopped && open > 0 {
            // Each of the oldest has an event as well.
            text += &format!(", {} still open", counted(open, "span"));
            meta.push(("open_spans", json!(open)));
        }
        say(telemetry, &Context::default(), Level::Info, "machine.status", &text, &meta);
        tell_workers(telemetry, &workers);
        let now = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        last_ms.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }
}

/// A line for each that has left since the last time, and for those that are there.
fn tell_workers(telemetry: &Telemetry, there: &[WorkerStatus]) {
    let left = WORKERS.take_left();
    let now_ns = workers::now_ns();
    left.iter().chain(there).for_each(|worker| tell_worker(telemetry, worker, now_ns));
}

/// A line of a worker, with its id and its job's where all lines have them: whoever looks for a
/// worker or a job finds it.
fn tell_worker(telemetry: &Telemetry, worker: &WorkerStatus, now_ns: u64) {
    let WorkerStatus { id, state, running, completed, aborted, nameless, seen_ns, job } = worker;
    let seconds = |since_ns: u64| now_ns.saturating_sub(since_ns) / 1_000_000_000;
    let mut scope = radiosonde_context::scope().worker(id);
    let text = sentence(worker, now_ns);
    let mut meta = vec![
        ("state", json!(state.as_str())),
        ("jobs_running", json!(running)),
        ("jobs_completed", json!(completed)),
        ("jobs_aborted", json!(aborted)),
        ("seen_s", json!(seconds(*seen_ns))),
    ];
    if let Some((job, since_ns)) = job {
        scope = scope.job(job);
        meta.push(("job_s", json!(seconds(*since_ns))));
    }
    if *nameless > 0 {
        meta.push(("jobs_nameless", json!(nameless)));
    }
    let level = match state {
        WorkerState::Panicked => Level::Warning,
        WorkerState::Busy | WorkerState::Idle | WorkerState::Stopped => Level::Info,
    };
    scope.run(|| {
        let context = Context::current();
        say(telemetry, &context, level, "worker.status", &text, &meta);
    });
}

/// `w-3 is busy with job-123 for 40 min, and 2 more`
fn sentence(worker: &WorkerStatus, now_ns: u64) -> String {
    let mut text = format!("{} is {}", worker.id, worker.state.as_str());
    match &worker.job {
        Some((job, since_ns)) => {
            let job = if job.is_empty() { "a job without a name" } else { job };
            let time = Duration::from_nanos(now_ns.saturating_sub(*since_ns));
            text += &format!(" with {job} for {}", span(time));
            if worker.running > 1 {
                text += &format!(", and {} more", worker.running - 1);
            }
        }
        None if worker.nameless > 0 => {
            text += &format!(
                " with {} past those it has the names of",
                counted(worker.nameless.into(), "job")
            );
        }
        None => {}
    }
    text
}

fn say(
    telemetry: &Telemetry,
    context: &Context,
    level: Level,
    evt: &str,
    text: &str,
    meta: &[(&str, serde_json::Value)],
) {
    let meta: Vec<_> = meta.iter().map(|(key, value)| (*key, value.to_string())).collect();
    let meta: Vec<_> = meta.iter().map(|(key, json)| (*key, Value::Json(json))).collect();
    own_event(telemetry, context, level, evt, text, &meta);
}

/// What the report has as a table, without its reasons.
fn books(telemetry: &Telemetry) -> serde_json::Value {
    let Some(journal) = telemetry.journal() else { return json!({}) };
    let books = Kind::ALL.into_iter().map(|kind| {
        let account = journal.account(kind);
        let numbers = json!({
            "offered": account.offered,
            "dropped": account.dropped_total(),
            "pending": account.pending,
        });
        (kind.as_str().to_owned(), numbers)
    });
    serde_json::Value::Object(books.collect())
}

/// `0 s`, `59 s`, `3 min`, `5 h`, `12 days`: as exact as one wants it in a sentence.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// `5.1 GiB of memory available`
fn of(bytes: u64, what: &str) -> String {
    format!("{} of {what}", size(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(interval_s: u64, now: Instant) -> Heartbeat {
        let interval = (interval_s > 0).then(|| Duration::from_secs(interval_s));
        Heartbeat::new(&Status::new(interval, &Clock::default(), None), now)
    }

    #[test]
    fn the_first_is_due_after_a_second_and_each_further_one_after_its_interval() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut beats = heartbeat(60, now);
        assert_eq!(beats.due(now + second / 2), None);
        assert_eq!(beats.due(now + second), Some(Phase::Started));
        assert_eq!(beats.due(now + 60 * second), None);
        assert_eq!(beats.next(), Some(now + 61 * second));
        assert_eq!(beats.due(now + 62 * second), Some(Phase::Running));
        assert_eq!(beats.due(now + 121 * second), None);
        // After a sleep of the machine it is one, not all that were missed.
        assert_eq!(beats.due(now + 9_000 * second), Some(Phase::Running));
        assert_eq!(beats.due(now + 9_001 * second), None);
    }

    #[test]
    fn without_an_interval_there_is_none_and_a_tiny_one_is_not_taken() {
        let now = Instant::now();
        let mut none = heartbeat(0, now);
        assert_eq!((none.next(), none.due(now)), (None, None));
        let status = Status::new(Some(Duration::from_nanos(1)), &Clock::default(), None);
        assert_eq!(status.0.interval, Some(INTERVAL_MIN));
    }

    #[test]
    fn a_worker_is_told_with_its_oldest_job_and_how_many_more_there_are() {
        let hour = 3_600_000_000_000;
        let told = |state, running, nameless, job: Option<&str>| {
            let job = job.map(|job| (job.to_owned(), hour));
            let id = "w-3".to_owned();
            let (completed, aborted, seen_ns) = (0, 0, hour);
            let worker =
                WorkerStatus { id, state, running, completed, aborted, nameless, seen_ns, job };
            sentence(&worker, 2 * hour)
        };
        let busy = WorkerState::Busy;
        assert_eq!(told(WorkerState::Idle, 0, 0, None), "w-3 is idle");
        assert_eq!(told(busy, 1, 0, Some("job-1")), "w-3 is busy with job-1 for 60 min");
        assert_eq!(
            told(busy, 70, 6, Some("job-1")),
            "w-3 is busy with job-1 for 60 min, and 69 more"
        );
        assert_eq!(told(busy, 1, 1, None), "w-3 is busy with 1 job past those it has the names of");
        assert_eq!(told(busy, 1, 0, Some("")), "w-3 is busy with a job without a name for 60 min");
    }

    #[test]
    fn spans_of_time_are_told_in_the_unit_that_fits() {
        let told = [0, 119, 120, 7_199, 7_200, 172_799, 172_800, 864_000];
        let told = told.map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days", "10 days"]);
    }
}
