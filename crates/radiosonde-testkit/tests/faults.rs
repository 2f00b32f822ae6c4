//! Each fault is what a sender would see of it.

mod common;

use common::{WITHIN, many_logs, one_log, post, send};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use radiosonde_testkit::{Fault, Key, Receiver, Script};
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const LOGS: &str = "/v1/logs";

fn playing(fault: Fault) -> Receiver {
    Receiver::with(Script::healthy().requests(1, fault)).expect("a receiver")
}

#[test]
fn what_is_answered_and_kept_is_as_the_fault_says() {
    let partial = Fault::PartialSuccess { rejected: 2, message: "too old".into() };
    let over = Fault::PartialSuccess { rejected: 9, message: "all".into() };
    let limited = |bytes_max| Fault::TooLarge { bytes_max };
    let slow = Fault::SlowAnswer { every: Duration::from_micros(50) };
    let throttle = Fault::Throttle { bytes_per_s: 100_000 };
    for (fault, status, kept) in [
        (Fault::Healthy, 200, 3),
        (slow, 200, 3),
        (throttle, 200, 3),
        (Fault::status(503), 503, 0),
        (Fault::status(404), 404, 0),
        (Fault::grpc(14, None), 503, 0),
        (Fault::grpc(8, Some(Duration::from_secs(3))), 429, 0),
        (partial, 200, 1),
        (over, 200, 0),
        (Fault::Html, 200, 0),
        (Fault::Garbage, 200, 3),
        (limited(10), 413, 0),
        (limited(10_000), 200, 3),
        (Fault::Poison("bad".into()), 400, 0),
        (Fault::Poison("worse".into()), 200, 3),
        (Fault::Uncompressed, 200, 3),
    ] {
        let receiver = playing(fault.clone());
        let endpoint = receiver.http_endpoint();
        let body = many_logs(&["good", "bad", "ugly"]);
        let answer = post(&endpoint, LOGS, "", &body).expect("an answer");
        assert_eq!(answer.status, status, "{fault:?}: {}", answer.head);
        assert_eq!(receiver.received().len(), kept, "{fault:?}");
        let request = &receiver.requests()[0];
        assert_eq!((&request.fault, request.status), (&fault, status));
        assert_eq!(
            (request.is_kept, request.body_bytes),
            (kept > 0 || status == 200 && fault != Fault::Html, body.len())
        );
        // The script is over.
        let after = post(&endpoint, LOGS, "", &body).expect("an answer");
        assert_eq!((after.status, receiver.received().len()), (200, kept + 3), "{fault:?}");
    }
}

