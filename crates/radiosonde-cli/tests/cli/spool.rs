//! `spool` over what processes have left, and over what they have.

use std::time::{Duration, Instant};

use radiosonde_otlp::{
    Destination, Destinations, Manifest, Protocol, Signal, Stream, spool_options,
};
use radiosonde_record::Slot;
use radiosonde_spool::{Frame, Limit, Settled, Spool};
use serde_json::Value;

use crate::fixture::{Dir, Ran, command, run};

/// A message with one field of bytes.
fn message(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8][..], content].concat()
}

/// The payload of a frame with one entry for each item.
fn payload(items: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for item in items {
        let entry = [&[1, 1, 0, 0, 0, 0, 0][..], item].concat();
        payload.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        payload.extend_from_slice(&entry);
    }
    payload
}

fn append(spool: &Spool, stream: Stream, items: &[Vec<u8>]) {
    let payload = payload(items);
    let frame = Frame { records: items.len() as u32, payload: &payload };
    spool.stream(stream.index()).append(spool.next_batch(), &[frame]);
}

/// The spool of a shop: three log lines, of which one is delivered, and two spans.
fn shop(dir: &Dir) -> (Slot, Spool) {
    let slot = Slot::take(dir.path(), &mut |_, _| {}).unwrap();
    let path = slot.place_for_spool("k3f9q2xw").unwrap();
    let mut destinations = Destinations::default();
    for signal in Signal::ALL {
        let mut destination = Destination::new("http://10.0.0.7:4318/v1/some", Protocol::Http);
        destination.headers.push(("authorization".to_owned(), "Bearer hunter2".to_owned()));
        destinations.set(signal, Some(destination));
    }
    let manifest = Manifest::new("shop", "k3f9q2xw", destinations, Vec::new());
    let options = spool_options(Some(dir.path()), None);
    let spool = Spool::create(&path, &manifest.to_bytes().unwrap(), &options).unwrap();
    let line = |text: &str| message(5, &message(1, text.as_bytes()));
    append(&spool, Stream::LogsInfo, &[line("clicked save")]);
    append(&spool, Stream::LogsInfo, &[line("saved"), line("\u{1b}[31mred")]);
    append(&spool, Stream::Traces, &[message(5, b"GET /usage"), message(5, b"render")]);
    let logs = spool.stream(Stream::LogsInfo.index());
    let taken = logs.take(Limit { records: 1, bytes: 1 }).unwrap().unwrap();
    logs.settle(&taken, Settled { delivered: 1, rejected: 0 }).unwrap();
    (slot, spool)
}

/// Runs the command until the slot is seen to be free: a command that another test starts has our
/// locks as well, between its fork and its exec.
fn free(dir: &Dir, args: &str) -> Ran {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let is_late = Instant::now() > deadline;
        if Slot::try_take(dir.path(), 0).unwrap().is_none() && !is_late {
            std::thread::yield_now();
            continue;
        }
        let ran = dir.run(args);
        if !ran.err.contains("a process") || is_late {
            return ran;
        }
    }
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn status_shows_the_books_of_a_process_that_lives_and_no_secret() {
    let dir = Dir::empty();
    let (_slot, spool) = shop(&dir);
    let ran = dir.run("spool status").exits(0).prints(&[
        "shop  instance k3f9q2xw, slot 0, in use by a process",
        "logs-info",
        "traces",
        "to http://10.0.0.7:4318/v1/some: logs-info and traces\n",
    ]);
    assert!(ran.out.lines().all(|line| line.len() <= 80), "{}", ran.out);
    let ran = ran.omits(&["hunter2", "events", "left behind"]);
    assert_eq!(ran.err, "");
    let ran = dir.run("spool status --json").exits(0).omits(&["hunter2"]);
    let rows = rows(&ran);
    let [logs, traces] = &rows[..] else { panic!("two streams: {rows:?}") };
    for (row, stream, signal, counts) in [
        (logs, "logs-info", "logs", [3, 1, 0, 0, 2]),
        (traces, "traces", "traces", [2, 0, 0, 0, 2]),
    ] {
        assert_eq!((&row["stream"], &row["signal"]), (&stream.into(), &signal.into()));
        assert_eq!((&row["in_use"], &row["service"]), (&true.into(), &"shop".into()));
        let names = ["appended", "delivered", "rejected", "dropped", "pending"];
        assert_eq!(names.map(|name| row[name].as_i64().unwrap()), counts, "{row}");
        assert!(row["oldest"].as_str().is_some_and(|at| at.starts_with("20")), "{row}");
    }
    // Nothing was disturbed: what was pending is.
    let logs = spool.stream(Stream::LogsInfo.index());
    assert_eq!(logs.take(Limit { records: 9, bytes: 9999 }).unwrap().unwrap().records(), 2);
}

#[test]
fn show_and_list_say_what_is_pending_and_where() {
    let dir = Dir::empty();
    let (_slot, _spool) = shop(&dir);
    let ran = dir.run("spool show").exits(0).prints(&["saved", "GET /usage", "render", "[31mred"]);
    let _ = ran.omits(&["clicked save", "\u{1b}"]);
    let ran = dir.run("spool show --stream traces -n 1 --json").exits(0);
    let rows_shown = rows(&ran);
    assert_eq!(rows_shown.len(), 1);
    assert_eq!(rows_shown[0]["text"], "GET /usage");
    let ran = dir.run("spool list --json").exits(0);
    let segments = rows(&ran);
    assert_eq!(segments.len(), 2, "{segments:?}");
    assert!(segments.iter().all(|row| row["bytes"].as_u64().unwrap() > 80), "{segments:?}");
    let _ = dir.run("spool list --stream traces").exits(0).prints(&["traces"]).omits(&["logs"]);
}

