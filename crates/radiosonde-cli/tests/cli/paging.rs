//! What goes to a pager on a terminal of 24 rows.

use std::process::Command;

use crate::fixture::{Dir, command, event, lines};
use crate::terminal;

/// So many lines, by the second.
fn dir(count: u32) -> Dir {
    let dir = Dir::empty();
    let lines: Vec<_> = (0..count)
        .map(|n| event(n, &format!("{:02}.{n:06}", n % 60), "info", "log", "told", &[], "{}"))
        .collect();
    dir.write("events-2025-10-06.jsonl", self::lines(&lines));
    dir
}

fn logs(dir: &Dir, args: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = command(&["logs", "--color", "never", "--dir"]);
    let _ = command.arg(dir.path()).args(args);
    let path = std::env::var("PATH").unwrap();
    let _ = command.env("PATH", path).envs(variables.iter().copied());
    command
}

#[test]
fn more_than_a_screen_goes_to_a_pager_and_the_rest_does_not() {
    let (short, long) = (dir(10), dir(40));
    let marked = ("PAGER", "sed s/^/paged:/");
    for (what, dir, args, variables, pages) in [
        ("more than a screen", &long, &[][..], &[marked][..], true),
        ("a screen", &short, &[], &[marked], false),
        ("what is stored", &long, &["-o", "json"], &[marked], true),
        ("--no-pager", &long, &["--no-pager"], &[marked], false),
        ("its twin", &long, &[], &[marked, ("RADIOSONDE_CLI_NO_PAGER", "1")], false),
        ("its twin, off", &long, &[], &[marked, ("RADIOSONDE_CLI_NO_PAGER", "0")], true),
        (
            "our own variable",
            &long,
            &[],
            &[("PAGER", "/no/such"), ("RADIOSONDE_PAGER", marked.1)],
            true,
        ),
        ("one that is not there", &long, &[], &[("PAGER", "/no/such/pager")], false),
        ("none", &long, &[], &[("PAGER", "")], false),
        ("cat", &long, &[], &[("PAGER", "cat")], false),
    ] {
        let printed = terminal::run(logs(dir, args, variables), 100);
        assert_eq!(
            printed.lines().all(|line| line.starts_with("paged:")),
            pages,
            "{what}:\n{printed}"
        );
        assert_eq!(
            printed.matches("told").count(),
            if std::ptr::eq(dir, &short) { 10 } else { 40 },
            "{what}"
        );
    }
}

#[test]
fn a_pager_that_is_quit_early_ends_the_command_quietly() {
    // More than a pipe holds. The terminal is asked for status 0.
    let printed = terminal::run(logs(&dir(5_000), &[], &[("PAGER", "head -n 2")]), 100);
    assert_eq!(printed.lines().count(), 2, "{printed}");
}

#[test]
fn a_pager_is_waited_for_before_anything_else_is_said() {
    let dir = dir(40);
    let pager = dir.path().join("pager");
    // It shows what it has only when it has everything, as one that somebody reads in.
    dir.write("pager", "cat > /dev/null; sleep 0.3; echo read\n");
    let words = format!("sh {}", pager.display());
    for args in [&["--explain"][..], &["--explain", "-n", "30"]] {
        let printed = terminal::run_all(logs(&dir, args, &[("PAGER", &words)]), 100);
        let rows: Vec<&str> = printed.lines().collect();
        assert_eq!(rows.first().copied(), Some("read"), "{printed}");
        assert!(rows[1..].iter().all(|row| row.starts_with("radiosonde: ")), "{printed}");
        assert!(rows.len() > 2, "{printed}");
    }
}

#[test]
fn a_table_ends_at_the_edge_of_the_terminal() {
    let dir = Dir::empty();
    let long = "x".repeat(500);
    dir.write(
        "events-2025-10-06.jsonl",
        lines(&[event(1, "00.000000", "info", "log", &long, &[], "{}")]),
    );
    let printed = terminal::run(logs(&dir, &["-o", "table"], &[]), 60);
    assert!(printed.lines().all(|line| line.chars().count() <= 60), "{printed}");
    assert!(printed.lines().last().unwrap().ends_with('…'), "{printed}");
}

#[test]
fn a_table_on_a_terminal_of_80_columns_shows_the_messages() {
    let dir = Dir::empty();
    let ids = [r#""job_id":"job-000000001234","worker_id":"worker-17""#, "00f067aa0ba90001"];
    let told = event(1, "00.000000", "warning", "ingestion.retry", "attempt 1 failed", &ids, "{}");
    let told = told.replace(r#""source":"app""#, r#""source":"ingestion::provider::client""#);
    dir.write("events-2025-10-06.jsonl", lines(&[told]));
    let printed = terminal::run(logs(&dir, &["-o", "table"], &[]), 80);
    assert!(printed.contains("11:50:00.000  warning  ingestion.retry"), "{printed}");
    assert!(printed.contains("attempt 1 failed\n"), "{printed}");
    assert!(
        printed.contains("without source, ") && printed.contains("-o csv has all"),
        "{printed}"
    );
}

#[test]
fn nothing_that_is_printed_acts_on_a_terminal() {
    let dir = Dir::empty();
    let evil = r#"\u001b]0;owned\u0007\u001b[2J"#;
    let meta = format!(r#"{{"k":"{evil}"}}"#);
    dir.write(
        "events-2025-10-06.jsonl",
        lines(&[event(1, "00.000000", "info", "log", evil, &[], &meta)]),
    );
    for args in [
        &[][..],
        &["-o", "table"],
        &["-o", "table", "--field", "k,meta"],
        &["-o", "csv"],
        &["-o", "raw"],
        &["-o", "json"],
    ] {
        let printed = terminal::run(logs(&dir, args, &[]), 200);
        assert!(!printed.contains(['\u{1b}', '\u{7}']), "{args:?}: {printed:?}");
        assert!(printed.contains("owned"), "{args:?}: {printed:?}");
    }
}
