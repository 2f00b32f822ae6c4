//! Jobs that end well: one, one that is tried twice, ten at once.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::world::{Platform, check_job, dirs, distinct, named, processes, radiosonde};

#[test]
fn one_job_is_one_trace_over_all_processes_and_the_child() {
    let platform = Platform::start(&[]);
    let ended = platform.submit("render", &["balloons"]).ended();
    let (_folder, lines) = platform.end();
    assert_eq!((ended.attempts, &*ended.outcome), (1, "success"));

    let spans = check_job(&lines, &ended);
    let services = ["api", "render", "scheduler", "submit", "worker"];
    assert_eq!(distinct(&spans, "service"), BTreeSet::from(services));
    assert_eq!(processes(&spans).len(), 5, "a client, an API, a scheduler, a worker and its child");
    assert_eq!(distinct(&spans, "machine_id").len(), 4, "the child is on the worker's machine");

    // The queue, the environment of the child and the two protocols each brought the right parent.
    let parent = |name: &str, kind: &str| {
        let span = named(&spans, name).into_iter().find(|span| span["meta"]["kind"] == kind);
        let parent = &span.unwrap()["meta"]["parent_span_id"];
        let parent = spans.iter().find(|span| span["span_id"] == *parent).unwrap();
        parent["meta"]["name"].as_str().unwrap()
    };
    for (name, kind, expected) in [
        ("POST", "client", "submit job"),
        ("POST /jobs", "server", "POST"),
        ("publish job", "producer", "POST /jobs"),
        ("schedule job", "consumer", "publish job"),
        ("process job", "consumer", "schedule job"),
        ("render", "internal", "process job"),
        ("GET /scenes/{id}", "client", "render"),
        ("jobs.Scheduler/Report", "client", "process job"),
        ("jobs.Scheduler/Report", "server", "jobs.Scheduler/Report"),
        ("GET /jobs/{id}", "server", "GET"),
        ("jobs.Scheduler/LookUp", "client", "GET /jobs/{id}"),
    ] {
        assert_eq!(parent(name, kind), expected, "of {name}");
    }
}

#[test]
fn a_job_that_is_tried_again_goes_on_in_its_trace_on_the_other_worker() {
    let platform = Platform::start(&["--machines", "machines"]);
    let client = ["--job", "job-1702", "balloons"];
    let ended = platform.submit("flaky", &client).ended();
    let (folder, of_client) = platform.end();
    assert_eq!((ended.attempts, &*ended.outcome, &*ended.job), (2, "success", "job-1702"));

    // A directory for each machine: here is what all of them have.
    let machines = ["api", "scheduler", "worker-1", "worker-2"];
    let machines = machines.map(|name| folder.path().join(format!("machines/machine-{name}")));
    let directories: Vec<PathBuf> =
        machines.into_iter().chain([folder.path().join("data/telemetry")]).collect();
    let lines = directories.iter().flat_map(|path| crate::world::lines_of(path));
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() > of_client.len());

    let spans = check_job(&lines, &ended);
    let machines = ["api", "client", "scheduler", "worker-1", "worker-2"];
    let machines = machines.map(|name| format!("machine-{name}"));
    assert_eq!(distinct(&spans, "machine_id"), machines.iter().map(String::as_str).collect());
    assert_eq!(processes(&spans).len(), 7, "two children");
    let attempts = named(&spans, "process job");
    assert_eq!(attempts.len(), 2);
    assert_ne!(attempts[0]["worker_id"], attempts[1]["worker_id"]);
    // The second hangs on the retry, and that on what scheduled the first, not on the first itself.
    let [retry] = named(&spans, "retry job")[..] else { panic!("one retry") };
    let [scheduled] = named(&spans, "schedule job")[..] else { panic!("scheduled once") };
    assert_eq!(retry["meta"]["parent_span_id"], scheduled["span_id"]);
    let below = |span: &&serde_json::Value, parent: &serde_json::Value| {
        span["meta"]["parent_span_id"] == parent["span_id"]
    };
    assert_eq!(attempts.iter().filter(|span| below(span, scheduled)).count(), 1);
    assert_eq!(attempts.iter().filter(|span| below(span, retry)).count(), 1);

    told_in_order(&directories, &ended.trace);
}

