//! From rounds to rows, from rows to the table and the file.

use super::parent::Series;
use super::{Role, lockfile, stats};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One line of the table, and one row of the file.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) workload: &'static str,
    pub(crate) candidate: &'static str,
    #[serde(skip)]
    pub(crate) role: Role,
    version: String,
    threads: usize,
    unit: &'static str,
    /// Median over the rounds of their medians.
    median: f64,
    /// Median over the rounds of their 99th percentiles.
    p99: f64,
    /// What it dropped in all rounds together, by its own count.
    #[serde(skip)]
    dropped: u64,
    /// What it lost in all rounds together without counting it.
    #[serde(skip)]
    pub(crate) lost: u64,
    /// Own median divided by the limit's; none where no limit was measured.
    ratio_to_limit: Option<f64>,
    /// Own median divided by the best peer's; of a cost, below 1 is better than every peer.
    ratio_to_best_peer: Option<f64>,
}

/// The rows, in the order of the series, each compared within its workload.
///
/// # Errors
/// A series without a single answer.
pub(crate) fn rows(series: &[Series]) -> Result<Vec<Row>, String> {
    let mut rows = Vec::with_capacity(series.len());
    for Series { workload, candidate, answers } in series {
        let of = |figure: fn(&super::child::Answer) -> f64| {
            let figures: Vec<f64> = answers.iter().map(figure).collect();
            stats::median(&figures).ok_or_else(|| format!("no figures for {}", candidate.name))
        };
        rows.push(Row {
            workload: workload.name,
            candidate: candidate.name,
            role: candidate.role,
            version: lockfile::versions(candidate.packages),
            threads: workload.threads,
            unit: workload.unit,
            median: of(|answer| answer.median)?,
            p99: of(|answer| answer.p99)?,
            dropped: answers.iter().map(|answer| answer.dropped).sum(),
            lost: answers.iter().map(|answer| answer.lost).sum(),
            ratio_to_limit: None,
            ratio_to_best_peer: None,
        });
    }
    for at in 0..rows.len() {
        let best = |role: Role| {
            let rivals =
                rows.iter().filter(|row| row.workload == rows[at].workload && row.role == role);
            rivals.map(|row| row.median).min_by(f64::total_cmp)
        };
        let ratio = |other: Option<f64>| other.filter(|o| *o > 0.0).map(|o| rows[at].median / o);
        let (limit, peer) = (ratio(best(Role::Limit)), ratio(best(Role::Peer)));
        (rows[at].ratio_to_limit, rows[at].ratio_to_best_peer) = (limit, peer);
    }
    Ok(rows)
}

/// Prints the table for people.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "\n{:<12} {:<16} {:>7} {:>10} {:>10} {:>9} {:>13}  version",
        "workload", "candidate", "threads", "median", "p99", "x limit", "x best peer"
    );
    for row in rows {
        let ratio = |ratio: Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.3}"));
        println!(
            "{:<12} {:<16} {:>7} {:>10} {:>10} {:>9} {:>13}  {}",
            row.workload,
            row.candidate,
            row.threads,
            format!("{:.1} {}", row.median, row.unit),
            format!("{:.1} {}", row.p99, row.unit),
            ratio(row.ratio_to_limit),
            ratio(row.ratio_to_best_peer),
            row.version
        );
        if row.lost > 0 {
            println!("{:<12} {:<16} lost {} without counting them", "", "", row.lost);
        }
        if row.dropped > 0 {
            let why = "fell behind; its figure is too good";
            println!("{:<12} {:<16} dropped {} and says so: {why}", "", "", row.dropped);
        }
    }
    println!();
}

/// Writes the file of results.
///
/// # Errors
/// The folder or the file cannot be written.
pub(crate) fn write(
    folder: &Path,
    suite: &str,
    machine: &str,
    rows: &[Row],
) -> Result<PathBuf, String> {
    let path = folder.join(format!("{suite}.json"));
    let text = document(suite, machine, rows)? + "\n";
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}

/// The file of results; its keys in this order.
#[derive(Serialize)]
struct Document<'a> {
    suite: &'a str,
    machine: &'a str,
    rows: &'a [Row],
}

fn document(suite: &str, machine: &str, rows: &[Row]) -> Result<String, String> {
    serde_json::to_string_pretty(&Document { suite, machine, rows })
        .map_err(|error| format!("cannot write the results of {suite}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::child::Answer;

    fn series(medians: &[(&str, [f64; 3])]) -> Vec<Series> {
        let workload = crate::SUITES[0].workload("macro").expect("a workload");
        let one = |(name, medians): &(&str, [f64; 3])| Series {
            workload,
            candidate: workload.candidate(name).expect("a candidate"),
            answers: medians
                .map(|median| Answer { median, p99: median * 2.0, dropped: 0, lost: 1 })
                .to_vec(),
        };
        medians.iter().map(one).collect()
    }

    #[test]
    fn a_row_is_compared_with_the_limit_and_the_best_peer() {
        let rows = rows(&series(&[
            ("radiosonde", [50.0, 1e6, 40.0]),
            ("tracing-json", [1000.0, 900.0, 1100.0]),
            ("limit", [20.0, 10.0, 30.0]),
        ]));
        let rows = rows.unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!((rows[0].median, rows[0].p99, rows[0].lost), (50.0, 100.0, 3));
        assert_eq!(rows[0].ratio_to_limit, Some(2.5));
        assert_eq!(rows[0].ratio_to_best_peer, Some(0.05));
        assert_eq!(rows[1].ratio_to_best_peer, Some(1.0));
        assert_eq!(rows[2].ratio_to_limit, Some(1.0));
    }

    #[test]
    fn what_was_not_measured_is_no_ratio() {
        let rows = rows(&series(&[("radiosonde", [50.0; 3])])).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((rows[0].ratio_to_limit, rows[0].ratio_to_best_peer), (None, None));
        let mut empty = series(&[("radiosonde", [1.0; 3])]);
        empty[0].answers.clear();
        assert!(super::rows(&empty).is_err());
    }

    #[test]
    fn the_file_has_the_documented_keys_in_order() {
        let rows = rows(&series(&[("limit", [10.0; 3])])).unwrap_or_else(|wrong| panic!("{wrong}"));
        let text = document("events", "a machine", &rows).expect("a document");
        let keys = [
            "suite",
            "machine",
            "rows",
            "workload",
            "candidate",
            "version",
            "threads",
            "unit",
            "median",
            "p99",
            "ratio_to_limit",
            "ratio_to_best_peer",
        ];
        let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\":"))).collect();
        assert!(places.iter().all(Option::is_some), "{text}");
        assert!(places.is_sorted(), "{text}");
    }
}
