//! What runs is in the report, and what was running when a process was killed is in what it leaves.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/process.rs"]
mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::channel;

use process::{Helper, PATIENCE, hear, say, wait_for_the_end, wait_until};
use radiosonde::{Config, Guard, Profile, Service};
use radiosonde_events::recover::recover_directory;
use serde_json::Value as Json;
use tracing::info_span;

fn start(root: &Path) -> Guard {
    let config = Config::new(Service::new("open-spans", "1.0.0"));
    config.profile(Profile::Cli).dir(root).init()
}

/// What the processes of these tests do.
fn play(directory: &Path, part: &str) {
    let root = directory.join("telemetry");
    let telemetry = start(&root);
    match part {
        "nested" => {
            let outer = radiosonde::scope().job("job-7").run(|| {
                let outer = info_span!("checkout");
                let _inside = outer.enter();
                tracing::info!("charging");
                let inner =
                    info_span!("charge_card", otel.name = "charge visa", password = "hunter2");
                let _over = info_span!("looked_up").entered();
                let report = telemetry.report().open_spans;
                assert_eq!(report.open, 3, "{report}");
                say(directory, "report", &telemetry.report().to_json());
                (outer.clone(), inner)
            });
            telemetry.flush(PATIENCE);
            say(directory, "running", "");
            wait_for_the_end();
            drop(outer);
        }
        "orderly" => {
            let _root = info_span!("root").entered();
            drop(info_span!("closed").entered());
            let stuck = radiosonde::scope().job("job-7").run(|| info_span!("stuck"));
            let report = telemetry.shutdown(PATIENCE);
            assert_eq!(report.open_spans.open, 2, "{report}");
            assert_eq!(report.open_spans.oldest[1].name, "stuck", "{report}");
            assert_eq!(report.spans.pending + report.events.pending, 0, "{report}");
            drop(stuck);
        }
        "many" => {
            let open: Vec<_> = (0..1_200).map(|_| info_span!("many")).collect();
            let report = telemetry.shutdown(PATIENCE);
            assert_eq!(report.open_spans.open, 1_200, "{report}");
            assert_eq!(report.events.dropped, 0, "{report}");
            drop(open);
        }
        "too many" => {
            let open: Vec<_> = (0..10_000).map(|_| info_span!("many")).collect();
            say(directory, "running", "");
            wait_for_the_end();
            drop(open);
        }
        "heir" => {
            wait_until("it has recovered", || telemetry.report().interrupted > 0);
            say(directory, "heir", &telemetry.report().to_string());
            drop(telemetry);
        }
        "in order" => {
            drop(info_span!("closed").entered());
            let report = telemetry.shutdown(PATIENCE);
            assert_eq!(report.open_spans.open, 0, "{report}");
        }
        "storm" => storm(directory),
        other => panic!("no part {other}"),
    }
}

/// Spans open and close on several threads, and are handed from one to another. Of each it is
/// written down when it is open for certain, when it is about to close, and when it has closed.
fn storm(directory: &Path) {
    let log = |name: &str| {
        let path = directory.join(format!("{name}.log"));
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        move |n: u64| file.write_all(format!("{n}\n").as_bytes()).unwrap()
    };
    let (sender, receiver) = channel::<(u64, tracing::Span)>();
    let mut closed = log("closed-elsewhere");
    let _closing = std::thread::spawn(move || {
        for (n, span) in receiver {
            drop(span);
            closed(n);
        }
    });
    let workers = [1_000_000_u64, 2_000_000, 3_000_000].map(|first| {
        let sender = sender.clone();
        let [mut opened, mut closing, mut closed] =
            ["opened", "closing", "closed"].map(|what| log(&format!("{what}-{first}")));
        std::thread::spawn(move || {
            for n in first.. {
                let span = info_span!("stormy", job_id = format!("job-{n}"));
                opened(n);
                match n % 50 {
                    7 => {
                        let _never_closed = std::mem::ManuallyDrop::new(span);
                    }
                    nth if nth % 3 == 0 => {
                        closing(n);
                        sender.send((n, span)).unwrap();
                    }
                    _ => {
                        closing(n);
                        drop(span);
                        closed(n);
                    }
                }
            }
        })
    });
    wait_for_the_end();
    drop(workers);
}

