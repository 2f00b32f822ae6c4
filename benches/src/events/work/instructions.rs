//! Instructions of the caller's thread for one event, counted by callgrind: the same on a noisy
//! machine.
//!
//! The same bursts are run twice under callgrind, few and many, and what is executed by their calls is
//! counted; the difference belongs to the events between. What the kernel does for a system call is
//! not counted, nor what other threads do, nor the beginning and the end.

use super::bursts;
use crate::events::subject::Subject;
use crate::harness::{Books, Measured, Round, Size, child};
use std::path::Path;
use std::process::Command;

/// The program it needs.
pub(crate) const NEEDS: &str = "valgrind";
/// The function whose duration counts, as callgrind spells it.
const COUNTED: &str = "*events::work::bursts::burst*";
/// Bursts of the two runs.
const BURSTS: [usize; 2] = [5, 25];

/// One round.
pub(crate) fn run<S: Subject>(round: &Round) -> Result<Measured, String> {
    if let Size::Bursts(_) = round.size {
        return bursts::run::<S>(round);
    }
    let [few, many] = BURSTS;
    let (few_counted, _) = counted(round, few)?;
    let (many_counted, books) = counted(round, many)?;
    let events = ((many - few) * bursts::BURST) as f64;
    let samples = vec![(many_counted as f64 - few_counted as f64) / events];
    Ok(Measured { samples, books, figures: Vec::new() })
}

/// As [`run`], for a limit: it writes no lines.
pub(crate) fn limit<S: Subject>(round: &Round) -> Result<Measured, String> {
    if let Size::Bursts(_) = round.size { bursts::limit::<S>(round) } else { run::<S>(round) }
}

/// Instructions of the first thread of a process that makes so many bursts, and what became of them.
fn counted(round: &Round, bursts: usize) -> Result<(u64, Books), String> {
    let folder = round.folder.join(format!("bursts-{bursts}"));
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let out = folder.join("callgrind");
    let names = [0, 1, 2].map(|at| round.names[at].as_str());
    let program = std::env::current_exe().map_err(|error| format!("who am I: {error}"))?;
    let output = Command::new(NEEDS)
        .args(["--tool=callgrind", "--separate-threads=yes", "--quiet"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(child::arguments(names, Size::Bursts(bursts), &folder))
        .output()
        .map_err(|error| format!("cannot start {NEEDS}: {error}"))?;
    let answer = child::answer(&String::from_utf8_lossy(&output.stdout));
    let answer = answer.filter(|_| output.status.success()).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{NEEDS} failed ({}): {}", output.status, said.trim())
    })?;
    Ok((of_first_thread(&out)?, answer.books))
}

/// The total in callgrind's file for the first thread, which is the caller's.
fn of_first_thread(out: &Path) -> Result<u64, String> {
    let path = format!("{}-01", out.display());
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    total(&text).ok_or_else(|| format!("{path} holds no total"))
}

fn total(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    lines.find_map(|line| {
        line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:"))?.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        assert_eq!(total("events: Ir\nfn=(1)\n12 34\n\ntotals: 98765\n"), Some(98_765));
        assert_eq!(total("events: Ir\nsummary: 12\n"), Some(12));
        assert_eq!(total("events: Ir\n"), None);
    }
}
