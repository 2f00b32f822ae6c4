//! The command line: what is refused, what is explained, where is looked.

use crate::fixture::{Dir, command, event, existing, lines, run};

#[test]
fn what_cannot_be_meant_is_refused_with_a_word_on_what_to_write() {
    let dir = Dir::story();
    for (args, told) in [
        ("logs --since sometime", "yesterday"),
        ("logs --until 2025-02-30", "yesterday"),
        ("logs --level loud", "warning"),
        ("logs --job a/b", "letters, digits"),
        ("logs --worker \u{e9}", "letters, digits"),
        ("logs --job order/\u{e4}\u{1b}", "stands in the files as `order___`"),
        ("logs --session a/b", "stands in the files as `a_b`"),
        ("logs --job=", "letters, digits"),
        ("logs --trace xyz", "hex digits"),
        ("trace 00-0edadbc0a1b2c3d4e5f60718293a4b5c-00f067aa0ba902b7", "or by a traceparent"),
        ("trace 00-0edadbc0-00f067aa0ba902b7-01", "or by a traceparent"),
        ("correlate o-1", "correlate --job o-1, or --trace,"),
        ("correlate 0edadbc0", "correlate --job 0edadbc0, or --trace,"),
        ("correlate \u{1b}[2J", "correlate --job '\\u{1b}[2J', or --trace,"),
        (
            "correlate 0edadbc0a1b2c3d4e5f60718293a4b5c",
            "correlate --trace 0edadbc0a1b2c3d4e5f60718293a4b5c\n",
        ),
        (
            "correlate 00-0EDADBC0a1b2c3d4e5f60718293a4b5c-00f067aa0ba902b7-01",
            "correlate --trace 0edadbc0a1b2c3d4e5f60718293a4b5c\n",
        ),
        ("correlate o-1 --trace 0e", "correlate --job o-1, or --trace,"),
        ("trace xyz", "hex digits"),
        ("logs -n 0", "1 or more"),
        ("logs -n -3", "1 or more"),
        ("logs -o xml", "pretty"),
        ("logs --color blue", "auto"),
        ("logs --jib x", "--job"),
        ("trace", "which trace"),
        ("trace 0e --trace 0f", "cannot be used with"),
        ("correlate", "--job"),
        ("correlate --level error", "--job"),
        ("logs --since 25h --until 26h", "empty span of time"),
        ("logs --since now --until yesterday", "empty span of time"),
        ("logs --since 1h --until 1h", "empty span of time"),
        (
            "logs --since 2025-10-07 --until 2025-10-06",
            "begins (--since) at 2025-10-07 00:00:00.000",
        ),
        ("metrics --since 1h --until 2h", "empty span of time"),
        ("trace 0e --since 1h --until 2h", "empty span of time"),
        ("correlate --job j --since 1h --until 2h", "empty span of time"),
        ("removed --since 1h --until 2h", "empty span of time"),
        ("removed --since sometime", "yesterday"),
        ("blame", "unrecognized subcommand"),
    ] {
        let ran = dir.run(args).exits(2).tells(&[told]);
        assert_eq!(ran.out, "", "{args}");
    }
    let too_long = format!("logs --job {}", "x".repeat(129));
    let told = format!("in the files as `{}`", "x".repeat(128));
    let _ = dir.run(&too_long).exits(2).tells(&[&told]);
}

#[test]
fn a_trace_is_found_by_the_traceparent_of_a_header() {
    let dir = Dir::story();
    let own = "0edadbc0a1b2c3d4e5f60718293a4b5c-00f067aa0ba90001";
    for traceparent in [format!("00-{own}-01"), format!("01-{own}-03-later")] {
        for args in ["trace ", "trace --trace ", "correlate --trace ", "logs --trace "] {
            let ran = dir.run(&format!("{args}{traceparent}")).exits(0);
            let _ = ran.prints(&["openrouter_error"]);
        }
    }
    let _ = dir.run(&format!("trace 00-{}-01", own.replace('0', "1"))).exits(1);
}

#[test]
fn relative_times_may_begin_with_a_minus() {
    for args in [
        "logs --since -3d",
        "logs --since 3d --until now",
        "logs --since=-2h",
        "logs --until now --since yesterday",
    ] {
        let _ = Dir::empty().run(args).exits(1);
    }
    let _ = Dir::story().run("logs --since -36500d").exits(0);
}

#[test]
fn a_directory_that_is_not_there_is_told_from_an_empty_one() {
    let _ = Dir::empty().run("logs").exits(1).tells(&["nothing found in 0 files"]);
    let dir = Dir::story();
    let _ = dir.run("logs --dir /no/such/place").exits(2).tells(&["/no/such/place does not exist"]);
    dir.write("notes.txt", "");
    for args in ["removed", "recover"] {
        let file = dir.path().join("notes.txt");
        let ran = dir.run(&format!("{args} --dir {}", file.display()));
        let _ = ran.exits(2).tells(&["notes.txt is not a directory"]);
    }
}

