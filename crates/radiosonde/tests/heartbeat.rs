//! Machine and workers say how they are, and are missed when they do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use common::event_lines;
use radiosonde::{Clock, Config, Parts, Service};
use serde_json::Value;

/// Longer than anything here takes, on any machine.
const WITHIN: Duration = Duration::from_secs(60);

/// Workers are the process's: who leaves is told by the heartbeat that comes first.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config(directory: &Path) -> Config {
    Config::new(Service::new("shop", "1").in_test(true)).dir(directory)
}

fn events<'a>(lines: &'a [Value], evt: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["evt"] == evt).collect()
}

/// Looks until there is what is waited for.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WITHIN;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {WITHIN:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The value of a gauge in the last snapshot that has it.
fn gauge(directory: &Path, name: &str, labels: &str) -> Option<f64> {
    let mut values = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("metrics-") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            values.extend(text.lines().filter_map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let meta = &line["meta"];
                let same = meta["name"] == name && meta["labels"].to_string().contains(labels);
                same.then(|| meta["value"].as_f64()).flatten()
            }));
        }
    }
    values.pop()
}

#[test]
fn a_program_says_when_it_starts_how_it_is_and_that_it_stops() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let config = config(scratch.path()).clock(clock).heartbeat(Duration::from_millis(100));
    let Parts { guard, .. } = config.build();
    until("a heartbeat after the first", || {
        let _report = guard.flush(WITHIN);
        let lines = event_lines(scratch.path());
        let is_running = |line: &&&Value| line["meta"]["state"] == "running";
        events(&lines, "machine.status").iter().find(is_running).map(|_| ())
    });
    let _report = guard.shutdown(WITHIN);
    let lines = event_lines(scratch.path());
    let beats = events(&lines, "machine.status");
    let states: Vec<_> = beats.iter().map(|line| line["meta"]["state"].as_str().unwrap()).collect();
    assert_eq!((states[0], *states.last().unwrap()), ("started", "stopped"));
    assert!(states[1..states.len() - 1].iter().all(|state| *state == "running"), "{states:?}");
    let meta = &beats[1]["meta"];
    for key in ["uptime_s", "disk_free_bytes"] {
        assert!(meta[key].is_u64(), "{key}: {meta}");
    }
    if cfg!(target_os = "linux") {
        for key in ["cpu_s", "resident_bytes", "threads", "open_fds", "memory_available_bytes"] {
            assert!(meta[key].is_number(), "{key}: {meta}");
        }
    }
    assert!(meta["books"]["events"]["offered"].as_u64() >= Some(1), "{meta}");
    let last = gauge(scratch.path(), "machine_last_heartbeat_timestamp_seconds", "");
    assert_eq!(last, Some(1_800_000_000.0), "the time of the clock that was given");
    let interval = gauge(scratch.path(), "machine_heartbeat_interval_seconds", "");
    assert_eq!(interval, Some(0.1));
}

#[test]
fn a_process_that_ends_within_its_first_second_says_nothing_of_the_machine() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let Parts { guard, .. } = config(scratch.path()).heartbeat(Duration::from_secs(60)).build();
    let _report = guard.shutdown(WITHIN);
    let beats = events(&event_lines(scratch.path()), "machine.status").len();
    assert!(beats == 0 || begin.elapsed() >= Duration::from_secs(1), "{beats} lines");
}

#[test]
fn handles_past_the_limit_stand_in_the_very_next_report() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let Parts { guard, .. } = config(scratch.path()).build();
    let _without_a_name = radiosonde::worker("");
    let report = guard.report();
    let is_told = |problem: &radiosonde::Problem| problem.what.contains("have no heartbeat");
    assert!(report.problems.iter().any(is_told), "{report}");
    let _report = guard.shutdown(WITHIN);
}

#[test]
fn a_clock_that_is_set_does_not_hide_how_long_a_worker_is_silent() {
    let _alone = alone();
    let worker = radiosonde::worker("heartbeat-4");
    worker.alive();
    // Time of day when it is looked at, both far from that at which it was seen.
    for now_s in [1_000_000_000, 4_000_000_000] {
        let scratch = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(SystemTime::UNIX_EPOCH + Duration::from_secs(now_s));
        let Parts { guard, .. } = config(scratch.path()).clock(clock).build();
        let _report = guard.shutdown(WITHIN);
        let name = "worker_last_heartbeat_timestamp_seconds";
        let seen = gauge(scratch.path(), name, "\"worker\":\"heartbeat-4\"").unwrap();
        let now = now_s as f64;
        assert!((now - 120.0..=now).contains(&seen), "{seen} at {now}");
    }
}