#[test]
fn bodies_of_answers_say_what_a_sender_has_to_know() {
    let receiver = playing(Fault::PartialSuccess { rejected: 1, message: "too old".into() });
    let body = many_logs(&["a", "b"]);
    let answer = post(&receiver.http_endpoint(), LOGS, "", &body).expect("an answer");
    let decoded = ExportLogsServiceResponse::decode(answer.body.as_slice()).expect("a response");
    let partial = decoded.partial_success.expect("a partial success");
    assert_eq!((partial.rejected_log_records, partial.error_message.as_str()), (1, "too old"));

    let receiver = playing(Fault::Garbage);
    let answer = post(&receiver.http_endpoint(), LOGS, "", &body).expect("an answer");
    assert!(ExportLogsServiceResponse::decode(answer.body.as_slice()).is_err());

    let receiver = playing(Fault::Html);
    let answer = post(&receiver.http_endpoint(), LOGS, "", &body).expect("an answer");
    assert!(answer.head.contains("text/html") && answer.body.starts_with(b"<!doctype html>"));

    for (fault, header) in [
        (Fault::status_with(503, "Retry-After", "7"), "retry-after: 7"),
        (
            Fault::status_with(429, "retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
            "retry-after: Wed, 21 Oct",
        ),
        (Fault::status_with(503, "retry-after", "-5"), "retry-after: -5"),
        (Fault::grpc(8, Some(Duration::from_millis(2500))), "retry-after: 2"),
    ] {
        let receiver = playing(fault.clone());
        let answer = post(&receiver.http_endpoint(), LOGS, "", &body).expect("an answer");
        assert!(answer.head.contains(header), "{fault:?}: {}", answer.head);
    }
}

#[test]
fn connections_break_as_the_fault_says() {
    let body = one_log("a");
    // Before the body: a reset, and nothing kept.
    let receiver = playing(Fault::Reset);
    let broken = post(&receiver.http_endpoint(), LOGS, "", &body).expect_err("no answer");
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset, "{broken}");
    assert_eq!((receiver.received().len(), receiver.request_count()), (0, 1));
    // After the records were kept: closed in order, without a byte.
    let receiver = playing(Fault::LoseAnswer);
    let broken = post(&receiver.http_endpoint(), LOGS, "", &body).expect_err("no answer");
    assert_eq!(broken.kind(), ErrorKind::UnexpectedEof, "{broken}");
    assert_eq!(receiver.received().len(), 1);
    // Half of what was announced.
    let receiver = playing(Fault::HalfAnswer);
    let answer = post(&receiver.http_endpoint(), LOGS, "", &body).expect("the head");
    assert!(answer.head.contains("content-length: 40"), "{}", answer.head);
    assert_eq!((answer.status, answer.body.len()), (200, 20));
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn who_hangs_neither_answers_nor_closes_nor_keeps() {
    for fault in [Fault::HangBeforeBody, Fault::HangAfterBody] {
        let receiver = playing(fault.clone());
        let mut stream =
            send(&receiver.http_endpoint(), LOGS, "", &one_log("a")).expect("a connection");
        receiver.wait_for_requests(1, WITHIN).expect("the request");
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a limit");
        let nothing = stream.read(&mut [0]).expect_err("nothing is answered");
        assert!(matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{nothing}");
        assert!(receiver.received().is_empty(), "{fault:?}");
        // Another connection is served meanwhile.
        let answer = post(&receiver.http_endpoint(), LOGS, "", &one_log("b")).expect("an answer");
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn a_closed_port_refuses_and_is_the_same_one_when_it_opens() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).expect("a receiver");
    let endpoints = [receiver.http_endpoint(), receiver.grpc_endpoint()];
    let connect = |endpoint: &String| TcpStream::connect(endpoint.trim_start_matches("http://"));
    let until = |is_open: bool| {
        let started = Instant::now();
        while endpoints.iter().any(|endpoint| connect(endpoint).is_ok() != is_open) {
            assert!(started.elapsed() < WITHIN, "not open == {is_open} in time");
            std::thread::yield_now();
        }
    };
    until(false);
    let refused = connect(&endpoints[0]).expect_err("closed");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    receiver.next_step();
    until(true);
    let answer = post(&endpoints[0], LOGS, "", &one_log("a")).expect("an answer");
    assert_eq!(answer.status, 200);
    // Closing it again ends what was open, and does so by time as well.
    let mut open = connect(&endpoints[1]).expect("a connection");
    receiver.play(Script::healthy().during(Duration::from_millis(300), Fault::Refuse));
    open.set_read_timeout(Some(WITHIN)).expect("a limit");
    let ended = open.read(&mut [0]);
    assert!(matches!(ended, Ok(0)) || ended.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset));
    until(true);
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_slow_answer_takes_its_time() {
    let every = Duration::from_millis(2);
    let receiver = playing(Fault::SlowAnswer { every });
    let started = Instant::now();
    let answer = post(&receiver.http_endpoint(), LOGS, "", &one_log("a")).expect("an answer");
    let bytes = u32::try_from(answer.head.len()).expect("a short head");
    assert!(started.elapsed() >= every * (bytes - 1), "{:?}", started.elapsed());
}

#[test]
fn a_throttled_receiver_takes_its_time() {
    let receiver = playing(Fault::Throttle { bytes_per_s: 1_000_000 });
    let large = one_log(&"x".repeat(500_000));
    let started = Instant::now();
    let answer = post(&receiver.http_endpoint(), LOGS, "", &large).expect("an answer");
    assert_eq!(answer.status, 200);
    // What was read with the head came unthrottled.
    assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
}

#[test]
fn what_comes_again_is_seen_as_such() {
    let receiver = Receiver::builder()
        .key(Key::Attribute("text".into()))
        .counts_only()
        .script(Script::healthy().requests(1, Fault::LoseAnswer))
        .start()
        .expect("a receiver");
    let body = common::traces().encode_to_vec();
    let endpoint = receiver.http_endpoint();
    assert!(post(&endpoint, "/v1/traces", "", &body).is_err());
    assert!(post(&endpoint, "/v1/traces", "", &body).is_ok());
    let counts = receiver.counts();
    assert_eq!((counts.received, counts.unique, counts.duplicates()), (2, 1, 1));
    assert!(receiver.received().is_empty(), "counts only");
    let missing = receiver.wait_for(2, Duration::ZERO).expect_err("one only");
    assert_eq!(missing.counts(), counts);
    assert!(missing.to_string().contains("1 records came (2 with"), "{missing}");
    receiver.take();
    assert_eq!(receiver.counts().received, 0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let receiver = Receiver::start().expect("a receiver");
    for (endpoint, is_http) in [(receiver.http_endpoint(), true), (receiver.grpc_endpoint(), false)]
    {
        let address = endpoint.strip_prefix("http://").expect("a plain endpoint");
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let ports = if is_http { (port, 0) } else { (0, port) };
        let error = Receiver::builder().ports(ports.0, ports.1).start().expect_err("it is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(address), "{error}");
    }
}
