//! What goes wrong: jobs that hang, jobs that fail, a starter that is gone.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{Platform, check_job, is_there, lines_of, named, until};

#[test]
fn jobs_that_end_badly_say_why() {
    struct Case {
        kind: &'static str,
        /// For an attempt, in milliseconds.
        limit: &'static str,
        outcome: &'static str,
        reason: &'static str,
        cause: &'static str,
    }
    let cases = [
        Case {
            kind: "broken",
            limit: "60000",
            outcome: "failure",
            reason: "crash",
            cause: "the scene has no camera",
        },
        Case {
            kind: "hang",
            limit: "500",
            outcome: "timeout",
            reason: "timeout",
            cause: "the job takes too long",
        },
    ];
    for case in &cases {
        let platform = Platform::start(&["--limit-ms", case.limit]);
        let ended = platform.submit(case.kind, &[]).ended();
        let (_folder, lines) = platform.end();
        assert_eq!((ended.attempts, &*ended.outcome), (3, case.outcome));
        let spans = check_job(&lines, &ended);
        let attempts = named(&spans, "process job");
        assert_eq!(attempts.len(), 3);
        for attempt in &attempts {
            assert_eq!(attempt["meta"]["status"], "error", "{attempt}");
        }
        let of_job: Vec<_> = lines.iter().filter(|line| line["job_id"] == *ended.job).collect();
        let failed = of_job.iter().filter(|line| line["evt"] == "job.failed");
        assert_eq!(failed.count(), 1);
        let causes = of_job.iter().filter(|line| {
            line["level"] == "error"
                && line["evt"] == "log"
                && line.to_string().contains(case.cause)
        });
        assert_eq!(causes.count(), 3, "one an attempt: {}", case.cause);
        let retries = of_job.iter().filter(|line| line["meta"]["name"] == "job_retries_total");
        let retries: Vec<_> = retries.collect();
        assert_eq!(retries.len(), 2);
        assert!(retries.iter().all(|line| line["meta"]["labels"]["reason"] == case.reason));
    }
}

#[test]
fn the_processes_end_with_a_starter_that_is_killed() {
    let mut platform = Platform::start(&[]);
    let workers = ["worker-1", "worker-2"].map(|name| platform.worker(name).unwrap());
    platform.kill();
    until("the end of both workers", || {
        workers.iter().all(|worker| !is_there(*worker)).then_some(())
    });
    // In order: each said goodbye.
    let gone = |line: &serde_json::Value| {
        line["evt"] == "worker.status" && line["meta"]["state"] == "stopped"
    };
    for worker in ["worker-1", "worker-2"] {
        platform.line(worker, |line| gone(line) && line["worker_id"] == worker);
    }
}

#[test]
fn a_scheduler_that_is_killed_ends_the_platform_which_says_so() {
    let mut platform = Platform::start(&["--machines", "machines"]);
    let machines = platform.folder.path().join("machines");
    let [instance] = &fs::read_dir(machines.join("machine-scheduler/inst/0"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect::<Vec<_>>()[..]
    else {
        panic!("one process on the machine of the scheduler");
    };
    let owner = fs::read(instance.join("owner.json")).unwrap();
    let owner: serde_json::Value = serde_json::from_slice(&owner).unwrap();
    let scheduler = owner["pid"].as_i64().unwrap().try_into().unwrap();
    kill_process(Pid::from_raw(scheduler).unwrap(), Signal::KILL).unwrap();
    assert!(!platform.ended().success());

    let lines = lines_of(&machines.join("machine-platform"));
    let died: Vec<_> = lines.iter().filter(|line| line["evt"] == "process.died").collect();
    let [died] = died[..] else { panic!("{died:?}") };
    assert_eq!((&died["level"], &died["service"]), (&"error".into(), &"platform".into()));
    assert_eq!(died["meta"]["process"], "scheduler");
    assert!(died["meta"]["status"].as_str().unwrap().contains("SIGKILL"), "{died}");
    assert!(!platform.folder.path().join("data/telemetry").exists(), "each machine has its own");
}

#[test]
fn a_platform_that_was_given_jobs_ends_in_order_however_they_end() {
    let mut platform = Platform::start(&["broken", "render"]);
    assert!(platform.ended().success());
    let lines = lines_of(&platform.folder.path().join("data/telemetry"));
    let ended = |evt: &str| lines.iter().filter(|line| line["evt"] == evt).count();
    assert_eq!((ended("job.failed"), ended("job.finished")), (1, 1));
}
