//! What is found is what jq finds, which parses every line and knows no index: by every condition, in
//! files as they are written, sealed, and both at once.
//!
//! jq is found by `JQ` or on the path. Without it the test prints `not run`, unless
//! `XTASK_REQUIRE_SERVERS=1` makes that a failure; when `XTASK_WITHOUT` names it, it is not run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use radiosonde_store::sealed::{SealOptions, seal};

use crate::fixture::{Dir, command, run};

/// A question: our options, and the condition for jq.
const QUESTIONS: [(&str, &str); 14] = [
    ("--job job-1", r#".job_id == "job-1""#),
    ("--job job-12", r#".job_id == "job-12""#),
    (
        "--job job-1 --level error",
        r#".job_id == "job-1" and (.level | . == "error" or . == "critical")"#,
    ),
    (
        "--trace 000000000000000000000000000001a4",
        r#".trace_id == "000000000000000000000000000001a4""#,
    ),
    (
        "--trace 000000000000000000000000000001",
        r#".trace_id // "" | startswith("000000000000000000000000000001")"#,
    ),
    ("--session s-7", r#".session_id == "s-7""#),
    ("--machine machine-3", r#".machine_id == "machine-3""#),
    ("--worker w-1", r#".worker_id == "w-1""#),
    ("--level warning", r#".level | . == "warning" or . == "error" or . == "critical""#),
    ("--evt rate_limited", r#".evt == "rate_limited""#),
    (
        "--evt rate_limited --evt page_fetched --level error",
        r#"(.evt | . == "rate_limited" or . == "page_fetched") and (.level | . == "error" or . == "critical")"#,
    ),
    (
        "--since 2025-10-06T11:00:00Z --until 2025-10-06T11:05:00Z",
        r#".ts >= "2025-10-06T11:00:00" and .ts < "2025-10-06T11:05:00""#,
    ),
    (
        "--machine machine-3 --since 2025-10-06T20:00:00Z",
        r#".machine_id == "machine-3" and .ts >= "2025-10-06T20:00:00""#,
    ),
    ("--until 2025-10-06T23:59:59Z", r#".ts < "2025-10-06T23:59:59""#),
];

/// Lines of two processes: each file in about the order of time, with lines that come late.
const LINES: usize = 3_500;

#[test]
fn what_is_found_is_what_jq_finds() {
    let Some(jq) = jq() else { return };
    let files = [("events-2025-10-06.jsonl", 1), ("events-2025-10-06.3.jsonl", 2)]
        .map(|(name, seed)| (name, content(seed)));
    let all: String = files.iter().map(|(_, text)| text.as_str()).collect();
    let reference = Dir::empty();
    reference.write("all", &all);
    let forms = [("live", [false, false]), ("sealed", [true, true]), ("mixed", [true, false])];
    let dirs = forms.map(|(form, sealed)| {
        let dir = Dir::empty();
        for ((name, text), is_sealed) in files.iter().zip(sealed) {
            dir.write(name, text);
            if is_sealed {
                seal_in(dir.path(), name);
            }
        }
        (form, dir)
    });
    for (options, condition) in QUESTIONS {
        let filter = format!("select({condition})");
        let expected =
            answers(Command::new(&jq).args(["-c", &filter]).arg(reference.path().join("all")));
        assert!(!expected.is_empty(), "{options}: finds nothing, so it proves nothing");
        for (form, dir) in &dirs {
            let found = dir.run(&format!("logs -o json {options}")).exits(0);
            let lines: Vec<&str> = found.out.lines().collect();
            assert!(lines.is_sorted_by_key(|line| &line[..TIME]), "{form}, {options}: not by time");
            assert_eq!(lines.len(), expected.len(), "{form}, {options}");
            let lines: BTreeSet<&str> = lines.into_iter().collect();
            let differs = lines.iter().zip(&expected).find(|(ours, theirs)| *ours != theirs);
            assert_eq!(differs, None, "{form}, {options}: ours, jq's");
        }
    }
}

#[test]
fn the_newest_are_the_last_by_time_wherever_they_stand() {
    let Some(jq) = jq() else { return };
    let dir = Dir::empty();
    let (one, two) = (content(1), content(2));
    dir.write("events-2025-10-06.jsonl", &one);
    dir.write("events-2025-10-06.3.jsonl", &two);
    let reference = Dir::empty();
    reference.write("all", one + &two);
    let all = answers(Command::new(jq).args(["-c", "."]).arg(reference.path().join("all")));
    // Every line begins with its time.
    let newest: Vec<&String> = all.iter().skip(all.len() - 50).collect();
    for is_sealed in [false, true] {
        if is_sealed {
            seal_in(dir.path(), "events-2025-10-06.jsonl");
        }
        let found = dir.run("logs -o json -n 50").exits(0);
        assert_eq!(found.out.lines().collect::<Vec<_>>(), newest, "sealed: {is_sealed}");
    }
    let none = run(command(&[
        "logs",
        "-o",
        "json",
        "--job",
        "job",
        "--dir",
        dir.path().to_str().unwrap(),
    ]));
    assert_eq!((none.out.as_str(), none.status), ("", 1), "the beginning of ids is no id");
}

/// Bytes of a line up to the end of its time.
const TIME: usize = r#"{"ts":"2025-10-06T10:00:00.000000Z""#.len();

/// The lines of one process: spelled as jq spells them, in the words of our encoder.
fn content(seed: u64) -> String {
    let mut state = seed;
    let mut random = |end: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let levels = ["trace", "debug", "info", "info", "info", "info", "warning", "error", "critical"];
    let names = ["log", "log", "log", "page_fetched", "rate_limited"];
    let mut text = String::new();
    for number in 0..LINES as u64 {
        let late = if random(10) == 0 { random(300) } else { 0 };
        let second = (number * 24).saturating_sub(late);
        let time = format!(
            "{:02}:{:02}:{:02}.{:06}",
            second / 3600,
            second / 60 % 60,
            second % 60,
            number * 2 + seed - 1
        );
        let (job, trace, session) = (random(40), random(1000), random(20));
        // Ids of others, escapes and keys stand in messages and values as well.
        let message = match random(50) {
            0 => format!(r#"waiting for \"job_id\":\"job-{job}\""#),
            1 => format!("asks job-{} for s-{session}", job / 10),
            2 => r#"\"level\":\"error\" \\ \t 429 → später"#.to_owned(),
            3 => "x".repeat(30_000),
            _ => format!("step {}", random(100)),
        };
        let level = levels[random(9) as usize];
        let evt = names[random(5) as usize];
        text += &format!(
            r#"{{"ts":"2025-10-06T{time}Z","level":"{level}","evt":"{evt}","source":"app","msg":"{message}","service":"ingestion""#
        );
        // Some lines are of no trace, and some of no job.
        if random(8) > 0 {
            text += &format!(r#","trace_id":"{trace:032x}","span_id":"{number:016x}""#);
        }
        if random(8) > 0 {
            text += &format!(r#","job_id":"job-{job}""#);
        }
        let (machine, worker) = (random(6), random(3));
        text += &format!(
            r#","machine_id":"machine-{machine}","worker_id":"w-{worker}","session_id":"s-{session}","meta":{{"status":{},"job_id":"job-{}"}},"id":"aaaaaaa{seed}.{worker}.{number}"}}"#,
            200 + random(300),
            random(40)
        );
        text.push('\n');
    }
    text
}

/// Puts the sealed file in the place of the day file.
fn seal_in(dir: &Path, name: &str) {
    let source = dir.join(name);
    let sealed =
        seal(&source, &dir.join(format!("{name}.zst")), &SealOptions::default(), &mut || true)
            .unwrap();
    assert!(sealed.frames > 2, "frames to leave out");
    fs::remove_file(source).unwrap();
}

/// The lines a program answers, sorted.
fn answers(program: &mut Command) -> Vec<String> {
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// The program, or `None` when the test is not to be run.
fn jq() -> Option<std::ffi::OsString> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part.trim() == "jq") {
        eprintln!("not run: XTASK_WITHOUT names jq");
        return None;
    }
    let place = std::env::var_os("JQ").unwrap_or_else(|| "jq".into());
    let version = Command::new(&place).arg("--version").output();
    if version.is_ok_and(|version| version.status.success()) {
        return Some(place);
    }
    let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!required, "no jq: install it, or set JQ");
    eprintln!("not run: no jq on the path and none in JQ");
    None
}
