//! A worker that is killed in the middle of a job.

use rustix::process::{Signal, kill_process};

use crate::world::{Platform, check_job, named, radiosonde};

#[test]
fn a_job_whose_worker_is_killed_goes_on_in_its_trace_and_what_was_open_is_told() {
    let platform = Platform::start(&[]);
    let client = platform.submit("stall", &["--job", "job-1703"]);
    // The child has its scene, and waits for a lock: the worker is in the middle of the job.
    let loaded = platform.line("the first attempt", |line| {
        line["job_id"] == "job-1703" && line["meta"]["name"] == "GET /scenes/{id}"
    });
    let killed = loaded["worker_id"].as_str().unwrap().to_owned();
    kill_process(platform.worker(&killed).unwrap(), Signal::KILL).unwrap();
    let ended = client.ended();
    let interrupted = platform.line("what was open", |line| line["evt"] == "span.interrupted");
    let (folder, lines) = platform.end();
    assert_eq!((ended.attempts, &*ended.outcome), (2, "success"));

    assert_eq!(interrupted["meta"]["name"], "process job");
    assert_eq!(interrupted["job_id"], "job-1703");
    assert_eq!(interrupted["trace_id"], *ended.trace);
    assert_eq!(interrupted["worker_id"], *killed);
    assert_eq!(interrupted["machine_id"], format!("machine-{killed}"));

    let spans = check_job(&lines, &ended);
    let attempts = named(&spans, "process job").into_iter();
    let (first, second): (Vec<_>, Vec<_>) =
        attempts.partition(|span| span["evt"] == "span.interrupted");
    let ([first], [second]) = (&first[..], &second[..]) else { panic!("{first:?} {second:?}") };
    assert_ne!(second["worker_id"], *killed, "another worker");
    // The child did not outlive its worker for long, and its spans hang below the interrupted one.
    let renders = named(&spans, "render");
    assert!(renders.iter().any(|span| span["meta"]["parent_span_id"] == first["span_id"]));
    let given_up = |line: &&serde_json::Value| {
        line["service"] == "render" && line["level"] == "warning" && line["evt"] == "log"
    };
    assert_eq!(lines.iter().filter(given_up).count(), 1);

    let directory = folder.path().join("data/telemetry");
    let directory = directory.to_str().unwrap();
    let (tree, status) = radiosonde(&["trace", "--job", "job-1703", "--dir", directory]);
    assert_eq!(status, 0, "{tree}");
    assert!(tree.contains("1 interrupted span"), "{tree}");
    let row = tree.lines().find(|line| line.contains('▒')).unwrap();
    assert!(row.contains("process job  open when its process died"), "{row}");
    assert!(tree.contains("job.lease_lost") && !tree.contains("missing span"), "{tree}");
    let (restarts, _) = radiosonde(&["events", "--evt", "worker.restarted", "--dir", directory]);
    assert!(restarts.contains(&killed), "{restarts}");
}
