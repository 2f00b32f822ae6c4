//! `radiosonde ops`, held to what it prints: each case stands in `ops/expected`, and
//! `XTASK_BLESS=1 cargo test -p radiosonde-cli` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::fixture::{Dir, Ran, command, run};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/ops")
}

fn ops(args: &str) -> Ran {
    let mut command = command(&["ops"]);
    let _ = command.args(args.split(' ').filter(|arg| !arg.is_empty())).current_dir(folder());
    run(command)
}

const CASES: &[(&str, i32, &str)] = &[
    ("check_broken", 1, "check broken.json"),
    ("check_clean", 0, "check clean.json"),
    ("check_deprecated_in_time", 0, "check deprecated.json --today 2026-11-14"),
    ("check_deprecated_over", 1, "check deprecated.json --today 2026-11-15"),
    ("check_directory", 2, "check expected"),
    ("check_json", 1, "check broken.json clean.json --json"),
    ("check_misread", 1, "check misread.json"),
    ("check_missing", 2, "check nosuch.json"),
    ("check_nothing_here", 2, "check"),
    ("check_rules", 0, "check --rules"),
    ("check_rules_json", 0, "check --rules --json"),
    ("check_several", 2, "check clean.json broken.json nosuch.json misread.json"),
    ("diff_breaking", 1, "diff clean.json changed.json --today 2026-11-10"),
    ("diff_compatible", 0, "diff clean.json versioned.json --today 2026-11-10"),
    ("diff_json", 1, "diff clean.json changed.json --today 2026-11-10 -o json"),
    ("diff_missing", 2, "diff nosuch.json clean.json"),
    ("diff_nothing", 0, "diff clean.json clean.json"),
    ("diff_removed_in_time", 0, "diff deprecated.json removed.json --today 2026-11-15"),
    ("diff_removed_too_early", 1, "diff deprecated.json removed.json --today 2026-11-14"),
    ("diff_unreadable", 2, "diff clean.json broken.json"),
];

#[test]
fn what_is_printed_is_what_is_expected() {
    let bless = std::env::var_os("XTASK_BLESS").is_some();
    let mut wrong = Vec::new();
    for (name, status, args) in CASES {
        let ran = ops(args).exits(*status);
        let printed =
            format!("$ radiosonde ops {args}\n{}--- stderr\n{}--- {status}\n", ran.out, ran.err);
        let path = folder().join("expected").join(format!("{name}.txt"));
        if bless {
            fs::write(&path, &printed).unwrap();
        } else if fs::read_to_string(&path).ok().as_ref() != Some(&printed) {
            wrong.push(format!("{}\n{printed}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
    let files = fs::read_dir(folder().join("expected")).unwrap().count();
    assert_eq!(files, CASES.len(), "a file in expected belongs to no case");
}

#[test]
fn the_registry_in_the_working_directory_is_the_default() {
    let dir = Dir::empty();
    dir.write("registry.json", fs::read(folder().join("clean.json")).unwrap());
    let mut here = command(&["ops", "check"]);
    let _ = here.current_dir(dir.path());
    let _ = run(here).exits(0).prints(&["registry.json: 3 metrics, no problems"]);
}

#[test]
fn hostile_files_end_with_a_message() {
    let dir = Dir::empty();
    dir.write("huge.json", vec![b' '; 5 << 20]);
    dir.write("binary.json", [0xff_u8, 0xfe, 0, 1, 2]);
    dir.write("deep.json", "[".repeat(1 << 20));
    dir.write("deep_object.json", "{\"a\":".repeat(200_000));
    dir.write("nul.json", [0_u8; 64]);
    dir.write("empty.json", "");
    let expression = |text: &str| {
        format!(
            r#"{{"schema_version": 1, "metrics": [{{"name": "a:b", "type": "gauge", "unit": "1",
               "help": "A.", "source": "derived", "expression": "{text}"}}]}}"#
        )
    };
    dir.write("brackets.json", expression(&"(".repeat(1 << 20)));
    dir.write("endless.json", expression("rate(a[inf])"));
    dir.write(
        "escapes.json",
        "{\"schema_version\": 1, \"\\u001b[2J\\u001b]0;owned\\u0007\\n\\u202e\": 1}",
    );
    for (file, status, told) in [
        ("huge.json", 2, "larger than 4 MiB"),
        ("binary.json", 2, "not UTF-8"),
        ("deep.json", 1, "deep"),
        ("deep_object.json", 1, "deep"),
        ("nul.json", 1, "expected a value"),
        ("empty.json", 1, "found the end"),
        ("brackets.json", 1, "longer than 4096 bytes"),
        ("endless.json", 1, "no duration"),
        ("escapes.json", 1, "unknown key"),
    ] {
        for args in ["ops check", "ops check --json"] {
            let path = dir.path().join(file);
            let mut command = command(&args.split(' ').collect::<Vec<_>>());
            let _ = command.arg(&path);
            let ran = run(command).exits(status);
            let both = format!("{}{}", ran.out, ran.err);
            assert!(both.contains(told), "{file}: {both}");
            assert!(!both.contains("panicked"), "{both}");
            let acts = both.contains(['\u{1b}', '\u{7}', '\u{202e}']);
            assert!(!acts || args.ends_with("json"), "{file}: {both:?}");
            assert!(both.len() < 16 << 10, "{file}: {} bytes", both.len());
        }
    }
    let mut diff = command(&["ops", "diff"]);
    let _ = diff.args([dir.path().join("deep.json"), dir.path().join("escapes.json")]);
    let ran = run(diff).exits(2).tells(&["deep", "unknown key"]);
    assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
}

