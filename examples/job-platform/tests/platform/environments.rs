//! The files of `environments`: what differs between environments, and no secret. Everything that the
//! processes record reaches the collector such a file names, at once or later.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde_testkit::{Attributes, Fault, Log, Received, Receiver, Script};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::world::{Ended, Platform, radiosonde};

/// In a header, as it may come out of somebody's secrets.
const TOKEN: &str = "auth_8Qm2vXw4Tz7Lk1Bn5Rc9";
/// Service and machine of everybody who sends, but for the child, which has the machine of its worker.
const SENDERS: [(&str, &str); 5] = [
    ("api", "machine-api"),
    ("scheduler", "machine-scheduler"),
    ("submit", "machine-client"),
    ("worker", "machine-worker-1"),
    ("worker", "machine-worker-2"),
];
/// Far less than requests to a collector that hangs may take, far more than an orderly end does.
const END_WITHIN: Duration = Duration::from_secs(30);

/// The variables of a file, as a shell reads them, with another endpoint and a token.
fn variables(name: &str, endpoint: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("environments/{name}.env"));
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    let mut variables: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let before = variables.insert("OTEL_EXPORTER_OTLP_ENDPOINT".into(), endpoint.to_owned());
    assert!(before.unwrap().starts_with("http://"));
    let headers = variables.get_mut("OTEL_EXPORTER_OTLP_HEADERS").unwrap();
    headers.push_str(&format!(",Authorization=Bearer%20{TOKEN}"));
    variables.insert("NO_PROXY".into(), "127.0.0.1".into());
    variables
}

fn start(name: &str, endpoint: &str) -> Platform {
    let variables = variables(name, endpoint);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    Platform::start_with(&[], &variables)
}

#[test]
fn each_environment_has_its_name_on_everything_and_its_data_set_at_the_collector() {
    for name in ["development", "staging", "production"] {
        let collector = Receiver::start().unwrap();
        let platform = start(name, &collector.http_endpoint());
        let ended = platform.submit("render", &[]).ended();
        assert_eq!(ended.outcome, "success");
        let (folder, lines) = platform.end();
        drain(folder.path());

        let received = collector.received();
        for request in collector.requests() {
            assert_eq!(request.header("dash0-dataset"), Some(name));
            assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        }
        for resource in resources(&received) {
            assert_eq!(resource.text("deployment.environment.name"), Some(name), "{resource:?}");
        }
        has_all_of(&received, &ended);
        has_every(&received, &lines);
        let runs: Vec<_> = received.points_of("job_runs_total").collect();
        assert!(!runs.is_empty());
        assert!(runs.iter().all(|run| run.attributes.text("environment") == Some(name)));

        // What the files keep is for whoever develops; in the clusters there is a backend.
        let is_kept = lines.iter().any(|line| line["evt"] == "span")
            && lines.iter().any(|line| line["meta"]["kind"] == "snapshot");
        assert_eq!(is_kept, name == "development");
        no_file_has(TOKEN, folder.path());
    }
}

#[test]
fn a_collector_that_is_down_changes_nothing_about_jobs_and_gets_everything_later() {
    for fault in [Fault::Refuse, Fault::HangAfterBody] {
        let collector = Receiver::with(Script::healthy().until_told(fault.clone())).unwrap();
        let platform = start("staging", &collector.http_endpoint());
        let stalled = platform.submit("stall", &["--job", "job-1703"]);
        let taken = platform.line("the first attempt", |line| line["evt"] == "job.taken");
        let killed = taken["worker_id"].as_str().unwrap();
        kill_process(platform.worker(killed).unwrap(), Signal::KILL).unwrap();
        let stalled = stalled.ended();
        assert_eq!((stalled.attempts, &*stalled.outcome), (2, "success"), "{fault:?}");
        let broken = platform.submit("broken", &[]).ended();
        assert_eq!((broken.attempts, &*broken.outcome), (3, "failure"), "{fault:?}");
        let begun = Instant::now();
        let (folder, lines) = platform.end();
        assert!(begun.elapsed() < END_WITHIN, "{fault:?}: {:?}", begun.elapsed());
        assert!(collector.received().is_empty(), "{fault:?}");

        collector.next_step();
        drain(folder.path());
        let received = collector.received();
        has_every(&received, &lines);
        let attempts = |ended: &Ended, killed: bool| {
            let process = received
                .spans
                .iter()
                .filter(|span| (&*span.name, &span.trace_id) == ("process job", &ended.trace));
            let interrupted = received.logs.iter().filter(|log| {
                (&*log.event_name, &log.trace_id) == ("span.interrupted", &ended.trace)
            });
            (process.count(), interrupted.count() > 0)
                == (ended.attempts as usize - usize::from(killed), killed)
        };
        assert!(attempts(&stalled, true) && attempts(&broken, false), "{fault:?}");
        // What the killed worker had said, in its own name.
        let said = received.logs.iter().find(|log| uid(log) == taken["id"].as_str().unwrap());
        let machine = said.unwrap().origin.resource.text("machine_id");
        assert_eq!(machine, Some(&*format!("machine-{killed}")));
        no_file_has(TOKEN, folder.path());
    }
}

