//! What each subcommand finds, and how it looks.

use crate::fixture::{Dir, TRACE, command, event, lines, run};

#[test]
fn logs_come_by_time_from_all_files_and_once() {
    let ran = Dir::story().run("logs").exits(0);
    let expected = "\
── 2025-10-06 (UTC) ──
11:50:00.010 DEBUG app  nobody's
11:50:00.050 INFO  app  window opened  range=\"2025-09-01 to 2025-09-02\"  job=job-7  trace=0edadbc0  worker=w-3
11:50:01.113 WARN  openrouter_error app  429 Rate limit, retrying  status=429  attempt=2  job=job-7  trace=0edadbc0  worker=w-3
11:50:02.450 ERROR ingestion.window_failed app  gave up  attempts=4  job=job-7  trace=0edadbc0  worker=w-3
11:50:02.460 INFO  app  another job  job=job-77
";
    assert_eq!(ran.out, expected);
    assert_eq!(ran.err, "");
}

#[test]
fn conditions_narrow_it_down() {
    let dir = Dir::story();
    for (args, here, not_here) in [
        (
            "logs --job job-7",
            &["window opened", "gave up"][..],
            &["another job", "nobody's", "job="][..],
        ),
        ("logs --level warn", &["429", "gave up"], &["window opened"]),
        ("logs --trace 0EDA", &["429"], &["another job"]),
        ("logs --worker w-3", &["429"], &["another job"]),
        ("logs --machine web-1", &["429"], &["another job"]),
        ("logs --evt openrouter_error --evt log", &["429", "window"], &["gave up"]),
        ("logs --since 2025-10-06T11:50:01Z", &["429"], &["window opened"]),
        ("logs --until 2025-10-06T11:50:01", &["window"], &["429"]),
        ("logs --since 2025-10-06 --until 2025-10-06", &["window"], &[]),
        ("logs -n 2", &["gave up", "another job"], &["429"]),
        ("events", &["429", "gave up"], &["window opened", "another job"]),
        ("events --job job-7 -n 1", &["gave up"], &["429"]),
    ] {
        let _ = dir.run(args).exits(0).prints(here).omits(not_here);
    }
    for args in [
        "logs --job job-777",
        "events --since 2025-10-07",
        "logs --until 2025-10-05",
        "events --session s",
    ] {
        let ran = dir.run(args).exits(1).tells(&["nothing found in 2 files"]);
        assert_eq!(ran.out, "", "{args}");
    }
}

