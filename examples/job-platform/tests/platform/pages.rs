//! The pages that tell of the platform, held to it: their commands find what they say.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Signal, kill_process};

use crate::world::{Platform, radiosonde};

/// Every line of its `sh` blocks is a question to the platform.
const COOKBOOK: &str = "docs/query-cookbook.md";
const PAGES: [&str; 5] = [
    COOKBOOK,
    "docs/debugging.md",
    "docs/finding-faults.md",
    "docs/information-flow.md",
    "examples/job-platform/README.md",
];
/// The trace of job-1703 on the pages.
const TRACE: &str = "730383aad796c58825901b9ea2fe002c";
/// Questions of the cookbook that have no answer here, as it says.
const NOTHING_FOUND: [&str; 3] = ["--evt panic", "radiosonde removed", "radiosonde recover"];
/// What commands on pages leave open, and an answer.
const PLACEHOLDERS: [(&str, &str); 5] = [
    ("JOB", "job-1705"),
    ("WORKER", "worker-1"),
    ("MACHINE", "machine-worker-1"),
    ("TRACE", TRACE),
    ("COMMAND", "logs"),
];

#[test]
fn the_commands_of_the_pages_find_what_they_say() {
    let environment =
        [("RADIOSONDE_PROMETHEUS", "127.0.0.1:0"), ("OTEL_METRIC_EXPORT_INTERVAL", "6000")];
    let platform = Platform::start_with(&["--limit-ms", "4000"], &environment);
    let trace = six_jobs(&platform);
    let folder = platform.folder.path();

    let cookbook = page(COOKBOOK);
    let commands: Vec<&str> = blocks(&cookbook, "sh")
        .flat_map(str::lines)
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(commands.len() > 50, "{}", commands.len());
    for command in commands {
        let answer = ask(command, folder, &trace);
        let Some((printed, status)) = answer else { continue };
        if NOTHING_FOUND.iter().any(|words| command.contains(words)) {
            assert_eq!(status, 1, "{command}: {printed}");
        } else {
            assert_eq!(status, 0, "{command}: {printed}");
            assert!(!printed.is_empty(), "{command}");
        }
    }

    // Elsewhere what is shown is of another run: the commands are understood.
    for name in PAGES {
        let text = page(name);
        let shown = blocks(&text, "text").flat_map(str::lines);
        let shown = shown.filter_map(|line| line.strip_prefix("$ "));
        let written = text.split('`').skip(1).step_by(2);
        let written =
            written.filter(|code| code.starts_with("radiosonde ") && !code.contains('\n'));
        for command in shown.chain(written).filter(|command| !command.starts_with("curl ")) {
            let mut command = command.trim_end_matches(" …").to_owned();
            for (name, value) in PLACEHOLDERS {
                let words: Vec<&str> = command
                    .split(' ')
                    .map(|word| if word == name { value } else { word })
                    .collect();
                command = words.join(" ");
            }
            let answer = ask(&command.replace("TRACEPARENT", TRACE), folder, &trace);
            assert!(answer.is_none_or(|(_, status)| status <= 1), "{name}: {command}");
        }
    }
}

/// The jobs the pages tell of. Returns the trace of job-1703.
fn six_jobs(platform: &Platform) -> String {
    let submit = |job: &str, kind: &str| platform.submit(kind, &["--job", job]);
    let stalled = submit("job-1703", "stall");
    let loaded = platform.line("the first attempt", |line| {
        line["job_id"] == "job-1703" && line["meta"]["name"] == "GET /scenes/{id}"
    });
    let worker = platform.worker(loaded["worker_id"].as_str().unwrap()).unwrap();
    kill_process(worker, Signal::KILL).unwrap();
    let others = [
        ("job-1701", "render"),
        ("job-1702", "flaky"),
        ("job-1704", "slow"),
        ("job-1705", "hang"),
        ("job-1706", "broken"),
    ];
    let others = others.map(|(job, kind)| (submit(job, kind), kind));
    for (client, kind) in others {
        let expected = match kind {
            "hang" => "timeout",
            "broken" => "failure",
            _ => "success",
        };
        assert_eq!(client.ended().outcome, expected, "{kind}");
    }
    for worker in ["worker-1", "worker-2"] {
        platform.line("a heartbeat", |line| {
            line["evt"] == "worker.status" && line["worker_id"] == worker
        });
    }
    platform.line("a snapshot", |line| {
        line["meta"]["name"] == "queue_depth" && line["meta"]["kind"] == "snapshot"
    });
    stalled.ended().trace
}

/// Asks as the page does, in the folder of the platform. `None` when a program for it is missing.
pub(crate) fn ask(command: &str, folder: &Path, trace: &str) -> Option<(String, i32)> {
    let command = command.replace(TRACE, trace).replace(&TRACE[..8], &trace[..8]);
    let (question, rest) = match command.split_once(" | ") {
        Some((question, rest)) if question.starts_with("radiosonde ") => (question, Some(rest)),
        None if command.starts_with("radiosonde ") => (&*command, None),
        _ => return shell(&command, folder, ""),
    };
    // What stands in quotes has no spaces in it.
    let words = question.split_whitespace().skip(1).map(|word| word.trim_matches('\''));
    let mut words: Vec<&str> = words.collect();
    // The page has other directories than the test.
    while let Some(place) = words.iter().position(|word| *word == "--dir") {
        words.drain(place..=place + 1);
    }
    let directory = folder.join("data/telemetry");
    if !["ops", "help"].contains(&words[0]) {
        words.extend(["--dir", directory.to_str().unwrap()]);
    }
    let (printed, status) = radiosonde(&words);
    match rest {
        Some(rest) if status == 0 => shell(rest, folder, &printed),
        _ => Some((printed, i32::from(status))),
    }
}

fn shell(command: &str, folder: &Path, input: &str) -> Option<(String, i32)> {
    for program in ["jq", "rg", "zstdcat"] {
        if command.split_whitespace().any(|word| word == program) && !is_there(program) {
            return None;
        }
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env("TZ", "UTC");
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // It may read nothing of it, or print before it has read all.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Some((String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap()))
}

/// Whether a program is on the path; where everything is asked for it has to be.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    let package = if program == "zstdcat" { "zstd" } else { program };
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    let left_out = without.split(',').any(|part| part.trim() == package);
    assert!(!required || left_out, "no {program} on the path");
    eprintln!("not run: {program}");
    false
}

pub(crate) fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).unwrap()
}

/// Blocks of code in a language.
pub(crate) fn blocks<'p>(page: &'p str, language: &str) -> impl Iterator<Item = &'p str> {
    let fences = page.split("```").skip(1).step_by(2);
    let start = format!("{language}\n");
    fences.filter_map(move |block| block.strip_prefix(&*start))
}
