//! Where there is no place for what waits.

use radiosonde_testkit::Receiver;

use crate::program::{End, Plan, Program};

#[test]
fn without_a_directory_it_is_said_what_is_not_sent() {
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    // A file where the directory should be.
    std::fs::write(directory.path().join("telemetry"), "").unwrap();
    let endpoint = receiver.http_endpoint();
    let plan = Plan::new(10, End::Shutdown(5_000));
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let report = Program::run(directory.path(), &plan, &variables).report();
    let problems = report["problems"].as_array().unwrap();
    let told = problems.iter().any(|it| it["what"].as_str().unwrap().contains("OTLP"));
    assert!(told, "{report:#}");
}
