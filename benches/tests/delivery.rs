//! Cells of the suite `delivery`, in processes of their own as the harness starts them.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the candidate says of its round.
fn round(workload: &str, candidate: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_radiosonde-benches"))
        .args(["__round", "delivery", workload, candidate, "quick"])
        .arg(folder.path())
        .env("RADIOSONDE_STDERR", "off")
        .output()
        .expect("a process");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{workload} {candidate}: {said}");
    let text = String::from_utf8(output.stdout).expect("text");
    serde_json::from_str(text.lines().last().expect("an answer")).expect("JSON")
}

#[test]
fn a_short_program_without_a_shutdown_is_delivered_by_its_next_start() {
    for workload in ["short/spans/http", "short/logs/grpc"] {
        let ours = round(workload, "radiosonde");
        assert_eq!((&ours["median"], &ours["books"]["events"]), (&100.0.into(), &100.into()));
        assert_eq!((&ours["books"]["lost"], &ours["figures"]["again"]), (&0.into(), &0.0.into()));
    }
}

#[test]
fn the_stock_exporter_is_measured_by_the_same_receiver() {
    let burst = round("burst/spans/http", "opentelemetry");
    let (events, lost) = (&burst["books"]["events"], &burst["books"]["lost"]);
    assert_eq!(events, 50_000, "{burst}");
    // How much of a burst it drops depends on the machine; that something arrives does not.
    let share = burst["median"].as_f64().expect("a share");
    assert!(share > 0.0 && lost.as_u64() < events.as_u64(), "{burst}");
}

#[test]
fn of_metrics_the_points_of_snapshots_are_promised_and_none_is_lost() {
    for candidate in ["radiosonde", "opentelemetry"] {
        let exit = round("exit/metrics/http", candidate);
        let (books, figures) = (&exit["books"], &exit["figures"]);
        // Five seconds, a snapshot a second, and no last one at the exit.
        assert!(books["events"].as_u64().is_some_and(|points| points >= 2), "{exit}");
        let increments = figures["increments"].as_f64().expect("a share");
        assert!(increments > 0.0 && increments < 100.0, "{exit}");
        if candidate == "radiosonde" {
            assert_eq!((&exit["median"], &books["lost"]), (&100.0.into(), &0.into()), "{exit}");
            let [repeats, most] = ["repeats", "repeats_max"].map(|name| figures[name].as_f64());
            assert!(repeats <= most && most == Some(1.0), "{exit}");
        }
    }
}

#[test]
fn cells_run_side_by_side_and_leave_nothing_behind() {
    let cells = ["short/logs/http", "short/spans/grpc", "short/spans/http"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiosonde-benches"));
    command.args(["delivery", "--quick", "--jobs", "3", "--only", "radiosonde"]);
    cells.iter().for_each(|cell| _ = command.args(["--workload", cell]));
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let process = process.expect("a process");
    let number = process.id();
    let output = process.wait_with_output().expect("its end");
    let [text, said] =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success(), "{said}{text}");
    // In the table at the end they stand in the order of the suite.
    let (_, table) = text.rsplit_once("  cell ").expect("a table");
    let lines = table.lines().filter(|line| line.contains("100.000 %"));
    let shown: Vec<_> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(shown, ["short/spans/http", "short/spans/grpc", "short/logs/http"], "{text}");
    let file = text.lines().find_map(|line| line.strip_prefix("written to ")?.split(';').next());
    let folder = Path::new(file.expect("a file of results")).parent().expect("its folder");
    let rounds = std::fs::read_dir(folder).expect("the folder").flatten();
    let own = format!("round-{number}-");
    let left: Vec<_> = rounds
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&own))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
