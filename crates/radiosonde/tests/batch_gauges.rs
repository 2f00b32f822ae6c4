//! Gauges of batch jobs over the lives of processes: written, killed, and there again with the time
//! they were computed; and whatever else may stand at the place of their file.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/process.rs"]
mod process;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use process::{Helper, PATIENCE, hear, say, wait_for_the_end, wait_until};
use radiosonde::{Clock, Config, Parts, Profile, Report, Service};
use serde_json::{Value as Json, json};

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"provider": {"values": ["acme", "north", "south"]}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "cost_ratio", "type": "gauge", "unit": "ratio", "help": "Cost.", "owner": "platform",
     "labels": ["provider"], "source": "batch", "interval_s": 3600}
  ]
}"#;

/// 2026-11-01T00:00:00Z.
const START: u64 = 1_793_491_200;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn start(root: &Path, service: &str, now: u64) -> Parts {
    let config = Config::new(Service::new("batch", "1.0.0")).service(service);
    config.profile(Profile::Cli).dir(root).registry(REGISTRY).clock(Clock::fixed(at(now))).build()
}

fn set(parts: &Parts, provider: &str, value: f64) {
    metrics::with_local_recorder(&parts.recorder, || {
        metrics::gauge!("cost_ratio", "provider" => provider.to_owned()).set(value);
    });
}

/// The lines of the last snapshot in the day files: values by provider, and when the newest is from.
fn last_snapshot(root: &Path) -> (Json, Json) {
    let (mut values, mut updated) = (json!({}), Json::Null);
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with("metrics-") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let (name, labels) = (&line["meta"]["name"], &line["meta"]["labels"]);
            match name.as_str().unwrap() {
                "cost_ratio" => {
                    let provider = labels["provider"].as_str().unwrap();
                    values[provider] = line["meta"]["value"].clone();
                }
                "last_update_timestamp_seconds" => updated = line["meta"]["value"].clone(),
                _ => {}
            }
        }
    }
    (values, updated)
}

/// Starts, looks, and ends: what it found, and its report.
fn look(root: &Path, now: u64) -> ((Json, Json), Report) {
    // Snapshots of earlier processes are none of this one.
    for entry in fs::read_dir(root).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("metrics-") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let parts = start(root, "jobs", now);
    let report = parts.guard.shutdown(PATIENCE);
    (last_snapshot(root), report)
}

/// The files of batch gauges of a slot, drafts and damaged ones not among them.
fn files(root: &Path, slot: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("inst").join(slot.to_string())).into_iter().flatten();
    let is_file = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("batch-") && name.ends_with(".json")
    };
    entries.flatten().map(|entry| entry.path()).filter(is_file).collect()
}

fn kept_in(root: &Path, slot: u32) -> String {
    files(root, slot).first().map(|path| fs::read_to_string(path).unwrap()).unwrap_or_default()
}

/// A directory in which slot 0 keeps `acme` of 1, and its file.
fn kept_once() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let parts = start(&root, "jobs", START);
    set(&parts, "acme", 1.0);
    let _report = parts.guard.shutdown(PATIENCE);
    let file = files(&root, 0).remove(0);
    (directory, root, file)
}

fn play(directory: &Path, part: &str) {
    let root = directory.join("telemetry");
    let (provider, value) = part.split_once('=').unwrap();
    let value: f64 = value.parse().unwrap();
    let parts = start(&root, "jobs", START + value as u64);
    set(&parts, provider, value);
    if part.starts_with("acme") {
        // Both write it; whoever computed it later wins.
        set(&parts, "south", value);
    }
    say(directory, part, "");
    wait_for_the_end();
    drop(parts);
}

