//! The command line.

use crate::SUITES;
use crate::harness::{Round, Suite};
use crate::harness::{child, parent};
use std::fmt::Write as _;

/// What was asked for.
pub(crate) enum Command {
    /// Print the help text.
    Help,
    /// One round of one candidate, started by ourselves.
    Round(Round),
    /// A whole suite.
    Suite(parent::Options),
}

/// The help text, with the suites there are.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "usage: cargo run --release -p radiosonde-benches -- <suite> [options]\n\n\
         --quick          fewer and shorter rounds, under a minute: for a first look\n\
         --only NAME      one candidate (may be given several times)\n\
         --workload KEY   one workload (may be given several times)\n\
         --jobs N         so many workloads at a time, of those whose figures hold no times\n\
         --markdown FILE  put the tables into this page, between the marks of the suite\n\n\
         examples:\n  \
         events --quick\n  \
         events --workload macro --workload tracing --only radiosonde --only limit\n  \
         loss --only radiosonde\n  \
         delivery --jobs 3 --workload sigkill/spans/http --workload refused/logs/grpc\n  \
         events --markdown docs/benchmarks.md\n",
    );
    for suite in SUITES {
        let _ = write!(text, "\nsuite {}: {}\n", suite.name, suite.about);
        for workload in suite.workloads {
            let names: Vec<&str> = workload.candidates.iter().map(|found| found.name).collect();
            let _ = write!(
                text,
                "  {}: {}\n      {}\n",
                workload.name,
                workload.about,
                names.join(", ")
            );
        }
    }
    text
}

/// Reads the arguments.
///
/// # Errors
/// What is not understood, in words.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let mut words = arguments.iter().map(String::as_str);
    let name = match words.next() {
        None => return Err("which suite?".into()),
        Some("help" | "--help" | "-h") => return Ok(Command::Help),
        Some(child::COMMAND) => return child::parse(&arguments[1..]).map(Command::Round),
        Some(name) => name,
    };
    let known = SUITES.iter().find(|suite| suite.name == name);
    let suite: &'static Suite = known.ok_or_else(|| format!("no suite is called `{name}`"))?;
    let (only, workloads) = (Vec::new(), Vec::new());
    let mut options =
        parent::Options { suite, quick: false, only, workloads, jobs: 1, markdown: None };
    while let Some(word) = words.next() {
        match word {
            "--help" | "-h" => return Ok(Command::Help),
            "--quick" => options.quick = true,
            "--only" => options.only.push(candidate(suite, words.next())?),
            "--workload" => options.workloads.push(workload(suite, words.next())?),
            "--jobs" => {
                let number = words.next().and_then(|word| word.parse().ok());
                let number = number.filter(|number| (1..=JOBS_MAX).contains(number));
                options.jobs = number.ok_or("`--jobs` needs a number from 1 to 16")?;
            }
            "--markdown" => {
                let page = words.next().ok_or("`--markdown` needs the path of a page")?;
                options.markdown = Some(page.into());
            }
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    if options.markdown.is_some() && !(options.only.is_empty() && options.workloads.is_empty()) {
        return Err(
            "`--markdown` needs all candidates and workloads: it replaces all tables".into()
        );
    }
    Ok(Command::Suite(options))
}

/// More would wait for each other on any machine these suites run on.
const JOBS_MAX: usize = 16;

fn candidate(suite: &Suite, word: Option<&str>) -> Result<String, String> {
    let name = word.ok_or("`--only` needs the name of a candidate")?;
    if suite.has_candidate(name) {
        return Ok(name.to_owned());
    }
    let hint = match suite.workload(name) {
        Some(_) => format!("; the workload is `--workload {name}`"),
        None => String::new(),
    };
    Err(format!("{} has no candidate `{name}`{hint}", suite.name))
}

fn workload(suite: &Suite, word: Option<&str>) -> Result<String, String> {
    let name = word.ok_or("`--workload` needs the key of a workload")?;
    let known = suite.workload(name);
    let keys = || suite.workloads.iter().map(|found| found.name).collect::<Vec<_>>().join(", ");
    known
        .map(|found| found.name.to_owned())
        .ok_or_else(|| format!("{} has no workload `{name}`; it has: {}", suite.name, keys()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn a_suite_with_its_options_is_read() {
        let line = "events --only limit --quick --workload macro --only radiosonde";
        let Ok(Command::Suite(options)) = parsed(line) else { panic!("a suite") };
        assert!(options.quick);
        assert_eq!(options.only, ["limit", "radiosonde"]);
        assert_eq!(options.workloads, ["macro"]);
        assert_eq!(options.jobs, 1);
        let Ok(Command::Suite(options)) = parsed("delivery --jobs 3") else { panic!("a suite") };
        assert_eq!(options.jobs, 3);
        let Ok(Command::Suite(options)) = parsed("events --markdown a.md") else {
            panic!("a suite")
        };
        assert_eq!(options.markdown, Some("a.md".into()));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("", "which suite"),
            ("evnets", "`evnets`"),
            ("events --only", "needs the name"),
            ("events --only nobody", "`nobody`"),
            ("events --only macro", "`--workload macro`"),
            ("events --workload", "needs the key"),
            ("events --workload nothing", "it has: macro"),
            ("events --jobs", "a number from 1 to 16"),
            ("events --jobs 0", "a number from 1 to 16"),
            ("events --markdown", "needs the path"),
            ("events --markdown a.md --only limit", "replaces all tables"),
            ("events fast", "`fast`"),
        ] {
            let wrong = parsed(line).err().unwrap_or_else(|| panic!("{line} was understood"));
            assert!(wrong.contains(named), "{line}: {wrong}");
        }
    }

    #[test]
    fn the_help_names_suites_workloads_and_candidates() {
        assert!(matches!(parsed("--help"), Ok(Command::Help)));
        let text = help();
        for name in ["events", "macro", "radiosonde", "tracing-json", "limit", "disk_1"] {
            assert!(text.contains(name), "{name}");
        }
    }
}
