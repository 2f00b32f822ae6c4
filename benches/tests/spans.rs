//! Rounds of the suite `spans`, in processes of their own as the harness starts them.

use serde_json::Value;
use std::process::{Command, Output};

/// Who has no consumer that could count.
const UNREAD: [&str; 3] = ["registry", "limit", "axum"];
/// Spans of a trace, and traces or bursts of requests before the first that is measured.
const TRACE: u64 = 65;
const REQUESTS: u64 = 64;
const WARM_UP: u64 = 4;

fn benches(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiosonde-benches"));
    command.args(arguments).envs(environment.iter().copied());
    command.env("RADIOSONDE_STDERR", "off").output().expect("a process")
}

/// What the candidate says of its round, or why there was none.
fn round(names: [&str; 2], environment: &[(&str, &str)]) -> Result<Value, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a path in UTF-8");
    let [workload, candidate] = names;
    let arguments = ["__round", "spans", workload, candidate, "3", folder];
    let output = benches(&arguments, environment);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).expect("text");
    Ok(serde_json::from_str(text.lines().last().expect("an answer")).expect("JSON"))
}

/// Who does this workload, as the help text has them.
fn candidates(workload: &str) -> Vec<String> {
    let help = String::from_utf8(benches(&["help"], &[]).stdout).expect("text");
    let start = format!("  {workload}: ");
    let mut lines = help.lines().skip_while(|line| !line.starts_with("suite spans:"));
    let _about = lines.find(|line| line.starts_with(&start)).expect("the workload");
    let names = lines.next().expect("its candidates").trim();
    names.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_span_comes_to_its_consumer_with_its_attributes() {
    for (workload, at_once, least) in [("sampled_in", TRACE, 9), ("http_server", REQUESTS, 5)] {
        let candidates = candidates(workload);
        assert!(candidates.len() >= least, "{candidates:?}");
        for candidate in &candidates {
            let answer = round([workload, candidate], &[]).unwrap_or_else(|said| panic!("{said}"));
            let books = &answer["books"];
            let made =
                if UNREAD.contains(&candidate.as_str()) { 0 } else { at_once * (WARM_UP + 3) };
            assert_eq!(books["events"], made, "{workload} {candidate}: {answer}");
            assert_eq!(books["lost"], 0, "{workload} {candidate}: {answer}");
            assert_eq!(books["duplicated"], 0, "{workload} {candidate}: {answer}");
        }
    }
}

#[test]
fn nothing_comes_of_what_is_not_sampled_and_a_span_that_comes_is_an_error() {
    for workload in ["sampled_out_child", "sampled_out_root"] {
        for candidate in candidates(workload) {
            let of = |environment| round([workload, &candidate], environment);
            let answer = of(&[("OTEL_TRACES_SAMPLER", "always_off")]);
            let answer = answer.unwrap_or_else(|said| panic!("{workload} {candidate}: {said}"));
            assert_eq!(answer["books"]["events"], 0, "{workload} {candidate}: {answer}");
            let sampled = of(&[]);
            if UNREAD.contains(&candidate.as_str()) {
                assert!(sampled.is_ok(), "{workload} {candidate}: {sampled:?}");
            } else {
                let said = sampled.expect_err(&candidate);
                assert!(said.contains("that nobody sampled"), "{workload} {candidate}: {said}");
            }
        }
    }
}
