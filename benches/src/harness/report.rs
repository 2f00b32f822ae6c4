//! From rounds to rows, and from rows to the file of results.

use super::child::Answer;
use super::parent::Series;
use super::{Better, Books, Overflow, Role, Workload, lockfile, stats};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One line of a table, and one row of the file.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) workload: &'static str,
    pub(crate) candidate: &'static str,
    #[serde(skip)]
    pub(crate) role: Role,
    pub(crate) version: String,
    threads: usize,
    pub(crate) unit: &'static str,
    /// Median over the rounds of their medians.
    pub(crate) median: f64,
    /// Median over the rounds of their 99th percentiles; none where a round has one figure.
    pub(crate) p99: Option<f64>,
    /// The least and the most of the rounds' medians.
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Own median divided by the limit's; none where no limit was measured.
    pub(crate) ratio_to_limit: Option<f64>,
    /// Own median divided by the best peer's: of a cost, below 1 is better than every peer; of a
    /// rate, above 1.
    pub(crate) ratio_to_best_peer: Option<f64>,
    /// What it does with more than it can write.
    #[serde(serialize_with = "overflow_word")]
    pub(crate) overflow: Overflow,
    /// What became of the events of all rounds together.
    #[serde(flatten)]
    pub(crate) books: Books,
    /// Medians over the rounds of further figures.
    #[serde(flatten)]
    pub(crate) figures: BTreeMap<String, f64>,
}

fn overflow_word<S: serde::Serializer>(
    overflow: &Overflow,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(overflow.as_str())
}

/// The rows of one workload, in the order of the series, each compared with the others.
///
/// # Errors
/// A series without a single answer.
pub(crate) fn rows(workload: &Workload, series: &[Series]) -> Result<Vec<Row>, String> {
    let mut rows = Vec::with_capacity(series.len());
    for Series { candidate, answers } in series {
        let of = |figure: &dyn Fn(&Answer) -> Option<f64>| {
            let figures: Vec<f64> = answers.iter().filter_map(figure).collect();
            stats::median(&figures)
        };
        let median = of(&|answer| Some(answer.median));
        let names = answers.iter().flat_map(|answer| answer.figures.keys());
        let figure = |name: &String| {
            let median = of(&|answer| answer.figures.get(name).copied())?;
            Some((name.clone(), median))
        };
        rows.push(Row {
            workload: workload.name,
            candidate: candidate.name,
            role: candidate.role,
            version: lockfile::versions(candidate.packages),
            threads: workload.threads,
            unit: workload.unit,
            median: median.ok_or_else(|| format!("no figures for {}", candidate.name))?,
            p99: of(&|answer| answer.p99),
            min: answers.iter().map(|answer| answer.median).fold(f64::INFINITY, f64::min),
            max: answers.iter().map(|answer| answer.median).fold(f64::NEG_INFINITY, f64::max),
            ratio_to_limit: None,
            ratio_to_best_peer: None,
            overflow: candidate.overflow,
            books: answers.iter().fold(Books::default(), |sum, answer| sum.plus(answer.books)),
            figures: names.filter_map(figure).collect(),
        });
    }
    let limit = best(&rows, workload, &|row| row.role == Role::Limit);
    let peer = best(&rows, workload, &|row| is_rival(workload, row));
    for row in &mut rows {
        let ratio = |other: Option<f64>| other.filter(|o| *o > 0.0).map(|o| row.median / o);
        (row.ratio_to_limit, row.ratio_to_best_peer) = (ratio(limit), ratio(peer));
    }
    Ok(rows)
}

/// Whether a row can be the best peer of its workload.
pub(crate) fn is_rival(workload: &Workload, row: &Row) -> bool {
    let kept = row.overflow.is_lossless() && row.books.lost == 0 && row.books.duplicated == 0;
    row.role == Role::Peer && (kept || !workload.lossless)
}

