//! The files of `environments`: what differs between environments, and no secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::collector::{Collector, Received};
use crate::world::{Platform, until};

/// In a header, as it may come out of somebody's secrets.
const TOKEN: &str = "auth_8Qm2vXw4Tz7Lk1Bn5Rc9";
/// Service, machine and metrics of what is sent.
const SENT: [(&str, &str, &[&str]); 4] = [
    ("api", "machine-api", &["process.uptime"]),
    ("scheduler", "machine-scheduler", &["process.uptime", "jobs.waiting"]),
    ("worker", "machine-worker-1", &["process.uptime", "jobs.running"]),
    ("worker", "machine-worker-2", &["process.uptime", "jobs.running"]),
];
/// Far less than the exporters of four processes wait for an answer, far more than an orderly end takes.
const END_WITHIN: Duration = Duration::from_secs(12);

/// The variables of a file, as a shell reads them, with another endpoint and little time between exports.
fn variables(name: &str, endpoint: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("environments/{name}.env"));
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    let mut variables: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
    // Plain, as the client is.
    let before = variables.insert("OTEL_EXPORTER_OTLP_ENDPOINT".into(), endpoint.to_owned());
    assert!(before.unwrap().starts_with("http://"));
    variables.insert("OTEL_METRIC_EXPORT_INTERVAL".into(), "500".into());
    variables.insert("NO_PROXY".into(), "127.0.0.1".into());
    variables
}

fn start(variables: &BTreeMap<String, String>) -> Platform {
    let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    Platform::start_with(&[], &variables)
}

#[test]
fn each_environment_has_its_name_on_every_series_and_its_data_set_at_the_collector() {
    for name in ["development", "staging", "production"] {
        let collector = Collector::start();
        let mut variables = variables(name, &collector.endpoint);
        let headers = variables.get_mut("OTEL_EXPORTER_OTLP_HEADERS").unwrap();
        headers.push_str(&format!(",Authorization=Bearer%20{TOKEN}"));
        let platform = start(&variables);
        let ended = platform.submit("render", &[]).ended();
        assert_eq!(ended.outcome, "success");
        for (service, machine, metrics) in SENT {
            let sent = until(&format!("{machine}, {name}"), || {
                let is_from = |received: &Received| {
                    received.resource.get("host.name").is_some_and(|host| host == machine)
                };
                collector.received().into_iter().find(is_from)
            });
            assert_eq!(sent.request, "POST /v1/metrics HTTP/1.1");
            assert_eq!(sent.resource["service.name"], service);
            assert_eq!(sent.metrics, metrics);
        }
        let (folder, lines) = platform.end();

        for sent in collector.received() {
            assert_eq!(sent.headers["dash0-dataset"], name);
            assert_eq!(sent.headers["authorization"], format!("Bearer {TOKEN}"));
            assert_eq!(sent.resource["deployment.environment.name"], name);
        }
        let runs: Vec<_> = lines
            .iter()
            .filter(|line| {
                line["meta"]["name"] == "job_runs_total" && line["meta"]["kind"] == "snapshot"
            })
            .collect();
        assert!(!runs.is_empty());
        for run in runs {
            assert_eq!(run["meta"]["labels"]["environment"], name, "{run}");
        }
        assert_eq!(on_disk(&lines), SENT.iter().map(|(_, machine, _)| *machine).collect());
        assert!(!lines.iter().any(|line| line["level"] == "warning" && is_of_sending(line)));
        no_file_has(TOKEN, folder.path());
    }
}

#[test]
fn a_collector_that_is_down_changes_nothing_but_the_log() {
    // It takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (endpoint, said) in [
        ("http://127.0.0.1:1", "the status of this machine did not reach the collector"),
        (&*silent, "the collector does not answer: the last status is not sent"),
        ("nowhere", "the status of this machine is not sent"),
    ] {
        let platform = start(&variables("staging", endpoint));
        let ended = ["flaky", "broken"].map(|kind| platform.submit(kind, &[])).map(|client| {
            let ended = client.ended();
            (ended.outcome, ended.attempts)
        });
        assert_eq!(ended, [("success".into(), 2), ("failure".into(), 3)], "{endpoint}");
        let begun = Instant::now();
        let (_folder, lines) = platform.end();
        assert!(begun.elapsed() < END_WITHIN, "{endpoint}: {:?}", begun.elapsed());

        let warned = lines.iter().filter(|line| line["msg"] == said);
        let machines: BTreeSet<_> =
            warned.map(|line| line["machine_id"].as_str().unwrap()).collect();
        let all = SENT.iter().map(|(_, machine, _)| *machine).collect();
        assert_eq!(machines, all, "{endpoint}");
        let on_disk = on_disk(&lines);
        assert_eq!(on_disk, if endpoint == "nowhere" { BTreeSet::new() } else { all });
    }
}

/// The machines whose status stands in the day files.
fn on_disk(lines: &[Value]) -> BTreeSet<&str> {
    let points = lines.iter().filter(|line| line["meta"]["name"] == "process.uptime");
    points.map(|line| line["machine_id"].as_str().unwrap()).collect()
}

/// Whether a line tells of the sending itself.
fn is_of_sending(line: &Value) -> bool {
    line["source"] == "job_platform::collector"
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
