//! What a timeline leaves out is said below it.

use crate::fixture::{Dir, TRACE, event, lines};

/// A span of a job, or of none.
fn span(id: &str, parent: &str, job: &str) -> String {
    let job = if job.is_empty() { String::new() } else { format!(r#""job_id":"{job}","#) };
    let parent = match parent {
        "" => String::new(),
        parent => format!(r#""parent_span_id":"{parent}","#),
    };
    format!(
        r#"{{"ts":"2025-10-06T11:50:01Z","evt":"span","msg":"work","trace_id":"{TRACE}","span_id":"{id}",{job}"meta":{{"name":"work {id}",{parent}"duration_us":1000}}}}"#
    )
}

fn log(seq: u32, level: &str) -> String {
    event(seq, "01.000000", level, "log", "said", &[r#""job_id":"order""#, "a"], "{}")
}

#[test]
fn lines_below_the_level_are_counted_once_each() {
    let dir = Dir::empty();
    dir.write("spans-2025-10-06.jsonl", lines(&[span("a", "", "order")]));
    let said = [log(1, "info"), log(2, "debug"), log(3, "trace"), log(4, "warning")];
    dir.write("events-2025-10-06.jsonl", lines(&said));
    // Brought over a second time, and one whose level nobody knows.
    dir.write("events-2025-10-07.jsonl", lines(&[log(2, "debug"), log(5, "odd")]));
    for (args, closing) in [
        ("trace 0e", "3 more lines are below warning: --level trace\n"),
        ("trace --job order", "3 more lines are below warning: --level trace\n"),
        ("trace 0e --level info", "2 more lines are below info: --level trace\n"),
        ("trace 0e --level debug", "1 more line is below debug: --level trace\n"),
        (
            "trace 0e --since 2025-10-06 -n 1",
            "only the newest 1 line is here, and there are more: -n for another number\n3 more \
             lines are below warning: --level trace\n",
        ),
    ] {
        let ran = dir.run(args).exits(0);
        assert!(ran.out.ends_with(&format!("\n\n{closing}")), "{args}: {}", ran.out);
    }
    for args in ["trace 0e --level trace", "correlate --trace 0e", "trace 0e -o json"] {
        let _ = dir.run(args).exits(0).omits(&["more line"]);
    }
}

#[test]
fn lines_under_one_id_of_others_are_no_copies() {
    let dir = Dir::empty();
    dir.write("spans-2025-10-06.jsonl", lines(&[span("a", "", "order")]));
    let said =
        [1, 2, 3].map(|seq| log(seq, "info").replace(&format!("aaaaaaaa.1.{seq}"), "request-7"));
    dir.write("events-2025-10-06.jsonl", lines(&said));
    let _ = dir.run("trace 0e").exits(0).prints(&["\n3 more lines are below warning"]);
}

#[test]
fn where_only_lines_below_the_level_fit_that_is_said() {
    let dir = Dir::empty();
    dir.write("events-2025-10-06.jsonl", lines(&[log(1, "info"), log(2, "debug")]));
    for args in ["trace 0e", "trace 0e -o json"] {
        let ran = dir.run(args).exits(1);
        let said = "radiosonde: no span and nothing from warning up; 2 lines are below it: --level \
                    trace\nradiosonde: spans may have been sent over OTLP alone: \
                    RADIOSONDE_FILES=events,spans,metrics keeps them here as well\n";
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", said), "{args}");
    }
    let _ = dir.run("trace 0e --level trace").exits(0);
    let _ = dir.run("trace ff").exits(1).tells(&["nothing found"]);
}

#[test]
fn of_several_runs_only_lines_of_those_shown_are_counted() {
    let dir = Dir::empty();
    let of_run = |line: String, run: u32| {
        line.replace(TRACE, &format!("{run:032x}")).replace("T11:50", &format!("T1{run}:50"))
    };
    let spans: Vec<String> = (1..=2).map(|run| of_run(span("a", "", "order"), run)).collect();
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    let said = [of_run(log(1, "info"), 1), of_run(log(2, "info"), 2), of_run(log(3, "info"), 2)];
    dir.write("events-2025-10-06.jsonl", lines(&said));
    for (run, closing) in [("1", "\n1 more line is below"), ("2", "\n2 more lines are below")] {
        let _ = dir.run(&format!("trace --job order --run {run}")).exits(0).prints(&[closing]);
    }
    let _ = dir.run("trace --job order").exits(0).prints(&["\n3 more lines are below"]);
}

#[test]
fn spans_of_other_jobs_below_a_job_are_named() {
    let pack = |nth: u32| span(&format!("b{nth}"), "a", &format!("pack-{nth}"));
    let below = |more: &[String]| {
        let dir = Dir::empty();
        // The request around the job and what else it did are not below it.
        let around = [span("r", "", ""), span("s", "r", "sibling"), span("a", "r", "order")];
        dir.write("spans-2025-10-06.jsonl", lines(&[&around, more].concat()));
        let told = |args: &str| {
            let ran = dir.run(args).exits(0);
            let line = ran.out.lines().find(|line| line.contains(" below ")).map(str::to_owned);
            line.map(|line| line.replace(&format!(" --dir {}", dir.path().display()), ""))
        };
        assert_eq!(told("correlate --trace 0e"), None);
        assert_eq!(told("trace --job order"), told("correlate --job order"));
        told("correlate --job order")
    };
    let deep = span("c", "b1", "");
    let own_again = span("d", "c", "order");
    let many: Vec<String> = (1..=7).map(pack).collect();
    for (more, told) in [
        (vec![], None),
        (vec![span("b", "a", "order")], None),
        (vec![pack(1)], Some("1 span below is of another job (pack-1)")),
        (vec![pack(1), pack(2)], Some("2 spans below are of other jobs (pack-1, pack-2)")),
        (vec![pack(1), deep], Some("2 spans below are of another job (pack-1) or of none")),
        (vec![span("c", "a", ""), own_again], Some("1 span below is of no job")),
        (many, Some("7 spans below are of other jobs (pack-1, pack-2, pack-3, pack-4 and 3 more)")),
        // A circle below it.
        (
            vec![span("x", "y", "other"), span("y", "x", "other"), span("x", "a", "other")],
            Some("2 spans below are of another job (other)"),
        ),
    ] {
        let told = told.map(|told| format!("{told}: radiosonde trace 0edadbc0"));
        assert_eq!(below(&more), told, "{more:?}");
    }
}

#[test]
fn a_job_of_too_many_traces_is_not_searched_for_others() {
    let of = |nth: u32| span("a", "", "order").replace(TRACE, &format!("{nth:032x}"));
    for (count, says) in [(100, false), (101, true)] {
        let dir = Dir::empty();
        dir.write("spans-2025-10-06.jsonl", lines(&(0..count).map(of).collect::<Vec<_>>()));
        let ran = dir.run("correlate --job order").exits(0);
        assert_eq!(ran.out.contains("more than 100 traces"), says, "{}", ran.out);
    }
}

#[test]
fn ids_that_are_none_are_harmless_below_a_timeline() {
    let dir = Dir::empty();
    let spans = [span("a", "", "order"), span("b", "a", "pack\\u001b[2J")];
    let spans = spans.map(|span| span.replace(TRACE, "\\u001b[2J;$(reboot)"));
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    let ran = dir.run("correlate --job order").exits(0);
    let _ = ran.omits(&["\x1b"]).prints(&["1 span below is of another job (pack", "trace '"]);
}

#[test]
fn a_trace_too_long_to_be_searched_for_other_jobs_says_so() {
    let dir = Dir::empty();
    let spans: Vec<String> =
        (1..=50_000).map(|nth| span(&format!("b{nth}"), "a", "pack")).collect();
    dir.write(
        "spans-2025-10-06.jsonl",
        lines(&[&[span("a", "", "order")], spans.as_slice()].concat()),
    );
    let _ = dir.run("correlate --job order").exits(0).prints(&[
        "the trace goes on: only 50000 spans of it were looked at for spans of other jobs\n",
        "50000 spans below are of another job (pack)",
    ]);
}
