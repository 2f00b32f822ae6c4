//! Workers: who works in this process, on what, and when each was last heard of.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use radiosonde_context::{CorrelationId, Scope, is_forked_child, scope};

/// Workers there may be at once.
pub(super) const WORKERS_MAX: usize = 256;
/// Running jobs of one worker that are remembered by name: the oldest is the one that is stuck.
const JOBS_MAX: usize = 64;

/// Nanoseconds of this process, by a clock that nobody sets: with the time of day a jump forward would
/// have a worker seen in the future, and its silence hidden until then.
pub(super) fn now_ns() -> u64 {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGIN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The workers of this process, whoever looks at them.
pub(super) static WORKERS: Workers = Workers::new();

/// A worker of this process, by its name: a thread, a task, a slot of a pool. Keep the handle as long
/// as the worker is there.
///
/// A name stands for one worker: a second handle of the same name, or a clone, is the same one. With a
/// heartbeat (`Config::heartbeat`) there is a line `worker.status` for each worker every minute; in
/// any case there are the gauges `worker_last_heartbeat_timestamp_seconds{worker}` and
/// `worker_jobs_running{worker}`. When its last handle is dropped, a worker leaves with one more line
/// (`stopped`, or `panicked` when the drop is part of a panic), and without its gauges.
///
/// At most 256 workers are there at once. Handles past that, and those whose name has no usable
/// character, set the scope and nothing else; they are counted in `worker_handles_refused_total`, and
/// the report warns.
///
/// ```
/// let worker = radiosonde_runtime::worker("w-3");
/// let rows = worker.job("job-1").run(|| 120); // worker and job are on all that is recorded inside
/// assert_eq!(rows, 120);
/// ```
pub fn worker(id: impl AsRef<str>) -> Worker {
    let id = CorrelationId::sanitize(id.as_ref());
    let entry = id.as_ref().and_then(|id| WORKERS.enter(id.as_str(), now_ns()));
    if entry.is_none() && !is_forked_child() {
        WORKERS.refused.fetch_add(1, Ordering::Relaxed);
        WORKERS.used.store(true, Ordering::Release);
    }
    Worker { id, entry }
}

/// A worker of this process. Made by [`worker`].
#[derive(Debug)]
#[must_use = "a worker leaves when its last handle is dropped"]
pub struct Worker {
    id: Option<CorrelationId>,
    entry: Option<Arc<Entry>>,
}

impl Worker {
    /// A job of this worker, in the context that is current now.
    pub fn job(&self, id: impl AsRef<str>) -> WorkerJob {
        let id = id.as_ref();
        let scope = match &self.id {
            Some(worker) => scope().worker(worker.as_str()),
            None => scope(),
        };
        let job = CorrelationId::sanitize(id);
        WorkerJob { scope: scope.job(id), job, entry: self.entry.clone() }
    }

    /// Says that the worker is alive: while it waits for work, or now and then in a long job. The
    /// beginning and the end of a job say so too. Costs a look at the clock and a store.
    pub fn alive(&self) {
        if let Some(entry) = &self.entry {
            entry.seen(now_ns());
        }
    }
}

impl Clone for Worker {
    fn clone(&self) -> Self {
        if let Some(entry) = &self.entry {
            entry.handles.fetch_add(1, Ordering::Relaxed);
        }
        Self { id: self.id.clone(), entry: self.entry.clone() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(entry) = &self.entry {
            WORKERS.leave(entry, std::thread::panicking());
        }
    }
}

/// A job of a worker. Made by [`Worker::job`]. The worker is busy from [`run`](Self::run), or the
/// first poll of the future of [`wrap`](Self::wrap), until that is over: `completed` when it came to
/// its end, whatever it returned, `aborted` when it panicked or was cancelled.
#[derive(Debug)]
#[must_use = "a job does nothing until `run` or `wrap`"]
pub struct WorkerJob {
    scope: Scope,
    job: Option<CorrelationId>,
    entry: Option<Arc<Entry>>,
}

impl WorkerJob {
    /// Runs `f` as this job.
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let busy = Busy::begin(self.entry, self.job.as_ref());
        let result = self.scope.run(f);
        busy.completed();
        result
    }

    /// The future as this job, with its scope around every poll.
    ///
    /// # Cancel safety
    /// As the future inside; a job that is dropped before its end is `aborted`, and one that was
    /// never polled is none.
    pub fn wrap<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        let Self { scope, job, entry } = self;
        scope.wrap(async move {
            let busy = Busy::begin(entry, job.as_ref());
            let result = future.await;
            busy.completed();
            result
        })
    }
}

/// As long as a job runs.
struct Busy {
    entry: Option<Arc<Entry>>,
    number: u64,
    completed: bool,
}

