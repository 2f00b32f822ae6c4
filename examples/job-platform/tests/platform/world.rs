//! A platform of real processes, and what they leave on disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A platform that runs.
pub(crate) struct Platform {
    pub(crate) folder: TempDir,
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    /// What its clients have in their environment as well.
    environment: Vec<(String, String)>,
}

/// A job that has ended, as its client tells it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) job: String,
    pub(crate) trace: String,
    pub(crate) attempts: u32,
    pub(crate) outcome: String,
}

/// A client that waits for its job.
pub(crate) struct Client(Child);

impl Platform {
    /// Starts one whose leases end after three seconds, and that listens where there is room.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(folder.path());
        command.args(["run", "--listen", "127.0.0.1:0", "--lease-ms", "3000"]).args(arguments);
        command.envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ours = Arc::clone(&said);
        drop(std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| ours.lock().unwrap().push(line));
        }));
        let environment =
            environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let platform = Self { folder, child, said, environment: environment.collect() };
        until("both workers", || platform.worker("worker-1").zip(platform.worker("worker-2")));
        platform
    }

    /// Where the API listens.
    pub(crate) fn api(&self) -> String {
        self.said("api http://").unwrap()
    }

    /// The process of a worker: the newest, when it was started again.
    pub(crate) fn worker(&self, name: &str) -> Option<Pid> {
        Pid::from_raw(self.said(&format!("{name} pid "))?.parse().unwrap())
    }

    fn said(&self, words: &str) -> Option<String> {
        let said = self.said.lock().unwrap();
        said.iter().rev().find_map(|line| Some(line.strip_prefix(words)?.to_owned()))
    }

    /// Starts a client that submits a job.
    pub(crate) fn submit(&self, kind: &str, arguments: &[&str]) -> Client {
        let mut command = program(self.folder.path());
        command.args(["submit", "--api", &self.api(), kind]).args(arguments);
        command.envs(self.environment.iter().cloned());
        command.env("RADIOSONDE_MACHINE_ID", "machine-client");
        Client(command.stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Every line of the day files, by now.
    pub(crate) fn lines(&self) -> Vec<Value> {
        lines_of(&self.folder.path().join("data/telemetry"))
    }

    /// The first line that is like this, as soon as it is there.
    pub(crate) fn line(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(what, || self.lines().into_iter().find(&is))
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until the platform has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// Kills the process that started the others.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        let _ = wait(&mut self.child);
    }

    /// Asks the platform to end, and returns all it has left.
    pub(crate) fn end(mut self) -> (TempDir, Vec<Value>) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        assert!(wait(&mut self.child).success());
        let lines = self.lines();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (folder, lines)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // The others end with their leash. Of a process that has ended this does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    pub(crate) fn ended(mut self) -> Ended {
        let status = wait(&mut self.0);
        let said = std::io::read_to_string(self.0.stdout.take().unwrap()).unwrap();
        let [job, "trace", trace, "attempts", attempts, outcome, ..] =
            said.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("{status}: {said}");
        };
        assert_eq!(status.code(), Some(if outcome == "success" { 0 } else { 3 }), "{said}");
        assert_eq!(said.trim_end_matches('\n').trim_end(), said.trim_end_matches('\n'));
        Ended {
            job: job.to_owned(),
            trace: trace.to_owned(),
            attempts: attempts.parse().unwrap(),
            outcome: outcome.to_owned(),
        }
    }
}

/// The program in a folder of its own, without what the environment says of telemetry.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_job-platform"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let starts = ["OTEL_", "RADIOSONDE_", "RUST_LOG", "TRACEPARENT", "BAGGAGE"];
        if starts.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Every line of the day files of a directory.
pub(crate) fn lines_of(directory: &Path) -> Vec<Value> {
    let files = fs::read_dir(directory).into_iter().flatten().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let texts: Vec<String> = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    // The last line of a file may be half of one: it is being written.
    let whole = texts.iter().flat_map(|text| text.split_inclusive('\n'));
    whole
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What the command prints, and its exit status.
pub(crate) fn radiosonde(arguments: &[&str]) -> (String, u8) {
    let mut printed = Vec::new();
    let arguments = ["radiosonde"].iter().chain(arguments).map(Into::into);
    let status = radiosonde_cli::run(arguments.collect(), &mut printed);
    (String::from_utf8(printed).unwrap(), status)
}

/// Directories as arguments of the command.
pub(crate) fn dirs(directories: &[PathBuf]) -> Vec<&str> {
    directories.iter().flat_map(|path| ["--dir", path.to_str().unwrap()]).collect()
}

pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn is_there(process: Pid) -> bool {
    test_kill_process(process).is_ok()
}

fn wait(child: &mut Child) -> ExitStatus {
    until("the end of a process", || child.try_wait().unwrap())
}

/// Holds the lines of one job against what is promised of it, and returns its spans.
///
/// One trace, one root, no span whose parent is not there, and on every line job and machine.
pub(crate) fn check_job<'l>(lines: &'l [Value], ended: &Ended) -> Vec<&'l Value> {
    let of =
        |key: &str, id: &str| lines.iter().filter(|line| line[key] == id).collect::<Vec<&Value>>();
    let of_trace = of("trace_id", &ended.trace);
    for line in &of_trace {
        assert_eq!(line["job_id"], *ended.job, "{line}");
        assert!(line["machine_id"].as_str().unwrap().starts_with("machine-"), "{line}");
    }
    // What a worker is at is told once a minute, in no trace.
    let of_job = of("job_id", &ended.job).into_iter();
    for line in of_job.filter(|line| line["evt"] != "worker.status") {
        assert_eq!(line["trace_id"], *ended.trace, "{line}");
    }
    let ids: BTreeSet<&str> = of_trace.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), of_trace.len(), "no line twice");

    let is_span = |line: &&Value| line["evt"] == "span" || line["evt"] == "span.interrupted";
    let spans: Vec<&Value> = of_trace.into_iter().filter(is_span).collect();
    let known: BTreeSet<&str> =
        spans.iter().map(|line| line["span_id"].as_str().unwrap()).collect();
    assert_eq!(known.len(), spans.len(), "no span twice");
    let parent = |line: &Value| line["meta"]["parent_span_id"].as_str().map(str::to_owned);
    let roots: Vec<_> = spans.iter().filter(|line| parent(line).is_none()).collect();
    assert_eq!(roots.len(), 1, "{roots:?}");
    for line in &spans {
        assert!(parent(line).is_none_or(|parent| known.contains(&*parent)), "an orphan: {line}");
    }
    spans
}

/// Values of a key of lines, each once.
pub(crate) fn distinct<'l>(lines: &[&'l Value], key: &str) -> BTreeSet<&'l str> {
    lines.iter().filter_map(|line| line[key].as_str()).collect()
}

/// The processes lines come from: the first part of an id.
pub(crate) fn processes<'l>(lines: &[&'l Value]) -> BTreeSet<&'l str> {
    lines.iter().filter_map(|line| line["id"].as_str()?.split('.').next()).collect()
}

/// Spans of a name.
pub(crate) fn named<'l>(spans: &[&'l Value], name: &str) -> Vec<&'l Value> {
    spans.iter().copied().filter(|line| line["meta"]["name"] == name).collect()
}
