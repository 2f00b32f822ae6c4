//! A whole suite: rounds interleaved, figures gathered, tables and file written.

use super::report::{Row, complaints, rows, write};
use super::table::Table;
use super::{
    Candidate, Layout, Prepared, Size, Suite, Workload, child, lockfile, machine, page, table,
};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// What to run.
pub(crate) struct Options {
    /// The suite.
    pub(crate) suite: &'static Suite,
    /// Fewer and shorter rounds.
    pub(crate) quick: bool,
    /// Candidates; none means all.
    pub(crate) only: Vec<String>,
    /// Workloads; none means all.
    pub(crate) workloads: Vec<String>,
    /// Workloads at a time, of those that may run beside others.
    pub(crate) jobs: usize,
    /// A page of Markdown that gets the tables.
    pub(crate) markdown: Option<PathBuf>,
}

/// All rounds of one candidate at one workload.
pub(crate) struct Series {
    /// The candidate.
    pub(crate) candidate: &'static Candidate,
    /// One answer per round.
    pub(crate) answers: Vec<child::Answer>,
}

/// Runs the suite, prints the tables, writes the file.
///
/// # Errors
/// A candidate that cannot be run, a file that cannot be written, and books of ours that do not add
/// up. What peers lose is in the table.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let suite = options.suite;
    let machine = machine::describe();
    println!("{}: {}\n{machine}", suite.name, suite.about);
    if cfg!(debug_assertions) {
        println!("NOT A RELEASE BUILD: these figures say nothing (cargo run --release)");
    }
    let left_out: Vec<&str> =
        suite.workloads.iter().filter(|w| w.rounds_quick == 0).map(|w| w.name).collect();
    if options.quick && options.workloads.is_empty() && !left_out.is_empty() {
        println!("too long for a quick run, unless asked for: {}", left_out.join(", "));
    }
    let results = results_folder();
    clear(&results, ROUND);
    let prepared = prepare(options)?;
    let mut all: Vec<Row> = Vec::new();
    let mut tables: Vec<Table> = Vec::new();
    let mut wrong = Vec::new();
    each(options, &prepared, &results, &mut |workload, series| {
        let rows = with_versions(rows(workload, series)?, &prepared);
        wrong.extend(complaints(workload, &rows));
        match suite.layout {
            Layout::Cells if workload.unit == table::PERCENT => {
                // The table comes at the end, which may be an hour off.
                print!("{}", table::line_of_cells(workload, &rows));
            }
            Layout::Cells | Layout::Tables => {
                let mut table = Table::of(workload, &rows);
                table.notes.extend(left_out_at(workload, &prepared));
                print!("{}", table.text());
                tables.push(table);
            }
            Layout::Matrix => {}
        }
        all.extend(rows);
        Ok(())
    })?;
    let place = |row: &Row| suite.workloads.iter().position(|found| found.name == row.workload);
    all.sort_by_key(place);
    if all.is_empty() {
        return Err(format!("nobody is left over by --only {}", options.only.join(" ")));
    }
    if suite.layout == Layout::Matrix {
        let table = Table::matrix(suite, &all);
        print!("{}", table.text());
        tables.push(table);
    }
    if suite.layout == Layout::Cells && all.iter().any(|row| row.unit == table::PERCENT) {
        let table = Table::cells(suite, &all);
        print!("{}", table.text());
        tables.insert(0, table);
    }
    let versions = versions(&all);
    println!("\nversions");
    versions.iter().for_each(|(name, version)| println!("  {name:<37}{version}"));
    let path = results.join(file_name(options));
    write(&path, suite.name, &machine, &all)?;
    let instead = match is_partial(options) {
        true => format!("; a partial run, {}.json is as it was", suite.name),
        false => String::new(),
    };
    println!("\nwritten to {}{instead}", path.display());
    if let Some(page) = &options.markdown {
        let run = page::Run { machine: &machine, quick: options.quick };
        page::write(page, suite.name, run, &tables, &versions)?;
        println!("and to {}", page.display());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n       ")) }
}

