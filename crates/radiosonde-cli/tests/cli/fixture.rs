//! A telemetry directory, and the command run over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) const TRACE: &str = "0edadbc0a1b2c3d4e5f60718293a4b5c";

/// A directory that is removed at the end of the test.
pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One failed job `job-7` of all four signals beside a line of `job-77` and one of nobody.
    pub(crate) fn story() -> Self {
        let dir = Self::empty();
        dir.write(
            "events-2025-10-06.jsonl",
            lines(&[
                event(
                    1,
                    "00.050000",
                    "info",
                    "log",
                    "window opened",
                    &[JOB, SPAN_ROOT],
                    r#"{"range":"2025-09-01 to 2025-09-02"}"#,
                ),
                event(
                    2,
                    "01.113000",
                    "warning",
                    "openrouter_error",
                    "429 Rate limit, retrying",
                    &[JOB, SPAN_GET],
                    r#"{"status":429,"attempt":2}"#,
                ),
                event(
                    3,
                    "02.450000",
                    "error",
                    "ingestion.window_failed",
                    "gave up",
                    &[JOB, SPAN_ROOT],
                    r#"{"attempts":4}"#,
                ),
                event(
                    4,
                    "02.460000",
                    "info",
                    "log",
                    "another job",
                    &[r#""job_id":"job-77""#],
                    "{}",
                ),
            ]),
        );
        // Another process, and a line that was recovered a week later; line 2 a second time.
        dir.write(
            "events-2025-10-13.1.jsonl",
            lines(&[
                event(
                    2,
                    "01.113000",
                    "warning",
                    "openrouter_error",
                    "429 Rate limit, retrying",
                    &[JOB, SPAN_GET],
                    r#"{"status":429,"attempt":2}"#,
                ),
                event(5, "00.010000", "debug", "log", "nobody's", &[], "{}"),
            ]),
        );
        dir.write("spans-2025-10-06.jsonl", lines(&[
            span(1, "01.100000", "GET /usage", SPAN_GET, Some("00f067aa0ba90001"), "00.100000", 1_000_000, r#","kind":"client","status":"ok""#),
            span(2, "02.300000", "store", SPAN_STORE, Some("00f067aa0ba90009"), "02.200000", 100_000, r#","status":"unset""#),
            span(3, "02.500000", "ingest", SPAN_ROOT, None, "00.000000", 2_500_000, r#","status":"error","status_message":"gave up","attributes":{"provider":"acme"}"#),
        ]));
        dir.write("metrics-2025-10-06.jsonl", lines(&[
            metric(1, "00.000000", "snapshot", r#""name":"runs_total","type":"counter","labels":{"outcome":"failure"},"value":40"#),
            metric(2, "03.000000", "snapshot", r#""name":"runs_total","type":"counter","labels":{"outcome":"failure"},"value":41"#),
            metric(3, "03.000000", "snapshot", r#""name":"fetch_ms","type":"histogram","unit":"ms","labels":{},"count":4,"sum":1000,"buckets":[[100.0,1],[500.0,4],["+Inf",4]]"#),
            metric(4, "01.150000", "delta", r#""name":"fetch_ms","type":"histogram","unit":"ms","labels":{},"count":2,"sum":600"#),
            metric(5, "02.400000", "delta", r#""name":"runs_total","type":"counter","labels":{"outcome":"failure"},"value":1"#),
            metric(6, "02.400000", "delta", r#""name":"fetch_ms","type":"histogram","unit":"ms","labels":{},"count":1,"sum":300"#),
        ]));
        dir
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), content).unwrap();
    }

    /// Runs the command over this directory. Arguments are split at spaces.
    pub(crate) fn run(&self, args: &str) -> Ran {
        let dir = self.path().to_str().unwrap();
        let mut split: Vec<&str> = args.split(' ').collect();
        split.extend(["--dir", dir]);
        run(command(&split))
    }
}

const JOB: &str = r#""job_id":"job-7","machine_id":"web-1","worker_id":"w-3""#;
const SPAN_ROOT: &str = "00f067aa0ba90001";
const SPAN_GET: &str = "00f067aa0ba90002";
const SPAN_STORE: &str = "00f067aa0ba90003";

/// What a run of the command left.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Asserts the status, showing everything when it is another.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Asserts that stdout holds all of these.
    #[track_caller]
    pub(crate) fn prints(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.out.contains(text),
                "no {text:?} in stdout:\n{}\nstderr:\n{}",
                self.out,
                self.err
            );
        }
        self
    }

    /// Asserts that stdout holds none of these.
    #[track_caller]
    pub(crate) fn omits(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(!self.out.contains(text), "{text:?} in stdout:\n{}", self.out);
        }
        self
    }

    /// Asserts that stderr holds all of these.
    #[track_caller]
    pub(crate) fn tells(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.err.contains(text),
                "no {text:?} in stderr:\n{}\nstdout:\n{}",
                self.err,
                self.out
            );
        }
        self
    }
}

/// The command with an environment that holds nothing but what a test puts there.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiosonde"));
    let _ = command.args(args).env_clear().stdin(Stdio::null());
    command
}