impl Busy {
    fn begin(entry: Option<Arc<Entry>>, job: Option<&CorrelationId>) -> Self {
        // In a forked child the locks may be held by threads that do not exist.
        let entry = entry.filter(|_| !is_forked_child());
        let job = job.map_or("", CorrelationId::as_str);
        let number = entry.as_ref().map_or(0, |entry| entry.begin(job, now_ns()));
        Self { entry, number, completed: false }
    }

    fn completed(mut self) {
        self.completed = true;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take().filter(|_| !is_forked_child()) {
            entry.end(self.number, self.completed, now_ns());
            let total = if self.completed { &WORKERS.completed } else { &WORKERS.aborted };
            total.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What is known of one worker.
#[derive(Debug)]
struct Entry {
    id: String,
    handles: AtomicU64,
    seen_ns: AtomicU64,
    completed: AtomicU64,
    aborted: AtomicU64,
    jobs: Mutex<Jobs>,
}

/// The jobs of a worker that run now.
#[derive(Debug, Default)]
struct Jobs {
    running: u32,
    /// Of the next job.
    number: u64,
    /// The oldest first, at most [`JOBS_MAX`]: number, id, begin.
    known: Vec<(u64, String, u64)>,
}

impl Entry {
    fn seen(&self, now_ns: u64) {
        // Several threads may be one worker, and none takes back what another has said.
        let _before = self.seen_ns.fetch_max(now_ns, Ordering::Relaxed);
    }

    fn begin(&self, job: &str, now_ns: u64) -> u64 {
        self.seen(now_ns);
        let mut jobs = lock(&self.jobs);
        jobs.running = jobs.running.saturating_add(1);
        jobs.number += 1;
        let number = jobs.number;
        if jobs.known.len() < JOBS_MAX {
            jobs.known.push((number, job.to_owned(), now_ns));
        }
        number
    }

    fn end(&self, number: u64, completed: bool, now_ns: u64) {
        self.seen(now_ns);
        let count = if completed { &self.completed } else { &self.aborted };
        count.fetch_add(1, Ordering::Relaxed);
        let mut jobs = lock(&self.jobs);
        jobs.running = jobs.running.saturating_sub(1);
        jobs.known.retain(|(known, ..)| *known != number);
    }

    fn status(&self, left: Option<WorkerState>) -> WorkerStatus {
        let jobs = lock(&self.jobs);
        let oldest = jobs.known.first();
        let state = if jobs.running > 0 { WorkerState::Busy } else { WorkerState::Idle };
        WorkerStatus {
            id: self.id.clone(),
            state: left.unwrap_or(state),
            running: jobs.running,
            completed: self.completed.load(Ordering::Relaxed),
            aborted: self.aborted.load(Ordering::Relaxed),
            seen_ns: self.seen_ns.load(Ordering::Relaxed),
            nameless: jobs.running.saturating_sub(jobs.known.len() as u32),
            job: oldest.map(|(_, job, since_ns)| (job.clone(), *since_ns)),
        }
    }
}

/// How a worker is, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkerStatus {
    pub(super) id: String,
    pub(super) state: WorkerState,
    pub(super) running: u32,
    pub(super) completed: u64,
    pub(super) aborted: u64,
    /// Those of `running` that came when the memory for names was full: nothing else is known of
    /// them.
    pub(super) nameless: u32,
    /// When it was last heard of, by [`now_ns`].
    pub(super) seen_ns: u64,
    /// The job that has been running for longest of those whose names are kept, and since when.
    pub(super) job: Option<(String, u64)>,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerState {
    Busy,
    Idle,
    /// Its last handle was dropped during a panic.
    Panicked,
    /// Its last handle was dropped.
    Stopped,
}

impl WorkerState {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Idle => "idle",
            Self::Panicked => "panicked",
            Self::Stopped => "stopped",
        }
    }
}

/// Counts of all workers there have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) completed: u64,
    pub(super) aborted: u64,
    pub(super) refused: u64,
}

/// The workers of a process.
pub(super) struct Workers {
    list: Mutex<Lists>,
    /// Whether there has ever been one: otherwise nothing is shown of them.
    used: AtomicBool,
    completed: AtomicU64,
    aborted: AtomicU64,
    refused: AtomicU64,
}

struct Lists {
    there: Vec<Arc<Entry>>,
    /// Those that left and have not been told of, at most [`WORKERS_MAX`]: then the oldest give way.
    left: Vec<WorkerStatus>,
}

