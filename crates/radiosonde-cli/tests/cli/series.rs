//! `metrics`: pictures and quantiles of series over their snapshots.

use crate::fixture::{Dir, command, existing, lines, run};

fn snapshot(second: u32, process: &str, meta: &str) -> String {
    let (number, minute, second) = (second, second / 60, second % 60);
    format!(
        r#"{{"ts":"2025-10-06T11:{minute:02}:{second:02}Z","level":"info","evt":"metric","source":"metrics","msg":"m","service":"shop","machine_id":"web-1","meta":{{"kind":"snapshot",{meta}}},"id":"{process}.3.{number}"}}"#
    )
}

fn counter(value: &str) -> String {
    format!(r#""name":"runs_total","type":"counter","labels":{{}},"value":{value}"#)
}

/// Four seconds of a counter that begins anew in the third.
fn dir() -> Dir {
    let dir = Dir::empty();
    let of = [(0, "a", "100"), (1, "a", "110"), (2, "a", "120"), (3, "b", "5"), (4, "b", "5")];
    let mut all: Vec<_> = of
        .iter()
        .map(|(second, process, value)| snapshot(*second, &process.repeat(8), &counter(value)))
        .collect();
    for (second, value) in [(0, "1"), (1, "\"NaN\""), (2, "3"), (3, "8")] {
        let meta = format!(
            r#""name":"queue_depth","type":"gauge","labels":{{"q":"\u001b[2J"}},"value":{value}"#
        );
        all.push(snapshot(second, "aaaaaaaa", &meta));
    }
    for (second, count, sum) in [(0, 10, 10), (1, 20, 110), (2, 20, 110), (3, 30, 130)] {
        let meta = format!(
            r#""name":"wait_seconds","type":"histogram","unit":"seconds","labels":{{}},"count":{count},"sum":{sum},"buckets":[[1.0,10],[10.0,{count}],["+Inf",{count}]]"#
        );
        all.push(snapshot(second, "aaaaaaaa", &meta));
    }
    dir.write("metrics-2025-10-06.jsonl", lines(&all));
    dir
}

#[test]
fn each_series_has_a_picture_of_how_it_went() {
    let ran = dir().run("metrics").exits(0).prints(&[
        "runs_total ",
        "  at most 10/s",
        "1 to 8",
        "mean 2 s to 10 s",
        "queue_depth{q=\"\\u{1b}[2J\"}  8",
        "30 × mean 4.33 s, p50 3.25 s, p95 9.3",
        "pictures from 2025-10-06 11:00:00.000 UTC",
        "1.00 s each",
    ]);
    let row = ran.out.lines().find(|line| line.contains("runs_total")).unwrap();
    // The counter began anew at 5: no fall, and nothing at the end.
    assert!(row.contains(" ██▅▁ ") || row.contains(" ██▄▁ "), "{row}");
    assert!(!ran.out.contains('\u{1b}'));
}

#[test]
fn since_tells_what_came_since_then() {
    let ran = dir().run("metrics --since 2025-10-06T11:00:01Z").exits(0);
    // 110, 120, and 5 of another process.
    let row = ran.out.lines().find(|line| line.contains("runs_total")).unwrap().to_owned();
    assert!(row.contains("5 (+15)"), "{row}");
    let _ = dir()
        .run("metrics wait --since 2025-10-06T11:00:00Z")
        .exits(0)
        .prints(&["+20 × mean 6 s, p50 5.5 s, p95 9.55 s, p99 9.91 s", "In brackets"]);
}

#[test]
fn ids_of_others_are_no_restarts() {
    let dir = Dir::empty();
    let of = |(second, value): (u32, &str)| {
        let line = snapshot(second, "aaaaaaaa", &counter(value));
        line.replace(&format!("aaaaaaaa.3.{second}"), &format!("request-{second}"))
    };
    let all = [(1, "100"), (2, "110"), (3, "120")].map(of);
    assert!(all[0].contains(r#""id":"request-1""#), "{}", all[0]);
    dir.write("metrics-2025-10-06.jsonl", lines(&all));
    let ran = dir.run("metrics --since 2025-10-06T11:00:01Z").exits(0);
    let _ = ran.prints(&["120 (+20)"]);
}

#[test]
fn names_choose_by_beginning_or_pattern() {
    for (names, expect, not) in [
        ("runs", "runs_total", "queue_depth"),
        ("*_depth", "queue_depth", "runs_total"),
        ("wait_seconds queue", "queue_depth", "runs_total"),
    ] {
        let _ = dir().run(&format!("metrics {names}")).exits(0).prints(&[expect]).omits(&[not]);
    }
    let _ = dir().run("metrics run_total").exits(1).tells(&["no metric is called run_total"]);
    let _ = Dir::story().run("metrics fetch --job job-7").exits(0).omits(&["runs_total"]);
}

#[test]
fn a_terminal_without_unicode_gets_ascii() {
    for (variable, value, mark) in [("LANG", "C", '#'), ("LC_ALL", "en_US.UTF-8", '█')] {
        let dir = dir();
        let mut command = command(&["metrics", "runs", "--dir"]);
        let _ = command.arg(dir.path()).env(variable, value);
        let ran = run(command).exits(0);
        assert!(ran.out.contains(mark), "{value}: {}", ran.out);
    }
}

/// Snapshots of a process: of a counter, a gauge and a distribution, at so many seconds.
fn snapshots(process: &str, of: &[(u32, u32)]) -> Vec<String> {
    let all = of.iter().flat_map(|(second, value)| {
        let gauge = format!(r#""name":"queue_depth","type":"gauge","labels":{{}},"value":{value}"#);
        let wait = format!(
            r#""name":"wait_seconds","type":"histogram","unit":"seconds","labels":{{}},"count":{value},"sum":{},"buckets":[[1.0,{value}],["+Inf",{value}]]"#,
            value / 2
        );
        [counter(&value.to_string()), gauge, wait].map(|meta| snapshot(*second, process, &meta))
    });
    all.collect()
}

#[test]
fn processes_in_a_file_of_any_name_are_told_apart_as_their_slots_do() {
    let dir = Dir::empty();
    let slot_0 = snapshots("aaaaaaaa", &[(0, 1000), (60, 1100), (120, 1200)]);
    // It is restarted, and has a name that comes before.
    let slot_0 = [slot_0, snapshots("0000000c", &[(180, 40), (240, 90)])].concat();
    let slot_1 = snapshots("bbbbbbbb", &[(30, 50), (90, 60), (150, 70), (210, 80)]);
    let day_files = existing(dir.path().join("days"));
    for (name, slot) in
        [("metrics-2025-10-06.jsonl", &slot_0), ("metrics-2025-10-06.1.jsonl", &slot_1)]
    {
        std::fs::write(day_files.join(name), lines(slot)).unwrap();
    }
    let behind = [slot_1, slot_0].concat();
    let mut by_time = behind.clone();
    by_time.sort();
    dir.write("behind.log", lines(&behind));
    dir.write("mixed.log", lines(&by_time));
    let rows = |file: &str, more: &[&str]| {
        let mut command = command(&["metrics", "--dir"]);
        let _ = command.arg(dir.path().join(file)).args(more);
        let ran = run(command).exits(0);
        let mut rows: Vec<_> = ran.out.lines().map(str::to_owned).collect();
        rows.retain(|row| row.starts_with("  ") || row.starts_with('{'));
        rows.sort();
        (rows, ran)
    };
    for more in [&[][..], &["--since", "2025-10-06T11:00:00Z"], &["-o", "json"]] {
        let (expect, _) = rows("days", more);
        assert_eq!(expect.len(), 6, "{expect:?}");
        for file in ["behind.log", "mixed.log"] {
            let (found, ran) = rows(file, more);
            assert_eq!(found, expect, "{file} {more:?}");
            if more != ["-o", "json"] {
                let _ = ran.prints(&["· process 0000000c ·", "· process bbbbbbbb ·"]);
            }
        }
    }
    let (since, _) = rows("mixed.log", &["runs", "--since", "2025-10-06T11:00:00Z"]);
    // 200, and 90 of the one that began anew.
    assert!(since.iter().any(|row| row.contains("90 (+290)")), "{since:?}");
    assert!(since.iter().any(|row| row.contains("80 (+30)")), "{since:?}");
}

#[test]
fn a_process_in_a_file_of_any_name_that_was_restarted_is_one() {
    let dir = Dir::empty();
    let all = [snapshots("bbbbbbbb", &[(0, 7)]), snapshots("aaaaaaaa", &[(60, 3)])].concat();
    dir.write("any.log", lines(&all));
    let mut command = command(&["metrics", "--dir"]);
    let _ = command.arg(dir.path().join("any.log"));
    let ran = run(command).exits(0).prints(&["runs_total    3 "]).omits(&["process"]);
    assert_eq!(ran.out.matches("runs_total").count(), 1, "{}", ran.out);
}

#[test]
fn one_snapshot_and_the_largest_numbers_are_no_trouble() {
    let dir = Dir::empty();
    let most = u64::MAX.to_string();
    let mut all =
        vec![snapshot(0, "aaaaaaaa", &counter(&most)), snapshot(9, "aaaaaaaa", &counter(&most))];
    for (name, value) in [("one", "1"), ("inf", "\"+Inf\""), ("null", "null"), ("big", "1e308")] {
        all.push(snapshot(
            1,
            "aaaaaaaa",
            &format!(r#""name":"{name}","type":"gauge","value":{value}"#),
        ));
    }
    all.push(snapshot(2, "aaaaaaaa", r#""name":"big","type":"gauge","value":-1e308"#));
    dir.write("metrics-2025-10-06.jsonl", lines(&all));
    let ran = dir.run("metrics").exits(0).prints(&["at most 0/h", "inf", "-1.000e308"]);
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("  one")).count(), 1);
}

/// Snapshots of a process that begins at 11:00, one a minute: of its start, of a counter, and from the third
/// on of one more.
fn fresh() -> Dir {
    let dir = Dir::empty();
    let start =
        r#""name":"process_start_time_seconds","type":"gauge","unit":"s","value":1759748400.0"#;
    let mut all = Vec::new();
    for (second, value) in [(60, "120"), (120, "120"), (180, "120")] {
        all.push(snapshot(second, "aaaaaaaa", start));
        all.push(snapshot(second, "aaaaaaaa", &counter(value)));
    }
    let late = counter("6").replace("{}", r#"{"late":"1"}"#);
    all.push(snapshot(180, "aaaaaaaa", &late));
    dir.write("metrics-2025-10-06.jsonl", lines(&all));
    dir
}

#[test]
fn what_the_first_snapshot_of_a_process_has_is_a_rise() {
    let dir = fresh();
    let row = |args: &str, begin: &str| {
        let ran = dir.run(args).exits(0);
        let found = ran.out.lines().find(|line| line.trim_start().starts_with(begin));
        found.unwrap_or_else(|| panic!("no {begin} in {}", ran.out)).to_owned()
    };
    let all = row("metrics", "runs_total ");
    assert!(all.contains("at most 2/s") && !all.contains("before"), "{all}");
    let late = r#"runs_total{late="1"}"#;
    assert!(row("metrics", late).contains("at most 6/min"), "{}", row("metrics", late));
    for (since, first, other) in [
        ("2025-10-06T11:00:00Z", "120 (+120)", "6 (+6)"),
        // It ran before that, and the other one came later.
        ("2025-10-06T11:00:30Z", "120 (+0)", "6 (+6)"),
    ] {
        let args = format!("metrics --since {since}");
        let (one, two) = (row(&args, "runs_total "), row(&args, late));
        assert!(one.contains(first) && two.contains(other), "{since}:\n{one}\n{two}");
    }
    // One snapshot alone, and the one before that time.
    let alone = "metrics --since 2025-10-06T11:02:30Z";
    for (begin, all) in [("runs_total ", "120 (+0)"), (late, "6 (+6)")] {
        assert!(row(alone, begin).contains(all), "{}", row(alone, begin));
    }
    let unknown = "it is not known what they grew by";
    for since in ["00:30", "02:30"] {
        let _ =
            dir.run(&format!("metrics --since 2025-10-06T11:{since}Z")).exits(0).omits(&[unknown]);
    }
    let _ = dir.run("metrics --until 2025-10-06T11:01:30Z").exits(0).omits(&[unknown]);
    // The line that tells does not fit the condition.
    let where_name =
        row("metrics --where name=runs_total --since 2025-10-06T11:00:00Z", "runs_total ");
    assert!(where_name.contains("120 (+120)"), "{where_name}");
    // Of one that does not say when it began nobody knows.
    let _ = self::dir()
        .run("metrics runs")
        .exits(0)
        .prints(&["at most 10/s · 100 before", "Before: it is not known when"]);
}

#[test]
fn of_distributions_nothing_new_is_nothing() {
    let dir = Dir::empty();
    let meta = r#""name":"wait_seconds","type":"histogram","unit":"seconds","labels":{},"count":30,"sum":130,"buckets":[[1.0,10],[10.0,30],["+Inf",30]]"#;
    dir.write(
        "metrics-2025-10-06.jsonl",
        lines(&[snapshot(60, "aaaaaaaa", meta), snapshot(120, "aaaaaaaa", meta)]),
    );
    let _ = dir.run("metrics --since 2025-10-06").exits(0).prints(&["wait_seconds  +0"]);
    let _ = dir.run("metrics").exits(0).prints(&["30 × mean 4.33 s"]);
}

#[test]
fn of_one_snapshot_of_a_distribution_it_is_not_known_what_came_since() {
    let ran = dir().run("metrics wait --since 2025-10-06T11:00:03Z").exits(0);
    let row = ran.out.lines().find(|line| line.contains("wait_seconds")).unwrap();
    assert!(row.contains("30 × mean") && !row.contains('+'), "{row}");
    let _ = ran.prints(&["it is not known what they grew by"]);
}

#[test]
fn a_span_begins_with_the_last_snapshot_before_it() {
    let dir = Dir::empty();
    let mut all = Vec::new();
    for minute in 1..=6_u32 {
        all.push(snapshot(60 * minute, "aaaaaaaa", &counter(&(600 * minute).to_string())));
        let count = 10 + minute;
        let wait = format!(
            r#""name":"wait_seconds","type":"histogram","labels":{{}},"count":{count},"sum":{count},"buckets":[[1.0,{count}],["+Inf",{count}]]"#
        );
        all.push(snapshot(60 * minute, "aaaaaaaa", &wait));
    }
    // Of long ago.
    all.insert(0, snapshot(0, "aaaaaaaa", &counter("7")).replace("T11:00", "T10:00"));
    dir.write("metrics-2025-10-06.jsonl", lines(&all));
    for (since, runs, waits) in [
        ("11:05:10", "3600 (+600)", "+1 × mean"),
        ("11:04:30", "3600 (+1200)", "+2 × mean"),
        // Its own value is known there.
        ("11:05:00", "3600 (+600)", "+1 × mean"),
        ("11:01:30", "3600 (+3000)", "+5 × mean"),
    ] {
        let args = format!("metrics --since 2025-10-06T{since}Z");
        let _ = dir.run(&args).exits(0).prints(&[runs, waits]).omits(&["not known", "×  "]);
        let name = format!("{args} --where name=runs_total");
        let _ = dir.run(&name).exits(0).prints(&[runs]);
    }
    // Of what begins with the first there is, nobody can say.
    let last = "metrics --since 2025-10-06T11:01:00Z --until 2025-10-06T11:01:30Z";
    let _ = dir.run(last).exits(0).prints(&["runs_total    600\n", "11 × mean", "not known what"]);
    // What was before is no answer itself.
    let none = "metrics --since 2025-10-06T11:06:10Z";
    let _ = dir.run(none).exits(1).tells(&["nothing found"]);
    let over = "metrics --since 2025-10-06T11:04:30Z --explain";
    let _ = dir.run(over).exits(0).tells(&["4 matched"]);
}
