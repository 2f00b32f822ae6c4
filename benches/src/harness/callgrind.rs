//! Instructions of the caller's thread, counted by callgrind: the same on a noisy machine.
//!
//! The same bursts are run twice under callgrind, few and many, and what is executed by their calls is
//! counted; the difference belongs to the calls between. What the kernel does for a system call is
//! not counted, nor what other threads do, nor the beginning and the end.

use super::{Books, Measured, Round, Size, child};
use std::path::Path;
use std::process::Command;

/// The program it needs.
pub(crate) const NEEDS: &str = "valgrind";
/// Bursts of the two runs.
const BURSTS: [usize; 2] = [5, 25];

/// One round: instructions for each of the calls, so many to a burst. `function` is the one whose
/// duration counts, as callgrind spells it.
///
/// # Errors
/// Callgrind, or the round under it, failed.
pub(crate) fn measure(round: &Round, function: &str, calls: usize) -> Result<Measured, String> {
    let [few, many] = BURSTS;
    let (few_counted, _) = counted(round, function, few)?;
    let (many_counted, books) = counted(round, function, many)?;
    let calls = ((many - few) * calls) as f64;
    let samples = vec![(many_counted as f64 - few_counted as f64) / calls];
    Ok(Measured { samples, books, figures: Vec::new() })
}

/// Instructions of the first thread of a process that makes so many bursts, and what became of them.
fn counted(round: &Round, function: &str, bursts: usize) -> Result<(u64, Books), String> {
    let folder = round.folder.join(format!("bursts-{bursts}"));
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let out = folder.join("callgrind");
    let names = [0, 1, 2].map(|at| round.names[at].as_str());
    let program = std::env::current_exe().map_err(|error| format!("who am I: {error}"))?;
    let output = Command::new(NEEDS)
        .args(["--tool=callgrind", "--separate-threads=yes", "--quiet"])
        .arg(format!("--toggle-collect={function}"))
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