/// A registry from a branch: no file is needed for it.
#[test]
fn a_registry_may_come_through_a_pipe() {
    let old = || Stdio::from(fs::File::open(folder().join("clean.json")).unwrap());
    let piped = |args: &[&str], input: Stdio| {
        let mut command = command(args);
        let _ = command.current_dir(folder()).stdin(input);
        run(command)
    };
    let ran = piped(&["ops", "diff", "-", "clean.json"], old());
    let _ = ran.exits(0).prints(&["clean.json: nothing changed from -"]);
    let ran = piped(&["ops", "check", "-"], old());
    let _ = ran.exits(0).prints(&["-: 3 metrics, no problems"]);
    let ran = piped(&["ops", "diff", "-", "-"], old());
    let _ = ran.exits(2).tells(&["`-` can be read once"]);
    let ran = piped(&["ops", "check", "-", "-"], Stdio::null());
    let _ = ran.exits(2).tells(&["`-` can be read once"]);
    let ran = piped(&["ops", "check", "-"], Stdio::null());
    let _ = ran.exits(1).prints(&["-:1:1: ", "found the end"]);
    if cfg!(unix) {
        // Endless, and no file: read up to the bound.
        let ran = piped(&["ops", "check", "/dev/zero"], Stdio::null());
        let _ = ran.exits(2).tells(&["/dev/zero: larger than 4 MiB"]);
        // As `<(git show main:registry.json)` is.
        let mut cat = std::process::Command::new("cat");
        let mut cat = cat.arg(folder().join("clean.json")).stdout(Stdio::piped()).spawn().unwrap();
        let pipe = Stdio::from(cat.stdout.take().unwrap());
        let ran = piped(&["ops", "check", "/dev/stdin"], pipe);
        let _ = ran.exits(0).prints(&["/dev/stdin: 3 metrics, no problems"]);
        assert!(cat.wait().unwrap().success());
    }
}

#[test]
fn colours_come_when_they_are_asked_for() {
    for (args, expect) in [
        ("check broken.json", false),
        ("check broken.json --color always", true),
        ("diff clean.json changed.json --color always", true),
        ("check broken.json --json --color always", false),
    ] {
        assert_eq!(ops(args).out.contains('\u{1b}'), expect, "{args}");
    }
    let mut quiet = command(&["ops", "check", "broken.json"]);
    let _ = quiet.current_dir(folder()).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(!run(quiet).exits(1).out.contains('\u{1b}'));
}

#[test]
fn the_help_of_each_has_examples_and_exit_codes() {
    for (args, example) in
        [("check --help", "  radiosonde ops check "), ("diff --help", "  radiosonde ops diff ")]
    {
        let _ = ops(args).exits(0).prints(&["Examples:", "Exit status: 0", "--today", example]);
    }
    let _ = ops("schema --help").exits(0).prints(&["Examples:", "$schema"]);
    let _ = ops("check clean.json --rules").exits(2).tells(&["cannot be used with"]);
    let _ = ops("--help").exits(0).prints(&["check", "diff", "Examples:"]);
    let _ = ops("").exits(2);
    let _ = ops("check --today 2026-02-30").exits(2).tells(&["write it as 2026-11-01"]);
    let _ = ops("diff clean.json").exits(2).tells(&["NEW"]);
}

#[test]
fn json_lines_are_objects_with_the_same_keys() {
    let ran = ops("check broken.json misread.json --json").exits(1);
    let lines: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 3, "{}", ran.out);
    for line in &lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["column", "file", "fix", "line", "path", "what"]);
    }
    let ran = ops("diff clean.json changed.json --json").exits(1);
    for line in ran.out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["breaking", "fix", "new", "old", "path", "what"]);
    }
}

#[test]
fn the_schema_is_the_one_that_is_committed() {
    let committed =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../radiosonde-registry/registry.schema.json");
    let ran = ops("schema").exits(0);
    let same = ran.out == fs::read_to_string(committed).unwrap();
    assert!(same, "write it anew: radiosonde ops schema > {committed}");
    assert_eq!(ran.err, "");
}