#[test]
fn a_single_day_file_is_read_alone() {
    let (story, elsewhere) = (Dir::story(), Dir::empty());
    for name in ["events-2025-10-06.jsonl", "spans-2025-10-06.jsonl"] {
        std::fs::copy(story.path().join(name), elsewhere.path().join(name)).unwrap();
    }
    let of = |args: &str, name: &str| {
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.arg("--dir").arg(elsewhere.path().join(name));
        run(command)
    };
    let ran = of("correlate --job job-7", "events-2025-10-06.jsonl").exits(0);
    let _ = ran.prints(&["gave up"]).omits(&["GET /usage"]);
    let _ = of("trace --job job-7", "spans-2025-10-06.jsonl").exits(0).prints(&["GET /usage"]);
    let _ = of("logs", "spans-2025-10-06.jsonl").exits(1).tells(&["nothing found in 0 files of"]);
    let _ = of("logs", "events-2025-10-07.jsonl").exits(2).tells(&["does not exist"]);
    let _ = of("removed", "events-2025-10-06.jsonl").exits(2).tells(&["is not a directory"]);
    // By its bare name as well.
    let mut here = command(&["logs", "--dir", "events-2025-10-06.jsonl"]);
    let _ = here.current_dir(elsewhere.path());
    let _ = run(here).exits(0).prints(&["gave up"]);
}