fn best(rows: &[Row], workload: &Workload, which: &dyn Fn(&Row) -> bool) -> Option<f64> {
    let rivals = rows.iter().filter(|row| which(row)).map(|row| row.median);
    match workload.better {
        Better::Less => rivals.min_by(f64::total_cmp),
        Better::More => rivals.max_by(f64::total_cmp),
    }
}

/// Requests that brought something that had come before, and how many of them are promised at most: a
/// figure of a round where that is known.
pub(crate) const REPEATS: &str = "repeats";
pub(crate) const REPEATS_MAX: &str = "repeats_max";

/// What must not be: events of ours that are gone without being counted, there twice or torn; and
/// peers that lost what we say they keep, for then we say something wrong about them.
pub(crate) fn complaints(workload: &Workload, rows: &[Row]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Row { candidate, role, overflow, books, figures, .. } in rows {
        let Books { lost, counted, duplicated, torn, .. } = *books;
        let mut say = |what: String| {
            complaints.push(format!("{candidate} at {}: {what}", workload.name));
        };
        let counted = counted.unwrap_or(0);
        let figure = |name| figures.get(name).copied();
        if let (Role::Ours, Some(repeats), Some(most)) =
            (role, figure(REPEATS), figure(REPEATS_MAX))
            && repeats > most
        {
            say(format!("{repeats} requests came again, {most} may"));
        }
        match role {
            Role::Ours if lost != counted => say(format!("{lost} lost, {counted} counted")),
            Role::Ours if duplicated > 0 => say(format!("{duplicated} lines twice")),
            Role::Ours if torn > 0 => say(format!("{torn} lines torn")),
            Role::Peer if workload.lossless && overflow.is_lossless() && lost > 0 => {
                say(format!("said to lose nothing, lost {lost}"));
            }
            _ => {}
        }
    }
    complaints
}