/// The numbers of all logs whose name begins so. The last line of a log may be torn.
fn logged(directory: &Path, what: &str) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(what) && name.ends_with(".log") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            found.extend(whole.map(|line| line.trim().parse::<u64>().unwrap()));
        }
    }
    found
}

fn interrupted(root: &Path) -> Vec<Json> {
    let lines = common::event_lines(root).into_iter();
    lines.filter(|line| line["evt"] == "span.interrupted").collect()
}

#[test]
fn what_was_running_when_a_process_was_killed_stands_in_its_remains() {
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let test = "what_was_running_when_a_process_was_killed_stands_in_its_remains";
    let mut killed = Helper::start(test, directory.path(), "nested");
    hear(directory.path(), "running");
    let report: Json = serde_json::from_str(&hear(directory.path(), "report")).unwrap();
    let running = &report["open_spans"]["oldest"];
    let names = |list: &Json| {
        let list = list.as_array().unwrap().iter();
        list.map(|span| span["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(running), ["checkout", "charge visa", "looked_up"]);
    assert_eq!(running[1]["parent_span_id"], running[0]["span_id"]);
    assert_eq!(running[0]["job_id"], "job-7");
    assert_eq!(running[0]["source"], "open_spans");
    let groups = &report["open_spans"]["groups"];
    assert_eq!(names(groups), names(running));
    assert_eq!((&groups[0]["open"], &groups[0]["oldest"][0]), (&Json::from(1), &running[0]));
    killed.kill();

    let recovered = recover_directory(&root, false).unwrap();
    assert_eq!(recovered.instances.len(), 1);
    // "looked_up" had ended by then.
    assert_eq!(recovered.instances[0].recovered.interrupted, 2);
    let found = interrupted(&root);
    let meta: Vec<&Json> = found.iter().map(|line| &line["meta"]).collect();
    assert_eq!(
        meta.iter().map(|meta| &meta["name"]).collect::<Vec<_>>(),
        ["checkout", "charge visa"]
    );
    for (line, running) in found.iter().zip(running.as_array().unwrap()) {
        for id in ["trace_id", "span_id", "job_id"] {
            assert_eq!(line[id], running[id], "{line}");
        }
        assert_eq!(line["level"], "warning");
        let open_us = line["meta"]["open_us"].as_u64().unwrap();
        assert!(open_us < PATIENCE.as_micros() as u64, "{line}");
        let message = line["msg"].as_str().unwrap();
        assert!(
            message.contains("was open for at least ")
                && message.ends_with("when its process died"),
            "{line}"
        );
        assert_eq!(line["meta"]["pid"], killed.pid());
        assert!(line["meta"]["start"].as_str().unwrap() <= line["ts"].as_str().unwrap());
        assert!(line["meta"]["thread"].as_str().unwrap().starts_with("what_was_running"), "{line}");
    }
    assert_eq!(meta[1]["parent_span_id"], found[0]["span_id"]);
    assert!(recover_directory(&root, false).unwrap().instances.is_empty(), "nothing is left");
    assert_eq!(interrupted(&root).len(), 2);
}

#[test]
fn the_next_process_says_what_an_earlier_one_died_in() {
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "the_next_process_says_what_an_earlier_one_died_in";
    let mut killed = Helper::start(test, directory.path(), "nested");
    hear(directory.path(), "running");
    killed.kill();
    Helper::start(test, directory.path(), "heir").join();
    let report = hear(directory.path(), "heir");
    let line = report.lines().find(|line| line.contains("span.interrupted")).unwrap();
    assert!(
        line.starts_with("recovered  2 spans were open when an earlier process died"),
        "{line}"
    );
    let lines = common::event_lines(&directory.path().join("telemetry"));
    let recovered = lines.iter().find(|line| line["evt"] == "telemetry.recovered").unwrap();
    assert_eq!(recovered["meta"]["spans"], 2, "{recovered}");
    assert_eq!(recovered["meta"]["pid"], killed.pid(), "{recovered}");
}

#[test]
fn the_next_process_says_how_many_had_no_place_in_the_table() {
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "the_next_process_says_how_many_had_no_place_in_the_table";
    let mut killed = Helper::start(test, directory.path(), "too many");
    hear(directory.path(), "running");
    killed.kill();
    Helper::start(test, directory.path(), "heir").join();
    let report = hear(directory.path(), "heir");
    assert!(report.contains("\nrecovered  of 1,808 open spans without a place"), "{report}");
    let lines = common::event_lines(&directory.path().join("telemetry"));
    let recovered = lines.iter().find(|line| line["evt"] == "telemetry.recovered").unwrap();
    let told = "8,192 spans open at its end; 1,808 more open spans had no place in its table";
    assert!(recovered["msg"].as_str().unwrap().ends_with(told), "{recovered}");
}

#[test]
fn every_span_that_was_open_at_a_kill_is_found_once_and_none_that_had_ended() {
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let test = "every_span_that_was_open_at_a_kill_is_found_once_and_none_that_had_ended";
    for lines in [300, 1_000, 3_000] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("telemetry");
        let mut killed = Helper::start(test, directory.path(), "storm");
        let log = directory.path().join("opened-2000000.log");
        wait_until("spans are opened", || {
            fs::metadata(&log).is_ok_and(|found| found.len() > lines * 8)
        });
        killed.kill();
        let recovered = recover_directory(&root, false).unwrap();
        assert!(recovered.failed.is_empty());
        let mut found = BTreeMap::new();
        for line in interrupted(&root) {
            let n = line["job_id"].as_str().unwrap().strip_prefix("job-").unwrap();
            *found.entry(n.parse::<u64>().unwrap()).or_insert(0) += 1;
        }
        assert!(found.values().all(|count| *count == 1), "each once");
        assert_eq!(recovered.instances[0].recovered.interrupted, found.len() as u64);
        let [opened, closing, closed] =
            ["opened", "closing", "closed"].map(|what| logged(directory.path(), what));
        let open: BTreeSet<_> = opened.difference(&closing).copied().collect();
        assert!(open.len() as u64 > lines / 100, "some were open: {}", open.len());
        let missing: Vec<_> = open.iter().filter(|n| !found.contains_key(n)).collect();
        assert!(missing.is_empty(), "open, and not found: {missing:?}");
        let ended: Vec<_> = closed.iter().filter(|n| found.contains_key(n)).collect();
        assert!(ended.is_empty(), "ended, and called open: {ended:?}");
    }
}

#[test]
fn what_was_open_when_telemetry_was_shut_down_is_said_once() {
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let test = "what_was_open_when_telemetry_was_shut_down_is_said_once";
    for (part, open) in [("in order", 0), ("orderly", 2), ("many", 1_000)] {
        let directory = tempfile::tempdir().unwrap();
        Helper::start(test, directory.path(), part).join();
        let root = directory.path().join("telemetry");
        assert!(recover_directory(&root, false).unwrap().instances.is_empty());
        let found = interrupted(&root);
        assert_eq!(found.len(), open, "{part}");
        if part != "orderly" {
            continue;
        }
        let names: Vec<_> = found.iter().map(|line| &line["meta"]["name"]).collect();
        assert_eq!(names, ["root", "stuck"]);
        let [root, stuck] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((&stuck["job_id"], &stuck["trace_id"]), (&"job-7".into(), &root["trace_id"]));
        assert_eq!(stuck["meta"]["parent_span_id"], root["span_id"]);
        assert_eq!(
            (&stuck["meta"]["end"], &stuck["level"]),
            (&"shutdown".into(), &"warning".into())
        );
        let message = stuck["msg"].as_str().unwrap();
        let begin = "stuck was open when telemetry was shut down, for at least ";
        assert!(message.starts_with(begin), "{message}");
    }
}
