//! What is asked for: conditions, the environment, the local zone, and what cannot be meant together.

use crate::fixture::{Dir, Ran, command, event, lines, run};

/// Messages of the lines that were found, in their order.
fn found(ran: &Ran) -> String {
    let msg = |line: &str| {
        let (_, rest) = line.split_once(r#""msg":""#).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    ran.out.lines().map(msg).collect::<Vec<_>>().join(" / ")
}

#[test]
fn conditions_on_fields_all_hold() {
    let dir = Dir::story();
    for (conditions, status, expect) in [
        ("--where status>=400", 0, "429 Rate limit, retrying"),
        ("--where status>=400 code!=x attempt=2", 0, "429 Rate limit, retrying"),
        ("--where status>=400 --where attempt=3", 1, ""),
        ("--where=status<400", 1, ""),
        ("--where attempts? --level info", 0, "gave up"),
        ("--where msg~=^(gave|another) -l info", 0, "gave up / another job"),
        ("--where level>=warning evt!=openrouter_error", 0, "gave up"),
        ("--where !status? -n 1", 0, "another job"),
        ("--where job_id=job-7 msg!~=up$", 0, "window opened / 429 Rate limit, retrying"),
        // A word that stands elsewhere in a line is not the value.
        ("--where evt=retrying", 1, ""),
        ("--where service=ingestion source=app meta.status=429", 0, "429 Rate limit, retrying"),
        ("--where service=app", 1, ""),
        // Texts by their order.
        ("--where msg>\"gave\" msg<=\"gavel\"", 0, "gave up"),
    ] {
        let ran = dir.run(&format!("logs -o json {conditions}")).exits(status);
        assert_eq!(found(&ran), expect, "{conditions}");
    }
    // Attributes of spans and labels of metrics by their own names; what is no condition is an id.
    let _ = dir
        .run("trace --where provider=acme 0edadbc0")
        .exits(0)
        .prints(&["ingest"])
        .omits(&["GET"]);
    let ran = dir.run("metrics --where outcome=failure -o json").exits(0);
    assert!(ran.out.contains("runs_total") && !ran.out.contains("fetch_ms"), "{}", ran.out);
}

#[test]
fn a_condition_that_is_none_is_told_with_its_place() {
    let dir = Dir::story();
    for (condition, told) in [
        ("status", "operator is missing"),
        ("status>=", "a value is missing"),
        ("=4", "a key is missing"),
        ("code~=(", "no regular expression"),
        ("level>=loud", "meta.level"),
        ("code='rate'", "a text stands in double quotes"),
        ("status>=abc", "status>=\"abc\" compares texts"),
    ] {
        let ran = dir.run(&format!("logs --where {condition}")).exits(2);
        let _ = ran.tells(&[told, "^", "'status>=400'"]);
    }
}

#[test]
fn an_event_is_looked_for_by_its_name_and_never_missed() {
    let dir = Dir::story();
    // A name JSON may spell in more than one way, and one that is part of another.
    let odd = event(9, "03.000000", "info", "a\\/b", "odd", &[], "{}");
    let longer = event(10, "03.100000", "info", "a.bc", "longer", &[], "{}");
    let shorter = event(11, "03.200000", "info", "a.b", "shorter", &[], "{}");
    dir.write("events-2025-10-07.jsonl", lines(&[odd, longer, shorter]));
    for (evt, expect) in [
        ("--evt a/b", "odd"),
        ("--evt a.b", "shorter"),
        ("--evt a.b,a/b", "odd / shorter"),
        ("--evt a.b --evt a.bc", "longer / shorter"),
        ("--where evt=a/b", "odd"),
        ("--evt openrouter_error --machine web-1", "429 Rate limit, retrying"),
    ] {
        assert_eq!(found(&dir.run(&format!("logs -o json {evt}")).exits(0)), expect, "{evt}");
    }
}

#[test]
fn each_option_has_a_twin_in_the_environment_which_it_wins_over() {
    let dir = Dir::story();
    let of = |args: &str, variables: &[(&str, &str)]| {
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.arg("--dir").arg(dir.path()).envs(variables.iter().copied());
        run(command)
    };
    let json = ("RADIOSONDE_CLI_OUTPUT", "json");
    for (args, variables, expect) in [
        ("logs", &[("RADIOSONDE_CLI_LEVEL", "error"), json][..], "gave up"),
        (
            "logs --level warn",
            &[("RADIOSONDE_CLI_LEVEL", "error"), json],
            "429 Rate limit, retrying / gave up",
        ),
        ("logs -o json", &[("RADIOSONDE_CLI_LIMIT", "1")], "another job"),
        ("logs -n 2", &[("RADIOSONDE_CLI_LIMIT", "1"), json], "gave up / another job"),
        (
            "logs",
            &[("RADIOSONDE_CLI_EVT", "openrouter_error,ingestion.window_failed"), json],
            "429 Rate limit, retrying / gave up",
        ),
        (
            "logs",
            &[("RADIOSONDE_CLI_WHERE", "job_id?\nlevel=info"), json],
            "window opened / another job",
        ),
        ("logs", &[("RADIOSONDE_CLI_JOB", "job-77"), json], "another job"),
        // An empty one is none.
        (
            "logs -n 1",
            &[("RADIOSONDE_CLI_LEVEL", ""), ("RADIOSONDE_CLI_JOB", ""), json],
            "another job",
        ),
        ("logs -n 1 -o json", &[("RADIOSONDE_CLI_FIELD", "")], "another job"),
        // Of no use without --follow, and no hindrance.
        (
            "logs -n 1",
            &[("RADIOSONDE_CLI_TAIL", "5"), ("RADIOSONDE_CLI_FIELD", "a"), json],
            "another job",
        ),
    ] {
        assert_eq!(found(&of(args, variables).exits(0)), expect, "{args} {variables:?}");
    }
    // A preference that a command cannot follow is passed over; one that is none is told.
    let csv = [("RADIOSONDE_CLI_OUTPUT", "csv"), ("RADIOSONDE_CLI_FOLLOW", "1")];
    let _ = of("trace 0edadbc0", &csv).exits(0).prints(&["ingest"]);
    let _ = of("logs", &[("RADIOSONDE_CLI_OUTPUT", "xml")]).exits(2).tells(&["pretty", "csv"]);
    let _ = of("logs", &[("RADIOSONDE_CLI_SINCE", "sometime")]).exits(2).tells(&["yesterday"]);
    // An id on the command line, where the environment has another.
    let other = [("RADIOSONDE_CLI_TRACE", "ffff")];
    let _ = of("trace 0edadbc0", &other).exits(0).prints(&["ingest"]);
    let _ = of("logs", &other).exits(1);
    let help = of("logs --help", &[]).out;
    for twin in ["RADIOSONDE_CLI_LEVEL", "RADIOSONDE_CLI_WHERE", "RADIOSONDE_CLI_NO_PAGER"] {
        assert!(help.contains(&format!("[env: {twin}]")), "{twin}: {help}");
    }
    assert!(!of("logs -h", &[]).out.contains("RADIOSONDE_CLI"), "the short help is short");
}

#[test]
fn what_cannot_be_meant_together_is_refused_with_what_to_do() {
    let dir = Dir::story();
    for (args, told) in [
        ("logs -f --until 2025-10-07", "lies in the past"),
        ("logs --tail 5", "--follow"),
        ("logs -f --tail 5 -n 5", "leave out one of them"),
        ("logs --field msg", "-o table or -o csv"),
        ("logs -o json --field msg", "-o table or -o csv"),
        ("trace 0e -f", "radiosonde logs --follow"),
        ("correlate --job j --follow", "radiosonde logs --follow"),
        ("trace 0e -o csv", "[possible values: pretty, json]"),
        ("correlate --job j -o table", "[possible values: pretty, json]"),
        ("trace 0e --field msg", "leave it out"),
        ("removed -o raw", "[possible values: pretty, json, csv]"),
        ("doctor --local", "leave out --local"),
        ("trace 0e --trace 0f", "cannot be used with"),
    ] {
        let ran = dir.run(args).exits(2).tells(&[told]);
        assert_eq!(ran.out, "", "{args}");
    }
    // What a command has no use for is not in its help either.
    let help = run(command(&["trace", "--help"])).out;
    assert!(
        !help.contains("--follow") && !help.contains("--field") && help.contains("--local"),
        "{help}"
    );
}

#[test]
fn times_are_those_of_the_local_zone_where_that_is_asked_for() {
    let dir = Dir::empty();
    let at = |seq: u32, ts: &str, msg: &str| {
        let line = event(seq, "00.000000", "info", "log", msg, &[], "{}");
        line.replace("2025-10-06T11:50:00.000000Z", ts)
    };
    // The clock goes back from 03:00 to 02:00 at 01:00 UTC.
    dir.write(
        "events-2025-10-25.jsonl",
        lines(&[
            at(1, "2025-10-25T21:59:00Z", "before midnight"),
            at(2, "2025-10-25T22:01:00Z", "after midnight"),
            at(3, "2025-10-26T00:30:00Z", "first half"),
            at(4, "2025-10-26T01:30:00Z", "second half"),
            at(5, "2025-10-26T23:30:00Z", "next day"),
        ]),
    );
    let of = |args: &str| {
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.arg("--dir").arg(dir.path()).env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
        run(command)
    };
    let ran = of("logs --local").exits(0);
    let rows: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        rows.iter().map(|row| &row[..12.min(row.len())]).collect::<Vec<_>>(),
        [
            // A dash of a heading has three bytes.
            "── 2025-1",
            "23:59:00.000",
            "── 2025-1",
            "00:01:00.000",
            "02:30:00.000",
            // Its hour comes twice: what follows is of the other zone.
            "── 2025-1",
            "02:30:00.000",
            "── 2025-1",
            "00:30:00.000",
        ]
        .map(|row| &row[..12.min(row.len())]),
        "{}",
        ran.out
    );
    let _ = ran.prints(&[
        "── 2025-10-26 (CEST) ──",
        "── 2025-10-26 (CET) ──",
        "── 2025-10-27 (CET) ──",
    ]);
    // Of a span both zones are named where they differ.
    let half = "--local --since 2025-10-26T00:00Z --until 2025-10-26T02:00Z";
    let _ = of(&format!("top {half}"))
        .exits(0)
        .prints(&["2025-10-26 02:30:00.000 CEST to 02:30:00.000 CET (1h 00m)"]);
    let each = "lines from 2025-10-26 02:30 CEST to 2025-10-26 02:35 CET, 5m 00s each";
    let _ = of(&format!("stats {half}")).exits(0).prints(&[each]);
    let _ = of("top --local --since 2025-10-26T01:00Z")
        .exits(0)
        .prints(&["2025-10-26 02:30:00.000 to 2025-10-27 00:30:00.000 CET (22h 00m)"]);
    for (args, expect) in [
        ("logs -o json --local --until 2025-10-25", "before midnight"),
        ("logs -o json --local --since 2025-10-27", "next day"),
        (
            "logs -o json --local --since 2025-10-26 --until 2025-10-26T02:45",
            "after midnight / first half",
        ),
        ("logs -o json --since 2025-10-26 --until 2025-10-26T02:45", "first half / second half"),
        (
            "logs -o json --local --since 2025-10-26T01:00:00Z --until 2025-10-26T02:00Z",
            "second half",
        ),
    ] {
        assert_eq!(found(&of(args).exits(0)), expect, "{args}");
    }
    let story = Dir::story();
    let mut metrics = command(&["metrics", "--local", "--dir"]);
    let _ = metrics.arg(story.path()).env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
    let _ = run(metrics).exits(0).prints(&["2025-10-06 13:50:03.000 CEST"]).omits(&["UTC"]);
    let mut unknown = command(&["logs", "--local"]);
    let _ = unknown.env("TZ", "No/Such").arg("--dir").arg(dir.path());
    let _ = run(unknown).exits(2).tells(&["zone of this machine is not known", "set TZ"]);
    // Nothing of it without the option, whatever the zone is.
    let _ = of("logs").exits(0).prints(&["── 2025-10-25 (UTC) ──", "22:01:00.000"]);
    let stamps = of("logs --local -o csv --field ts,msg").exits(0);
    let _ = stamps.prints(&[
        "2025-10-26T02:30:00.000000+02:00,first",
        "2025-10-26T02:30:00.000000+01:00,second",
    ]);
    let _ = of("logs --local --since 2025-10-27 --until 2025-10-26")
        .exits(2)
        .tells(&["2025-10-27 00:00:00.000 CET"]);
}

#[test]
fn what_was_read_is_explained_on_stderr() {
    let dir = Dir::story();
    let plain = dir.run("logs --job job-7").exits(0);
    let ran = dir.run("logs --job job-7 --explain").exits(0);
    assert_eq!(ran.out, plain.out);
    let bytes: u64 = ["events-2025-10-06.jsonl", "events-2025-10-13.1.jsonl"]
        .map(|name| std::fs::metadata(dir.path().join(name)).unwrap().len())
        .iter()
        .sum();
    let _ = ran.tells(&[
        "radiosonde: files   2 read",
        "radiosonde: lines   ",
        "3 matched",
        "radiosonde: time    ",
    ]);
    let told = dir.run("logs --explain --evt nobody").exits(1).err;
    let read = told.lines().find(|line| line.starts_with("radiosonde: bytes")).unwrap();
    assert!(read.contains(&format!("{:.1} KiB", bytes as f64 / 1024.0)), "{read}");
    assert!(!plain.err.contains("radiosonde: bytes"), "{}", plain.err);
}
