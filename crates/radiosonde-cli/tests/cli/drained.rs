//! `radiosonde spool drain` among many spools, and what it tells of losses.

use std::path::Path;

use radiosonde_otlp::{Destination, Destinations, Manifest, Protocol, Resource, Signal, Stream};
use radiosonde_record::Slot;
use radiosonde_spool::{Frame, Spool};
use radiosonde_testkit::{Fault, Receiver, Script};
use serde_json::Value;

use crate::drain::{ended, killed, spool};
use crate::fixture::{command, run};

/// More than have their turn at once.
const SPOOLS: usize = 40;

#[test]
fn what_is_recovered_in_a_slot_does_not_hide_what_waits_there() {
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), "http://127.0.0.1:1", 10);
    // In the same slot; it is held as soon as its rings are recovered.
    killed(directory.path(), true);
    let to = format!("drain --within 50 --endpoint {}", receiver.http_endpoint());
    // Its own spool was gone, which is said.
    spool(directory.path(), &to).exits(3).tells(&["was gone"]).omits(&["pending"]);
    let placed = receiver.received().logs.into_iter();
    let placed = placed.filter(|log| log.event_name == "order.placed").count();
    assert_eq!(placed, 10 + 20, "those of both");
    assert!(!directory.path().join("inst/0/spool").exists());
}

#[test]
fn spools_past_the_places_have_their_turn_and_what_has_none_is_counted() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for number in 0..SPOOLS {
        drop(leave(directory.path(), number, &receiver.http_endpoint()));
    }
    let all = format!("{SPOOLS} pending");
    spool(directory.path(), "drain --within 1").exits(3).prints(&[&all]);
    receiver.next_step();
    let all = format!("{SPOOLS} records delivered");
    spool(directory.path(), "drain --within 50").exits(0).prints(&[&all]).omits(&["pending"]);
    assert!(!directory.path().join("inst/0/spool").exists());
}

#[test]
fn what_running_processes_hold_is_named_and_what_others_left_to_them_is_not_all() {
    let directory = tempfile::tempdir().unwrap();
    let held = leave(directory.path(), 0, "http://127.0.0.1:1");
    let told = "1 record pending of shop (instance 00000000)";
    // As a service that has adopted it.
    let ran = spool(directory.path(), "drain --within 1").exits(3);
    let _ = ran.prints(&["0 records delivered"]).tells(&[told, "has ended", "stop that first"]);
    let ran = spool(directory.path(), "drain --within 1 --json").exits(3);
    let report: Value = serde_json::from_str(ran.out.trim()).unwrap();
    let left = &report["left_alone"];
    assert_eq!((&left[0]["instance"], &left[0]["pending"]), (&"00000000".into(), &1.into()));
    assert_eq!(left[0]["ended"], true);

    // Its own, of a process that lives.
    std::fs::create_dir(directory.path().join("inst/0/00000000")).unwrap();
    let ran = spool(directory.path(), "drain --within 1").exits(0);
    let _ = ran.tells(&[told, "which runs", "stop it first"]);
    drop(held);
}

#[test]
fn what_is_not_recovered_yet_is_said() {
    let directory = tempfile::tempdir().unwrap();
    killed(directory.path(), true);
    let slot = directory.path().join("inst/0");
    let names = std::fs::read_dir(&slot).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names = names.map(|name| name.into_string().unwrap()).filter(|name| name.len() == 8);
    create(directory.path(), &names.next().unwrap(), "http://127.0.0.1:1");
    spool(directory.path(), "status").prints(&["its rings may hold more"]).omits(&["appended"]);
}

#[test]
fn what_somebody_put_into_a_spool_stays_and_is_named() {
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    drop(leave(directory.path(), 0, &receiver.http_endpoint()));
    let notes = directory.path().join("inst/0/spool/00000000/logs-info/notes");
    std::fs::write(&notes, "call Bob").unwrap();
    let ran = spool(directory.path(), "drain --within 50").exits(3);
    let _ = ran.prints(&["1 record delivered"]).tells(&["00000000", "cannot be removed"]);
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "call Bob");
}

/// A spool with one record.
fn leave(directory: &Path, number: usize, endpoint: &str) -> Slot {
    let (slot, spool) = create(directory, &format!("{number:08}"), endpoint);
    // An entry without a scope: a record of which nothing is known.
    let entry = [1, 1, 0, 0, 0, 0, 0];
    let payload = [&(entry.len() as u32).to_le_bytes()[..], &entry].concat();
    let frame = Frame { records: 1, payload: &payload };
    spool.stream(Stream::LogsInfo.index()).append(spool.next_batch(), &[frame]);
    spool.close_unsynced().unwrap();
    slot
}

fn create(directory: &Path, id: &str, endpoint: &str) -> (Slot, Spool) {
    let slot = Slot::take(directory, &mut |_, _| {}).unwrap();
    let mut destinations = Destinations::default();
    let destination = Destination::new(format!("{endpoint}/v1/logs"), Protocol::Http);
    destinations.set(Signal::Logs, Some(destination));
    let resource = Resource::new("shop", "1.0.0", id).encode();
    let manifest = Manifest::new("shop", id, destinations, resource);
    let options = radiosonde_otlp::spool_options(None, None);
    let path = slot.place_for_spool(id).unwrap();
    let spool = Spool::create(&path, &manifest.to_bytes().unwrap(), &options).unwrap();
    (slot, spool)
}

#[test]
fn what_was_dropped_is_an_event_in_the_day_file_and_at_the_receiver() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), &receiver.http_endpoint(), 10);
    spool(directory.path(), "drop --yes --stream events").exits(0);
    receiver.next_step();
    spool(directory.path(), "drain --within 50").exits(0).tells(&["events lost: operator"]);
    let received = receiver.received();
    let gaps: Vec<_> =
        received.logs.iter().filter(|log| log.event_name == "radiosonde.gap").collect();
    let [gap] = &gaps[..] else { panic!("one loss: {gaps:?}") };
    assert_eq!(gap.origin.resource.text("service.name"), Some("shop"));
    let lines: Vec<Value> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("events-"))
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
        })
        .filter(|line: &Value| line["evt"] == "radiosonde.gap")
        .collect();
    let [line] = &lines[..] else { panic!("one line: {lines:?}") };
    assert_eq!(
        (&line["meta"]["stream"], &line["meta"]["reason"]),
        (&"events".into(), &"operator".into())
    );
    assert!(line["meta"]["records"].as_u64() >= Some(10), "{line}");
    spool(directory.path(), "drain").exits(0);
    assert!(!directory.path().join("inst/0/spool").exists());
}

#[test]
fn after_everything_was_dropped_for_a_receiver_that_is_gone_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), "http://127.0.0.1:1", 10);
    spool(directory.path(), "drop --yes").exits(0);
    let ran = spool(directory.path(), "drain --within 1").exits(0);
    let _ = ran.tells(&["events lost: operator"]).omits(&["pending", "dropped"]);
    assert!(!directory.path().join("inst/0/spool").exists());

    // Who is listened to now hears of it.
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let _report = ended(directory.path(), "http://127.0.0.1:1", 10);
    spool(directory.path(), "drop --yes").exits(0);
    let dir = directory.path().to_str().unwrap();
    let mut drain = command(&["spool", "drain", "--within", "50", "--dir", dir]);
    drain.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint());
    let _ = run(drain).exits(0).omits(&["pending"]);
    let logs = receiver.received().logs;
    assert!(logs.iter().any(|log| log.event_name == "radiosonde.gap"), "{logs:?}");
    assert!(!directory.path().join("inst/0/spool").exists());
}