#[test]
fn a_killed_process_leaves_its_values_to_the_next() {
    const TEST: &str = "a_killed_process_leaves_its_values_to_the_next";
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let mut dying = Helper::start(TEST, directory.path(), "acme=17.25");
    hear(directory.path(), "acme=17.25");
    wait_until("the values are kept", || kept_in(&root, 0).contains("17.25"));
    assert_eq!(fs::metadata(&files(&root, 0)[0]).unwrap().mode() & 0o777, 0o600);
    dying.kill();

    let ((values, updated), report) = look(&root, START + 90_000);
    assert_eq!(values, json!({"acme": 17.25, "south": 17.25}));
    assert_eq!(updated, json!((START + 17) as f64));
    assert!(report.problems.is_empty(), "{report}");
    // Nothing of it is taken for the remains of a process.
    assert_eq!(files(&root, 0).len(), 1);
    // And again, of a process that wrote nothing itself.
    assert_eq!(look(&root, START + 100_000).0.0, json!({"acme": 17.25, "south": 17.25}));
}

#[test]
fn of_several_processes_the_newest_value_of_each_series_counts() {
    const TEST: &str = "of_several_processes_the_newest_value_of_each_series_counts";
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let mut dying = Vec::new();
    for (slot, part) in ["acme=50", "north=70", "acme=60"].into_iter().enumerate() {
        dying.push(Helper::start(TEST, directory.path(), part));
        hear(directory.path(), part);
        let value = format!("\"{}\"", part.split_once('=').unwrap().1);
        wait_until("the values are kept", || kept_in(&root, slot as u32).contains(&value));
    }
    // While they live.
    let ((values, updated), report) = look(&root, START + 100);
    assert_eq!(values, json!({"acme": 60.0, "north": 70.0, "south": 60.0}));
    assert_eq!(updated, json!((START + 70) as f64));
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!(report.slot, Some(3));
    dying.iter_mut().for_each(Helper::kill);
    let ((values, _), report) = look(&root, START + 200);
    assert_eq!(values, json!({"acme": 60.0, "north": 70.0, "south": 60.0}));
    assert_eq!(report.slot, Some(0));
}

#[test]
fn a_flush_brings_values_to_their_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let parts = start(&root, "jobs", START);
    for value in ["1.5", "2.5", "3.5", "4.5"] {
        set(&parts, "acme", value.parse().unwrap());
        // As a job does that ends with `exit`: the guard is not dropped.
        let _report = parts.guard.flush(PATIENCE);
        assert!(kept_in(&root, 0).contains(value), "{value}");
    }
    parts.guard.detach();
}

#[test]
fn another_service_in_the_same_slot_keeps_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    for (service, value) in [("jobs", 1.0), ("other", 2.0)] {
        let parts = start(&root, service, START);
        set(&parts, "acme", value);
        let _report = parts.guard.shutdown(PATIENCE);
    }
    assert_eq!(files(&root, 0).len(), 2);
    assert_eq!(look(&root, START).0.0, json!({"acme": 1.0}));
}

#[test]
fn what_one_environment_computed_is_not_shown_by_another() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let begin = |environment: &str| {
        let config = Config::new(Service::new("batch", "1.0.0")).service("jobs");
        let config = config.profile(Profile::Cli).dir(&root).registry(REGISTRY);
        config.label("environment", environment).clock(Clock::fixed(at(START))).build()
    };
    let end = |parts: Parts| {
        let report = parts.guard.shutdown(PATIENCE);
        assert!(report.refused.is_empty(), "{report}");
        let found = last_snapshot(&root).0;
        for entry in fs::read_dir(&root).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("metrics-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        found
    };
    let parts = begin("production");
    set(&parts, "acme", 1.0);
    assert_eq!(end(parts), json!({"acme": 1.0}));
    let parts = begin("staging");
    set(&parts, "north", 2.0);
    assert_eq!(end(parts), json!({"north": 2.0}));
    // And it is still there where it belongs.
    assert_eq!(end(begin("production")), json!({"acme": 1.0}));
    assert_eq!(look(&root, START).0.0, json!({}));
}