#[test]
fn snapshots_of_a_machine_take_no_room_in_its_timeline() {
    // The newest line is one.
    let dir = Dir::story();
    let ran = dir.run("correlate --machine web-1 -n 1").exits(0);
    let _ = ran.prints(&["1 trace, 1 span (1 error)\n", "ingest  error: gave up"]);
    let ran = dir.run("correlate --machine web-1 -n 1 -o json").exits(0);
    let _ = ran.prints(&[r#""kind":"snapshot""#]);
}

#[test]
fn what_was_wrong_is_told_below_what_was_found() {
    let dir = Dir::story();
    dir.write("events-2025-10-07.jsonl", "no line of web-1\n");
    dir.write("metrics-2025-10-07.jsonl", "no line of web-1\n");
    let place = dir.path().to_str().unwrap();
    for args in ["logs", "logs -n 2", "correlate --machine web-1", "metrics"] {
        // As where both go to one terminal.
        let both = tempfile::NamedTempFile::new().unwrap();
        let file = || both.as_file().try_clone().unwrap();
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.args(["--dir", place]).stdout(file()).stderr(file());
        assert_eq!(command.status().unwrap().code(), Some(3), "{args}");
        let text = std::fs::read_to_string(both.path()).unwrap();
        let (found, wrong) = (text.find("ingestion"), text.find("skipped: not a JSON object"));
        assert!(found < wrong && found.is_some(), "{args}: {text}");
    }
}

#[test]
fn json_is_the_lines_as_stored() {
    let dir = Dir::story();
    for command in ["logs", "events", "trace", "metrics", "correlate"] {
        let json = dir.run(&format!("{command} --job job-7 -o json")).exits(0);
        assert!(json.out.starts_with("{\"ts\""), "{}", json.out);
        let short = dir.run(&format!("{command} --job job-7 --json")).exits(0);
        assert_eq!(short.out, json.out, "{command}");
    }
    let ran = dir.run("logs --job job-7 -o json").exits(0);
    let stored = std::fs::read_to_string(dir.path().join("events-2025-10-06.jsonl")).unwrap();
    let first_three: Vec<&str> = stored.lines().take(3).collect();
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), first_three);
    // All signals, by time.
    let ran = dir.run("correlate --job job-7 -o json").exits(0);
    let times: Vec<&str> = ran.out.lines().map(|line| &line[7..34]).collect();
    assert_eq!(times.len(), 9);
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn correlate_tells_the_story_of_a_job() {
    let dir = Dir::story();
    let ran = dir.run("correlate --job job-7").exits(0);
    let expected = "\
job job-7 · ingestion · 2025-10-06 11:50:00.000 to 11:50:02.500 UTC (2.50 s)
1 trace, 3 spans (1 error), 1 log, 2 events (1 warning, 1 error), 3 metric changes
trace 0edadbc0a1b2c3d4e5f60718293a4b5c  worker w-3  machine web-1
events  openrouter_error → ingestion.window_failed
time    critical path ◆: ingest (1.50 s, 60 %), GET /usage (1.00 s, 40 %)
error   11:50:02.500 in ingestion on web-1: ingest: gave up
next    radiosonde logs --machine web-1 --level warning --since 2025-10-06T11:49:52Z --until 2025-10-06T11:50:12Z --dir DIR  # what else went wrong there then

11:50:00.000 █████████████████████████  2.50 s ◆ ingest  error: gave up  provider=acme
11:50:00.050 •                                   ├─ INFO  window opened  range=\"2025-09-01 to 2025-09-02\"
11:50:00.100  ██████████                1.00 s ◆ ├─ GET /usage  ok  client
11:50:01.113            •                        │  └─ WARN  openrouter_error  429 Rate limit, retrying  status=429  attempt=2
11:50:01.150            +                        ├─ metric fetch_ms 2 × mean 300 ms, sum 600 ms
11:50:02.400                         +           ├─ metric runs_total{outcome=\"failure\"} +1
11:50:02.400                         +           ├─ metric fetch_ms 300 ms
11:50:02.450                         •           └─ ERROR ingestion.window_failed  gave up  attempts=4
11:50:02.200                                     (missing span 00f067aa0ba90009: still open, not sampled, or not here)
11:50:02.200                       █    100 ms   └─ store

metrics, summed
  fetch_ms                       3 × mean 300 ms, sum 900 ms  in 2 changes
  runs_total{outcome=\"failure\"}  +1

spans are missing: what another machine wrote may be in another directory, and --dir can be repeated
";
    assert_eq!(ran.out.replace(dir.path().to_str().unwrap(), "DIR"), expected, "{}", ran.out);
    assert_eq!(ran.err, "");
}

#[test]
fn correlate_takes_any_of_the_ids() {
    let dir = Dir::story();
    for by in ["--trace 0edadbc0", "--worker w-3", "--machine web-1", "--job job-7 --trace 0e"] {
        let _ = dir.run(&format!("correlate {by}")).exits(0).prints(&[
            "ingest  error",
            "gave up",
            "+1",
            TRACE,
        ]);
    }
    let _ = dir.run("correlate --session none").exits(1);
}

#[test]
fn a_span_around_the_job_is_shown_and_not_called_missing() {
    let dir = Dir::empty();
    let outer = format!(
        r#"{{"ts":"2025-10-06T11:51:00Z","evt":"span","msg":"POST /jobs","trace_id":"{TRACE}","span_id":"aaaaaaaaaaaaaaaa","meta":{{"name":"POST /jobs","start":"2025-10-06T11:49:00Z","duration_us":120000000}}}}"#
    );
    let inner = format!(
        r#"{{"ts":"2025-10-06T11:50:01Z","evt":"span","msg":"work","trace_id":"{TRACE}","span_id":"bbbbbbbbbbbbbbbb","job_id":"j","meta":{{"name":"work","parent_span_id":"aaaaaaaaaaaaaaaa","start":"2025-10-06T11:50:00Z","duration_us":1000000}}}}"#
    );
    dir.write("spans-2025-10-06.jsonl", lines(&[inner, outer]));
    let _ = dir
        .run("correlate --job j")
        .exits(0)
        .prints(&[
            "1 trace, 1 span\n",
            "POST /jobs  (around it, not part of it)",
            "└─ work",
            "(1.00 s)",
        ])
        .omits(&["missing"]);
}

#[test]
fn trace_shows_spans_and_what_went_wrong_in_them() {
    let dir = Dir::story();
    let _ = dir
        .run("trace 0edadbc0")
        .exits(0)
        .prints(&[
            "trace 0edadbc0a1b2c3d4e5f60718293a4b5c",
            "├─ GET /usage  ok  client",
            "WARN  openrouter_error",
            "(missing span 00f067aa0ba90009",
        ])
        .omits(&["window opened", "metric"]);
    let _ = dir.run("trace --job job-7 --level trace").exits(0).prints(&["window opened"]);
    let _ = dir.run("trace --trace 0eda").exits(0).prints(&["ingest  error: gave up"]);
    let _ = dir.run("trace ffff").exits(1);
}

#[test]
fn the_beginning_of_two_traces_names_them() {
    let dir = Dir::story();
    let other = event(
        9,
        "00.000000",
        "error",
        "log",
        "x",
        &[r#""trace_id":"0edaffffffffffffffffffffffffffff""#],
        "{}",
    );
    dir.write("events-2025-10-07.jsonl", lines(&[other]));
    for args in ["trace 0eda", "correlate --trace 0eda"] {
        let _ = dir.run(args).exits(2).tells(&["2 traces", TRACE, "0edaffff", "more digits"]);
    }
}

#[test]
fn a_trace_that_others_write_in_capitals_is_the_same_one() {
    let dir = Dir::story();
    let capitals = TRACE.to_uppercase();
    let id = format!(r#""trace_id":"{capitals}""#);
    let other = event(9, "01.500000", "error", "log", "of others", &[&id], "{}");
    dir.write("events-2025-10-07.jsonl", lines(&[other]));
    for asked in [TRACE, &capitals, &TRACE[..9], &capitals[..9]] {
        for what in ["trace ", "correlate --trace ", "logs --trace ", "logs --where trace="] {
            let ran = dir.run(&format!("{what}{asked}")).exits(0);
            let _ = ran.prints(&["of others", "429 Rate limit"]);
        }
    }
}

#[test]
fn metrics_are_the_latest_or_a_jobs_own() {
    let dir = Dir::story();
    let _ = dir
        .run("metrics")
        .exits(0)
        .prints(&[
            "ingestion · web-1 · ",
            "runs_total{outcome=\"failure\"}  41 ",
            "4 × mean 250 ms, p50 233.3 ms, p95 473.3 ms, p99 494.7 ms",
            "2025-10-06 11:50:03.000 UTC",
        ])
        .omits(&["}  40 "]);
    let ran = dir.run("metrics --job job-7").exits(0);
    assert_eq!(
        ran.out,
        "  fetch_ms                       3 × mean 300 ms, sum 900 ms  in 2 changes\n  runs_total{outcome=\"failure\"}  +1\n"
    );
    let json = dir.run("metrics -o json").exits(0);
    assert_eq!(json.out.lines().count(), 2);
    let _ = dir.run("metrics --job none").exits(1);
}

#[test]
fn days_are_told_where_there_are_several() {
    let dir = Dir::story();
    // Of the job's trace, and so of the same run.
    let ids = [r#""job_id":"job-7""#, "00f067aa0ba90001"];
    let late = event(8, "00.000000", "info", "log", "late", &ids, "{}").replace("10-06T", "10-08T");
    dir.write("events-2025-10-08.jsonl", lines(&[late]));
    let _ = dir.run("logs").exits(0).prints(&["── 2025-10-06 (UTC) ──", "── 2025-10-08 (UTC) ──"]);
    let _ = dir.run("correlate --job job-7").exits(0).prints(&[
        "2025-10-06 11:50:00.000 to 2025-10-08 11:50:00.000 UTC (2d 0h)",
        "2025-10-06 11:50:01.113 •",
    ]);
}

#[test]
fn colour_is_kept_for_terminals_and_whoever_asks() {
    let dir = Dir::story();
    let _ = dir.run("correlate --job job-7").exits(0).omits(&["\x1b"]);
    let _ =
        dir.run("correlate --job job-7 --color always").exits(0).prints(&["\x1b[31m", "\x1b[0m"]);
    let _ = dir.run("logs --color always -o json").exits(0).omits(&["\x1b"]);
}

#[test]
fn the_width_of_the_screen_makes_the_bars() {
    let dir = Dir::story();
    for (columns, bar) in [("40", 10), ("80", 10), ("1000", 40), ("x", 25)] {
        let mut command = command(&["correlate", "--job", "job-7", "--dir"]);
        let _ = command.arg(dir.path()).env("COLUMNS", columns);
        let ran = run(command).exits(0);
        assert!(ran.out.contains(&format!(" {} ", "█".repeat(bar))), "{columns}: {}", ran.out);
    }
}

#[test]
fn what_was_exported_as_changes_is_summed_each_line_once() {
    let change = |id: &str, ids: &str, value: i64| {
        format!(
            r#"{{"ts":"2025-10-06T11:50:0{id}Z","level":"info","evt":"metric","source":"opentelemetry","msg":"","service":"shop",{ids}"meta":{{"kind":"delta","name":"queue_jobs","type":"counter","labels":{{"otel.scope.name":"mq"}},"value":{value}}},"id":"k3f9q2xw.1.{id}"}}"#
        )
    };
    let dir = Dir::empty();
    let second = change("2", "", 5);
    dir.write(
        "metrics-2025-10-06.jsonl",
        lines(&[
            change("1", "", 2),
            second.clone(),
            change("3", r#""job_id":"j-1","#, 100),
            second,
        ]),
    );
    let row = r#"  queue_jobs{otel.scope.name="mq"}  +7  in 2 changes"#;
    let _ = dir.run("metrics").exits(0).prints(&["sums of what was exported as changes\n", row]);
    // Beside snapshots they stand below.
    let full = Dir::story();
    full.write("metrics-2025-10-07.jsonl", lines(&[change("4", "", 1)]));
    let _ = full.run("metrics").exits(0).prints(&["runs_total", "+1"]);
}