/// Writes the file of results.
///
/// # Errors
/// The folder or the file cannot be written.
pub(crate) fn write<R: Serialize>(
    path: &Path,
    suite: &str,
    machine: &str,
    rows: &[R],
) -> Result<(), String> {
    let text = document(suite, machine, rows)? + "\n";
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder.and_then(|()| std::fs::write(path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The file of results; its keys in this order.
#[derive(Serialize)]
struct Document<'a, R> {
    suite: &'a str,
    machine: &'a str,
    rows: &'a [R],
}

fn document<R: Serialize>(suite: &str, machine: &str, rows: &[R]) -> Result<String, String> {
    serde_json::to_string_pretty(&Document { suite, machine, rows })
        .map_err(|error| format!("cannot write the results of {suite}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(
        workload: &'static str,
        medians: &[(&str, [f64; 3], u64)],
    ) -> (&'static Workload, Vec<Series>) {
        let workload = crate::SUITES[0].workload(workload).expect("a workload");
        let answer = |median: f64, lost: u64| Answer {
            median,
            p99: Some(median * 2.0),
            books: Books { events: 10, lost, counted: Some(0), duplicated: 0, torn: 0 },
            figures: BTreeMap::from([("p999".to_owned(), median * 3.0)]),
        };
        let one = |(name, medians, lost): &(&str, [f64; 3], u64)| Series {
            candidate: workload.candidate(name).expect("a candidate"),
            answers: medians.map(|median| answer(median, *lost)).to_vec(),
        };
        (workload, medians.iter().map(one).collect())
    }

    fn rows_of(workload: &'static str, medians: &[(&str, [f64; 3], u64)]) -> Vec<Row> {
        let (workload, series) = series(workload, medians);
        rows(workload, &series).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    fn complaints_of(workload: &'static str, medians: &[(&str, [f64; 3], u64)]) -> Vec<String> {
        let (workload, series) = series(workload, medians);
        let rows = rows(workload, &series).unwrap_or_else(|wrong| panic!("{wrong}"));
        complaints(workload, &rows)
    }

    #[test]
    fn a_row_is_compared_with_the_limit_and_the_best_peer() {
        let rows = rows_of(
            "macro",
            &[
                ("radiosonde", [50.0, 1e6, 40.0], 1),
                ("tracing-json", [1000.0, 900.0, 1100.0], 0),
                ("limit", [20.0, 10.0, 30.0], 0),
            ],
        );
        assert_eq!((rows[0].median, rows[0].p99, rows[0].books.lost), (50.0, Some(100.0), 3));
        assert_eq!(rows[0].figures["p999"], 150.0);
        assert_eq!(rows[0].ratio_to_limit, Some(2.5));
        assert_eq!(rows[0].ratio_to_best_peer, Some(0.05));
        assert_eq!(rows[1].ratio_to_best_peer, Some(1.0));
        assert_eq!(rows[2].ratio_to_limit, Some(1.0));
        assert_eq!((rows[0].min, rows[0].max), (40.0, 1e6));
    }

    #[test]
    fn what_must_not_be_lost_is_complained_about() {
        let ours = complaints_of("macro", &[("radiosonde", [1.0; 3], 1)]);
        assert_eq!(ours, ["radiosonde at macro: 3 lost, 0 counted"]);
        let one = |workload, name| complaints_of(workload, &[(name, [1.0; 3], 1)]).len();
        assert_eq!(one("disk_1", "tracing-json-blocking"), 1);
        assert_eq!(one("disk_1", "tracing-json"), 0);
        assert_eq!(one("macro", "spdlog-rs"), 0);
    }

    #[test]
    fn who_sends_again_more_than_is_promised_is_complained_about() {
        let complaints_of = |name: &'static str, repeats: f64, most: Option<f64>| {
            let (workload, mut series) = series("macro", &[(name, [1.0; 3], 0)]);
            for answer in &mut series[0].answers {
                answer.figures.insert(REPEATS.to_owned(), repeats);
                answer.figures.extend(most.map(|most| (REPEATS_MAX.to_owned(), most)));
            }
            let rows = rows(workload, &series).unwrap_or_else(|wrong| panic!("{wrong}"));
            complaints(workload, &rows)
        };
        let expected = ["radiosonde at macro: 6 requests came again, 5 may"];
        assert_eq!(complaints_of("radiosonde", 6.0, Some(5.0)), expected);
        for (name, repeats, most) in [
            ("radiosonde", 5.0, Some(5.0)),
            ("radiosonde", 6.0, None),
            ("spdlog-rs", 6.0, Some(5.0)),
        ] {
            assert_eq!(complaints_of(name, repeats, most), [""; 0], "{name}");
        }
    }

    #[test]
    fn to_disk_the_best_peer_is_the_fastest_of_those_that_lose_nothing() {
        let rows = rows_of(
            "disk_1",
            &[
                ("radiosonde", [800.0; 3], 0),
                ("tracing-json", [400.0; 3], 0),
                ("tracing-json-blocking", [100.0; 3], 0),
            ],
        );
        assert_eq!(rows[0].ratio_to_best_peer, Some(8.0));
        let rows = rows_of("disk_1", &[("tracing-json-blocking", [100.0; 3], 1)]);
        assert_eq!(rows[0].ratio_to_best_peer, None);
    }

    #[test]
    fn what_was_not_measured_is_no_ratio() {
        let rows = rows_of("macro", &[("radiosonde", [50.0; 3], 0)]);
        assert_eq!((rows[0].ratio_to_limit, rows[0].ratio_to_best_peer), (None, None));
        let (workload, mut empty) = series("macro", &[("radiosonde", [1.0; 3], 0)]);
        empty[0].answers.clear();
        assert!(super::rows(workload, &empty).is_err());
    }

    #[test]
    fn the_file_has_the_documented_keys_in_order() {
        let rows = rows_of("macro", &[("limit", [10.0; 3], 0)]);
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
            "min",
            "max",
            "ratio_to_limit",
            "ratio_to_best_peer",
            "overflow",
            "lost",
            "counted",
            "p999",
        ];
        let places: Vec<_> = keys.iter().map(|key| text.find(&format!("\"{key}\":"))).collect();
        assert!(places.iter().all(Option::is_some), "{text}");
        assert!(places.is_sorted(), "{text}");
    }
}