pub(crate) fn run(mut command: Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Ran {
        status: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

pub(crate) fn existing(path: PathBuf) -> PathBuf {
    fs::create_dir_all(&path).unwrap();
    path
}

pub(crate) fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A line of `events-*`, some seconds after 11:50. Of `ids`, what has no quotes is a span id.
pub(crate) fn event(
    seq: u32,
    at: &str,
    level: &str,
    evt: &str,
    msg: &str,
    ids: &[&str],
    meta: &str,
) -> String {
    let ids: String = ids
        .iter()
        .map(|id| match id.starts_with('"') {
            true => format!("{id},"),
            false => format!(r#""trace_id":"{TRACE}","span_id":"{id}","#),
        })
        .collect();
    format!(
        r#"{{"ts":"2025-10-06T11:50:{at}Z","level":"{level}","evt":"{evt}","source":"app","msg":"{msg}","service":"ingestion",{ids}"meta":{meta},"id":"aaaaaaaa.1.{seq}"}}"#
    )
}

#[allow(clippy::too_many_arguments, reason = "the keys of a span line")]
fn span(
    seq: u32,
    at: &str,
    name: &str,
    id: &str,
    parent: Option<&str>,
    start: &str,
    us: u64,
    more: &str,
) -> String {
    let parent = parent.map(|id| format!(r#""parent_span_id":"{id}","#)).unwrap_or_default();
    format!(
        r#"{{"ts":"2025-10-06T11:50:{at}Z","level":"info","evt":"span","source":"app","msg":"{name}","service":"ingestion","trace_id":"{TRACE}","span_id":"{id}",{JOB},"meta":{{"name":"{name}",{parent}"start":"2025-10-06T11:50:{start}Z","duration_us":{us}{more}}},"id":"aaaaaaaa.2.{seq}"}}"#
    )
}

fn metric(seq: u32, at: &str, kind: &str, meta: &str) -> String {
    let ids = match kind {
        "delta" => format!(r#""trace_id":"{TRACE}","span_id":"{SPAN_ROOT}",{JOB},"#),
        _ => r#""machine_id":"web-1","#.to_owned(),
    };
    format!(
        r#"{{"ts":"2025-10-06T11:50:{at}Z","level":"info","evt":"metric","source":"metrics","msg":"m","service":"ingestion",{ids}"meta":{{"kind":"{kind}",{meta}}},"id":"aaaaaaaa.3.{seq}"}}"#
    )
}

/// The command over a directory, with room for a few open files.
#[cfg(target_os = "linux")]
pub(crate) fn few_descriptors(args: &str, dir: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    let limited = r#"ulimit -n 24 && exec "$0" "$@""#;
    let _ = command.args(["-c", limited, env!("CARGO_BIN_EXE_radiosonde")]);
    let _ = command.args(args.split(' ')).arg("--dir").arg(dir).env_clear().stdin(Stdio::null());
    command
}
