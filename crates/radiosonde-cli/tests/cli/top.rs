//! `top`: what there is most of, the same every time.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::fixture::{Dir, command, event, lines};

fn rows(dir: &Dir, args: &str) -> Vec<Value> {
    let ran = dir.run(&format!("top -o json {args}")).exits(0);
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn span(seq: u32, name: &str, us: u64, status: &str) -> String {
    format!(
        r#"{{"ts":"2025-10-06T11:50:00Z","level":"info","evt":"span","source":"app","msg":"{name}","service":"shop","trace_id":"{seq:032x}","span_id":"{seq:016x}","meta":{{"name":"{name}","duration_us":{us},"status":"{status}"}},"id":"aaaaaaaa.2.{seq}"}}"#
    )
}

fn snapshot(
    minute: u32,
    process: &str,
    name: &str,
    kind: &str,
    labels: &str,
    value: &str,
) -> String {
    // No two lines have one id.
    static SEQ: AtomicU64 = AtomicU64::new(0);
    let seq = SEQ.fetch_add(1, Ordering::Relaxed);
    format!(
        r#"{{"ts":"2025-10-06T11:{minute:02}:00Z","level":"info","evt":"metric","source":"metrics","msg":"m","service":"shop","meta":{{"kind":"snapshot","name":"{name}","type":"{kind}","labels":{{{labels}}},"value":{value}}},"id":"{process}.3.{seq}"}}"#
    )
}

#[test]
fn one_screen_shows_all_four() {
    let dir = Dir::story();
    let ran = dir.run("top").exits(0).prints(&[
        // One of the fifteen stands there twice.
        "14 lines · 2025-10-06",
        "1 copy of lines left out",
        "noisiest call sites (14 lines",
        "slowest spans, by p95 (3 spans)",
        "ingest",
        "trace 0edadbc0a1b2",
        "most series",
        "losses, and what stands in the way\n  none",
    ]);
    assert!(ran.out.lines().count() <= 34, "{}", ran.out);
    let _ = Dir::empty().run("top").exits(1).tells(&["nothing found"]);
    let _ = dir.run("top --since 2030-01-01").exits(1);
    let _ = dir.run("top --by losses").exits(1).tells(&["none of that in 11 lines"]);
    let _ = dir.run("top --by noise").exits(2);
}

#[test]
fn the_rate_of_a_call_site_is_of_the_time_of_its_lines() {
    let first: jiff::Timestamp = "2025-10-06T10:00:05Z".parse().unwrap();
    for (lines_of, ms, options, expect) in [
        (1_201, 100, "", 10.0),
        (121, 1_000, "", 1.0),
        (3_661, 1_000, "", 1.0),
        (2, 30_000, "", 2.0 / 30.0),
        // Of a time that was asked for, it is of all of that, but for what is before them or to come.
        (121, 1_000, " --since 2025-10-06T10:00Z --until 2025-10-06T10:10Z", 121.0 / 595.0),
        (121, 1_000, " --since 2024-10-06 --until 2025-10-06T10:02:05Z", 121.0 / 120.0),
        (1, 0, "", f64::NAN),
    ] {
        let line = |nth: i64| {
            let at = first.checked_add(jiff::SignedDuration::from_millis(nth * ms)).unwrap();
            event(nth as u32, "", "info", "tick", "", &[], "{}")
                .replace("2025-10-06T11:50:Z", &at.to_string())
        };
        let dir = Dir::empty();
        dir.write("events-2025-10-06.jsonl", lines(&(0..lines_of).map(line).collect::<Vec<_>>()));
        let found = rows(&dir, &format!("--by callsites{options}"));
        let per_second = found[0]["per_second"].as_f64();
        if expect.is_nan() {
            assert_eq!(per_second, None, "of one line nobody knows it");
            continue;
        }
        let of = per_second.unwrap() / expect;
        assert!((of - 1.0).abs() < 0.01, "{lines_of} in {ms} ms: {per_second:?}");
    }
}

#[test]
fn a_call_site_is_one_whatever_its_numbers_and_ties_go_by_name() {
    let dir = Dir::empty();
    let mut all = Vec::new();
    for seq in 0..30 {
        let msg = ["window 12 of job-7 done", "zeta", "alpha"][seq as usize % 3];
        let msg = msg.replace("12", &seq.to_string());
        all.push(event(seq, "01.000000", "info", "log", &msg, &[], "{}"));
    }
    all.push(event(99, "02.000000", "error", "order.failed", "at 12", &[], "{}"));
    dir.write("events-2025-10-06.jsonl", lines(&all));
    let found = rows(&dir, "--by callsites");
    let told: Vec<_> =
        found.iter().map(|row| (row["pattern"].as_str().unwrap(), row["lines"].as_u64())).collect();
    let expected = [("alpha", 10), ("window # of job-# done", 10), ("zeta", 10), ("", 1)];
    assert_eq!(told, expected.map(|(pattern, count)| (pattern, Some(count))));
    assert_eq!((&found[3]["evt"], &found[3]["level"]), (&"order.failed".into(), &"error".into()));
    let _ = dir
        .run("top --by callsites -n 2")
        .exits(0)
        .prints(&["window # of job-# done", "2 more: 11 lines"])
        .omits(&["zeta"]);
    assert_eq!(rows(&dir, "--by callsites --level error").len(), 1);
}

#[test]
fn call_sites_of_other_programs_are_told_by_their_texts() {
    let dir = Dir::empty();
    let of = |level: &str, rest: &str| {
        format!(r#"{{"ts":"2025-10-06T11:50:00Z","level":"{level}",{rest}}}"#)
    };
    let mut all: Vec<_> = (0..10)
        .map(|n| {
            let level = if n % 2 == 0 { "debug" } else { "info" };
            of(level, &format!(r#""msg":"line {n}","logger":"app.db""#))
        })
        .collect();
    all.push(of("fatal", r#""msg":"died","target":"shop::queue""#));
    all.push(of("info", r#""message":"took 7 s","service":"shop""#));
    all.push(of("info", r#""msg":"took 7 s","source":"own","logger":"other""#));
    all.push(of("info", r#""msg":7"#));
    all.push(of("info", r#""n":7"#));
    dir.write("for.log", lines(&all));
    let file = dir.path().join("for.log");
    let mut command = command(&["top", "--by", "callsites", "-o", "json", "--dir"]);
    let ran = crate::fixture::run({
        let _ = command.arg(&file);
        command
    })
    .exits(0);
    let found: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = (found.iter())
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            (row["lines"].as_u64().unwrap(), text("pattern"), text("source"), text("level"))
        })
        .collect();
    for (count, pattern, source, level) in [
        (10, "line #", "app.db", "info"),
        (1, "died", "shop::queue", "critical"),
        (1, "took # s", "", "info"),
        (1, "took # s", "own", "info"),
        (1, "#", "", "info"),
        (1, "", "", "info"),
    ] {
        let row = (count, pattern.to_owned(), source.to_owned(), level.to_owned());
        assert!(told.contains(&row), "no {row:?} in {told:?}");
    }
    assert_eq!(told.len(), 6);
}

#[test]
fn slow_spans_are_ranked_by_their_tail() {
    let dir = Dir::empty();
    let mut all: Vec<String> = (0..100).map(|seq| span(seq, "steady", 10_000, "ok")).collect();
    all.extend((100..200).map(|seq| {
        let us = if seq % 10 == 0 { 2_000_000 + u64::from(seq) } else { 1_000 };
        span(seq, "spiky", us, if seq % 20 == 0 { "error" } else { "ok" })
    }));
    // One that was open when its process died has no duration.
    all.push(span(300, "open", 0, "ok").replace(r#""duration_us":0,"#, ""));
    dir.write("spans-2025-10-06.jsonl", lines(&all));
    let found = rows(&dir, "--by spans");
    let names: Vec<_> = found.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["spiky", "steady"]);
    let spiky = &found[0];
    assert_eq!(
        (&spiky["count"], &spiky["errors"], &spiky["max_us"]),
        (&100.into(), &5.into(), &2_000_190.into())
    );
    assert_eq!(spiky["max_trace_id"], format!("{:032x}", 190));
    let near = |key: &str, exact: u64| {
        let found = spiky[key].as_u64().unwrap();
        assert!((exact..=exact + exact / 16).contains(&found), "{key}: {found}");
    };
    near("p50_us", 1_000);
    assert_eq!(spiky["p95_us"].as_u64().unwrap(), spiky["p99_us"].as_u64().unwrap());
    assert_eq!(spiky["total_us"], 90_000 + 10 * 2_000_145);
}

#[test]
fn a_label_that_explodes_is_named_with_what_was_refused() {
    let dir = Dir::empty();
    let mut text = String::new();
    for user in 0..100_000 {
        let labels = format!(r#""user":"u-{user}","outcome":"ok""#);
        writeln!(text, "{}", snapshot(1, "aaaaaaaa", "logins_total", "counter", &labels, "1"))
            .unwrap();
    }
    for (minute, count) in [(1, 0), (2, 7), (3, 12)] {
        let labels = r#""metric":"logins_total","reason":"series_cap""#;
        let name = "radiosonde_metric_writes_refused_total";
        writeln!(
            text,
            "{}",
            snapshot(minute, "aaaaaaaa", name, "counter", labels, &count.to_string())
        )
        .unwrap();
        let limit = snapshot(
            minute,
            "aaaaaaaa",
            "radiosonde_series_limit",
            "gauge",
            r#""metric":"logins_total""#,
            "500",
        );
        writeln!(text, "{limit}").unwrap();
    }
    text.push_str(&snapshot(1, "aaaaaaaa", "a\\u001b[2J_total", "counter", "", "\"NaN\""));
    dir.write("metrics-2025-10-06.jsonl", text);
    let found = rows(&dir, "--by labels");
    assert_eq!(found.len(), 2);
    let logins = &found[0];
    assert_eq!((&logins["series"], &logins["limit"]), (&100_000.into(), &500.0.into()));
    assert_eq!(logins["refused"]["series_cap"], 12.0);
    assert_eq!(
        (&logins["labels"][0]["label"], &logins["labels"][0]["values"]),
        (&"user".into(), &100_000.into())
    );
    let _ = dir
        .run("top --by labels")
        .exits(0)
        .prints(&["user 100000 values (u-0, u-1, u-2, …)", "12 refused or folded: series_cap"])
        .omits(&["\u{1b}", "outcome"]);
    #[cfg(target_os = "linux")]
    {
        // Which label, before its values take the room.
        let text = on_terminal(&dir, "top --by labels", 80);
        assert!(text.contains("  user 100000 values (u-0, "), "{text}");
        assert!(text.contains("  12 refused or folded: series_cap\n"), "{text}");
    }
}

#[test]
fn losses_are_those_of_all_processes_with_what_to_do() {
    let dir = Dir::empty();
    let drops = |minute, process: &str, value: &str| {
        let labels = r#""signal":"event","reason":"ring_full""#;
        snapshot(minute, process, "radiosonde_records_dropped_total", "counter", labels, value)
    };
    let breaker = |minute, value: &str| {
        let labels = r#""signal":"logs","state":"open""#;
        snapshot(minute, "aaaaaaaa", "radiosonde_otlp_breaker_state", "gauge", labels, value)
    };
    let delivered = r#""signal":"logs","outcome":"delivered""#;
    dir.write(
        "metrics-2025-10-06.jsonl",
        lines(&[
            drops(0, "aaaaaaaa", "100"),
            drops(10, "aaaaaaaa", "103"),
            // A restart, and a process of another slot.
            drops(20, "bbbbbbbb", "5"),
            breaker(0, "0"),
            breaker(10, "1"),
            breaker(20, "1"),
            snapshot(20, "aaaaaaaa", "radiosonde_otlp_records_total", "counter", delivered, "999"),
        ]),
    );
    let fix = r#"{"fix":"make\u001b room"}"#;
    dir.write(
        "events-2025-10-06.jsonl",
        lines(&[
            event(
                1,
                "01.000000",
                "warning",
                "radiosonde.gap",
                "m",
                &[],
                r#"{"stream":"logs","reason":"expired","records":40}"#,
            ),
            event(
                2,
                "02.000000",
                "warning",
                "radiosonde.gap",
                "m",
                &[],
                r#"{"stream":"logs","reason":"expired","records":2}"#,
            ),
            event(3, "03.000000", "warning", "telemetry.problem", "disk full", &[], fix),
        ]),
    );
    let found = rows(&dir, "--by losses");
    let told: Vec<_> = found
        .iter()
        .map(|row| (row["what"].as_str().unwrap(), row["count"].as_f64().unwrap()))
        .collect();
    let expected = [
        ("records dropped", 108.0),
        ("records not sent, logs: expired", 42.0),
        ("breaker of logs open", 2.0),
        ("problem: disk full", 1.0),
    ];
    assert_eq!(told, expected);
    assert_eq!(found[2]["is_open"], true);
    // What was counted before the time that is asked for is not of it.
    let later = rows(&dir, "--by losses --since 2025-10-06T11:00:00Z --until 2025-10-06T11:15:00Z");
    assert_eq!(later[0]["count"], 3.0);
    let _ = dir
        .run("top --by losses")
        .exits(0)
        .prints(&[
            "signal=event",
            "make\\u{1b} room",
            "in so many of 3 looks, and at the last look",
        ])
        .omits(&["\u{1b}"]);
}

#[test]
fn a_line_that_stands_there_twice_counts_once() {
    let (dir, other) = (Dir::empty(), Dir::empty());
    let all: Vec<String> = (0..6)
        .map(|seq| event(seq, "01.000000", "info", "log", "window done", &[], "{}"))
        .collect();
    dir.write("events-2025-10-06.jsonl", lines(&all[..5]));
    // Brought over after a crash, and a copy of the directory that went on.
    dir.write("events-2025-10-13.1.jsonl", lines(&all[3..5]));
    other.write("events-2025-10-06.jsonl", lines(&all));
    let labels = r#""signal":"event","reason":"ring_full""#;
    let dropped = [(0, "100"), (10, "103"), (20, "105")].map(|(minute, value)| {
        snapshot(minute, "aaaaaaaa", "radiosonde_records_dropped_total", "counter", labels, value)
    });
    dir.write("metrics-2025-10-06.jsonl", lines(&dropped[..2]));
    other.write("metrics-2025-10-06.jsonl", lines(&dropped[1..]));
    let both = format!("--dir {}", other.path().display());

    let found = rows(&dir, &format!("--by callsites {both}"));
    let counts: Vec<_> = found.iter().map(|row| row["lines"].as_u64()).collect();
    assert_eq!(counts, [Some(6), Some(3)], "{found:?}");
    // One process, whose counter went on in the other directory.
    assert_eq!(rows(&dir, &format!("--by losses {both}"))[0]["count"], 105.0);
    let told = "8 copies of lines left out";
    let _ = dir.run(&format!("top {both}")).exits(0).prints(&["9 lines · 2025", told]);
    let _ = dir.run(&format!("top -o json {both}")).exits(0).tells(&[told]);
    let _ = dir.run(&format!("top {both} --explain")).exits(0).tells(&["9 matched, 8 twice there"]);
    let _ = other.run("top").exits(0).omits(&["copies", "copy"]);

    // What others call an id may be that of a request, and stand in many lines.
    let others = Dir::empty();
    let line = r#"{"ts":"2025-10-06T11:50:00Z","evt":"log","msg":"asked","id":"request-7.1.2"}"#;
    others.write("events-2025-10-06.jsonl", lines(&[line.to_owned(), line.to_owned()]));
    assert_eq!(rows(&others, "--by callsites")[0]["lines"], 2);
}

#[test]
fn names_that_are_alike_say_what_tells_them_apart() {
    let dir = Dir::empty();
    let of = |seq: u32, service: &str, kind: &str| {
        let span = span(seq, "jobs.Scheduler/Report", 1_000 * u64::from(seq), "ok");
        let kind = format!(r#""meta":{{"kind":"{kind}","#);
        span.replace("shop", service).replace(r#""meta":{"#, &kind)
    };
    let spans = [of(1, "api", "client"), of(2, "jobs", "server"), of(3, "jobs", "client")];
    let spans = [spans.to_vec(), vec![span(4, "alone", 1, "ok")]].concat();
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    let said = |seq, service: &str| {
        let line = event(seq, "01.000000", "info", "log", "took too long", &[], "{}");
        line.replace("ingestion", service)
    };
    let logs = [said(1, "api"), said(2, "jobs"), said(3, "jobs")];
    dir.write("events-2025-10-06.jsonl", lines(&logs));
    let ran = dir.run("top").exits(0).prints(&[
        "jobs.Scheduler/Report  client  in jobs  trace",
        "jobs.Scheduler/Report  server  in jobs  trace",
        "jobs.Scheduler/Report  client  in api ",
        " alone  ",
        "log  took too long  app  in jobs\n",
        "log  took too long  app  in api\n",
    ]);
    assert!(!ran.out.contains("alone  client") && !ran.out.contains("alone  in"), "{}", ran.out);
    let found = rows(&dir, "--by spans");
    assert_eq!((&found[0]["service"], &found[0]["kind"]), (&"jobs".into(), &"client".into()));
}

#[test]
fn losses_of_a_span_begin_with_the_last_snapshot_before_it() {
    let name = "radiosonde_metric_writes_refused_total";
    let labels = r#""metric":"a_total","reason":"series_cap""#;
    let refused = |minute: u32, process: &str| {
        let value = (100 * minute).to_string();
        snapshot(minute, process, name, "counter", labels, &value)
    };
    let dir = Dir::empty();
    let all: Vec<_> = (0..=5).map(|minute| refused(minute, "aaaaaaaa")).collect();
    // It ended before the times that are asked for.
    let ended = [refused(1, "bbbbbbbb"), refused(2, "bbbbbbbb")];
    dir.write("metrics-2025-10-06.jsonl", lines(&[&all[..], &ended].concat()));
    for (since, count) in [("04:30", 100.0), ("04:00", 100.0), ("03:30", 200.0)] {
        let args = format!("--by losses --since 2025-10-06T11:{since}Z");
        let found = rows(&dir, &args);
        assert_eq!((found.len(), &found[0]["count"]), (1, &count.into()), "{since}");
        let _ = dir.run(&format!("top {args}")).exits(0).prints(&[&format!("{count}")]);
    }
    let _ = dir.run("top --by losses --since 2025-10-06T11:05:10Z").exits(1).tells(&["nothing"]);
    // Of one that has nothing in the minutes before, nobody knows; of one that began in this time it is.
    let alone = Dir::empty();
    alone.write("metrics-2025-10-06.jsonl", lines(&[refused(9, "aaaaaaaa")]));
    let args = "top --by losses --since 2025-10-06T11:08:30Z";
    let _ = alone.run(args).exits(1).tells(&["not known what they rose by", "none of that in 1"]);
    let start = snapshot(
        9,
        "aaaaaaaa",
        "process_start_time_seconds",
        "gauge",
        "",
        // 11:08:40.
        "1759748920.0",
    );
    alone.write("metrics-2025-10-06.jsonl", lines(&[start, refused(9, "aaaaaaaa")]));
    let _ = alone.run(args).exits(0).prints(&["900"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_narrow_terminal_shows_names_and_where_to_go_on() {
    let dir = Dir::empty();
    let name = "warehouse.v1.Reservations/ReserveEverythingThatIsOrdered";
    let all: Vec<String> =
        (1..=3).map(|seq| span(seq, name, 1_234_567 * u64::from(seq), "error")).collect();
    dir.write("spans-2025-10-06.jsonl", lines(&all));
    let log = event(1, "01.000000", "error", "log", "the queue is full, which", &[], "{}");
    let log = log.replace(r#""source":"app""#, r#""source":"shop::warehouse::queue""#);
    dir.write("events-2025-10-06.jsonl", lines(&[log]));
    for (columns, begin) in [(80_u16, "warehouse"), (60, "warehou"), (60, "log  the queue")] {
        let args = format!("top -P --color never --dir {}", dir.path().display());
        let text = crate::terminal::run(command(&args.split(' ').collect::<Vec<_>>()), columns);
        assert!(text.lines().all(|row| row.chars().count() <= columns.into()), "{text}");
        let end = if begin.starts_with("ware") { "trace 000000000000" } else { "::queue" };
        let row = text.lines().find(|row| row.contains(begin) && row.ends_with(end));
        assert!(row.is_some_and(|row| row.contains('…')), "no {begin} in:\n{text}");
        assert!(text.contains("without p99, all"), "{text}");
    }
}

/// What it prints on a terminal of so many columns.
#[cfg(target_os = "linux")]
fn on_terminal(dir: &Dir, args: &str, columns: u16) -> String {
    let args = format!("{args} -P --color never --dir {}", dir.path().display());
    let text = crate::terminal::run(command(&args.split(' ').collect::<Vec<_>>()), columns);
    assert!(text.lines().all(|row| row.chars().count() <= columns.into()), "{text}");
    text
}

#[cfg(target_os = "linux")]
#[test]
fn a_narrow_terminal_shows_what_was_lost_and_why() {
    let dir = Dir::empty();
    let breaker = |minute, signal: &str| {
        let labels = format!(r#""signal":"{signal}","state":"open""#);
        snapshot(minute, "aaaaaaaa", "radiosonde_otlp_breaker_state", "gauge", &labels, "1")
    };
    let refused = r#""environment":"development","metric":"job_submissions_total","reason":"cap""#;
    let name = "radiosonde_metric_writes_refused_total";
    let labels = r#""environment":"development","reason":"full","signal":"logs""#;
    let dropped = "radiosonde_records_dropped_total";
    dir.write(
        "metrics-2025-10-06.jsonl",
        lines(&[
            breaker(0, "logs"),
            breaker(1, "traces"),
            snapshot(1, "aaaaaaaa", name, "counter", refused, "99"),
            snapshot(1, "aaaaaaaa", dropped, "counter", labels, "7"),
        ]),
    );
    let why = "logs wait, as http://127.0.0.1:9 does not take them: client error (Connect): tcp \
               connect error: Connection refused (os error 111)";
    let fix = r#"{"fix":"see to the receiver, which is tried again by itself; nothing is lost"}"#;
    let problem = event(1, "01.000000", "warning", "telemetry.problem", why, &[], fix);
    dir.write("events-2025-10-06.jsonl", lines(&[problem]));
    for columns in [60, 80, 100, 120] {
        let text = on_terminal(&dir, "top --by losses", columns);
        for name in ["breaker of logs open", "breaker of traces open", "http://127.0.0.1:9"] {
            assert!(text.contains(name), "no {name} in:\n{text}");
        }
        // It goes on below its beginning, and so does the advice behind it.
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = words.join(" ");
        assert!(words.contains(&format!("problem: {why} see to the")), "{text}");
        assert!(words.contains("metric writes refused or folded environment="), "{text}");
        assert!(
            words.contains("dropped environment=development reason=full signal=logs"),
            "{text}"
        );
        if columns >= 80 {
            assert!(words.contains("traces open in so many of 1 looks, and at the last"), "{text}");
        }
        assert_eq!(text.contains("without last"), columns == 60, "{text}");
    }
    // All of it in one line each where there is room.
    let whole = format!("problem: {why}  see to the receiver, which is tried again by itself;");
    assert!(on_terminal(&dir, "top --by losses", 300).contains(&whole));
}

#[cfg(target_os = "linux")]
#[test]
fn a_narrow_terminal_shows_the_names_of_metrics() {
    let dir = Dir::empty();
    let names = [
        "job_submissions_total",
        "metric_ingest_status",
        "http_client_requests_total",
        "collector_exported_records_dropped_total",
    ];
    let mut all = Vec::new();
    for name in names {
        for kind in ["render frame 1", "render frame 2"] {
            let labels = format!(r#""job_type":"{kind}","environment":"{kind} of development""#);
            all.push(snapshot(1, "aaaaaaaa", name, "counter", &labels, "1"));
        }
        let labels = format!(r#""metric":"{name}","reason":"series_cap""#);
        let refused = "radiosonde_metric_writes_refused_total";
        all.push(snapshot(1, "aaaaaaaa", refused, "counter", &labels, "12"));
    }
    dir.write("metrics-2025-10-06.jsonl", lines(&all));
    for columns in [80, 100] {
        let text = on_terminal(&dir, "top --by labels", columns);
        for name in names {
            let mut rows = text.lines().skip_while(|row| !row.contains(&format!(" {name}  ")));
            let row = rows.next();
            assert!(row.is_some_and(|row| row.contains("  environment ")), "no {name} in:\n{text}");
            assert!(row.is_some_and(|row| row.ends_with('…')), "{text}");
            // Below its beginning, as there is no room behind it.
            assert!(rows.next().is_some_and(|row| row.contains("  12 refused ")), "{text}");
        }
    }
}