/// One command over the directories of all machines tells the job from its beginning to its end.
fn told_in_order(directories: &[PathBuf], trace: &str) {
    let arguments = ["correlate", "--job", "job-1702", "--color", "never"];
    let (story, status) = radiosonde(&[&arguments[..], &dirs(directories)].concat());
    assert_eq!(status, 0, "{story}");
    let (head, tree) = story.split_once("\n\n").unwrap();
    for told in [
        "job job-1702 · ",
        trace,
        "from    api on machine-api, ",
        "scheduler on machine-scheduler, ",
        "events  job.submitted → job.taken → job.retried → job.taken → scene.rendered → job.finished\n",
        "time    critical path ◆: submit job → ",
        "render: out of texture memory; 1 more error after it\n",
        "next    radiosonde logs --machine machine-worker-",
    ] {
        assert!(head.contains(told), "no {told:?} in {head}");
    }
    // Whoever looks at a row sees whose it is.
    let services = ["submit", "api", "scheduler", "worker", "render"];
    for row in tree.lines().take_while(|row| !row.is_empty()) {
        let place = row.split_whitespace().nth(1).unwrap();
        assert!(services.iter().any(|service| place.starts_with(service)), "{row}");
    }
    let mut rest = tree;
    for next in [
        "submit job",
        "POST /jobs",
        "publish job",
        "schedule job",
        "process job",
        "attempt=1",
        "job.taken",
        "out of texture memory",
        "job_retries_total{job_type=\"flaky\",reason=\"crash\"} +1",
        "retry job",
        "job.retried",
        "process job",
        "attempt=2",
        "job.taken",
        "scene.rendered",
        "job.finished",
        "metrics, summed",
        "job_retries_total{job_type=\"flaky\",reason=\"crash\"}",
        "job_runs_total{job_type=\"flaky\",outcome=\"success\"}",
    ] {
        let place = rest.find(next).unwrap_or_else(|| panic!("{next} is missing behind: {story}"));
        rest = &rest[place + next.len()..];
    }

    let arguments = ["trace", &trace[..8], "--color", "never"];
    let (tree, status) = radiosonde(&[&arguments[..], &dirs(directories)].concat());
    assert_eq!(status, 0, "{tree}");
    assert!(tree.contains("\n1 trace, 20 spans (2 errors)"), "{tree}");
    assert!(!tree.contains("missing span"), "{tree}");
    let is_row = |row: &&str| row.contains('█');
    let roots = tree.lines().filter(is_row).filter(|row| !row.contains(['├', '└']));
    let roots: Vec<&str> = roots.collect();
    assert!(matches!(roots[..], [root] if root.contains("submit job")), "{tree}");
}

#[test]
fn ten_jobs_at_once_know_nothing_of_each_other() {
    let platform = Platform::start(&[]);
    let jobs: Vec<_> = (0..10)
        .map(|number| {
            let scene = format!("scene-{number}");
            let kind = if number % 3 == 0 { "flaky" } else { "render" };
            (platform.submit(kind, &[&scene]), scene, kind)
        })
        .collect();
    let jobs: Vec<_> =
        jobs.into_iter().map(|(client, scene, kind)| (client.ended(), scene, kind)).collect();
    let (_folder, lines) = platform.end();

    let traces: BTreeSet<&str> = jobs.iter().map(|(ended, ..)| &*ended.trace).collect();
    assert_eq!(traces.len(), 10);
    for (ended, scene, kind) in &jobs {
        let attempts = if *kind == "flaky" { 2 } else { 1 };
        assert_eq!((ended.attempts, &*ended.outcome), (attempts, "success"));
        let spans = check_job(&lines, ended);
        let rendered = named(&spans, "render");
        assert_eq!(rendered.len(), attempts as usize);
        for render in rendered {
            assert_eq!(render["meta"]["attributes"]["scene"], **scene, "{render}");
        }
        let of_kind = |line: &&serde_json::Value| {
            line["job_id"] == *ended.job && line["meta"]["name"] == "job_runs_total"
        };
        let runs: Vec<_> = lines.iter().filter(of_kind).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(runs[0]["meta"]["labels"]["job_type"], *kind);
    }
}