#[test]
fn drop_wants_to_be_sure_leaves_the_living_alone_and_is_counted() {
    let dir = Dir::empty();
    let (slot, spool) = shop(&dir);
    let _ = dir.run("spool drop --yes").exits(3).tells(&["4 records pending", "stop it first"]);
    drop((slot, spool));
    let _ = free(&dir, "spool drop")
        .exits(2)
        .prints(&["would drop 4 records of shop (instance k3f9q2xw)"])
        .tells(&["--yes"]);
    let _ = free(&dir, "spool drop --yes --stream traces").exits(0).prints(&["dropped 2 records"]);
    let ran = free(&dir, "spool status --json").exits(0);
    let [logs, traces] = &rows(&ran)[..] else { panic!("two streams") };
    assert_eq!((&logs["pending"], &logs["dropped"]), (&2.into(), &0.into()));
    assert_eq!((&traces["pending"], &traces["dropped"]), (&0.into(), &2.into()));
    assert_eq!(
        (&traces["dropped_by_reason"]["operator"], &traces["untold"]),
        (&2.into(), &2.into())
    );
    let _ = free(&dir, "spool status").exits(0).prints(&[
        "left behind",
        "dropped of traces: operator 2\n",
        "2 records dropped that no gap has told yet",
    ]);
    let _ = free(&dir, "spool drop --yes").exits(0).prints(&["dropped 2 records"]);
    let _ = free(&dir, "spool drop --yes").exits(1).tells(&["nothing is pending"]);
    let _ = free(&dir, "spool show").exits(0).prints(&["nothing is pending"]);
}

#[test]
fn of_what_tells_of_losses_no_loss_is_told() {
    let dir = Dir::empty();
    let (slot, spool) = shop(&dir);
    let gap = message(12, b"radiosonde.gap");
    append(&spool, Stream::Events, &[gap.clone(), gap.clone()]);
    append(&spool, Stream::LogsWarning, &[gap, message(12, b"order.placed")]);
    drop((slot, spool));
    let _ = free(&dir, "spool drop --yes").exits(0).prints(&["dropped 8 records"]);
    let ran = free(&dir, "spool status --json").exits(0);
    let untold = |name: &str| {
        let of_stream = |row: &Value| row["stream"] == name;
        let row = rows(&ran).into_iter().find(of_stream).unwrap();
        (row["dropped"].as_u64().unwrap(), row["untold"].as_u64().unwrap())
    };
    let told = ["events", "logs-warning", "logs-info", "traces"].map(untold);
    assert_eq!(told, [(2, 0), (2, 2), (2, 2), (2, 2)]);
}

#[test]
fn damaged_and_missing_spools_are_told() {
    let dir = Dir::empty();
    let _ = dir.run("spool status").exits(1).tells(&["no spool in"]);
    let (_slot, spool) = shop(&dir);
    drop(spool);
    let path = dir.path().join("inst/0/spool/k3f9q2xw");
    let _ = dir.run("spool status --instance other").exits(1).tells(&["no spool in"]);
    std::fs::write(path.join("manifest"), "not a manifest").unwrap();
    let _ = dir.run("spool status").exits(0).prints(&["manifest is damaged", "nowhere"]);
    std::fs::write(dir.path().join("inst/0/spool/a-file"), "").unwrap();
    let _ = dir.run("spool status").exits(3).prints(&["traces"]).tells(&["a-file: not read"]);
}

#[test]
fn who_only_looks_changes_nothing_and_what_cannot_be_looked_at_is_not_empty() {
    let dir = Dir::empty();
    drop(shop(&dir));
    let lock = dir.path().join("inst/0/lock");
    std::fs::remove_file(&lock).unwrap();
    let _ = dir.run("spool status").exits(0).prints(&["left behind"]);
    assert!(!lock.exists());
    let dir = Dir::empty();
    std::fs::write(dir.path().join("inst"), "").unwrap();
    let _ = dir.run("spool status").exits(3).tells(&["inst: not read"]);
    let _ = dir.run("spool drop --yes").exits(3).tells(&["inst: not read"]);
    let _ = dir.run("spool drain --within 1").exits(3).tells(&["not drained"]);
    let _ = dir.run("doctor --offline").exits(1).prints(&["fail  slots", "inst: "]);
}

#[test]
fn help_has_examples_for_each_of_them() {
    for subcommand in ["status", "list", "show", "drop"] {
        let example = format!("  radiosonde spool {subcommand}");
        let _ = run(command(&["spool", subcommand, "--help"]))
            .exits(0)
            .prints(&["Examples:", &example]);
    }
    let _ = run(command(&["spool", "--help"])).exits(0).prints(&["Exit status: 0", "Examples:"]);
    let _ = run(command(&["spool"])).exits(2);
    let _ = run(command(&["completions", "bash"])).exits(0).prints(&["spool", "--yes"]);
}
