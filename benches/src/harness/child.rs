//! One round in a process of its own: what the parent says to it, what it answers.

use super::{Books, Environment, Measured, Round, Size, stats};
use crate::SUITES;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The first argument of a child. Not for people.
pub(crate) const COMMAND: &str = "__round";

/// Fewer samples have no 99th percentile: it would be their largest.
const SAMPLES_FOR_P99: usize = 20;

/// The figures of one round.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Answer {
    /// Median of the samples.
    pub(crate) median: f64,
    /// 99th percentile of the samples; none when there are too few.
    pub(crate) p99: Option<f64>,
    /// What became of the events.
    pub(crate) books: Books,
    /// Further figures by name.
    pub(crate) figures: BTreeMap<String, f64>,
}

/// The arguments of a child for this round.
pub(crate) fn arguments(names: [&str; 3], size: Size, folder: &Path) -> Vec<String> {
    let size = match size {
        Size::Whole => "whole".to_owned(),
        Size::Quick => "quick".to_owned(),
        Size::Bursts(bursts) => bursts.to_string(),
    };
    let words = [COMMAND].into_iter().chain(names).map(str::to_owned);
    words.chain([size, folder.to_string_lossy().into_owned()]).collect()
}

/// Reads what [`arguments`] wrote, without the first word.
pub(crate) fn parse(words: &[String]) -> Result<Round, String> {
    let unknown = || format!("`{COMMAND}` is for the harness itself");
    let [suite, workload, candidate, size, folder] = words else { return Err(unknown()) };
    let found = SUITES.iter().find(|found| found.name == suite).ok_or_else(unknown)?;
    let found = found.workload(workload).ok_or_else(unknown)?;
    let size = match size.as_str() {
        "whole" => Size::Whole,
        "quick" => Size::Quick,
        bursts => Size::Bursts(bursts.parse().map_err(|_| unknown())?),
    };
    Ok(Round {
        names: [suite, workload, candidate].map(Clone::clone),
        candidate: found.candidate(candidate).ok_or_else(unknown)?,
        size,
        folder: folder.into(),
    })
}

/// Does the round and prints the answer as the last line of stdout.
pub(crate) fn run(round: &Round) -> Result<(), String> {
    let Measured { samples, books, figures } = (round.candidate.run)(round)?;
    let answer = Answer {
        median: stats::median(&samples).ok_or("no samples")?,
        p99: stats::quantile(&samples, 0.99).filter(|_| samples.len() >= SAMPLES_FOR_P99),
        books,
        figures: figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect(),
    };
    let text = serde_json::to_string(&answer).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}

/// Starts a child with these variables and waits for its answer.
pub(crate) fn ask(arguments: &[String], environment: Environment) -> Result<Answer, String> {
    let mut command = command(arguments)?;
    command.envs(environment.iter().copied());
    let output = command.output().map_err(|error| format!("cannot start a round: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = output.status.success().then(|| answer(&text)).flatten();
    answer.ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("`{}` failed ({}): {}", arguments.join(" "), output.status, said.trim())
    })
}

/// Ourselves with these arguments. Of the environment it gets nothing that configures telemetry, and
/// its console is off: written to a terminal, a line costs what the terminal costs.
pub(crate) fn command(arguments: &[String]) -> Result<Command, String> {
    let program = std::env::current_exe().map_err(|error| format!("who am I: {error}"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        let configures = ["OTEL_", "RADIOSONDE_", "RUST_LOG", "SPDLOG_"];
        if configures.iter().any(|start| name.starts_with(start)) {
            command.env_remove(&key);
        }
    }
    // Printing a backtrace takes long enough for a worker to write what it would have lost.
    command.env("RADIOSONDE_STDERR", "off").env("RUST_BACKTRACE", "0");
    Ok(command)
}

/// Reads what [`run`] printed.
pub(crate) fn answer(text: &str) -> Option<Answer> {
    serde_json::from_str(text.lines().last()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_understands_what_the_parent_says() {
        let names = ["events", "macro", "limit"];
        for size in [Size::Whole, Size::Quick, Size::Bursts(17)] {
            let words = arguments(names, size, Path::new("/tmp/with space"));
            let round = parse(&words[1..]).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!((round.candidate.name, round.size), ("limit", size));
            assert_eq!(round.names, names);
            assert_eq!(round.folder, Path::new("/tmp/with space"));
            assert!(parse(&words[2..]).is_err());
        }
    }

    #[test]
    fn the_last_line_is_the_answer() {
        let books = Books { events: 9, lost: 3, counted: None, duplicated: 1, torn: 0 };
        let figures = BTreeMap::from([("p999".to_owned(), 70.5)]);
        let given = Answer { median: 12.5, p99: Some(40.0), books, figures };
        let text = format!("noise\n{}\n", serde_json::to_string(&given).expect("JSON"));
        assert_eq!(answer(&text), Some(given));
        for wrong in ["", "noise", "{\"median\":1.0}"] {
            assert_eq!(answer(wrong), None, "{wrong}");
        }
    }
}