/// What `spoil` makes of the file is a problem, in the way of nobody, and set aside.
fn spoiled(spoil: impl Fn(&Path), why: &str) {
    let (_directory, root, file) = kept_once();
    fs::remove_file(&file).unwrap();
    spoil(&file);

    let ((values, updated), report) = look(&root, START);
    assert_eq!((values, updated), (json!({}), Json::Null), "{why}");
    let text = report.to_string();
    assert_eq!(report.problems.len(), 1, "{why}: {text}");
    assert!(report.problems[0].what.contains(why), "{why}: {text}");
    assert!(report.problems[0].what.contains("set aside"), "{why}: {text}");
    assert!(text.len() < 4096, "{why}: {} bytes", text.len());
    assert!(fs::symlink_metadata(file.with_extension("json.damaged")).is_ok(), "{why}");

    // It begins anew.
    let parts = start(&root, "jobs", START);
    set(&parts, "north", 3.0);
    let report = parts.guard.shutdown(PATIENCE);
    assert!(report.problems.is_empty(), "{why}: {report}");
    assert_eq!(look(&root, START).0.0, json!({"north": 3.0}), "{why}");
}

#[test]
fn what_is_damaged_is_set_aside() {
    let write = |text: &'static str| move |path: &Path| fs::write(path, text).unwrap();
    spoiled(write(""), "EOF");
    spoiled(write("{\"version\":1,\"service\":\"jobs\",\"values\":[{\"met"), "EOF");
    spoiled(write("[[[[[[[["), "cannot be read");
    spoiled(write(r#"{"version":0,"service":"jobs","values":[]}"#), "no format 0");
    let value = |value: &str, at: &str| {
        format!(
            "{{\"version\":1,\"service\":\"jobs\",\"values\":[{{\"metric\":\"cost_ratio\",\
             \"labels\":{{\"provider\":\"acme\"}},\"value\":\"{value}\",\"computed_at\":{at}}}]}}"
        )
    };
    let (none, endless) = (value("x", "1"), value("1", "18446744073709551616"));
    spoiled(|path| fs::write(path, &none).unwrap(), "a value or a time is none");
    spoiled(|path| fs::write(path, &endless).unwrap(), "cannot be read");
    let deep = format!("{{\"x\":{}", "[".repeat(1 << 20));
    spoiled(|path| fs::write(path, &deep).unwrap(), "EOF");
    let long = format!("{{\"version\":\"{}\"}}", "x".repeat(1 << 20));
    spoiled(|path| fs::write(path, &long).unwrap(), "invalid type: string");
}

#[test]
fn neither_links_nor_pipes_nor_directories_nor_huge_files_are_read() {
    spoiled(
        |path| {
            let secret = path.with_extension("elsewhere");
            let text = r#"{"version":1,"service":"jobs","values":[{"metric":"cost_ratio","labels":{"provider":"acme"},"value":"5","computed_at":1}]}"#;
            fs::write(&secret, text).unwrap();
            symlink(&secret, path).unwrap();
        },
        "symbolic link",
    );
    spoiled(
        |path| {
            rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600))
                .unwrap();
        },
        "no regular file",
    );
    spoiled(|path| fs::create_dir(path).unwrap(), "no regular file");
    spoiled(|path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap(), "larger than 4 MiB");
}

#[test]
fn a_value_that_no_longer_fits_is_dropped_and_named() {
    let (_directory, root, file) = kept_once();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("acme", "gone")).unwrap();
    let ((values, _), report) = look(&root, START);
    assert_eq!(values, json!({}));
    let what = "1 kept value of the batch gauge `cost_ratio` dropped: label `provider` is `gone`";
    assert!(report.problems[0].what.starts_with(what), "{report}");
}