impl Workers {
    const fn new() -> Self {
        Self {
            list: Mutex::new(Lists { there: Vec::new(), left: Vec::new() }),
            used: AtomicBool::new(false),
            completed: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    fn enter(&self, id: &str, now_ns: u64) -> Option<Arc<Entry>> {
        if is_forked_child() {
            return None;
        }
        self.used.store(true, Ordering::Release);
        let mut lists = lock(&self.list);
        if let Some(entry) = lists.there.iter().find(|entry| entry.id == id) {
            entry.handles.fetch_add(1, Ordering::Relaxed);
            entry.seen(now_ns);
            return Some(Arc::clone(entry));
        }
        if lists.there.len() >= WORKERS_MAX {
            return None;
        }
        let entry = Arc::new(Entry {
            id: id.to_owned(),
            handles: AtomicU64::new(1),
            seen_ns: AtomicU64::new(now_ns),
            completed: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            jobs: Mutex::default(),
        });
        lists.there.push(Arc::clone(&entry));
        Some(entry)
    }

    fn leave(&self, entry: &Arc<Entry>, panicked: bool) {
        if is_forked_child() {
            return;
        }
        // Under the lock: meanwhile nobody finds the entry and adds a handle.
        let mut lists = lock(&self.list);
        if entry.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        lists.there.retain(|there| !Arc::ptr_eq(there, entry));
        let state = if panicked { WorkerState::Panicked } else { WorkerState::Stopped };
        if lists.left.len() >= WORKERS_MAX {
            let _oldest = lists.left.remove(0);
        }
        let left = entry.status(Some(state));
        lists.left.push(left);
    }

    /// Those that are there.
    pub(super) fn all(&self) -> Vec<WorkerStatus> {
        lock(&self.list).there.iter().map(|entry| entry.status(None)).collect()
    }

    /// Those that left since the last call.
    pub(super) fn take_left(&self) -> Vec<WorkerStatus> {
        std::mem::take(&mut lock(&self.list).left)
    }

    /// What all have done; none before there was a worker.
    pub(super) fn totals(&self) -> Option<Totals> {
        self.used.load(Ordering::Acquire).then(|| Totals {
            completed: self.completed.load(Ordering::Relaxed),
            aborted: self.aborted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(workers: &Workers, id: &str, now_ns: u64) -> Arc<Entry> {
        workers.enter(id, now_ns).unwrap_or_else(|| panic!("no room for {id}"))
    }

    #[test]
    fn a_worker_is_busy_with_its_oldest_job_and_seen_when_it_last_did_something() {
        let workers = Workers::new();
        let entry = entered(&workers, "w-1", 100);
        let state = |workers: &Workers| {
            let worker = workers.all().remove(0);
            (worker.state, worker.running, worker.job, worker.seen_ns)
        };
        assert_eq!(state(&workers), (WorkerState::Idle, 0, None, 100));
        let (old, new) = (entry.begin("old", 200), entry.begin("new", 300));
        let oldest = Some(("old".to_owned(), 200));
        assert_eq!(state(&workers), (WorkerState::Busy, 2, oldest, 300));
        entry.end(old, true, 400);
        let remaining = Some(("new".to_owned(), 300));
        assert_eq!(state(&workers), (WorkerState::Busy, 1, remaining, 400));
        entry.end(new, false, 350);
        assert_eq!(state(&workers), (WorkerState::Idle, 0, None, 400), "no way back in time");
        let worker = workers.all().remove(0);
        assert_eq!((worker.completed, worker.aborted), (1, 1));
    }

    #[test]
    fn a_name_is_one_worker_until_its_last_handle_is_dropped() {
        let workers = Workers::new();
        let (one, same) = (entered(&workers, "w-1", 1), entered(&workers, "w-1", 2));
        assert!(Arc::ptr_eq(&one, &same) && workers.all().len() == 1);
        workers.leave(&one, false);
        assert_eq!((workers.all().len(), workers.take_left().len()), (1, 0));
        workers.leave(&same, true);
        let left = workers.take_left();
        assert_eq!((left.len(), left[0].state), (1, WorkerState::Panicked));
        assert_eq!((workers.all().len(), workers.take_left().len()), (0, 0));
    }

    #[test]
    fn workers_and_remembered_jobs_are_bounded_and_room_comes_back() {
        let workers = Workers::new();
        let all: Vec<_> =
            (0..WORKERS_MAX).map(|number| entered(&workers, &format!("w-{number}"), 1)).collect();
        assert!(workers.enter("one-more", 1).is_none());
        assert!(workers.enter("w-7", 1).is_some(), "a handle of one that is there");
        workers.leave(&all[0], false);
        workers.leave(&all[1], false);
        let again = entered(&workers, "one-more", 1);
        for number in 0..1_000 {
            let _running = again.begin(&format!("job-{number}"), number);
        }
        assert_eq!(lock(&again.jobs).known.len(), JOBS_MAX);
        let status = again.status(None);
        assert_eq!((status.running, status.nameless), (1_000, 1_000 - JOBS_MAX as u32));
        // When all that have a name are done, the others still run.
        for number in 1..=JOBS_MAX as u64 {
            again.end(number, true, 2_000);
        }
        let status = again.status(None);
        assert_eq!((status.running, status.nameless, status.job), (936, 936, None));
        assert_eq!(status.state, WorkerState::Busy);
        for _ in 0..10 * WORKERS_MAX {
            workers.leave(&entered(&workers, "one-more-still", 1), false);
        }
        assert!(lock(&workers.list).left.len() <= WORKERS_MAX);
    }
}
