//! `radiosonde doctor`.

use std::os::unix::fs::PermissionsExt as _;

use radiosonde_testkit::{Fault, Receiver, Script};

use crate::fixture::{command, run};

/// Runs it with these variables and no others.
fn doctor(args: &[&str], variables: &[(&str, &str)]) -> crate::fixture::Ran {
    let mut command = command(&[&["doctor"], args].concat());
    command.envs(variables.iter().copied());
    run(command)
}

#[test]
fn what_is_well_and_what_is_not_is_told_with_the_fix() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let dir = directory.path().to_str().unwrap();
    doctor(&["--offline", "--dir", dir], &[("OTEL_SERVICE_NAME", "shop")])
        .exits(0)
        .prints(&["OTEL_SERVICE_NAME=shop: honoured", "is writable", "free", "rings", "clock"])
        .omits(&["fail"]);
    doctor(
        &["--offline", "--dir", dir],
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2"),
            ("RADIOSONDE_RETENTION_DAY", "3"),
        ],
    )
    .exits(1)
    .prints(&["fail  variables", "RADIOSONDE_RETENTION_DAYS", "fix: ", "1 failure"])
    .omits(&["hunter2"]);
}

#[test]
fn a_directory_of_others_is_told_and_its_mode_is_theirs() {
    let parent = tempfile::tempdir().unwrap();
    let others = parent.path().join("etc");
    let own = others.join("shop");
    std::fs::create_dir_all(&own).unwrap();
    let of = |dir: &std::path::Path, mode: u32| {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode)).unwrap();
        doctor(&["--offline", "--dir", dir.to_str().unwrap()], &[]).exits(0)
    };
    let no_telemetry = "holds other files, and no telemetry";
    for mode in [0o755, 0o700] {
        let _ = of(&others, mode).prints(&["warn  directory", no_telemetry]).omits(&["chmod"]);
    }
    // An empty one is that of a program which has not begun, and so is one that has.
    let _ = of(&own, 0o755).prints(&["fix: chmod 700"]).omits(&[no_telemetry]);
    std::fs::write(own.join("events-2025-10-06.jsonl"), "").unwrap();
    let _ = of(&own, 0o755).prints(&["fix: chmod 700"]).omits(&[no_telemetry]);
}

#[test]
fn programs_read_a_line_for_each_finding() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().to_str().unwrap();
    let ran =
        doctor(&["--offline", "--json", "--dir", dir], &[("RADIOSONDE_STDEER", "off")]).exits(1);
    let findings: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<_> = findings.iter().filter(|finding| finding["state"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{findings:?}");
    assert_eq!(failed[0]["subject"], "variables");
    assert!(failed[0]["fix"].as_str().unwrap().contains("RADIOSONDE_STDERR"));
}

#[test]
fn a_directory_that_is_not_there_is_a_wrong_command_line() {
    doctor(&["--offline", "--dir", "/no/such/directory"], &[]).exits(2);
}

#[test]
fn whether_receivers_answer_is_found_out_by_the_client_that_sends() {
    let receiver = Receiver::with(Script::healthy().requests(3, Fault::status(401))).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().to_str().unwrap();
    let (http, grpc) = (receiver.http_endpoint(), receiver.grpc_endpoint());
    let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2");
    doctor(&["--dir", dir], &[(endpoint, &http), headers])
        .exits(1)
        .prints(&[
            "logs, metrics and traces are not taken by",
            "401",
            "headers api-key",
            "1 failure",
        ])
        .omits(&["hunter2"]);
    doctor(&["--dir", dir], &[(endpoint, &http), headers])
        .exits(0)
        .prints(&["logs, metrics and traces are taken by"]);
    let over_grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    doctor(&["--dir", dir], &[(endpoint, &grpc), over_grpc, ("OTEL_TRACES_EXPORTER", "none")])
        .exits(0)
        .prints(&["logs and metrics are taken by", "traces are not sent", "feature otlp-grpc"]);
    let before = receiver.request_count();
    doctor(&["--offline", "--dir", dir], &[(endpoint, &http)])
        .exits(0)
        .prints(&["logs, metrics and traces go to"]);
    assert_eq!(receiver.request_count(), before, "offline is offline");
    assert_eq!(receiver.counts().received, 0, "nothing was recorded");
    doctor(&["--dir", dir], &[(endpoint, "http://127.0.0.1:1")]).exits(1).prints(&["not taken"]);
}
