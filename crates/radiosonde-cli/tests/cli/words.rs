//! Words of the command line that could mean two things, and what is said where they do.

use std::path::Path;
use std::slice::from_ref;

use crate::fixture::{Dir, Ran, command, event, existing, lines, run};

/// A line of others of a level, as JSON has it.
fn of_level(level: &str, msg: &str) -> String {
    format!(r#"{{"ts":"2025-10-06T11:50:00Z","level":{level},"msg":"{msg}"}}"#)
}

fn within(dir: &Path, args: &str) -> Ran {
    let mut command = command(&args.split(' ').collect::<Vec<_>>());
    let _ = command.current_dir(dir);
    run(command)
}

#[test]
fn a_path_with_an_equals_sign_is_no_condition() {
    let dir = Dir::empty();
    for (day, msg) in [("date=2025-10-06", "of the sixth"), ("date=2025-10-07", "of the seventh")] {
        let lake = existing(dir.path().join(day));
        std::fs::write(lake.join("app.log"), lines(&[of_level(r#""error""#, msg)])).unwrap();
    }
    for (args, prints) in [
        ("logs --where level=error date=2025-10-06/app.log", &["of the sixth"][..]),
        ("logs --where level=error msg~=of date=2025-10-06/app.log", &["of the sixth"]),
        ("logs --where level=error date=*/app.log", &["of the sixth", "of the seventh"]),
    ] {
        let _ = within(dir.path(), args).exits(0).prints(prints);
    }
    // What is not there is a condition.
    let _ = within(dir.path(), "logs date=2025-10-06/app.log --where level=error date=2025")
        .exits(1)
        .tells(&["no line looked at has `date`"]);
}

#[test]
fn several_directories_behind_dir_are_taken_by_every_command() {
    let dir = Dir::empty();
    for (number, name) in ["a", "b", "beef"].into_iter().enumerate() {
        let job = r#""job_id":"job-7""#;
        let line =
            event(number as u32, "01.0", "info", "log", &format!("from {name}"), &[job], "{}");
        let of = existing(dir.path().join(name));
        std::fs::write(of.join("events-2025-10-06.jsonl"), lines(&[line])).unwrap();
        let metric = format!(
            r#"{{"ts":"2025-10-06T11:50:00Z","level":"info","evt":"metric","msg":"m","service":"{name}","meta":{{"kind":"snapshot","name":"runs_of_{name}","type":"counter","labels":{{}},"value":4}},"id":"aaaaaaaa.3.{number}"}}"#
        );
        std::fs::write(of.join("metrics-2025-10-06.jsonl"), lines(&[metric])).unwrap();
    }
    let _ = existing(dir.path().join("runs_of_b"));
    for (args, prints) in [
        ("logs --dir a b", &["from a", "from b"][..]),
        ("correlate --dir a b --job job-7", &["from a", "from b"]),
        ("correlate --job job-7 --dir a b --level info", &["from a", "from b"]),
        ("metrics --dir a b", &["runs_of_a", "runs_of_b"]),
        ("metrics --dir a b runs_of_b", &["runs_of_b"]),
        ("top --by labels --dir a b", &["runs_of_a", "runs_of_b"]),
        ("stats --dir a b", &["4 lines"]),
    ] {
        let _ = within(dir.path(), args).exits(0).prints(prints).omits(&["beef"]);
    }
    let _ = within(dir.path(), "coverage --since 2025-10-06 --dir a b -o json --known 2025-10-01")
        .tells(&[])
        .omits(&["beef"]);
    // What may be an id, or the name of a metric, is that.
    let _ = within(dir.path(), "trace --dir a beef").exits(1).omits(&["from beef"]);
    let _ = within(dir.path(), "metrics --dir a runs_of_b")
        .exits(2)
        .tells(&["no metric is called runs_of_b", "is a directory: --dir runs_of_b"]);
}

#[test]
fn levels_of_others_are_found_by_ours() {
    let dir = Dir::empty();
    let levels = [
        (r#""panic""#, "a panic"),
        (r#""emerg""#, "an emergency"),
        (r#""SEVERE""#, "severe"),
        (r#""FTL""#, "three letters"),
        (r#""E""#, "one letter"),
        (r#""WRN""#, "a lesser one"),
        ("50", "pino error"),
        (r#""notice""#, "a notice"),
        ("30", "pino info"),
    ];
    let all: Vec<String> = levels.iter().map(|(level, msg)| of_level(level, msg)).collect();
    dir.write("app.log", lines(&all));
    let _ = within(dir.path(), "logs app.log -l error")
        .exits(0)
        .prints(&["a panic", "an emergency", "severe", "three letters", "one letter", "pino error"])
        .omits(&["a lesser one", "notice", "info"]);
    let _ = within(dir.path(), "logs app.log --where level=info")
        .exits(0)
        .prints(&["a notice", "pino info"])
        .omits(&["panic"]);
}

#[test]
fn a_time_of_day_of_another_day_is_told() {
    let dir = Dir::empty();
    let ahead = |minutes| {
        let at = minute_of_day(minutes);
        format!("{:02}:{:02}", at / 60, at % 60)
    };
    // At a quarter of an hour before midnight both are of today.
    let (since, until) = (ahead(5), ahead(10));
    if since > until {
        return;
    }
    dir.write("app.log", lines(&[of_level(r#""info""#, "long ago")]));
    let ran = within(dir.path(), &format!("logs app.log --since {since} --until {until}"));
    let is_ahead = since.as_str() > ahead(0).as_str();
    if is_ahead {
        let told = [format!("--since {since} is "), format!("--until {until} is ")];
        let _ = ran.exits(1).tells(&[&told[0], &told[1], "nothing found"]);
        // From yesterday until later today: it goes on, and may be a slip.
        let _ = within(dir.path(), &format!("logs app.log --since {until} --until {since}"))
            .exits(1)
            .tells(&[&format!("--since {until} is "), &format!("--until {since} is ")]);
    }
    // The same of today, the end first.
    let (since, until) = (ahead(24 * 60 - 5), ahead(24 * 60 - 10));
    if until < since && since < ahead(0) {
        let _ = within(dir.path(), &format!("logs app.log --since {since} --until {until}"))
            .exits(2)
            .tells(&["an empty span of time", "still to come"]);
    }
}

/// Minutes of the day, UTC, so many from now.
fn minute_of_day(ahead: u64) -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    (now / 60 + ahead) % (24 * 60)
}

#[test]
fn a_word_that_is_no_option_is_told_what_to_write() {
    let dir = Dir::story();
    let _ = existing(dir.path().join("t1"));
    dir.write("w.log", lines(&[of_level(r#""info""#, "hello")]));
    for (args, told) in [
        ("top w.log", "w.log is a file: --dir w.log"),
        ("stats t1", "t1 is a directory: --dir t1"),
        ("logs w.log -i x", "(?i)"),
        ("logs w.log -v x", "!~="),
        ("logs w.log -g x", "--where 'msg~="),
        ("logs w.log --reverse", "newest lines are last"),
        ("logs w.log -5", "-n N"),
        ("logs w.log -z", "unexpected argument '-z'"),
    ] {
        let ran = within(dir.path(), args).exits(2).tells(&[told]);
        assert!(!ran.err.contains("as a value, use"), "{args}: {}", ran.err);
    }
}

#[test]
fn of_an_option_that_is_given_twice_the_last_counts() {
    let dir = Dir::story();
    let _ = dir.run("logs -l error --level debug").exits(0).prints(&["nobody's", "gave up"]);
    let _ = dir.run("logs --level debug -l error").exits(0).prints(&["gave up"]).omits(&["429"]);
    let _ = dir.run("logs --since 1h --since 2025-01-01 -n 3 -n 1").exits(0);
    // Those that can be repeated all count.
    let _ = dir.run("logs --where status=429 --where attempt=9").exits(1);
}

#[test]
fn a_value_of_the_environment_is_refused_by_the_name_of_its_variable() {
    let dir = Dir::story();
    let of = |args: &str, name: &str, value: &str| {
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.arg("--dir").arg(dir.path()).env(name, value);
        run(command)
    };
    for (name, value) in [
        ("RADIOSONDE_CLI_LEVEL", "eror"),
        ("RADIOSONDE_CLI_SINCE", "sometime"),
        ("RADIOSONDE_CLI_OUTPUT", "xml"),
        ("RADIOSONDE_CLI_WHERE", "status"),
        ("RADIOSONDE_CLI_LIMIT", "0"),
    ] {
        let told = format!("for '{name}'");
        let _ = of("logs", name, value).exits(2).tells(&[&told]);
        let honoured = format!("{name}={value}: honoured");
        if name == "RADIOSONDE_CLI_OUTPUT" {
            continue;
        }
        let doctor = of("doctor --offline", name, value).prints(&["warn", &format!("{name}: ")]);
        let _ = doctor.omits(&[&honoured]);
    }
    let typed = of("logs --level alrm", "RADIOSONDE_CLI_LEVEL", "error").exits(2);
    let _ = typed.tells(&["for '--level <LEVEL>'"]);
    let typed = of("logs -lalrm", "RADIOSONDE_CLI_LEVEL", "error").exits(2);
    let _ = typed.tells(&["for '--level <LEVEL>'"]);
    let good = of("doctor --offline", "RADIOSONDE_CLI_SINCE", "1h30m");
    let _ = good.prints(&["RADIOSONDE_CLI_SINCE=1h30m: honoured"]);
}

#[test]
fn a_directory_of_something_else_is_told_wherever_it_is_named() {
    let dir = Dir::empty();
    let of = existing(dir.path().join("m/a"));
    std::fs::write(of.join("events-2025-10-06.jsonl"), "").unwrap();
    for command in ["stats", "removed", "recover"] {
        let args = format!("{command} --dir m");
        let _ =
            within(dir.path(), &args).exits(2).tells(&["m holds no telemetry itself: --dir m/a"]);
    }
    // Beside one that holds telemetry.
    let _ = within(dir.path(), "logs m m/a")
        .exits(1)
        .tells(&["nothing found in 1 file", "m holds no telemetry itself: --dir m/a"]);
}

#[test]
fn levels_that_nobody_knows_are_told_where_nothing_was_found() {
    let dir = Dir::empty();
    dir.write("odd.log", lines(&[of_level(r#""louder""#, "x"), of_level("7", "x")]));
    dir.write(
        "none.log",
        lines(&[r#"{"ts":"2025-10-06T11:50:00Z","importance":"ERROR"}"#.to_owned()]),
    );
    dir.write("low.log", lines(&[of_level(r#""louder""#, "x"), of_level(r#""debug""#, "x")]));
    for (args, told) in [
        ("logs odd.log -l error", Some("no level of the lines looked at is known: \"louder\", 7")),
        (
            "logs odd.log --where level>=error",
            Some("no level of the lines looked at is known: \"louder\", 7"),
        ),
        ("logs none.log -l error", Some("no line looked at has `level`")),
        ("logs none.log --where level>=error", Some("no line looked at has `level`")),
        ("logs odd.log --where job_id=x", Some("no line looked at has `job_id`")),
        ("logs low.log -l error", None),
        ("logs low.log --where level>=error", None),
    ] {
        let ran = within(dir.path(), args).exits(1).tells(&["nothing found"]);
        match told {
            Some(told) => assert!(ran.err.contains(told), "{args}: {}", ran.err),
            None => assert!(!ran.err.contains("looked at"), "{args}: {}", ran.err),
        }
    }
}

#[test]
fn lines_left_out_for_a_level_that_nobody_knows_are_counted() {
    let dir = Dir::empty();
    let error = of_level(r#""error""#, "known");
    let odd = [r#""eror""#, r#""eror""#, "7"].map(|level| of_level(level, "x"));
    let bare = r#"{"ts":"2025-10-06T11:50:00Z","msg":"bare"}"#.to_owned();
    let many: Vec<_> = (0..5).map(|n| of_level(&format!("\"odd {n}\""), "x")).collect();
    for (name, content) in [
        ("mixed.log", [from_ref(&error), &odd[..], from_ref(&bare)].concat()),
        ("low.log", vec![of_level(r#""info""#, "x"), of_level(r#""FTLL""#, "x")]),
        ("bare.log", vec![error.clone(), bare]),
        ("many.log", [from_ref(&error), &many[..]].concat()),
        ("all.log", vec![error.clone()]),
        (
            "others.log",
            vec![
                of_level(r#""x""#, "gcp")
                    .replace("level", "severity")
                    .replace("\"x\"", "\"ERROR\""),
                of_level(r#""x""#, "py")
                    .replace("level", "levelname")
                    .replace("\"x\"", "\"ERROR\""),
                of_level(r#""FTL""#, "serilog"),
            ],
        ),
        ("events-2025-10-06.jsonl", vec![error]),
    ] {
        dir.write(name, lines(&content));
    }
    let known = "left out";
    for (file, status, told) in [
        ("mixed.log", 0, "4 lines have no level that is known (\"eror\", 7): left out\n"),
        ("low.log", 1, "1 line has no level that is known (\"FTLL\"): left out\n"),
        ("bare.log", 0, "1 line has no `level`: left out\n"),
        ("many.log", 0, "5 lines have no level that is known (\"odd 0\", \"odd 1\", \"odd 2\", …)"),
        ("all.log", 0, ""),
        ("events-2025-10-06.jsonl", 0, ""),
        ("others.log", 0, ""),
    ] {
        for asked in ["-l error", "--where level>=error", "--level error -n 1", "-l error -o json"]
        {
            let ran = within(dir.path(), &format!("logs {file} {asked}")).exits(status);
            assert!(ran.err.contains(told), "{file} {asked}: {}", ran.err);
            assert_eq!(ran.err.contains(known), !told.is_empty(), "{file} {asked}: {}", ran.err);
        }
        // Who asks for less than that is told nothing.
        for asked in ["", "--where level!=info", "--where msg~=known -l error"] {
            let ran = within(dir.path(), &format!("logs {file} {asked}"));
            assert!(!ran.err.contains(known), "{file} {asked}: {}", ran.err);
        }
    }
    let found = within(dir.path(), "logs others.log -l error").exits(0);
    let _ = found.prints(&["ERROR", "gcp", "py", "CRIT", "serilog"]);
}

#[test]
fn a_command_that_is_proposed_has_no_breaks_in_it() {
    let dir = Dir::story();
    let mut command = command(&["correlate", "--job", "job-7", "--dir"]);
    let _ = command.arg(dir.path()).env("COLUMNS", "60");
    let ran = run(command).exits(0);
    let next = ran.out.lines().find(|line| line.starts_with("next ")).unwrap();
    assert!(next.contains("--until 2025") && next.contains("--dir "), "{}", ran.out);
}

#[test]
fn the_manual_has_the_sections_of_manuals() {
    let page = run(command(&["man"])).exits(0).out;
    for section in [
        ".SH EXIT STATUS\n",
        ".SH ENVIRONMENT\n",
        ".SH EXAMPLES\n",
        ".SS EXAMPLES\n",
        ".SS EXIT STATUS\n",
    ] {
        assert!(page.contains(section), "{section}");
    }
    assert!(page.contains(r"\fBRADIOSONDE_DIR\fR"));
    // Examples keep their lines, and each block of them ends.
    let count = |word: &str| page.lines().filter(|line| *line == word).count();
    assert!(count(".nf") > 5 && count(".nf") == count(".fi"));
}
