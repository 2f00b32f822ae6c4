//! Cells of the suite `delivery`, in processes of their own as the harness starts them.

use serde_json::Value;
use std::process::Command;

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
