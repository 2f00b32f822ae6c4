//! `radiosonde spool drain`, and that `radiosonde spool status` has the books of the process.

use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde::{Config, Report, Service};
use radiosonde_events::{Owner, log_event};
use radiosonde_record::{Filter, Journal, Level, Placement, Slot, with_journal};
use radiosonde_testkit::{Fault, Receiver, Script};
use serde_json::Value;

use crate::fixture::{Ran, command, run};

/// A program that could not send its events, and has ended.
pub(crate) fn ended(directory: &Path, endpoint: &str, events: u64) -> Report {
    let service = Service::new("shop", "1.0.0");
    let parts = Config::new(service).dir(directory).otlp(endpoint).build();
    parts.events.within(|| {
        for number in 0..events {
            radiosonde::event!("order.placed", number, "an order");
        }
    });
    let report = parts.guard.shutdown(Duration::from_millis(500));
    // Its last thread lets go of the slot, and a command that another test starts has our locks as well,
    // between its fork and its exec.
    let deadline = Instant::now() + Duration::from_secs(10);
    while Slot::try_take(directory, 0).unwrap().is_none() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    report
}

pub(crate) fn spool(directory: &Path, args: &str) -> Ran {
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
    spool(directory.path(), "drain --within 1")
        .exits(3)
        .prints(&["pending"])
        .tells(&["of logs and metrics wait for http://127.0.0.1:", "name it with --endpoint"]);
    receiver.next_step();
    spool(directory.path(), "drain --within 50")
        .exits(0)
        .prints(&["delivered"])
        .omits(&["pending"]);
    let received = receiver.received();
    let placed = received.logs.iter().filter(|log| log.event_name == "order.placed").count();
    assert_eq!(placed, 120);
    spool(directory.path(), "drain").exits(0).prints(&["0 records delivered"]);
    assert!(!directory.path().join("inst/0/spool").exists());
}

#[test]
fn of_a_receiver_that_hangs_it_is_said_that_it_has_not_answered() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::HangBeforeBody)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), "http://127.0.0.1:1", 10);
    let to = format!("drain --within 1 --endpoint {}", receiver.http_endpoint());
    spool(directory.path(), &to)
        .exits(3)
        .tells(&["wait for http://127.0.0.1:", "no answer so far"]);
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

#[test]
fn what_waits_for_want_of_a_token_is_sent_with_the_one_that_is_set_here() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::status(401))).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let _report = ended(directory.path(), &endpoint, 10);
    receiver.next_step();
    let asked = receiver.requests().len();
    let dir = directory.path().to_str().unwrap();
    let mut drain = command(&["spool", "drain", "--within", "50", "--dir", dir]);
    drain.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    drain.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20right");
    let _ = run(drain).exits(0);
    let requests = receiver.requests().split_off(asked);
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Bearer right"));
    }
}

/// What a killed process left: events and spans in its rings, and no spool any more, if it had one.
pub(crate) fn killed(directory: &Path, exports: bool) {
    let mut owner = Owner::default();
    (owner.service, owner.version) = ("shop".to_owned(), "1.0.0".to_owned());
    // As with an endpoint: spans have no day file then.
    (owner.exports, owner.lines) = (exports, [true, !exports, true]);
    let slot = Slot::take(directory, &mut |_, _| {}).unwrap();
    let instance = slot.create_instance(&owner.to_json()).unwrap();
    let placement = Placement::Directory(instance.files.clone());
    let journal = Journal::open(placement, Filter::at(Level::Trace)).unwrap();
    with_journal(&journal, || {
        for number in 0..20_u64 {
            log_event("order.placed", Level::Info, "shop", &format!("order {number}"), &[]);
        }
    });
}

#[test]
fn the_rings_of_a_process_whose_spool_is_gone_are_recovered_and_can_be_sent() {
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    killed(directory.path(), true);
    let dir = directory.path().to_str().unwrap();
    run(command(&["recover", "--dir", dir]))
        .exits(3)
        .prints(&["recovered 20 events of shop"])
        .tells(&["was gone", "20 recovered records", "--endpoint"]);
    assert_eq!(books(directory.path(), &["logs-info", "events"])[4], 20);
    // Nobody knows where it goes; it waits.
    spool(directory.path(), "drain --within 1")
        .exits(3)
        .prints(&["20 pending"])
        .tells(&["nobody knows where it goes", "--endpoint"]);
    let to = format!("drain --within 50 --endpoint {}", receiver.http_endpoint());
    spool(directory.path(), &to).exits(0).prints(&["20 records delivered"]);
    let received = receiver.received();
    assert_eq!(received.logs.len(), 20);
    assert_eq!(received.logs[0].origin.resource.text("service.name"), Some("shop"));
    assert!(!directory.path().join("inst/0/spool").exists());

    // Who exports nothing has no spool made for it.
    let directory = tempfile::tempdir().unwrap();
    killed(directory.path(), false);
    let dir = directory.path().to_str().unwrap();
    let ran = run(command(&["recover", "--dir", dir])).exits(0).prints(&["recovered 20 events"]);
    assert_eq!(ran.err, "");
    assert!(!directory.path().join("inst/0/spool").exists());
}

#[test]
fn what_cannot_be_opened_or_is_lost_on_the_way_is_no_success() {
    let receiver = Receiver::start().unwrap();
    let to = format!("drain --within 50 --endpoint {}", receiver.http_endpoint());
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), "http://127.0.0.1:1", 10);
    let spools = directory.path().join("inst/0/spool");
    let mut names = std::fs::read_dir(&spools).unwrap();
    let own = names.next().unwrap().unwrap().path();

    // A link in the place of a spool is not followed, and named.
    let aside = directory.path().join("aside");
    std::fs::rename(&own, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &own).unwrap();
    let name = own.file_name().unwrap().to_str().unwrap();
    spool(directory.path(), &to).exits(3).tells(&[name, "no directory of its own"]);
    std::fs::remove_file(&own).unwrap();
    std::fs::rename(&aside, &own).unwrap();

    // One that anybody may write to is not opened.
    let mode = |mode: u32| {
        std::fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(0o777);
    spool(directory.path(), &to).exits(3).tells(&[name, "cannot be opened"]);
    mode(0o700);

    // Without a manifest nobody knows where it goes, except who says so.
    std::fs::write(own.join("manifest"), "not a manifest").unwrap();
    spool(directory.path(), "drain --within 1").exits(3).tells(&["--endpoint"]);
    spool(directory.path(), &to).exits(0).omits(&["pending"]);
    let received = receiver.received();
    let placed = received.logs.iter().filter(|log| log.event_name == "order.placed");
    assert_eq!(placed.count(), 10);
    let service = received.logs[0].origin.resource.text("service.name");
    assert_eq!(service, Some("unknown_service"));

    // What is damaged is lost.
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), "http://127.0.0.1:1", 10);
    let spools = directory.path().join("inst/0/spool");
    let own = std::fs::read_dir(&spools).unwrap().next().unwrap().unwrap().path();
    let segments = std::fs::read_dir(own.join("events")).unwrap().flatten();
    let segments = segments.filter(|it| it.path().extension().is_some_and(|it| it == "seg"));
    let segment = segments.map(|it| it.path()).next().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&segment, bytes).unwrap();
    spool(directory.path(), &to).exits(3).prints(&["dropped"]).tells(&["lost: damaged"]);
}
