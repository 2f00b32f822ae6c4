//! A job id that came back, and lines longer than the screen.

use crate::fixture::{Dir, command, lines};

/// `count` runs of `job-9`, one a minute, each half a second long.
fn again(count: usize) -> Dir {
    let dir = Dir::empty();
    let span = |n: usize| {
        format!(
            r#"{{"ts":"2025-10-06T11:{n:02}:00.500000Z","evt":"span","msg":"work","service":"ingestion","trace_id":"{n:032x}","span_id":"{n:016x}","job_id":"job-9","meta":{{"name":"work","parent_span_id":"feed00000000{n:04x}","start":"2025-10-06T11:{n:02}:00Z","duration_us":500000,"attributes":{{"note":"{}"}}}},"id":"aaaaaaaa.2.{n}"}}"#,
            "long ".repeat(40)
        )
    };
    // The request around it is not of the job.
    let outer = |n: usize| {
        format!(
            r#"{{"ts":"2025-10-06T11:{n:02}:00.600000Z","evt":"span","msg":"POST {n}","trace_id":"{n:032x}","span_id":"feed00000000{n:04x}","meta":{{"name":"POST {n}","start":"2025-10-06T11:{n:02}:00Z","duration_us":600000}},"id":"aaaaaaaa.3.{n}"}}"#
        )
    };
    let delta = |n: usize| {
        format!(
            r#"{{"ts":"2025-10-06T11:{n:02}:00.400000Z","evt":"metric","source":"metrics","msg":"m","service":"ingestion","trace_id":"{n:032x}","span_id":"{n:016x}","job_id":"job-9","meta":{{"kind":"delta","name":"runs_total","type":"counter","labels":{{}},"value":{n}}},"id":"aaaaaaaa.4.{n}"}}"#
        )
    };
    let numbers = || 1..=count;
    let spans: Vec<String> = numbers().map(span).chain(numbers().map(outer)).collect();
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    dir.write("metrics-2025-10-06.jsonl", lines(&numbers().map(delta).collect::<Vec<_>>()));
    dir
}

#[test]
fn each_run_of_a_job_has_its_own_time_bars_and_sums() {
    let ran = again(2).run("correlate --job job-9").exits(0).prints(&[
        "2 runs of job job-9, the newest last\n\nrun 1 of 2 · ingestion · 2025-10-06 11:01:00.000 to 11:01:00.500 UTC (500 ms)\n",
        "\n\nrun 2 of 2 · ingestion · 2025-10-06 11:02:00.000 to 11:02:00.500 UTC (500 ms)\n1 trace, 1 span, 1 metric change\n",
        "11:01:00.000 █████████████████████████  500 ms  └─ work",
        "11:02:00.000 █████████████████████████  500 ms  └─ work",
        "POST 1  (around it",
        "POST 2  (around it",
        "  runs_total  +1\n",
        "  runs_total  +2\n",
    ]);
    assert_eq!(ran.out.matches("around it").count(), 2, "{}", ran.out);
    // One run is not spoken of.
    let _ = again(1).run("correlate --job job-9").exits(0).omits(&["run 1", "1 run "]);
}

#[test]
fn ids_of_others_make_no_runs() {
    let dir = Dir::empty();
    let line = |n: usize| {
        format!(
            r#"{{"ts":"2025-10-06T11:00:{:02}Z","evt":"log","msg":"step {n}","service":"shop","job_id":"j1","id":"req-{n}"}}"#,
            3 * n
        )
    };
    dir.write("events-2025-10-06.jsonl", lines(&(0..10).map(line).collect::<Vec<_>>()));
    let ran = dir.run("correlate --job j1").exits(0).prints(&["step 0", "step 9"]);
    let _ = ran.omits(&["runs of job"]);
}

#[test]
fn of_many_runs_the_last_three_are_shown_and_the_others_on_request() {
    let dir = again(12);
    let of = |shown: &[usize]| -> (Vec<String>, Vec<String>) {
        (1..=12)
            .map(|n| format!("run {n} of 12 ·"))
            .partition(|text| shown.iter().any(|n| *text == format!("run {n} of 12 ·")))
    };
    let all: Vec<usize> = (1..=12).collect();
    for (args, shown, says) in [
        (
            "correlate --job job-9",
            &[10, 11, 12][..],
            "12 runs of job job-9, the newest last; runs 1 to 9 are not shown: --run N for one, --all-runs for all\n",
        ),
        ("correlate --job job-9 --all-runs", &all, "12 runs of job job-9, the newest last\n"),
        ("correlate --job job-9 --run 2", &[2], "12 runs of job job-9; the others: --all-runs\n"),
        ("trace --job job-9", &[10, 11, 12], "runs 1 to 9 are not shown"),
        ("trace --job job-9 --run 12", &[12], "12 runs"),
    ] {
        let (here, not_here) = of(shown);
        let here: Vec<&str> = here.iter().map(String::as_str).chain([says]).collect();
        let not_here: Vec<&str> = not_here.iter().map(String::as_str).collect();
        let _ = dir.run(args).exits(0).prints(&here).omits(&not_here);
    }
    let _ = dir.run("correlate --job job-9 --run 13").exits(1).tells(&["no run 13: 12 runs"]);
}

#[test]
fn json_has_all_runs_or_the_one_asked_for() {
    let dir = again(5);
    for (args, count) in [("", 10), (" --all-runs", 10), (" --run 4", 2)] {
        let ran = dir.run(&format!("correlate --job job-9 -o json{args}")).exits(0);
        assert_eq!(ran.out.lines().count(), count, "{args}: {}", ran.out);
    }
}

#[test]
fn runs_need_a_job_and_numbers_begin_at_one() {
    let dir = again(1);
    for (args, says) in [
        ("correlate --worker w --run 1", "--job"),
        ("trace 00 --all-runs", "--job"),
        ("correlate --job job-9 --run 0", "1 or more"),
        ("correlate --job job-9 --run -1", "1 or more"),
        ("correlate --job job-9 --run 1 --all-runs", "cannot be used with"),
    ] {
        let _ = dir.run(args).exits(2).tells(&[says]);
    }
}

#[test]
fn lines_are_whole_where_no_terminal_cuts_them() {
    let dir = again(1);
    let note = format!("note=\"{}\"", "long ".repeat(40));
    for args in ["correlate --job job-9", "correlate --job job-9 --wide", "trace --job job-9"] {
        let _ = dir.run(args).exits(0).prints(&[&note]).omits(&["…", "--wide"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_cuts_lines_at_its_edge_and_keeps_numbers() {
    let dir = again(1);
    let on_terminal = |more: &[&str]| {
        let mut command = command(&["correlate", "--job", "job-9", "--dir"]);
        let _ = command.arg(dir.path()).args(more);
        crate::terminal::run(command, 70)
    };
    let cut = on_terminal(&[]);
    assert!(cut.contains("\x1b[1mwork\x1b[0m"), "coloured: {cut}");
    let plain = on_terminal(&["--color", "never"]);
    let rows: Vec<&str> = plain.lines().filter(|row| row.starts_with("11:01:00.")).collect();
    assert_eq!(rows.len(), 3, "{plain}");
    assert!(rows[1].contains("work  note=\"long ") && rows[1].ends_with('…'), "{plain}");
    assert!(rows[2].ends_with(" +1"), "{plain}");
    assert!(rows.iter().all(|row| row.chars().count() <= 70), "{plain}");
    assert!(plain.contains("--wide shows all"), "{plain}");

    let wide = on_terminal(&["--wide"]);
    assert!(wide.contains("long \"") && !wide.contains('…'), "{wide}");
}
