//! What is written by who knows other programs: it does what was meant, or says what to write.

use std::path::Path;

use crate::fixture::{Dir, Ran, TRACE, command, event, existing, lines, run};

/// Machines with a directory of their own, and a line each that names them.
fn machines(names: &[&str]) -> Dir {
    let dir = Dir::empty();
    for (number, name) in names.iter().enumerate() {
        let of = existing(dir.path().join("m").join(name));
        let msg = format!("from {name}");
        let id = format!(r#""job_id":"job-7","trace_id":"{TRACE}""#);
        let line = event(number as u32, "01.000000", "info", "log", &msg, &[&id], "{}");
        let line = line.replace("ingestion", &format!("service {name}"));
        std::fs::write(of.join("events-2025-10-06.jsonl"), lines(&[line])).unwrap();
    }
    dir
}

fn within(dir: &Path, args: &[&str]) -> Ran {
    let mut command = command(args);
    let _ = command.current_dir(dir);
    run(command)
}

#[test]
fn a_pattern_that_the_shell_has_taken_apart_means_all_of_it() {
    let dir = machines(&["a", "b", "web"]);
    let both = ["from a", "from b"];
    for args in [
        &["logs", "--dir", "m/a", "m/b"][..],
        &["logs", "m/a", "m/b"],
        &["logs", "m/a", "--dir=m/b"],
        &["logs", "--dir=m/a", "m/b", "--where", "job_id=job-7"],
        &["logs", "--where", "job_id=job-7", "--", "m/a", "m/b"],
        &["logs", "m/a/events-2025-10-06.jsonl", "m/b"],
        &["logs", "m/[ab]"],
        &["correlate", "--dir", "m/a", "m/b", "--job", "job-7"],
        &["trace", "--dir", "m/a", "m/b", "--level", "info", "0eda"],
        &["trace", "--level", "info", "--dir", "m/a", "m/b", "--", "0eda"],
    ] {
        let _ = within(dir.path(), args).exits(0).prints(&both).omits(&["from web"]);
    }
    let _ = within(dir.path(), &["top", "--dir", "m/a", "m/b"]).exits(0);
    let _ = within(&dir.path().join("m"), &["trace", "--dir", "a", "web"])
        .exits(2)
        .tells(&["which trace?"])
        .omits(&["from"]);
    let _ = within(dir.path(), &["events", "job-7"]).exits(2).tells(&[
        "job-7 is no directory or file",
        "--job",
        "--where 'msg~=",
    ]);
    let mut stdin = command(&["logs", "-"]);
    let _ = stdin.current_dir(dir.path());
    let file = std::fs::File::open(dir.path().join("m/a/events-2025-10-06.jsonl")).unwrap();
    let _ = stdin.stdin(file);
    let _ = run(stdin).exits(0).prints(&["from a"]);
}

#[test]
fn a_directory_of_something_else_is_told_from_one_without_lines() {
    let dir = machines(&["a", "b"]);
    for command in ["logs", "correlate --job job-7", "top", "coverage", "metrics"] {
        let args: Vec<&str> = command.split(' ').chain(["--dir", "m"]).collect();
        let _ = within(dir.path(), &args).exits(2).tells(&[
            "m holds no telemetry itself",
            "m/a and 1 below it do",
            "--dir 'm/*'",
        ]);
    }
    let one = machines(&["a"]);
    let _ = within(one.path(), &["logs", "--dir", "m"]).exits(2).tells(&["itself: --dir m/a"]);
    dir.write("notes.txt", "");
    std::fs::remove_dir_all(dir.path().join("m")).unwrap();
    let _ = dir.run("logs").exits(2).tells(&["holds no telemetry: name"]);
    // A service that has written nothing yet.
    let _ = existing(dir.path().join("inst"));
    let _ = dir.run("logs").exits(1).tells(&["nothing found in 0 files"]);
    let story = Dir::story();
    let spans = story.path().join("spans-2025-10-06.jsonl");
    let _ = within(story.path(), &["logs", spans.to_str().unwrap()])
        .exits(1)
        .tells(&["spans-2025-10-06.jsonl holds spans, which `radiosonde trace` reads"]);
}

#[test]
fn a_key_that_no_line_has_is_told() {
    let dir = Dir::story();
    for (args, told) in [
        ("logs --where statsu>=400", Some("no line looked at has `statsu`")),
        ("logs --where status>=400 attmpt=2", Some("no line looked at has `attmpt`")),
        ("logs --where .status>=400", Some("`.status`; without the point, `status`?")),
        ("trace 0eda --where provder=acme", Some("no line looked at has `provder`")),
        ("logs --where status>=900", None),
        ("logs --where session_id=x", Some("no line looked at has `session_id`")),
        ("logs --where attempt>=2.0.0", Some("`attempt>=2.0.0` goes by the bytes of texts")),
        ("logs --where attempt>=20ms", Some("of numbers `attempt` does not say which they have")),
        ("logs --evt openrouter", Some("whole names")),
        ("logs --since 2199-01-01", Some("--since is in the future, 2199-01-01 00:00")),
    ] {
        let ran = dir.run(args).exits(1).tells(&["nothing found"]);
        match told {
            Some(told) => assert!(ran.err.contains(told), "{args}: {}", ran.err),
            None => assert!(!ran.err.contains('`'), "{args}: {}", ran.err),
        }
    }
    for fields in ["--field=", "--field msg,,ts", "--field \u{a0}"] {
        let ran = dir.run(&format!("logs -o csv {fields}")).exits(2);
        let _ = ran.tells(&["a column has the name of a field"]);
    }
    // Ids by the words they are shown with.
    // A trace as it is shown, by its first digits.
    let of_trace = dir.run("logs --trace 0edadbc0 -o json").exits(0).out;
    for condition in
        ["trace=0edadbc0", "trace_id=0EDADBC0", "trace=0edadbc0a1b2c3d4e5f60718293a4b5c"]
    {
        let ran = dir.run(&format!("logs --where {condition} -o json")).exits(0);
        assert_eq!(ran.out, of_trace, "{condition}");
    }
    let _ = dir.run("logs --where trace_id=\"0edadbc0\"").exits(1);
    let _ = dir.run("logs --where job=job-77").exits(0).prints(&["another job"]).omits(&["gave"]);
    let _ = dir.run("logs -o csv --field job,worker -n 2").exits(0).prints(&["job-7,w-3\r\n"]);
    for output in ["table", "csv"] {
        let ran = dir.run(&format!("logs -o {output} --field ts,nope,status,session_id")).exits(0);
        assert_eq!(ran.err, "radiosonde: no line shown has `nope`\n", "{output}");
    }
}

#[test]
fn a_service_is_asked_for_by_its_name() {
    let dir = machines(&["a", "b"]);
    for args in [
        &["logs", "m/*", "--service", "service a"][..],
        &["logs", "m/*", "-n", "5", "--service=service a"],
        &["correlate", "--job", "job-7", "--dir", "m/*", "--service", "service a"],
    ] {
        let _ = within(dir.path(), args).exits(0).prints(&["from a"]).omits(&["from b"]);
    }
    let _ = within(dir.path(), &["logs", "m/*", "--service", "service"]).exits(1);
}

#[test]
fn what_other_programs_call_otherwise_is_told_how_it_is_called_here() {
    let dir = Dir::story();
    for (args, told) in [
        ("logs --grep retrying", "--where 'msg~="),
        ("logs --source=app", "--where source=NAME"),
        ("trace 0eda --message x", "--where 'msg~="),
        ("logs --from 1h", "--since WHEN"),
        ("trace 0eda other", "--dir 'm/*'"),
        ("logs --evt ingestion.*", "--where 'evt~=^ingestion\\.'"),
        ("logs --evt *.failed", "whole names"),
    ] {
        let ran = dir.run(args).exits(2).tells(&[told]);
        assert_eq!(ran.out, "", "{args}");
    }
}

#[test]
fn what_the_environment_leaves_out_is_told() {
    let dir = Dir::story();
    let with = |args: &str, variables: &[(&str, &str)]| {
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.arg("--dir").arg(dir.path()).envs(variables.iter().copied());
        run(command)
    };
    let job = [("RADIOSONDE_CLI_JOB", "x"), ("RADIOSONDE_CLI_LIMIT", "5")];
    let ran = with("logs", &job).exits(1).tells(&["with RADIOSONDE_CLI_JOB=x\n"]);
    assert!(!ran.err.contains("LIMIT"), "{}", ran.err);
    let ran = with("logs --job y", &job).exits(1);
    assert!(!ran.err.contains("RADIOSONDE_CLI"), "{}", ran.err);
    let level = [("RADIOSONDE_CLI_LEVEL", "error")];
    // What looks like all there is says that it is not.
    let cut = ["radiosonde: only what fits RADIOSONDE_CLI_LEVEL=error, out of the environment\n"];
    for args in ["top", "trace 0eda", "correlate --job job-7"] {
        let _ = with(args, &level).exits(0).tells(&cut);
        let ran = with(&format!("{args} -o json"), &level).exits(0);
        assert_eq!(ran.err, "", "{args}");
    }
    let name = [("RADIOSONDE_CLI_WHERE", "name=runs_total")];
    for args in ["metrics", "metrics --job job-7"] {
        let _ = with(args, &name).exits(0).tells(&["only what fits RADIOSONDE_CLI_WHERE"]);
    }
    let since = [("RADIOSONDE_CLI_SINCE", "2025-10-06")];
    let _ = with("stats", &since).exits(0).tells(&["only what fits RADIOSONDE_CLI_SINCE"]);
    assert_eq!(with("logs", &level).exits(0).err, "");
    let _ = with("top --explain", &level).exits(0).tells(&["given   by the environment"]);
    // A story that is cut says so, whoever cut it.
    let limit = [("RADIOSONDE_CLI_LIMIT", "1")];
    for args in ["correlate --job job-7", "trace 0eda"] {
        let told = ["only the newest 1 line is here, and there are more (RADIOSONDE_CLI_LIMIT=1)"];
        let _ = with(args, &limit).exits(0).prints(&told);
        let ran = with(&format!("{args} -n 2"), &limit).exits(0);
        let _ = ran.prints(&["only the newest 2 lines are here"]).omits(&["RADIOSONDE_CLI"]);
        let _ = with(&format!("{args} -n 100"), &limit).exits(0).omits(&["only the newest"]);
    }
    let json = with("correlate --job job-7 --json", &limit).exits(0);
    assert_eq!(json.out.lines().count(), 1);
    let _ = json.tells(&["only the newest 1 line", "RADIOSONDE_CLI_LIMIT=1"]);

    let typo = [("RADIOSONDE_CLI_TYPO", "1"), ("RADIOSONDE_CLI_LEVEL", "error")];
    let told =
        ["RADIOSONDE_CLI_TYPO=1: no option is called so", "RADIOSONDE_CLI_LEVEL=error: honoured"];
    let _ = with("doctor --offline", &typo).prints(&told);
}

#[test]
fn a_directory_where_none_is_meant_says_where_it_goes() {
    let dir = Dir::story();
    let path = dir.path().to_str().unwrap();
    for args in [&["metrics"][..], &["trace"], &["correlate", "--job", "job-7"], &["correlate"]] {
        for of_story in [false, true] {
            let mut args = args.to_vec();
            args.push(path);
            if of_story {
                args.extend(["--dir", path]);
            }
            let ran = run(command(&args)).exits(2);
            let _ = ran.tells(&[&format!("{path} is a directory: --dir {path}")]);
        }
    }
    let _ = dir.run("metrics nobody").exits(1).tells(&["no metric is called nobody"]);
    let _ = dir.run("trace nobody").exits(2).tells(&["a trace is given"]);
}

#[test]
fn a_pattern_in_the_variable_means_what_it_does_behind_dir() {
    let dir = machines(&["a", "b", "web"]);
    std::fs::write(dir.path().join("m/ab"), "a file").unwrap();
    let of = |args: &str, pattern: &str| {
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.current_dir(dir.path()).env("RADIOSONDE_DIR", pattern);
        run(command)
    };
    let _ = of("logs", "m/[ab]*").exits(0).prints(&["from a", "from b"]).omits(&["from web"]);
    let _ = of("correlate --job job-7", "m/*").exits(0).prints(&["from a", "from web"]);
    let _ = of("coverage", "m/*").exits(1).omits(&["does not exist"]);
    let _ = of("logs", "m/x*").exits(2).tells(&["nothing fits", "m/x*"]);
    let _ = of("logs", "m/x").exits(2).tells(&["m/x does not exist"]);
    // A directory that is called so.
    let named = existing(dir.path().join("m/[c]"));
    let of_c = event(1, "01.000000", "info", "log", "from c", &[], "{}");
    std::fs::write(named.join("events-2025-10-06.jsonl"), lines(&[of_c])).unwrap();
    let _ = of("logs", "m/[c]").exits(0).prints(&["from c"]);
}

#[test]
fn a_name_of_an_event_that_is_none_is_told_and_one_that_is_there_is_not() {
    let dir = Dir::story();
    let whole = "--evt takes whole names of events, such as openrouter_error: `radiosonde stats";
    for (args, told) in [
        ("logs --evt openrouter", Some(whole)),
        ("logs --evt openrouter_error --level critical", None),
        ("logs --evt nobody", Some("no line looked at has the name nobody: `radiosonde stats")),
        ("logs --evt nobody --evt router", Some(whole)),
    ] {
        let ran = dir.run(args).exits(1).tells(&["nothing found"]);
        match told {
            Some(told) => assert!(ran.err.contains(told), "{args}: {}", ran.err),
            None => assert!(!ran.err.contains("stats"), "{args}: {}", ran.err),
        }
    }
}
