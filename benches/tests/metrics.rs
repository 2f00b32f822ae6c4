//! Rounds of the suites about metrics, in processes of their own as the harness starts them.

use serde_json::Value;
use std::process::{Command, Output};

/// Who has nothing that could be read.
const UNREAD: [&str; 2] = ["noop", "thread-local"];

fn benches(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiosonde-benches"));
    command.args(arguments).env("RADIOSONDE_STDERR", "off").output().expect("a process")
}

/// What the candidate says of its round.
fn round(names: [&str; 3], size: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a path in UTF-8");
    let [suite, workload, candidate] = names;
    let output = benches(&["__round", suite, workload, candidate, size, folder]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{names:?}: {said}");
    let text = String::from_utf8(output.stdout).expect("text");
    serde_json::from_str(text.lines().last().expect("an answer")).expect("JSON")
}

/// The workloads of a suite and who does them, as the help text has them.
fn candidates(suite: &str) -> Vec<(String, Vec<String>)> {
    let help = String::from_utf8(benches(&["help"]).stdout).expect("text");
    let start = format!("suite {suite}:");
    let lines = help.lines().skip_while(|line| !line.starts_with(&start)).skip(1);
    let lines: Vec<&str> = lines.take_while(|line| line.starts_with("  ")).collect();
    let pairs = lines.chunks_exact(2).map(|pair| {
        let name = pair[0].trim().split(':').next().expect("a name").to_owned();
        (name, pair[1].trim().split(", ").map(str::to_owned).collect())
    });
    pairs.collect()
}

/// The writes of a round, of which a reader has to see every one.
fn seen(names: [&str; 3], answer: &Value) -> u64 {
    assert_eq!(answer["books"]["lost"], 0, "{names:?}: {answer}");
    answer["books"]["events"].as_u64().expect("a count")
}

#[test]
fn every_write_is_seen_by_a_reader() {
    let workloads = candidates("metrics");
    let one_thread = |name: &str| !name.ends_with("_2") && !name.starts_with("instructions");
    let names: Vec<&str> = workloads.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"past_cap") && names.contains(&"macro_owned_2"), "{names:?}");
    for (workload, candidates) in workloads.iter().filter(|(name, _)| one_thread(name)) {
        for candidate in candidates {
            let names = ["metrics", workload, candidate];
            let writes = seen(names, &round(names, "1"));
            assert_eq!(writes == 0, UNREAD.contains(&candidate.as_str()), "{names:?}");
        }
    }
}

#[test]
fn every_scrape_shows_what_was_written() {
    for (workload, candidates) in candidates("scrape").iter().filter(|(name, _)| name != "writers")
    {
        assert!(candidates.len() > 5, "{candidates:?}");
        for candidate in candidates {
            let names = ["scrape", workload, candidate];
            assert!(seen(names, &round(names, "1")) > 0, "{names:?}");
        }
    }
}

#[test]
fn scrapes_of_ours_are_consistent_while_four_threads_write() {
    let names = ["scrape", "writers", "radiosonde"];
    let answer = round(names, "quick");
    assert!(seen(names, &answer) > 0, "{answer}");
    assert_eq!(answer["figures"]["inconsistent"], 0.0, "{answer}");
}

#[cfg(feature = "heap")]
#[test]
fn a_label_that_explodes_is_held_to_its_limit_and_the_books_add_up() {
    let answer = round(["memory", "million_values", "radiosonde"], "quick");
    assert_eq!(answer["books"]["events"], 100_000, "{answer}");
    assert_eq!(answer["books"]["lost"], answer["books"]["counted"], "{answer}");
    assert_eq!(answer["figures"]["series"], 200.0, "{answer}");
    assert_eq!(answer["figures"]["overflow"], 100_000.0 - 200.0, "{answer}");
}

#[cfg(not(feature = "heap"))]
#[test]
fn what_counts_allocations_says_how_it_is_built() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a path in UTF-8");
    let names = ["memory", "counter_series", "radiosonde"];
    let output = benches(&["__round", names[0], names[1], names[2], "quick", folder]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("--features heap"), "{said}");
}