fn start_without_batch_gauges(root: &Path) -> Report {
    let registry = REGISTRY.replace(r#", "source": "batch", "interval_s": 3600"#, "");
    let config = Config::new(Service::new("batch", "1.0.0")).service("jobs");
    let config = config.profile(Profile::Cli).dir(root).registry(registry);
    config.build().guard.shutdown(PATIENCE)
}

#[test]
fn what_was_dropped_is_told_once() {
    // The registry has no batch gauges any more: nobody will write the file again.
    let (_directory, root, file) = kept_once();
    let report = start_without_batch_gauges(&root);
    assert!(report.problems[0].what.starts_with("1 kept value of the batch gauge"), "{report}");
    assert_eq!(report.problems[0].severity, radiosonde::Severity::Warning);
    assert!(!file.exists());
    assert_eq!(start_without_batch_gauges(&root).problems, []);

    // One of two values, in our own slot and in one that is free.
    for slot in [0, 5] {
        let (_directory, root, file) = kept_once();
        let text = fs::read_to_string(&file).unwrap();
        let (head, entry) = text.split_once('[').unwrap();
        let entry = entry.strip_suffix("]}").unwrap();
        let place = root.join(format!("inst/{slot}")).join(file.file_name().unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::remove_file(&file).unwrap();
        let gone = entry.replace("acme", "gone");
        fs::write(&place, format!("{head}[{entry},{gone}]}}")).unwrap();
        let ((values, _), report) = look(&root, START);
        assert_eq!(values, json!({"acme": 1.0}), "{slot}");
        assert_eq!(report.problems.len(), 1, "{slot}: {report}");
        let text = fs::read_to_string(&place).unwrap();
        assert!(text.contains("acme") && !text.contains("gone"), "{slot}: {text}");
        let ((values, _), report) = look(&root, START);
        assert_eq!((values, report.problems), (json!({"acme": 1.0}), Vec::new()), "{slot}");
    }
}

#[test]
fn what_a_living_process_keeps_is_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let living = start(&root, "jobs", START);
    set(&living, "acme", 1.0);
    let _report = living.guard.flush(PATIENCE);
    let kept = kept_in(&root, 0);
    assert_eq!(start_without_batch_gauges(&root).problems, []);
    assert_eq!(kept_in(&root, 0), kept);
    living.guard.detach();
}

#[test]
fn what_a_newer_program_wrote_is_left_to_it() {
    let (_directory, root, file) = kept_once();
    let newer = r#"{"version":9,"values":{"in":"another form"}}"#;
    fs::write(&file, newer).unwrap();
    let parts = start(&root, "jobs", START);
    set(&parts, "north", 3.0);
    let report = parts.guard.flush(PATIENCE);
    let told = report.to_string();
    assert!(told.contains("it has format 9, of a newer program"), "{told}");
    assert!(report.problems.iter().all(|p| p.severity == radiosonde::Severity::Warning), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), newer);
    // Out of the way, values are kept.
    fs::remove_file(&file).unwrap();
    set(&parts, "north", 4.0);
    let _report = parts.guard.shutdown(PATIENCE);
    assert_eq!(look(&root, START).0.0, json!({"north": 4.0}));
}

#[test]
fn what_is_damaged_twice_is_kept_twice() {
    let (_directory, root, file) = kept_once();
    for (n, ending) in ["json.damaged", "json.damaged-2", "json.damaged-3"].iter().enumerate() {
        fs::write(&file, format!("{n}")).unwrap();
        let _looked = look(&root, START);
        assert_eq!(fs::read_to_string(file.with_extension(ending)).unwrap(), format!("{n}"));
    }
}

/// Replaces the times of all values in a file, and sets the time the file itself is from.
fn claim(file: &Path, computed_at: u64, modified: u64) {
    let mut kept: Json = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    for value in kept["values"].as_array_mut().unwrap() {
        value["computed_at"] = json!(computed_at * 1000);
    }
    fs::write(file, kept.to_string()).unwrap();
    fs::File::options().write(true).open(file).unwrap().set_modified(at(modified)).unwrap();
}