#[test]
fn an_endpoint_that_is_none_is_named_and_everything_stays_on_disk() {
    let platform = start("staging", "nowhere");
    let ended = platform.submit("render", &[]).ended();
    let (_folder, lines) = platform.end();
    let spans = crate::world::check_job(&lines, &ended);
    assert!(spans.len() > 5, "{spans:?}");
    let named = lines.iter().filter(|line| {
        line["evt"] == "telemetry.problem"
            && line["msg"].as_str().unwrap().contains("OTEL_EXPORTER_OTLP_ENDPOINT")
    });
    let named: BTreeSet<_> = named.map(|line| line["machine_id"].as_str().unwrap()).collect();
    for (_, machine) in SENDERS {
        assert!(named.contains(machine), "{machine}: {named:?}");
    }
}

/// Sends what had no time when its process ended.
fn drain(folder: &Path) {
    let directory = folder.join("data/telemetry");
    let arguments = ["spool", "drain", "--within", "60s", "--dir", directory.to_str().unwrap()];
    let (told, status) = radiosonde(&arguments);
    // 1 when there was nothing left to send.
    assert!(status <= 1, "{told}");
}

/// Holds what was received of a job without faults against what is promised of it.
fn has_all_of(received: &Received, ended: &Ended) {
    let machine = |resource: &Attributes| {
        let text = |name| resource.text(name).unwrap_or_default().to_owned();
        (text("service.name"), text("machine_id"))
    };
    let measured: BTreeSet<_> =
        received.points.iter().map(|point| machine(&point.origin.resource)).collect();
    for (service, machine) in SENDERS {
        assert!(measured.contains(&(service.into(), machine.into())), "{machine}: {measured:?}");
    }
    assert!(measured.iter().any(|(service, _)| service == "render"), "{measured:?}");

    let of_trace: Vec<_> =
        received.spans.iter().filter(|span| span.trace_id == ended.trace).collect();
    let known: BTreeSet<&str> = of_trace.iter().map(|span| &*span.span_id).collect();
    let orphans = of_trace.iter().filter(|span| !known.contains(&*span.parent_id));
    let roots: Vec<&str> = orphans.map(|span| &*span.name).collect();
    assert_eq!(roots, ["submit job"], "one trace without an orphan");
    let services: BTreeSet<_> =
        of_trace.iter().map(|span| machine(&span.origin.resource).0).collect();
    assert_eq!(services, ["api", "render", "scheduler", "submit", "worker"].map(Into::into).into());

    for (event, service) in [
        ("job.submitted", "api"),
        ("job.taken", "worker"),
        ("scene.rendered", "render"),
        ("job.finished", "scheduler"),
    ] {
        let said: Vec<_> = received.logs.iter().filter(|log| log.event_name == event).collect();
        let [log] = said[..] else { panic!("{event}: {said:?}") };
        assert_eq!(log.origin.resource.text("service.name"), Some(service), "{event}");
        assert_eq!(log.attributes.text("job_id"), Some(&*ended.job), "{event}");
        assert_eq!(log.trace_id, ended.trace, "{event}");
    }
}

/// Holds that every event and log of the day files was received.
fn has_every(received: &Received, lines: &[Value]) {
    let sent: BTreeSet<&str> = received.logs.iter().map(uid).collect();
    let is_log = |line: &&Value| line["evt"] != "span" && line["evt"] != "metric";
    let logs: BTreeSet<&str> =
        lines.iter().filter(is_log).map(|line| line["id"].as_str().unwrap()).collect();
    assert!(!logs.is_empty());
    let missing: Vec<_> = logs.difference(&sent).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The id of a log, which is that of its line.
fn uid(log: &Log) -> &str {
    log.attributes.text("log.record.uid").unwrap()
}

fn resources(received: &Received) -> impl Iterator<Item = &Attributes> {
    let logs = received.logs.iter().map(|log| &log.origin.resource);
    let spans = received.spans.iter().map(|span| &span.origin.resource);
    logs.chain(spans).chain(received.points.iter().map(|point| &point.origin.resource))
}

/// Looks at every file below a folder.
fn no_file_has(secret: &str, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            no_file_has(secret, &entry.path());
        } else {
            let bytes = fs::read(entry.path()).unwrap();
            let has = bytes.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!has, "{:?}", entry.path());
        }
    }
}
