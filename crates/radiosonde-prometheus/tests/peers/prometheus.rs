//! A Prometheus of our own: on a port of its own, in a temporary folder, stopped by its process id.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::{PATIENCE, get};

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Prometheus {
    addr: SocketAddr,
    child: Child,
    log: PathBuf,
    /// Removed when dropped.
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes `target` once a second.
    pub(crate) fn start(program: &Path, target: SocketAddr) -> Self {
        // A free port may be taken by somebody else before Prometheus has it.
        for _ in 0..5 {
            if let Some(started) = Self::try_start(program, target) {
                return started;
            }
        }
        panic!("no Prometheus could be started");
    }

    fn try_start(program: &Path, target: SocketAddr) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n\
             - job_name: ours\n  static_configs:\n  - targets: ['{target}']\n"
        );
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let log = folder.path().join("log");
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(program)
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={addr}"))
            .arg("--enable-feature=exemplar-storage")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut started = Self { addr, child, log, _folder: folder };
        let begun = Instant::now();
        while get(started.addr, "/-/ready", "").status != 200 {
            if started.child.try_wait().unwrap().is_some() {
                eprintln!("{}", started.said());
                return None;
            }
            assert!(begun.elapsed() < PATIENCE, "not ready: {}", started.said());
            sleep(PAUSE);
        }
        Some(started)
    }

    /// What it wrote to its log.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The lines of its log that are complaints.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let said = self.said();
        let bad = |line: &&str| line.contains("level=error") || line.contains("level=warn");
        said.lines().filter(bad).map(str::to_owned).collect()
    }

    /// The field `data` of an answer.
    pub(crate) fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Json {
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let answer = get(self.addr, &format!("{path}?{}", parameters.join("&")), "");
        let json: Json = serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{path} {parameters:?}: {error}: {answer:?}"));
        assert_eq!(json["status"], "success", "{parameters:?}: {json}");
        assert!(json["warnings"].is_null(), "{json}");
        json["data"].clone()
    }

    /// The series that a query answers with, now or at a time in seconds.
    pub(crate) fn query(&self, query: &str, at: Option<f64>) -> Vec<Json> {
        let at = at.map(|at| format!("{at:.3}"));
        let time = at.iter().map(|at| ("time", at.as_str()));
        let parameters: Vec<_> = [("query", query)].into_iter().chain(time).collect();
        let data = self.ask("/api/v1/query", &parameters);
        data["result"].as_array().unwrap().clone()
    }

    /// The value of a query that has one, if it has one now.
    pub(crate) fn number(&self, query: &str, at: Option<f64>) -> Option<f64> {
        let found = self.query(query, at);
        assert!(found.len() <= 1, "{query}: {found:?}");
        Some(as_number(&found.first()?["value"][1]))
    }

    /// All values of one series, each with its time.
    pub(crate) fn samples(&self, selector: &str) -> Vec<(f64, f64)> {
        let found = self.query(&format!("{selector}[1h]"), None);
        assert!(found.len() <= 1, "{selector}: {found:?}");
        let Some(values) = found.first().and_then(|series| series["values"].as_array()) else {
            return Vec::new();
        };
        values.iter().map(|sample| (sample[0].as_f64().unwrap(), as_number(&sample[1]))).collect()
    }

    /// Waits until the answer holds, and fails when it does not become true.
    pub(crate) fn wait_until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "{what} did not happen: {}", self.said());
            sleep(PAUSE);
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of an answer, which is a text there.
fn as_number(json: &Json) -> f64 {
    json.as_str().unwrap().parse().unwrap()
}

/// As it stands in the query of an address.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