#[test]
fn the_report_says_what_holds_for_traces_and_that_without_spans_nothing_is_known_to_run() {
    for (filter, off) in [("info", false), ("warn", true), ("warn,shop=info", false)] {
        let scratch = tempfile::tempdir().unwrap();
        let Parts { guard, .. } = config(scratch.path()).filter(filter).build();
        let report = guard.report().to_string();
        let line = "\ntraces     parentbased_always_on; kept: none; propagators tracecontext, \
                    baggage; baggage to loopback\n";
        assert!(report.contains(line), "{report}");
        let open = "\nopen       not known: spans are off (filter)\n";
        assert_eq!(report.contains(open), off, "{filter}: {report}");
        let _report = guard.shutdown(WITHIN);
    }
}

#[test]
fn without_a_heartbeat_nothing_is_said_of_the_machine() {
    for (config, what) in [
        (config as fn(&Path) -> Config, "in unit tests"),
        (|path| Config::new(Service::new("shop", "1")).dir(path).heartbeat(Duration::ZERO), "at 0"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let Parts { guard, .. } = config(scratch.path()).build();
        let _report = guard.shutdown(WITHIN);
        assert_eq!(events(&event_lines(scratch.path()), "machine.status").len(), 0, "{what}");
        let interval = gauge(scratch.path(), "machine_heartbeat_interval_seconds", "");
        assert_eq!(interval, None, "{what}");
    }
}

#[test]
fn a_worker_is_found_by_its_name_with_its_job_and_leaves_with_a_word() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let config = config(scratch.path()).heartbeat(Duration::from_millis(100));
    let Parts { guard, events: pipeline, .. } = config.build();
    let of = |lines: &[Value], worker: &str, state: &str| {
        let mut of_workers = events(lines, "worker.status").into_iter();
        let found =
            of_workers.find(|line| line["worker_id"] == worker && line["meta"]["state"] == state);
        found.cloned()
    };
    let seen = |worker: &str, state: &str| {
        until(&format!("{worker} {state}"), || {
            let _report = guard.flush(WITHIN);
            of(&event_lines(scratch.path()), worker, state)
        })
    };
    let worker = radiosonde::worker("heartbeat-1");
    let busy = worker.job("job-7").run(|| {
        pipeline.within(|| radiosonde::event!("work.begun", "begun"));
        seen("heartbeat-1", "busy")
    });
    assert_eq!(busy["job_id"], "job-7", "{busy}");
    assert_eq!(busy["meta"]["jobs_running"], 1, "{busy}");
    let idle = seen("heartbeat-1", "idle");
    assert_eq!((&idle["job_id"], &idle["meta"]["jobs_completed"]), (&Value::Null, &Value::from(1)));
    let lines = event_lines(scratch.path());
    let begun = events(&lines, "work.begun")[0];
    assert_eq!((&begun["worker_id"], &begun["job_id"]), (&"heartbeat-1".into(), &"job-7".into()));
    let panicked = std::thread::spawn(|| {
        let worker = radiosonde::worker("heartbeat-2");
        worker.job("job-8").run(|| panic!("a job that fails"));
    });
    assert!(panicked.join().is_err());
    let panicked = seen("heartbeat-2", "panicked");
    assert_eq!(
        (&panicked["level"], &panicked["meta"]["jobs_aborted"]),
        (&"warning".into(), &1.into())
    );
    let clone = worker.clone();
    drop(worker);
    drop(clone);
    let stopped = seen("heartbeat-1", "stopped");
    assert_eq!(stopped["meta"]["jobs_completed"], 1, "{stopped}");
    let _report = guard.shutdown(WITHIN);
    let last = events(&event_lines(scratch.path()), "worker.status").len();
    assert!(last >= 4, "{last}");
}

#[test]
fn a_job_that_is_cancelled_is_aborted_and_one_that_was_never_polled_is_none() {
    let worker = radiosonde::worker("heartbeat-3");
    let mut waits = Box::pin(worker.job("job-1").wrap(std::future::pending::<()>()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waits.as_mut().poll(&mut context).is_pending());
    let never = worker.job("job-2").wrap(std::future::pending::<()>());
    let scratch = tempfile::tempdir().unwrap();
    let label = "\"worker\":\"heartbeat-3\"";
    let running = || {
        let Parts { guard, .. } = config(scratch.path()).build();
        let _report = guard.shutdown(WITHIN);
        gauge(scratch.path(), "worker_jobs_running", label)
    };
    assert_eq!(running(), Some(1.0));
    drop((waits, never));
    assert_eq!(running(), Some(0.0));
    let seen = gauge(scratch.path(), "worker_last_heartbeat_timestamp_seconds", label).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 120.0..=now + 1.0).contains(&seen), "{seen} at {now}");
    let aborted = gauge(scratch.path(), "worker_jobs_total", "\"job_outcome\":\"aborted\"");
    assert!(aborted.is_some_and(|count| count >= 1.0), "{aborted:?}");
}
