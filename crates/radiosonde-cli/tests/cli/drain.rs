//! `radiosonde spool drain`, and that `radiosonde spool status` has the books of the process.

use std::path::Path;
use std::time::Duration;

use radiosonde::{Config, Report, Service};
use radiosonde_testkit::{Fault, Receiver, Script};
use serde_json::Value;

use crate::fixture::{Ran, command, run};

/// A program that could not send its events, and has ended.
fn ended(directory: &Path, endpoint: &str, events: u64) -> Report {
    let service = Service::new("shop", "1.0.0");
    let parts = Config::new(service).dir(directory).otlp(endpoint).build();
    parts.events.within(|| {
        for number in 0..events {
            radiosonde::event!("order.placed", number, "an order");
        }
    });
    parts.guard.shutdown(Duration::from_millis(500))
}

fn spool(directory: &Path, args: &str) -> Ran {
    let dir = directory.to_str().unwrap();
    let mut split = vec!["spool"];
    split.extend(args.split(' '));
    split.extend(["--dir", dir]);
    run(command(&split))
}

/// The books of one signal, as the command has them.
fn books(directory: &Path, streams: &[&str]) -> [u64; 5] {
    let ran = spool(directory, "status --json");
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_streams = lines.filter(|line| streams.iter().any(|stream| line["stream"] == *stream));
    let mut sums = [0; 5];
    for line in of_streams {
        let columns = ["appended", "delivered", "rejected", "dropped", "pending"];
        for (sum, column) in sums.iter_mut().zip(columns) {
            *sum += line[column].as_u64().unwrap();
        }
    }
    sums
}

#[test]
fn what_an_ended_program_left_is_in_the_same_books_and_is_sent() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let report = ended(directory.path(), &receiver.http_endpoint(), 120);
    let exports = report.otlp.unwrap().signals;
    for (signal, streams) in [
        ("logs", &["logs-debug", "logs-info", "logs-warning", "events"][..]),
        ("traces", &["traces"]),
        ("metrics", &["metrics", "metrics-lines"]),
    ] {
        let of = exports.iter().find(|export| export.signal == signal).unwrap();
        let expected = [of.spooled, of.delivered, of.rejected, of.dropped, of.pending];
        assert_eq!(books(directory.path(), streams), expected, "{signal}");
        assert_eq!(expected[0], expected[1..].iter().sum::<u64>(), "{signal}");
    }
    assert!(exports[0].pending >= 120);

    // The receiver is away: it waits, and is said to.
    spool(directory.path(), "drain --within 1").exits(3).prints(&["pending"]).tells(&["logs"]);
    receiver.next_step();
    spool(directory.path(), "drain --within 50")
        .exits(0)
        .prints(&["delivered"])
        .omits(&["pending"]);
    let received = receiver.received();
    let placed = received.logs.iter().filter(|log| log.event_name == "order.placed").count();
    assert_eq!(placed, 120);
    spool(directory.path(), "drain").exits(1).prints(&["0 records delivered"]);
    assert!(!directory.path().join("inst/0/spool").exists());
}

#[test]
fn it_goes_elsewhere_when_told_to_and_a_wrong_endpoint_is_said() {
    let there = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), "http://127.0.0.1:1", 10);
    spool(directory.path(), "drain --endpoint not-an-endpoint//:x").exits(2);
    let to = format!("drain --within 50 --json --endpoint {}", there.http_endpoint());
    let ran = spool(directory.path(), &to).exits(0);
    let told: Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert!(told["delivered"].as_u64().unwrap() >= 10 && told["pending"] == 0, "{told}");
    assert!(there.counts().unique >= 10);
    spool(directory.path(), "drain --within soon").exits(2);
}
