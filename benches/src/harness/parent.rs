//! A whole suite: rounds interleaved, figures gathered, table and file written.

use super::report::{Row, print, rows, write};
use super::{Candidate, Role, Suite, Workload, child, machine};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Rounds of a whole run: odd, so that the median is one of them.
const ROUNDS: usize = 9;
/// Rounds of a quick run: the fewest a published figure may rest on.
const ROUNDS_QUICK: usize = 5;
/// Bursts in a round.
const BURSTS: usize = 300;
/// Bursts in a round of a quick run.
const BURSTS_QUICK: usize = 100;

/// What to run.
pub(crate) struct Options {
    /// The suite.
    pub(crate) suite: &'static Suite,
    /// Fewer and shorter rounds.
    pub(crate) quick: bool,
    /// Candidates or workloads; none means all.
    pub(crate) only: Vec<String>,
}

/// All rounds of one candidate at one workload.
pub(crate) struct Series {
    /// The workload.
    pub(crate) workload: &'static Workload,
    /// The candidate.
    pub(crate) candidate: &'static Candidate,
    /// One answer per round.
    pub(crate) answers: Vec<child::Answer>,
}

/// Runs the suite, prints the table, writes the file.
///
/// # Errors
/// A candidate that cannot be run, a file that cannot be written, and an event of ours that was
/// lost without being counted. What anyone dropped and counted is noted under its row.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let Options { suite, quick, .. } = options;
    let (rounds, bursts) = if *quick { (ROUNDS_QUICK, BURSTS_QUICK) } else { (ROUNDS, BURSTS) };
    let machine = machine::describe();
    println!("{}: {}\n{machine}\n{rounds} rounds, interleaved", suite.name, suite.about);
    if cfg!(debug_assertions) {
        println!("NOT A RELEASE BUILD: these figures say nothing (cargo run --release)");
    }
    let mut series = chosen(options);
    if series.is_empty() {
        return Err(format!("no candidate left over by --only {}", options.only.join(" ")));
    }
    let results = results_folder();
    for round in 0..rounds {
        // Another one begins in each round: nobody always runs in the wake of the same neighbour.
        let first = round % series.len();
        for place in 0..series.len() {
            let at = (first + place) % series.len();
            let Series { workload, candidate, answers } = &mut series[at];
            progress(&format!("round {}: {} {}", round + 1, workload.name, candidate.name));
            let folder = Folder::new(&results)?;
            let arguments =
                child::arguments(suite.name, workload.name, candidate.name, bursts, &folder.0);
            answers.push(child::ask(&arguments)?);
        }
    }
    progress("");
    let rows = rows(&series)?;
    print(&rows);
    let path = write(&results, suite.name, &machine, &rows)?;
    println!("written to {}", path.display());
    ours_lost_nothing(&rows)
}

/// Says on one line of the terminal what is going on; elsewhere nothing.
fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{text:<60}\r");
    }
}

fn chosen(options: &Options) -> Vec<Series> {
    let wanted = |name: &str| options.only.iter().any(|only| only == name);
    // A workload and a candidate together mean that candidate at that workload.
    let workloads = options.suite.workloads.iter();
    let some_workload = workloads.clone().any(|workload| wanted(workload.name));
    let some_candidate = options.only.iter().any(|name| options.suite.workload(name).is_none());
    workloads
        .filter(|workload| !some_workload || wanted(workload.name))
        .flat_map(|workload| workload.candidates.iter().map(move |candidate| (workload, candidate)))
        .filter(|(_, candidate)| !some_candidate || wanted(candidate.name))
        .map(|(workload, candidate)| Series { workload, candidate, answers: Vec::new() })
        .collect()
}

fn ours_lost_nothing(rows: &[Row]) -> Result<(), String> {
    let ours = rows.iter().filter(|row| row.role == Role::Ours && row.lost > 0);
    let lost: Vec<String> = ours.map(|row| format!("{} at {}", row.lost, row.workload)).collect();
    if lost.is_empty() {
        Ok(())
    } else {
        Err(format!("radiosonde lost events: {}", lost.join(", ")))
    }
}

/// `target/benches`, wherever the build puts its files.
fn results_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2).map(Path::to_path_buf);
    target.filter(|folder| folder.is_dir()).unwrap_or_else(|| "target".into()).join("benches")
}

/// A folder of one round, on the same disk as the results, gone with the round.
struct Folder(PathBuf);

impl Folder {
    fn new(results: &Path) -> Result<Folder, String> {
        let path = results.join(format!("round-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str]) -> Vec<String> {
        let only = only.iter().map(ToString::to_string).collect();
        let options = Options { suite: crate::SUITES[0], quick: true, only };
        let series = chosen(&options);
        series.iter().map(|one| format!("{}/{}", one.workload.name, one.candidate.name)).collect()
    }

    #[test]
    fn only_narrows_by_workload_and_candidate() {
        assert_eq!(names(&[]).len(), 6);
        assert_eq!(names(&["limit"]), ["macro/limit", "tracing/limit"]);
        assert_eq!(names(&["macro"]).len(), 3);
        assert_eq!(names(&["macro", "limit"]), ["macro/limit"]);
        assert_eq!(names(&["macro", "limit", "radiosonde"]), ["macro/radiosonde", "macro/limit"]);
    }
}
