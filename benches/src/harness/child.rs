//! One round in a process of its own: what the parent says to it, what it answers.

use super::{Measured, Round, stats};
use crate::SUITES;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// The first argument of a child. Not for people.
pub(crate) const COMMAND: &str = "__round";

/// The figures of one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Median over the bursts.
    pub(crate) median: f64,
    /// 99th percentile over the bursts.
    pub(crate) p99: f64,
    /// What the candidate says it dropped.
    pub(crate) dropped: u64,
    /// What was handed over, is not on disk, and was not counted either.
    pub(crate) lost: u64,
}

/// The arguments of a child for this round.
pub(crate) fn arguments(
    suite: &str,
    workload: &str,
    candidate: &str,
    bursts: usize,
    folder: &Path,
) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    let words = [COMMAND, suite, workload, candidate].map(str::to_owned);
    words.into_iter().chain([bursts.to_string(), folder]).collect()
}

/// Reads what [`arguments`] wrote, without the first word.
pub(crate) fn parse(words: &[String]) -> Result<Round, String> {
    let unknown = || format!("`{COMMAND}` is for the harness itself");
    let [suite, workload, candidate, bursts, folder] = words else { return Err(unknown()) };
    let suite = SUITES.iter().find(|found| found.name == suite).ok_or_else(unknown)?;
    let workload = suite.workload(workload).ok_or_else(unknown)?;
    let candidate = workload.candidate(candidate).ok_or_else(unknown)?;
    let bursts = bursts.parse().map_err(|_| unknown())?;
    Ok(Round { candidate, bursts, folder: folder.into() })
}

/// Does the round and prints the answer as the last line of stdout.
pub(crate) fn run(round: &Round) -> Result<(), String> {
    let Measured { samples, dropped, lost } = (round.candidate.run)(round)?;
    let median = stats::median(&samples).ok_or("no samples")?;
    let p99 = stats::quantile(&samples, 0.99).ok_or("no samples")?;
    println!("{}", json!({ "median": median, "p99": p99, "dropped": dropped, "lost": lost }));
    Ok(())
}

/// Starts a child and waits for its answer. Of the environment it gets nothing that configures
/// telemetry, and its console is off: written to a terminal, a line costs what the terminal costs.
pub(crate) fn ask(arguments: &[String]) -> Result<Answer, String> {
    let program = std::env::current_exe().map_err(|error| format!("who am I: {error}"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("OTEL_") || name.starts_with("RADIOSONDE_") || name == "RUST_LOG" {
            command.env_remove(&key);
        }
    }
    command.env("RADIOSONDE_STDERR", "off");
    let output = command.output().map_err(|error| format!("cannot start a round: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = output.status.success().then(|| answer(&text)).flatten();
    answer.ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("`{}` failed ({}): {}", arguments.join(" "), output.status, said.trim())
    })
}

fn answer(text: &str) -> Option<Answer> {
    let answer: Value = serde_json::from_str(text.lines().last()?).ok()?;
    Some(Answer {
        median: answer["median"].as_f64()?,
        p99: answer["p99"].as_f64()?,
        dropped: answer["dropped"].as_u64()?,
        lost: answer["lost"].as_u64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_understands_what_the_parent_says() {
        let words = arguments("events", "macro", "limit", 17, Path::new("/tmp/with space"));
        let round = parse(&words[1..]).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!((round.candidate.name, round.bursts), ("limit", 17));
        assert_eq!(round.folder, Path::new("/tmp/with space"));
        assert!(parse(&words[2..]).is_err());
    }

    #[test]
    fn the_last_line_is_the_answer() {
        let text = "noise\n{\"median\":12.5,\"p99\":40.0,\"dropped\":2,\"lost\":3}\n";
        assert_eq!(answer(text), Some(Answer { median: 12.5, p99: 40.0, dropped: 2, lost: 3 }));
        for wrong in [
            "",
            "noise",
            "{\"median\":1.0}",
            "{\"median\":null,\"p99\":1,\"dropped\":0,\"lost\":0}",
        ] {
            assert_eq!(answer(wrong), None, "{wrong}");
        }
    }
}
