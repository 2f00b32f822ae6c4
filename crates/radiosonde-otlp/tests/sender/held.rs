//! What somebody has to set right: nothing is lost, and it is said.

use std::time::Duration;

use radiosonde_otlp::{Compression, Destination, Protocol, State};
use radiosonde_testkit::{Fault, Receiver, Script};

use crate::common::*;

#[test]
fn a_wrong_configuration_is_held_and_told() {
    for (protocol, fault, said) in [
        (Protocol::Http, Fault::status(401), "OTEL_EXPORTER_OTLP_HEADERS"),
        (Protocol::Http, Fault::status(403), "403"),
        (Protocol::Http, Fault::status(404), "the path of the endpoint"),
        (Protocol::Http, Fault::status(405), "405"),
        (Protocol::Http, Fault::Uncompressed, "OTEL_EXPORTER_OTLP_COMPRESSION"),
        (
            Protocol::Http,
            Fault::status_with(307, "Location", "https://h/"),
            "to https://h/ are not",
        ),
        (Protocol::Http, Fault::Html, "HTML"),
        (Protocol::Grpc, Fault::Uncompressed, "OTEL_EXPORTER_OTLP_COMPRESSION"),
        (Protocol::Grpc, Fault::grpc(5, None), "NOT_FOUND"),
        (Protocol::Grpc, Fault::grpc(7, None), "PERMISSION_DENIED"),
        (Protocol::Grpc, Fault::grpc(9, None), "FAILED_PRECONDITION"),
        (Protocol::Grpc, Fault::grpc(12, None), "UNIMPLEMENTED"),
        (Protocol::Grpc, Fault::grpc(16, None), "UNAUTHENTICATED"),
        (Protocol::Grpc, Fault::status(401), "OTEL_EXPORTER_OTLP_HEADERS"),
        (Protocol::Grpc, Fault::status(404), "the path of the endpoint"),
        (Protocol::Grpc, Fault::Html, "no receiver of OTLP over gRPC"),
    ] {
        let receiver = Receiver::with(Script::healthy().until_told(fault.clone())).unwrap();
        let mut bed = Bed::new();
        bed.append(100);
        let mut destination = to(&receiver, protocol);
        destination.compression = Compression::Gzip;
        let sender = bed.send(&destination);
        let found = status(&sender, |status| status.state == State::Held);
        let text = found.last_error.expect("an error");
        assert!(text.contains(said), "{fault:?}: {text}");
        let next = found.next_attempt.expect("a next attempt");
        assert!(next > Duration::from_secs(50) && next <= Duration::from_secs(60), "{next:?}");
        assert_eq!(bed.books(), (0, 0, 100), "{fault:?}");
        assert!(!sender.flush(LONG), "in vain, and said at once");
        assert_eq!(receiver.request_count(), 1, "{fault:?}");
    }
}

#[test]
fn what_cannot_even_be_tried_is_told() {
    let mut nowhere = Destination::new("http://127.0.0.1:1/v1/logs", Protocol::Http);
    nowhere.endpoint = "no url at all".to_owned();
    let mut certificate = Destination::new("https://127.0.0.1:1/v1/logs", Protocol::Http);
    certificate.certificate = Some("/nowhere/ca.pem".into());
    let later = Destination::new("http://127.0.0.1:1", Protocol::Unknown);
    for (destination, said) in [
        (nowhere, "is no URL"),
        (certificate, "/nowhere/ca.pem"),
        (later, "a protocol that only a later version"),
    ] {
        let mut bed = Bed::new();
        bed.append(10);
        let sender = bed.send(&destination);
        let found = status(&sender, |status| status.state == State::Held);
        assert!(found.last_error.as_deref().is_some_and(|text| text.contains(said)), "{found:?}");
        assert_eq!(bed.books(), (0, 0, 10));
    }
}

#[test]
fn an_answer_that_repeats_a_secret_does_not_get_it_into_the_status() {
    let fault = Fault::Grpc {
        code: 16,
        message: "token hunter2-hunter2 is wrong".to_owned(),
        retry_after: None,
    };
    let receiver = Receiver::with(Script::healthy().until_told(fault)).unwrap();
    let mut bed = Bed::new();
    bed.append(1);
    let mut destination = to(&receiver, Protocol::Grpc);
    destination.headers.push(("authorization".to_owned(), "Bearer hunter2-hunter2".to_owned()));
    let sender = bed.send(&destination);
    let found = status(&sender, |status| status.last_error.is_some());
    let shown = format!("{found:?} {sender:?}");
    assert!(!shown.contains("hunter2") && shown.contains("[redacted] is wrong"), "{shown}");
}