/// What is done with all series of a workload.
type Handle<'a> = &'a mut dyn FnMut(&'static Workload, &[Series]) -> Result<(), String>;

/// Measures the workloads that were chosen, and hands over each when it is done: first those that may
/// run beside others, so many at a time, then the others in their order.
fn each(
    options: &Options,
    prepared: &Prepared,
    results: &Path,
    handle: Handle<'_>,
) -> Result<(), String> {
    let mut handle = |workload, series: Result<Vec<Series>, String>| match series?.as_slice() {
        [] => Ok(()),
        series => handle(workload, series),
    };
    let chosen = chosen(options).into_iter().filter(|workload| has_what_it_needs(workload));
    let is_beside = |workload: &&Workload| options.jobs > 1 && workload.beside;
    let (beside, alone): (Vec<_>, Vec<_>) = chosen.partition(is_beside);
    let next = AtomicUsize::new(0);
    let work = |done: mpsc::Sender<_>| {
        while let Some(workload) = beside.get(next.fetch_add(1, Ordering::Relaxed)) {
            if done.send((*workload, measure(options, prepared, workload, results))).is_err() {
                // What went wrong elsewhere has ended the run.
                return;
            }
        }
    };
    let (done, measured) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.min(beside.len()) {
            let done = done.clone();
            scope.spawn(|| work(done));
        }
        drop(done);
        measured.into_iter().try_for_each(|(workload, series)| handle(workload, series))
    })?;
    alone
        .into_iter()
        .try_for_each(|workload| handle(workload, measure(options, prepared, workload, results)))
}

/// Makes what the suite needs before its rounds, and says which candidates there are not.
fn prepare(options: &Options) -> Result<Prepared, String> {
    let Some(prepare) = options.suite.prepare else { return Ok(Prepared::default()) };
    let names: Vec<&str> = chosen(options).iter().map(|workload| workload.name).collect();
    let size = if options.quick { Size::Quick } else { Size::Whole };
    let prepared = prepare(size, &names)?;
    prepared.missing.iter().for_each(|(name, why)| println!("{name}: not measured, {why}"));
    Ok(prepared)
}

/// The rows of programs from outside with the versions that were found.
fn with_versions(mut rows: Vec<Row>, prepared: &Prepared) -> Vec<Row> {
    for row in &mut rows {
        if let Some(version) = prepared.version(row.candidate) {
            version.clone_into(&mut row.version);
        }
    }
    rows
}

/// A sentence for each candidate of a workload that there is not.
fn left_out_at(workload: &Workload, prepared: &Prepared) -> Vec<String> {
    let names = workload.candidates.iter().map(|candidate| candidate.name);
    let whys = names.filter_map(|name| Some((name, prepared.why_missing(name)?)));
    whys.map(|(name, why)| format!("{name}: not measured, {why}")).collect()
}

/// Whether the program is there that it needs; says so where it is not.
fn has_what_it_needs(workload: &Workload) -> bool {
    let missing = workload.needs.filter(|program| !is_installed(program));
    if let Some(program) = missing {
        println!("\n{}: skipped, {program} is not installed", workload.name);
    }
    missing.is_none()
}

/// The rounds of one workload: candidates one after the other, again and again, so that a noisy
/// minute hits all of them.
fn measure(
    options: &Options,
    prepared: &Prepared,
    workload: &'static Workload,
    results: &Path,
) -> Result<Vec<Series>, String> {
    let (rounds, size) = if options.quick {
        // Asked for by name, what is too long for a quick run is done once.
        (workload.rounds_quick.max(1), Size::Quick)
    } else {
        (workload.rounds, Size::Whole)
    };
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|o| o == name);
    let is_there = |name: &str| prepared.why_missing(name).is_none();
    let candidates = workload.candidates.iter();
    let candidates = candidates.filter(|found| wanted(found.name) && is_there(found.name));
    let mut series: Vec<Series> =
        candidates.map(|candidate| Series { candidate, answers: Vec::new() }).collect();
    for round in 0..rounds {
        for place in 0..series.len() {
            // Another one begins in each round: nobody always runs in the wake of the same one.
            let at = (round + place) % series.len();
            let Series { candidate, answers } = &mut series[at];
            progress(&format!("{} {}/{rounds}: {}", workload.name, round + 1, candidate.name));
            let folder = Folder::new(results)?;
            let names = [options.suite.name, workload.name, candidate.name];
            let arguments = child::arguments(names, size, &folder.0);
            answers.push(child::ask(&arguments, workload.environment)?);
        }
    }
    progress("");
    Ok(series)
}

