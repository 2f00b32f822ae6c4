//! `coverage`: who reported lately, who fell silent, and how that ends.

use jiff::{SignedDuration, Timestamp};

use crate::fixture::{Dir, command, existing, lines, run};

/// A line of a service on a machine, so many minutes ago.
fn line(of: (&str, &str), minutes: i64, level: &str, evt: &str, meta: &str) -> String {
    let at = Timestamp::now() - SignedDuration::from_mins(minutes);
    let (service, machine) = of;
    let machine = match machine {
        "" => String::new(),
        id => format!(r#""machine_id":"{id}","#),
    };
    format!(
        r#"{{"ts":"{at:.6}","level":"{level}","evt":"{evt}","source":"app","msg":"m","service":"{service}",{machine}"meta":{meta}}}"#
    )
}

const STOPPED: &str = r#"{"state":"stopped"}"#;

/// Two APIs that report, one worker that fell silent and one that said goodbye.
fn platform() -> Dir {
    let dir = Dir::empty();
    dir.write(
        "events-2025-10-06.jsonl",
        lines(&[
            line(("api", "m-1"), 300, "info", "machine.status", r#"{"state":"started"}"#),
            line(("api", "m-1"), 2, "error", "log", "{}"),
            line(("api", "m-2"), 3, "info", "log", "{}"),
            line(("worker", "m-3"), 300, "info", "machine.status", r#"{"state":"running"}"#),
            line(("worker", "m-3"), 150, "info", "log", "{}"),
            line(("render", "m-3"), 151, "info", "log", "{}"),
            line(("render", "m-3"), 150, "info", "log", "{}"),
            line(("worker", "m-4"), 90, "info", "machine.status", STOPPED),
        ]),
    );
    let span = r#"{"name":"GET /","duration_us":5,"status":"error"}"#;
    dir.write("spans-2025-10-06.jsonl", lines(&[line(("api", "m-1"), 1, "info", "span", span)]));
    let snapshot = r#"{"kind":"snapshot","name":"up","type":"gauge","labels":{},"value":1}"#;
    dir.write(
        "metrics-2025-10-06.jsonl",
        lines(&[line(("api", "m-2"), 1, "info", "metric", snapshot)]),
    );
    dir
}

/// The rows, their words parted by one space.
fn rows(printed: &str) -> Vec<String> {
    printed.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// A row up to its age, and from its counts on.
#[track_caller]
fn assert_row(printed: &str, begins: &str, ends: &str) {
    let found = rows(printed).into_iter().any(|row| row.starts_with(begins) && row.ends_with(ends));
    assert!(found, "no row `{begins} … {ends}` in\n{printed}");
}

#[test]
fn who_is_silent_stands_first_and_decides_the_status() {
    let ran = platform().run("coverage").exits(1);
    assert!(ran.out.starts_with("2 of 4 reported since 2"), "{}", ran.out);
    assert!(ran.out.lines().next().unwrap().ends_with("UTC (50 %)"), "{}", ran.out);
    let order: Vec<String> = rows(&ran.out)[2..]
        .iter()
        .map(|row| row.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let expect = [
        "worker@m-3 silent",
        "worker@m-4 stopped",
        "render@m-3 ended",
        "api@m-1 reporting",
        "api@m-2 reporting",
    ];
    assert_eq!(order, expect);
    assert_row(&ran.out, "worker@m-3 silent 2h 30m ago", "ago - - - -");
    // A program that was done at once is missed by nobody who does not name it.
    assert_row(&ran.out, "render@m-3 ended 2h 30m ago", "ago - - - -");
    // What was before the last hour is not counted.
    assert_row(&ran.out, "api@m-1 reporting 1m", "ago 1 1 - 2");
    assert_row(&ran.out, "api@m-2 reporting 1m", "ago 1 - 1 -");
    assert_eq!(ran.err, "");
}

#[test]
fn what_is_lately_and_what_is_known_can_be_said() {
    let dir = platform();
    let _ = dir.run("coverage --since 3h").exits(0).prints(&["5 of 5 reported", "(100 %)"]);
    let ran = dir.run("coverage --known 1h").exits(0).omits(&["worker"]);
    assert!(ran.out.starts_with("2 of 2"), "{}", ran.out);
    // What counts as lately is known, too.
    let _ = dir.run("coverage --since 3h --known 1m").exits(0).prints(&["5 of 5"]);
    let _ = dir.run("coverage --since 2999-01-01").exits(2).tells(&["empty span of time"]);
}

#[test]
fn who_is_expected_is_judged_and_nobody_else() {
    let dir = platform();
    for (expect, status, told) in [
        ("api", 0, "2 of 2 reported"),
        ("api@m-1", 0, "1 of 1 reported"),
        ("api@m-9", 1, "0 of 1 reported"),
        ("api,worker", 1, "2 of 4 reported"),
        ("worker@m-3", 1, "0 of 1 reported"),
        ("worker,worker@m-3", 1, "0 of 2 reported"),
        ("scheduler", 1, "0 of 1 reported"),
        ("render", 1, "0 of 1 reported"),
    ] {
        let ran = dir.run(&format!("coverage --expect {expect}")).exits(status);
        assert!(ran.out.starts_with(told), "{expect}: {}", ran.out);
    }
    let ran = dir.run("coverage --expect api --expect scheduler").exits(1);
    assert_row(&ran.out, "scheduler never reported", "- - - -");
    // A service without a machine is there when one of its machines is: new ones take over.
    dir.write(
        "events-2025-10-06.1.jsonl",
        lines(&[line(("worker", "m-5"), 1, "info", "log", "{}")]),
    );
    let ran = dir.run("coverage --expect worker").exits(0).prints(&["worker@m-3", "silent"]);
    assert!(ran.out.starts_with("1 of 1 reported"), "{}", ran.out);
    // One that is named has to be there as well.
    for both in ["worker,worker@m-3", "worker@m-3,worker"] {
        let ran = dir.run(&format!("coverage --expect {both}")).exits(1);
        assert!(ran.out.starts_with("1 of 2 reported"), "{both}: {}", ran.out);
    }
    for wrong in ["@m-1", "api@", "api,"] {
        let ran = dir.run(&format!("coverage --expect {wrong}")).exits(2);
        assert!(ran.err.contains("SERVICE@MACHINE"), "{wrong}: {}", ran.err);
    }
}

#[test]
fn whoever_ran_for_long_or_said_goodbye_lately_is_told_so() {
    let dir = Dir::empty();
    // Without heartbeats: one that ran for half an hour, hours ago.
    let with_id = |service: &str, minutes, id: &str| {
        let line = line((service, "m-1"), minutes, "info", "log", "{}");
        line.replace(r#""meta""#, &format!(r#""id":"{id}","meta""#))
    };
    // What others call so is no process of its own.
    let of = [("quiet", ["aaaaaaaa.1.1", "aaaaaaaa.1.2"]), ("other", ["request-1", "request-2"])];
    let both = |(service, [one, two]): &(&str, [&str; 2])| {
        [with_id(service, 200, one), with_id(service, 170, two)]
    };
    let goodbye = line(("api", "m-1"), 5, "info", "machine.status", STOPPED);
    dir.write(
        "events-2025-10-06.jsonl",
        lines(&[of.iter().flat_map(both).collect(), vec![goodbye]].concat()),
    );
    let ran = dir.run("coverage").exits(1);
    assert!(ran.out.starts_with("1 of 3 reported"), "{}", ran.out);
    assert_row(&ran.out, "quiet@m-1 silent 2h 50m ago", "ago - - - -");
    assert_row(&ran.out, "other@m-1 silent 2h 50m ago", "ago - - - -");
    assert_row(&ran.out, "api@m-1 stopped 5m", "ago 1 - - -");
    let mut spaced = command(&["coverage", "--expect", " api , api@m-1 ", "--dir"]);
    let _ = spaced.arg(dir.path());
    let _ = run(spaced).exits(0).prints(&["1 of 1 reported"]);
}

#[test]
fn processes_by_turns_in_a_file_are_as_those_behind_each_other() {
    let of = |process: usize, minutes, seq| {
        let line = line(("api", "web-1"), minutes, "info", "log", "{}");
        line.replace(r#""meta""#, &format!(r#""id":"{process:08}.1.{seq}","meta""#))
    };
    for processes in [1, 2, 40] {
        let mut all: Vec<Vec<String>> = (0..processes)
            .map(|process| (0..10).map(|seq| of(process, 70 - seq, seq)).collect())
            .collect();
        let behind = all.concat();
        let by_turns: Vec<_> = (0..10)
            .flat_map(|_| all.iter_mut().map(|of| of.remove(0)).collect::<Vec<_>>())
            .collect();
        for (form, all) in [("behind", behind), ("by turns", by_turns)] {
            let dir = Dir::empty();
            dir.write("any.log", lines(&all));
            let mut command = command(&["coverage", "--since", "10m", "--dir"]);
            let _ = command.arg(dir.path().join("any.log"));
            let ran = run(command).exits(1);
            assert!(ran.out.starts_with("0 of 1 reported"), "{form}, {processes}: {}", ran.out);
            assert_row(&ran.out, "api@web-1 silent 1h", "ago - - - -");
        }
    }
    // Commands are done at once, however many of them there are.
    let dir = Dir::empty();
    let commands: Vec<_> = (0..200).map(|process| of(process, 600 - process as i64, 1)).collect();
    dir.write("any.log", lines(&commands));
    let mut command = command(&["coverage", "--since", "10m", "--dir"]);
    let _ = command.arg(dir.path().join("any.log"));
    let _ = run(command).exits(0).prints(&["0 of 0 reported", "ended"]);
}

#[test]
fn a_line_that_stands_in_the_files_twice_counts_once() {
    let dir = Dir::empty();
    let of = |seq: u32| {
        let line = line(("api", "m-1"), 3, "error", "log", "{}");
        line.replace(r#""meta""#, &format!(r#""id":"aaaaaaaa.1.{seq}","meta""#))
    };
    let all: Vec<_> = (0..10).map(of).collect();
    for copy in ["one", "two"] {
        let of = existing(dir.path().join(copy));
        std::fs::write(of.join("events-2025-10-06.jsonl"), lines(&all)).unwrap();
    }
    let over = |more: &[&str]| {
        let mut command = command(&["coverage"]);
        for copy in ["one", "two"] {
            let _ = command.arg("--dir").arg(dir.path().join(copy));
        }
        let _ = command.args(more);
        run(command).exits(0)
    };
    let ran = over(&[]).prints(&["10 copies of lines left out"]);
    assert_row(&ran.out, "api@m-1 reporting", "ago 10 - - 10");
    let ran = over(&["-o", "json"]).tells(&["10 copies of lines left out"]);
    let row: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!((&row["events"], &row["errors"]), (&10.into(), &10.into()));
}

#[test]
fn a_clock_that_is_ahead_makes_nobody_report() {
    let dir = Dir::empty();
    let was = line(("api", "m-1"), 180, "info", "machine.status", r#"{"state":"running"}"#);
    let ahead = [
        line(("api", "m-1"), -300, "info", "log", "{}"),
        line(("wrong", "m-2"), -60 * 24 * 400, "info", "log", "{}"),
        // As clocks differ.
        line(("near", "m-3"), -3, "info", "log", "{}"),
    ];
    dir.write("events-2025-10-06.jsonl", lines(&[vec![was], ahead.to_vec()].concat()));
    let ran = dir.run("coverage").exits(1).tells(&["2 lines not counted: of more than 5m"]);
    assert_row(&ran.out, "api@m-1 silent 3h", "ago - - - -");
    assert_row(&ran.out, "wrong@m-2 never reported", "- - - -");
    assert_row(&ran.out, "near@m-3 reporting", "ago 1 - - -");
    let _ = dir.run("coverage --expect near").exits(0).omits(&["wrong"]);
}

#[test]
fn who_is_expected_is_found_among_however_many() {
    let dir = Dir::empty();
    let many = (0..10_500).map(|n| line((&format!("s{n:05}"), ""), 1, "info", "log", "{}"));
    dir.write("events-2025-10-06.jsonl", lines(&many.collect::<Vec<_>>()));
    let ran = dir.run("coverage --expect s10499").exits(0).prints(&["1 of 1 reported"]);
    assert_eq!(ran.err, "");
    let _ = dir.run("coverage").exits(1).tells(&["500 lines of further services not counted"]);
}

#[test]
fn programs_get_an_object_for_each() {
    let ran = platform().run("coverage -o json --expect api@m-1,gone").exits(1);
    let rows: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expect = [
        serde_json::json!({"service": "gone", "machine_id": null, "state": "missing", "reported": false, "expected": true, "last_ts": null, "events": 0, "spans": 0, "metrics": 0, "errors": 0}),
        serde_json::json!({"service": "api", "machine_id": "m-1", "state": "reporting", "reported": true, "expected": true, "last_ts": rows[1]["last_ts"], "events": 1, "spans": 1, "metrics": 0, "errors": 2}),
    ];
    assert_eq!(rows, expect);
    assert!(rows[1]["last_ts"].as_str().unwrap().parse::<Timestamp>().unwrap() < Timestamp::now());
}

#[test]
fn nothing_at_all_and_what_cannot_be_read_are_not_covered() {
    let empty = Dir::empty();
    let ran = empty.run("coverage").exits(1).tells(&["nothing found"]);
    assert_eq!(ran.out, "");
    let _ = empty.run("coverage --expect api").exits(1).prints(&["0 of 1 reported"]);
    let dir = platform();
    dir.write("events-2025-10-07.jsonl", "{\"ts\":\n");
    let _ = dir.run("coverage --expect api").exits(3).prints(&["2 of 2"]).tells(&["skipped"]);
    let _ = run(command(&["coverage", "--dir", "/no/such/place"])).exits(2).tells(&["not exist"]);
}

#[test]
fn hostile_names_do_nothing_to_the_screen() {
    let dir = Dir::empty();
    let evil = line((r"a\u001b[2J\u202eb", "m-1"), 1, "info", "log", "{}");
    let nameless = line(("", ""), 1, "info", "log", "{}");
    dir.write("events-2025-10-06.jsonl", lines(&[evil, nameless]));
    let ran = dir.run("coverage").exits(0).prints(&["a\\u{1b}[2J\\u{202e}b@m-1", "(no name)"]);
    assert!(!ran.out.contains('\u{1b}'), "{}", ran.out);
}

#[cfg(target_os = "linux")]
#[test]
fn a_narrow_terminal_shows_who_is_silent() {
    let dir = Dir::empty();
    let long = "a-service-with-a-rather-long-name-of-its-own";
    let of = |service, minutes, level| line((service, "machine-1"), minutes, level, "log", "{}");
    let all = [of("worker", 300, "info"), of("worker", 150, "info"), of("worker", 149, "error")];
    let other = [of(long, 300, "info"), of(long, 2, "error")];
    dir.write("events-2025-10-06.jsonl", lines(&[&all[..], &other].concat()));
    for (columns, left_out) in [(60, true), (80, true), (120, false)] {
        let args = format!("coverage --color never --dir {}", dir.path().display());
        let mut shell = std::process::Command::new("sh");
        // It ends with 1, as someone is silent.
        let _ = shell.args(["-c", "\"$@\" || [ $? = 1 ]", "sh", env!("CARGO_BIN_EXE_radiosonde")]);
        let _ = shell.args(args.split(' '));
        let text = crate::terminal::run(shell, columns);
        assert!(text.lines().all(|row| row.chars().count() <= columns.into()), "{text}");
        let rows = rows(&text);
        let has = |begin: &str, end: &str| {
            rows.iter().any(|row| row.starts_with(begin) && row.ends_with(end))
        };
        assert!(has("service@machine", "errors"), "{text}");
        assert!(has("worker@machine-1 silent", "-") && has("a-service", "1"), "{text}");
        assert_eq!(rows.iter().any(|row| row.starts_with("without metrics")), left_out, "{text}");
    }
}
