//! What each program of the guides leaves behind: what the guide says changes, and what does not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod otlp;

use common::run;
use serde_json::{Value, json};

#[test]
fn a_subscriber_keeps_its_files_until_its_last_step() {
    // What stands in the old files, and how many events in ours.
    for (program, old, new) in [
        (env!("CARGO_BIN_EXE_appender_before"), ["paid", "slow answer"].as_slice(), 0),
        (env!("CARGO_BIN_EXE_appender_layer"), &["paid", "slow answer"], 2),
        (env!("CARGO_BIN_EXE_appender_both"), &["paid"], 2),
        (env!("CARGO_BIN_EXE_appender_after"), &[], 2),
    ] {
        let left = run(program, &[]);
        assert_eq!(left.old_lines(), old.len(), "{program}: {}", left.old);
        assert!(old.iter().all(|message| left.old.contains(message)), "{program}: {}", left.old);
        let messages: Vec<&str> = left.events.iter().map(|line| text(line, "msg")).collect();
        assert_eq!(messages, ["paid", "slow answer"][..new], "{program}");
        let logged = left.events.iter().find(|line| line["msg"] == "slow answer");
        // By whichever way it came.
        assert!(logged.is_none_or(|line| line["source"] == "bank" && line["meta"] == json!({})));
        assert_eq!(left.spans.len(), new / 2, "{program}");
        assert!(left.events.iter().all(|line| line["span_id"] == left.spans[0]["span_id"]));
    }
}

#[test]
fn the_old_filter_and_ours_read_the_same_variable_each_for_itself() {
    for (directives, old, new) in [
        ("off", 0, 0),
        ("warn", 1, 1),
        ("info,bank=off", 1, 1), // a record of `log`, which comes through `tracing`
        ("appender_layer=info", 1, 2), // what no directive speaks of: off there, `info` here
    ] {
        let left = run(env!("CARGO_BIN_EXE_appender_layer"), &[("RUST_LOG", directives)]);
        assert_eq!((left.old_lines(), left.events.len()), (old, new), "{directives}: {}", left.old);
    }
    // A directive that only EnvFilter knows is named, and holds for the old files alone.
    let left = run(env!("CARGO_BIN_EXE_appender_layer"), &[("RUST_LOG", "info,[pay{order}]=off")]);
    let problem = left.events.iter().find(|line| line["evt"] == "telemetry.problem").unwrap();
    assert!(text(problem, "msg").contains("[pay{order}]=off"), "{problem}");
}

#[test]
fn the_terminal_has_its_lines_and_its_filter_and_the_files_have_theirs() {
    for (program, directives, shown, events) in [
        (env!("CARGO_BIN_EXE_fmt_before"), "info", 2, 0),
        (env!("CARGO_BIN_EXE_fmt_layer"), "info", 2, 2),
        (env!("CARGO_BIN_EXE_fmt_layer"), "fmt_layer=warn,bank=warn", 1, 1),
        // Of what no directive speaks: nothing on the terminal, `info` in the files.
        (env!("CARGO_BIN_EXE_fmt_layer"), "bank=warn", 1, 2),
    ] {
        let left = run(program, &[("RUST_LOG", directives)]);
        let told = (left.stdout.lines().count(), left.events.len(), left.stderr.as_str());
        assert_eq!(told, (shown, events, ""), "{program} {directives}: {}", left.stdout);
    }
}

#[test]
fn env_logger_prints_as_before_beside_ours() {
    let printed = |program: &str| format!("[ERROR {program}] parcel 17: nobody at home\n");
    let before = run(env!("CARGO_BIN_EXE_log_before"), &[]);
    assert_eq!((before.stderr, before.events.len()), (printed("log_before"), 0));
    let both = run(env!("CARGO_BIN_EXE_log_both"), &[]);
    assert_eq!((both.stderr.clone(), both.events.len()), (printed("log_both"), 2));
    // What is on stderr afterwards are the lines of the file.
    let after = run(env!("CARGO_BIN_EXE_log_after"), &[]);
    let on_stderr: Vec<Value> =
        after.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((after.events.len(), on_stderr), (2, after.events.clone()));
    let quiet = run(env!("CARGO_BIN_EXE_log_after"), &[("RUST_LOG", "error")]);
    assert_eq!(quiet.events.len(), 1, "as env_logger has it by default");
}

#[test]
fn a_page_of_the_exporter_is_guarded_and_then_ours() {
    let series = |page: &str| page.lines().filter(|line| line.starts_with("orders_total{")).count();
    let before = run(env!("CARGO_BIN_EXE_metrics_before"), &[]);
    assert_eq!((series(&before.stdout), before.metrics.len()), (1_000, 0));
    assert!(before.stdout.contains("# TYPE order_seconds summary"));
    for program in [
        env!("CARGO_BIN_EXE_metrics_guarded"),
        env!("CARGO_BIN_EXE_metrics_parts"),
        env!("CARGO_BIN_EXE_metrics_after"),
    ] {
        let left = run(program, &[]);
        assert_eq!(series(&left.stdout), 201, "{program}: 200 customers, and one for all others");
        let rest = "orders_total{otel_metric_overflow=\"true\"} 800";
        assert!(left.stdout.contains(rest), "{program}: {}", left.stdout);
        assert!(left.metrics.iter().any(|line| line.to_string().contains("orders_total")));
        assert!(left.events.iter().any(|line| text(line, "msg").contains("`orders_total`")));
        let kind = if program.ends_with("_after") { "histogram" } else { "summary" };
        assert!(left.stdout.contains(&format!("# TYPE order_seconds {kind}")), "{program}");
    }
}

#[test]
fn pieces_that_are_set_by_hand_are_as_good_as_those_of_init() {
    let left = run(env!("CARGO_BIN_EXE_pieces"), &[]);
    let events: Vec<(&str, &str)> =
        left.events.iter().map(|line| (text(line, "evt"), text(line, "msg"))).collect();
    let expected =
        [("log", "slow answer"), ("payment.failed", "no answer"), ("panic", "the bank is gone")];
    assert_eq!(events, expected);
    assert_eq!(left.spans.len(), 1);
    assert!(left.events.iter().all(|line| line["trace_id"] == left.spans[0]["trace_id"]));
    assert!(left.metrics.iter().any(|line| line.to_string().contains("payments_total")));
    assert!(left.stderr.contains("panicked at"), "the hook that was there: {}", left.stderr);
}

/// The text under a key of a line; empty when there is none.
fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_default()
}