#[test]
fn a_value_from_the_future_beats_nothing_and_is_missed_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let living = start(&root, "jobs", START);
    let other = start(&root, "jobs", START);
    set(&other, "acme", 777.0);
    set(&other, "north", 778.0);
    let _report = other.guard.shutdown(PATIENCE);
    let _report = living.guard.shutdown(PATIENCE);
    claim(&files(&root, 1)[0], START + 10_000_000, START + 5);

    // What a right clock computed goes before it; what there is nothing else of has the file's time.
    let parts = start(&root, "jobs", START + 10);
    set(&parts, "acme", 6.0);
    let _report = parts.guard.shutdown(PATIENCE);
    for later in [1_000, 2_000] {
        let ((values, updated), report) = look(&root, START + later);
        assert_eq!(values, json!({"acme": 6.0, "north": 778.0}));
        assert_eq!(updated, json!((START + 10) as f64), "it renews itself");
        assert_eq!(report.problems.len(), 1, "{report}");
        let what = "2 kept values of batch gauges claim to be computed in the future";
        assert!(report.problems[0].what.starts_with(what), "{report}");
    }

    // Our own file is put right, so that it is told once.
    fs::remove_file(&files(&root, 1)[0]).unwrap();
    claim(&files(&root, 0)[0], START + 10_000_000, START + 7);
    let ((_, updated), report) = look(&root, START + 3_000);
    assert_eq!((updated, report.problems.len()), (json!((START + 7) as f64), 1), "{report}");
    let ((values, updated), report) = look(&root, START + 4_000);
    assert_eq!(values, json!({"acme": 6.0, "north": 778.0}));
    assert_eq!((updated, report.problems.len()), (json!((START + 7) as f64), 0), "{report}");

    // Where the file is from the future too, it may be our clock: its times are not overwritten.
    claim(&files(&root, 0)[0], START + 10_000_000, START + 10_000_000);
    assert_eq!(look(&root, START + 5_000).0.1, json!(0.001));
    let ((_, updated), report) = look(&root, START + 20_000_000);
    assert_eq!((updated, report.problems.len()), (json!((START + 10_000_000) as f64), 0));
}

#[test]
fn many_slots_with_large_files_are_one_problem() {
    let (_directory, root, file) = kept_once();
    // Blanks count as well.
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str(&" ".repeat((4 << 20) - text.len()));
    for slot in 1..8 {
        let path = root.join("inst").join(slot.to_string());
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(file.file_name().unwrap()), &text).unwrap();
    }
    let ((values, _), report) = look(&root, START + 1);
    assert_eq!(values, json!({"acme": 1.0}));
    assert_eq!(report.problems.len(), 1, "{report}");
    let what = "4 files of batch gauges not read, such as ";
    assert!(report.problems[0].what.starts_with(what), "{report}");
}

#[test]
fn what_cannot_be_written_is_a_problem_and_comes_later() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let parts = start(&root, "jobs", START);
    set(&parts, "acme", 1.0);
    wait_until("the values are kept", || kept_in(&root, 0).contains("acme"));
    // A directory that is not empty cannot be removed as if it were a draft.
    let draft = files(&root, 0)[0].with_extension("json.tmp");
    fs::create_dir_all(draft.join("in-the-way")).unwrap();
    set(&parts, "north", 2.0);
    let problem = || {
        let problems = parts.guard.report().problems;
        problems.into_iter().find(|problem| problem.what.contains("are not kept in"))
    };
    wait_until("it is a problem", || problem().is_some());
    fs::remove_dir_all(&draft).unwrap();
    let report = parts.guard.shutdown(PATIENCE);
    assert!(report.problems.is_empty(), "{report}");
    assert!(kept_in(&root, 0).contains("north"));
}

#[test]
fn values_are_read_where_nothing_can_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let parts = start(&root, "jobs", START);
    set(&parts, "acme", 4.0);
    let _report = parts.guard.shutdown(PATIENCE);
    // No slot can be taken, for root neither.
    for slot in 0..9 {
        let path = root.join(format!("inst/{slot}/lock"));
        let _file = fs::remove_file(&path);
        fs::create_dir_all(&path).unwrap();
    }
    let parts = start(&root, "jobs", START);
    let report = parts.guard.report();
    assert_eq!(report.directory, None, "{report}");
    metrics::with_local_recorder(&parts.recorder, || {
        // The value is there: a change starts from it.
        metrics::gauge!("cost_ratio", "provider" => "acme").increment(0.0);
    });
    #[cfg(feature = "prometheus")]
    {
        let found = parts.guard.metrics_text();
        assert!(found.contains("cost_ratio{provider=\"acme\"} 4"), "{found}");
    }
}