/// Says on one line of the terminal what is going on; elsewhere nothing.
pub(crate) fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{text:<70}\r");
    }
}

/// Whether candidates or workloads were chosen by name.
fn is_partial(options: &Options) -> bool {
    !options.only.is_empty() || !options.workloads.is_empty()
}

/// The name of the file of results: a partial run leaves that of the last whole one alone.
fn file_name(options: &Options) -> String {
    let partial = if is_partial(options) { ".partial" } else { "" };
    format!("{}{partial}.json", options.suite.name)
}

fn chosen(options: &Options) -> Vec<&'static Workload> {
    let wanted = |workload: &Workload| match options.workloads.as_slice() {
        [] => !options.quick || workload.rounds_quick > 0,
        names => names.iter().any(|name| name == workload.name),
    };
    options.suite.workloads.iter().filter(|workload| wanted(workload)).collect()
}

/// Whether the program can be started.
fn is_installed(program: &str) -> bool {
    let mut command = std::process::Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Each candidate that is made of packages, once, with their versions.
fn versions(rows: &[Row]) -> BTreeMap<&str, &str> {
    let named = rows.iter().map(|row| (row.candidate, row.version.as_str()));
    named.filter(|(_, version)| *version != lockfile::NO_PACKAGE).collect()
}

/// `target/benches`, wherever the build puts its files.
pub(crate) fn results_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2).map(Path::to_path_buf);
    target.filter(|folder| folder.is_dir()).unwrap_or_else(|| "target".into()).join("benches")
}

/// Removes the folders of processes that are gone: those with this beginning of their name, behind which
/// the number of the process stands.
pub(crate) fn clear(folder: &Path, beginning: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(beginning)?.split('-').next());
        let process = number.and_then(|number| number.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            // What cannot be removed now is tried again the next time.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// How the names of folders of rounds begin; the number of the process and that of the round follow.
const ROUND: &str = "round-";

/// A folder of one round, on the same disk as the results, gone with the round.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Makes it, empty.
    pub(crate) fn new(results: &Path) -> Result<Folder, String> {
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
        let path = results.join(format!("{ROUND}{}-{round}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
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

    fn options(workloads: &[&str], only: &[&str], quick: bool) -> Options {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let (only, workloads) = (owned(only), owned(workloads));
        Options { suite: crate::SUITES[0], quick, only, workloads, jobs: 1, markdown: None }
    }

    fn names(workloads: &[&str], quick: bool) -> Vec<&'static str> {
        chosen(&options(workloads, &[], quick)).iter().map(|workload| workload.name).collect()
    }

    #[test]
    fn folders_of_interrupted_runs_are_removed() {
        let results = tempfile::tempdir().expect("a folder");
        let own = Folder::new(results.path()).expect("a folder");
        let beside =
            Folder::new(results.path()).expect("a folder of another round at the same time");
        // No process has this number: it is above the largest that Linux gives.
        let dead = results.path().join(format!("{ROUND}4194305-2"));
        let other = results.path().join("events.json");
        std::fs::create_dir(&dead).expect("a folder");
        std::fs::write(&other, "{}").expect("a file");
        clear(results.path(), ROUND);
        assert!(own.0.is_dir() && beside.0.is_dir() && own.0 != beside.0 && other.is_file());
        assert!(!dead.exists());
    }

    #[test]
    fn workloads_are_chosen_by_name() {
        assert_eq!(names(&["macro"], false), ["macro"]);
        assert_eq!(names(&["disk_1", "macro"], true), ["macro", "disk_1"]);
        assert_eq!(names(&[], false).len(), crate::SUITES[0].workloads.len());
    }

    #[test]
    fn a_partial_run_has_a_file_of_its_own() {
        let file = |workloads: &[&str], only: &[&str]| file_name(&options(workloads, only, true));
        assert_eq!(file(&[], &[]), "events.json");
        assert_eq!(file(&["macro"], &[]), "events.partial.json");
        assert_eq!(file(&[], &["limit"]), "events.partial.json");
    }
}