#[test]
fn several_directories_are_one_story() {
    let (a, b) = (Dir::story(), Dir::empty());
    b.write(
        "events-2025-10-06.jsonl",
        lines(&[event(
            50,
            "01.000000",
            "info",
            "log",
            "elsewhere",
            &[r#""job_id":"job-7""#],
            "{}",
        )]),
    );
    let _ = a
        .run(&format!("correlate --job job-7 --dir {}", b.path().display()))
        .exits(0)
        .prints(&["elsewhere", "gave up"]);
}

#[test]
fn without_a_directory_the_usual_places_are_looked_at() {
    let home = Dir::empty();
    let one = |msg: &str| lines(&[event(1, "00.000000", "info", "log", msg, &[], "{}")]);
    let bare = |vars: &[(&str, &str)]| {
        let mut command = command(&["logs"]);
        let _ = command.current_dir(home.path()).envs(vars.iter().copied());
        run(command)
    };
    let path = home.path().to_str().unwrap();

    let _ = bare(&[("HOME", path)]).exits(2).tells(&[
        "data/telemetry",
        ".local/state/radiosonde",
        "--dir",
        "RADIOSONDE_DIR",
    ]);
    let _ = bare(&[]).exits(2).tells(&["--dir"]);

    for (service, msg) in [("a", "from a"), ("b", "from b")] {
        let dir = existing(home.path().join(".local/state/radiosonde").join(service));
        std::fs::write(
            dir.join("events-2025-10-06.jsonl"),
            one(msg).replace("aaaaaaaa", &service.repeat(8)),
        )
        .unwrap();
    }
    let _ = bare(&[("HOME", path)]).exits(0).prints(&["from a", "from b"]);

    let data = existing(home.path().join("data/telemetry"));
    std::fs::write(data.join("events-2025-10-06.jsonl"), one("from data")).unwrap();
    let _ = bare(&[("HOME", path)]).exits(0).prints(&["from data"]).omits(&["from a"]);

    let state = existing(home.path().join("state"));
    std::fs::write(state.join("events-2025-10-06.jsonl"), one("from state")).unwrap();
    let both = format!("{}:/no/such", state.display());
    let _ = bare(&[("HOME", path), ("STATE_DIRECTORY", &both)]).exits(0).prints(&["from state"]);

    let _ = bare(&[("RADIOSONDE_DIR", "state"), ("STATE_DIRECTORY", "/no/such")])
        .exits(0)
        .prints(&["from state"]);
    let _ = bare(&[("RADIOSONDE_DIR", "/no/such")]).exits(2).tells(&["/no/such does not exist"]);
}

#[test]
fn help_has_examples_for_every_subcommand() {
    for subcommand in ["logs", "events", "trace", "metrics", "correlate"] {
        let long = run(command(&[subcommand, "--help"])).exits(0).prints(&[
            "Examples:",
            "--since",
            "RADIOSONDE_DIR",
        ]);
        assert!(long.out.contains(&format!("radiosonde {subcommand} ")), "{}", long.out);
    }
    for subcommand in ["removed", "recover", "completions"] {
        let example = format!("  radiosonde {subcommand} ");
        let _ = run(command(&[subcommand, "--help"])).exits(0).prints(&["Examples:", &example]);
    }
    let _ = run(command(&["--help"])).exits(0).prints(&["correlate", "Exit status", "UTC"]);
    let _ = run(command(&["--version"])).exits(0).prints(&["radiosonde 0"]);
    let _ = run(command(&[])).exits(2);
}

#[test]
fn recover_tells_when_there_is_nothing_and_when_it_cannot() {
    let _ = Dir::story().run("recover").exits(1).prints(&["nothing to recover"]);
    let _ =
        run(command(&["recover", "--dir", "/no/such/place"])).exits(2).tells(&["does not exist"]);
    let _ = run(command(&["recover", "--help"])).exits(0).prints(&[
        "Examples:",
        "Exit status: 0",
        "2 usage, or a directory that does not",
    ]);
    // Remains nobody can read are named and do not stop it.
    let dir = Dir::story();
    let rings = existing(dir.path().join("inst/0/aaaaaaaa/rings"));
    std::fs::write(rings.join("0"), "not a ring").unwrap();
    let ran = dir.run("recover");
    assert!(ran.status == 3 && !ran.err.contains("panicked"), "{}\n{}", ran.out, ran.err);
}

#[test]
fn help_wraps_at_the_width_of_the_terminal_and_at_a_hundred_columns() {
    let longest = |columns: &str| {
        let mut command = command(&["logs", "--help"]);
        let _ = command.env("COLUMNS", columns);
        run(command).exits(0).out.lines().map(|line| line.chars().count()).max().unwrap()
    };
    assert!((50..=60).contains(&longest("60")), "{}", longest("60"));
    assert!((90..=100).contains(&longest("300")), "{}", longest("300"));
}

#[test]
fn help_fills_its_lines_and_breaks_no_example_at_eighty_columns() {
    let commands = [
        "",
        "logs",
        "events",
        "trace",
        "metrics",
        "correlate",
        "coverage",
        "removed",
        "recover",
        "doctor",
        "spool",
        "spool status",
        "spool list",
        "spool show",
        "spool drain",
        "spool drop",
        "ops",
        "ops check",
        "ops diff",
        "ops schema",
        "completions",
    ];
    for name in commands {
        let args: Vec<&str> = name.split(' ').filter(|word| !word.is_empty()).collect();
        let mut command = command(&[&args[..], &["--help"]].concat());
        let _ = command.env("COLUMNS", "80");
        let help = run(command).exits(0).out;
        let lines: Vec<&str> = help.lines().collect();
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
        for pair in lines.windows(2) {
            assert!(pair[0].chars().count() <= 80, "{name}: {}", pair[0]);
            if is_prose(pair[0]) && is_prose(pair[1]) {
                let word = pair[1].split(' ').next().unwrap_or_default();
                let filled = pair[0].chars().count() + 1 + word.chars().count();
                assert!(filled > 80, "{name}: {word} has room behind: {}", pair[0]);
            }
        }
        let examples = lines.iter().skip_while(|line| !line.starts_with("Examples:")).skip(1);
        for line in examples {
            assert!(line.is_empty() || line.starts_with("  "), "{name}: a broken example: {line}");
        }
    }
}

#[test]
fn completions_know_every_subcommand() {
    for (shell, begins) in
        [("bash", "_radiosonde()"), ("zsh", "#compdef radiosonde"), ("fish", "# Print")]
    {
        let ran = run(command(&["completions", shell])).exits(0).prints(&[
            "correlate",
            "removed",
            "recover",
            "retry-quarantined",
            "check",
            "diff",
            // Values, of levels and of outputs.
            "critical",
            "csv",
        ]);
        assert!(ran.out.starts_with(begins), "{shell}: {:.80}", ran.out);
        assert_eq!(ran.err, "");
    }
    let _ = run(command(&["completions"])).exits(2).tells(&["<SHELL>"]);
    let _ = run(command(&["completions", "tcsh"])).exits(2).tells(&["bash", "zsh", "fish"]);
}

/// What bash itself proposes.
#[cfg(target_os = "linux")]
#[test]
fn bash_completes_by_the_script() {
    let dir = Dir::empty();
    dir.write("script", run(command(&["completions", "bash"])).exits(0).out);
    let complete = r#"source "$1" && shift && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && \
        _radiosonde radiosonde "${@: -1}" "${@: -2:1}" && printf '%s\n' "${COMPREPLY[@]}""#;
    for (words, expect) in [
        ("radiosonde rem", "removed\n"),
        ("radiosonde logs --level wa", "warning\n"),
        ("radiosonde logs --output c", "csv\n"),
        ("radiosonde trace --output c", "\n"),
    ] {
        let mut bash = std::process::Command::new("bash");
        let _ = bash.args(["--norc", "-c", complete, "bash"]).arg(dir.path().join("script"));
        let _ = bash.args(words.split(' '));
        assert_eq!(run(bash).exits(0).out, expect, "{words}");
    }
}

#[test]
fn colours_can_be_forced_and_no_color_goes_first() {
    let dir = Dir::story();
    let colored = |variables: &[(&str, &str)]| {
        let mut command = command(&["logs", "-n", "1", "--dir"]);
        let _ = command.arg(dir.path()).envs(variables.iter().copied());
        run(command).exits(0).out.contains('\u{1b}')
    };
    for (variables, expect) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[("CLICOLOR_FORCE", "")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], true),
    ] {
        assert_eq!(colored(variables), expect, "{variables:?}");
    }
}
