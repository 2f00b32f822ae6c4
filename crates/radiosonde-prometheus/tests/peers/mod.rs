//! A listener over metrics, and the programs of others that read what it says.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod prometheus;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use radiosonde_prometheus::{Endpoints, PagesService, bind, serve};
use tokio::sync::oneshot;

pub(crate) const TEXT: &str = "text/plain;version=0.0.4";
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// Long enough for a loaded machine; never waited for when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A listener on a thread of its own, stopped when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(endpoints: impl Endpoints + 'static) -> Self {
        let bound = bind("127.0.0.1:0").unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let shutdown = async { drop(stopped.await) };
            let served = serve(bound.listener, PagesService::new(endpoints), shutdown);
            runtime.unwrap().block_on(served).unwrap();
        });
        Self { addr: bound.addr, stop: Some(stop), thread: Some(thread) }
    }

    /// `/metrics` in the format asked for, as it came.
    pub(crate) fn scrape(&self, accept: &str) -> String {
        let answer = get(self.addr, "/metrics", &format!("accept: {accept}\r\n"));
        let named = accept.split(';').next().unwrap();
        assert!(answer.head.contains(&format!("content-type: {named}")), "{}", answer.head);
        assert_eq!(answer.status, 200, "{}", answer.head);
        answer.body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

/// What came back over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks by HTTP/1.0, whose answers come in one piece; status 0 when nobody answers.
pub(crate) fn get(addr: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut answer = Vec::new();
    if let Ok(mut stream) = TcpStream::connect(addr) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nhost: {addr}\r\n{headers}\r\n");
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_end(&mut answer);
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Whether the part is there; says why its test is not run. Missing is a failure with
/// `XTASK_REQUIRE_SERVERS=1`, unless `XTASK_WITHOUT` names it.
fn is_there(part: &str, found: impl FnOnce() -> bool, advice: &str) -> bool {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|named| named.trim() == part) {
        eprintln!("not run: XTASK_WITHOUT names {part}");
        return false;
    }
    let found = found();
    if !found {
        let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
        assert!(!required, "no {part}: {advice}");
        eprintln!("not run: no {part}: {advice}");
    }
    found
}

fn runs(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A program of the package `prometheus`, if its tests are to be run.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let variable = name.to_uppercase();
    let program = std::env::var_os(&variable).map_or_else(|| name.into(), PathBuf::from);
    let advice = format!("install the package `prometheus`, or set {variable}");
    is_there(name, || runs(Command::new(&program).arg("--version")), &advice).then_some(program)
}

/// A Python that has the official client library, if its tests are to be run.
pub(crate) fn python() -> Option<Command> {
    const PART: &str = "prometheus-client";
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Beside what tests write there, by `cargo xtask test`.
    let installed = kept.read_dir().into_iter().flatten().filter_map(Result::ok);
    let installed = installed
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PART)));
    let place = std::env::var_os("PROMETHEUS_CLIENT").map(PathBuf::from).or(installed);
    let command = || {
        let mut command = Command::new("python3");
        if let Some(place) = &place {
            let _ = command.env("PYTHONPATH", place);
        }
        command
    };
    let advice = "run `cargo xtask test`, or set PROMETHEUS_CLIENT to the folder it is in";
    let import = || runs(command().args(["-c", "import prometheus_client"]));
    is_there(PART, import, advice).then(command)
}

/// Runs a command over an input; its status, what it printed, what it complained of.
pub(crate) fn run(mut command: Command, input: &str) -> (i32, String, String) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // On a thread of its own: the command may print before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}
