//! `rotel` in the middle: a collector nobody here wrote takes what it is sent, and sends the receiver
//! what it took.

use crate::common::{WITHIN, logs, metrics, post, traces};
use crate::parts::{Process, part};
use prost::Message as _;
use radiosonde_testkit::{Fault, Receiver, Script, Transport};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Rotel {
    _process: Process,
    _folder: tempfile::TempDir,
    pub(crate) endpoint: String,
}

/// A rotel that sends on to this endpoint.
pub(crate) fn rotel(folder: &Path, protocol: &str, endpoint: &str) -> Rotel {
    let started = Instant::now();
    loop {
        let kept = tempfile::tempdir().expect("a folder");
        // Rotel takes no port 0. Somebody may take these in between: then it is tried again.
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|found| found.local_addr());
        let [http, grpc] = [free(), free()].map(|found| found.expect("a free port").to_string());
        let mut command = Command::new(folder.join("rotel/rotel-agent"));
        command
            .args(["start", "--exporter", "otlp", "--otlp-exporter-protocol", protocol])
            .args(["--otlp-exporter-endpoint", endpoint, "--batch-timeout", "50ms"])
            .args(["--otlp-exporter-retry-initial-backoff", "100ms"])
            .args(["--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &grpc])
            .arg("--pid-file")
            .arg(kept.path().join("pid"))
            .arg("--log-file")
            .arg(kept.path().join("log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Process::start(command);
        while !process.has_ended() {
            if TcpStream::connect(&http).is_ok() {
                let endpoint = format!("http://{http}");
                return Rotel { _process: process, _folder: kept, endpoint };
            }
            assert!(started.elapsed() < WITHIN, "rotel does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(started.elapsed() < WITHIN, "rotel ends at once");
    }
}

fn send(endpoint: &str) {
    for (path, body) in [
        ("/v1/logs", logs().encode_to_vec()),
        ("/v1/traces", traces().encode_to_vec()),
        ("/v1/metrics", metrics().encode_to_vec()),
    ] {
        let answer = post(endpoint, path, "", &body).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
    }
}

#[test]
fn what_went_through_rotel_is_what_was_sent() {
    let Some(folder) = part("rotel") else { return };
    let direct = Receiver::start().expect("a receiver");
    send(&direct.http_endpoint());
    let direct = direct.wait_for(8, WITHIN).expect("all records");
    for protocol in ["grpc", "http"] {
        let receiver = Receiver::start().expect("a receiver");
        let endpoint =
            if protocol == "grpc" { receiver.grpc_endpoint() } else { receiver.http_endpoint() };
        let rotel = rotel(&folder, protocol, &endpoint);
        send(&rotel.endpoint);
        let through = receiver
            .wait_for(8, WITHIN)
            .unwrap_or_else(|missing| panic!("{protocol}: {missing}: {:?}", receiver.requests()));
        assert_eq!(through.spans, direct.spans, "{protocol}");
        assert_eq!(through.points, direct.points, "{protocol}");
        assert_eq!(through.logs, direct.logs, "{protocol}");
        let transport = if protocol == "grpc" { Transport::Grpc } else { Transport::Http };
        assert!(receiver.requests().iter().all(|found| found.transport == transport));
    }
}

#[test]
fn rotel_repeats_what_the_script_refuses_for_a_while() {
    let Some(folder) = part("rotel") else { return };
    let script = Script::healthy().requests(1, Fault::grpc(14, None));
    let receiver = Receiver::with(script).expect("a receiver");
    let rotel = rotel(&folder, "grpc", &receiver.grpc_endpoint());
    let answer =
        post(&rotel.endpoint, "/v1/logs", "", &crate::common::one_log("kept")).expect("an answer");
    assert_eq!(answer.status, 200);
    let received = receiver.wait_for(1, WITHIN).expect("the second attempt");
    assert_eq!(received.logs[0].body, "kept".into());
    assert_eq!(receiver.request_count(), 2);
}
