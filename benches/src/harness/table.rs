//! Tables, for a terminal and for the documentation.

use super::report::{REPEATS, Row, is_rival};
use super::{Better, Role, Suite, Workload};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A table of words; numbers are formatted already.
pub(crate) struct Table {
    /// Its name, as the first word of its title.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) about: String,
    /// Column heads; the first column stands left, the others right.
    pub(crate) head: Vec<String>,
    /// Rows of as many cells.
    pub(crate) rows: Vec<Vec<String>>,
    /// Sentences below it.
    pub(crate) notes: Vec<String>,
}

impl Table {
    /// The table of one workload.
    pub(crate) fn of(workload: &Workload, rows: &[Row]) -> Table {
        let ours = rows.iter().find(|row| row.role == Role::Ours).map(|row| row.median);
        let with_p99 = rows.iter().any(|row| row.p99.is_some());
        let with_limit = rows.iter().any(|row| row.ratio_to_limit.is_some());
        let with_books = rows.iter().any(|row| row.books.lost + row.books.duplicated > 0);
        let figures: BTreeSet<&String> = rows.iter().flat_map(|row| row.figures.keys()).collect();

        let mut head = vec!["candidate".to_owned(), format!("median ({})", workload.unit)];
        head.extend(with_p99.then(|| "p99".to_owned()));
        head.extend(figures.iter().map(|name| heading(name)));
        head.extend(with_limit.then(|| "of the limit".to_owned()));
        head.extend(ours.map(|_| "against ours".to_owned()));
        if with_books {
            head.extend(["lost", "counted", "overflow"].map(str::to_owned));
        }
        let line = |row: &Row| {
            let mut cells = vec![row.candidate.to_owned(), number(row.median)];
            if with_p99 {
                cells.push(row.p99.map_or_else(none, number));
            }
            cells.extend(figures.iter().map(|name| figure(row, name)));
            if with_limit {
                cells.push(row.ratio_to_limit.map_or_else(none, |r| number(r) + "x"));
            }
            if let Some(ours) = ours {
                cells.push(against(ours, row, workload));
            }
            if with_books {
                cells.push(if row.books.lost == 0 { none() } else { share(row) });
                cells.push(row.books.counted.map_or_else(none, |count| number(count as f64)));
                cells.push(row.overflow.as_str().to_owned());
            }
            cells
        };
        let table_rows = rows.iter().map(line).collect();
        Table {
            name: workload.name.to_owned(),
            about: workload.about.to_owned(),
            head,
            rows: table_rows,
            notes: notes(workload, rows),
        }
    }

    /// One table for several workloads, whose rows follow each other.
    pub(crate) fn matrix(suite: &Suite, rows: &[Row]) -> Table {
        let workloads: Vec<&Workload> =
            suite.workloads.iter().filter(|w| rows.iter().any(|r| r.workload == w.name)).collect();
        let mut candidates: Vec<&str> = Vec::new();
        for row in rows {
            if !candidates.contains(&row.candidate) {
                candidates.push(row.candidate);
            }
        }
        let cell = |candidate: &str, workload: &str| {
            let found =
                rows.iter().find(|row| row.candidate == candidate && row.workload == workload);
            found.map_or_else(none, range)
        };
        let line = |candidate: &&str| {
            let cells = workloads.iter().map(|workload| cell(candidate, workload.name));
            [(*candidate).to_owned()].into_iter().chain(cells).collect()
        };
        let head = workloads.iter().map(|workload| workload.name.to_owned());
        Table {
            name: suite.name.to_owned(),
            about: suite.about.to_owned(),
            head: ["candidate".to_owned()].into_iter().chain(head).collect(),
            rows: candidates.iter().map(line).collect(),
            notes: workloads.iter().map(|w| format!("`{}`: {}", w.name, w.about)).collect(),
        }
    }

    /// One table for all workloads in percent, a row for each, with what else is known of a cell.
    pub(crate) fn cells(suite: &Suite, rows: &[Row]) -> Table {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.unit == PERCENT).collect();
        let mut candidates: Vec<&str> = Vec::new();
        for row in &rows {
            if !candidates.contains(&row.candidate) {
                candidates.push(row.candidate);
            }
        }
        let workloads: Vec<&Workload> =
            suite.workloads.iter().filter(|w| rows.iter().any(|r| r.workload == w.name)).collect();
        let cell = |candidate: &str, workload: &str| {
            let found =
                rows.iter().find(|row| row.candidate == candidate && row.workload == workload);
            found.map_or_else(none, |row| percent(row))
        };
        let line = |workload: &&Workload| {
            let cells = candidates.iter().map(|candidate| cell(candidate, workload.name));
            [workload.name.to_owned()].into_iter().chain(cells).collect()
        };
        let mut abouts: Vec<(&str, &str)> = Vec::new();
        for workload in &workloads {
            let kind = workload.name.split('/').next().unwrap_or(workload.name);
            if !abouts.iter().any(|(found, _)| *found == kind) {
                abouts.push((kind, workload.about));
            }
        }
        Table {
            name: suite.name.to_owned(),
            about: suite.about.to_owned(),
            head: ["cell"].into_iter().chain(candidates.clone()).map(str::to_owned).collect(),
            rows: workloads.iter().map(line).collect(),
            notes: abouts.iter().map(|(kind, about)| format!("`{kind}`: {about}")).collect(),
        }
    }

    /// The table for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("\n{}: {}\n", self.name, self.about);
        let widths: Vec<usize> = (0..self.head.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).chain([&self.head[at]]);
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in [&self.head].into_iter().chain(&self.rows) {
            let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| {
                if at == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") }
            });
            let _ = writeln!(out, "{}", cells.collect::<String>().trim_end());
        }
        for note in &self.notes {
            let _ = writeln!(out, "  {note}");
        }
        out
    }

    /// The table for a page of Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("### `{}`\n\n{}.\n\n", self.name, sentence(&self.about));
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        out += &line(&self.head);
        let rule = (0..self.head.len()).map(|at| if at == 0 { "---" } else { "---:" });
        let rule: Vec<String> = rule.map(str::to_owned).collect();
        out += &line(&rule);
        for row in &self.rows {
            out += &line(row);
        }
        if !self.notes.is_empty() {
            out.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(out, "- {note}");
        }
        out
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect::<String>().trim_end_matches('.').to_owned()
    })
}

fn notes(workload: &Workload, rows: &[Row]) -> Vec<String> {
    let mut notes = Vec::new();
    if workload.lossless {
        let rivals: Vec<&str> =
            rows.iter().filter(|row| is_rival(workload, row)).map(|row| row.candidate).collect();
        if !rivals.is_empty() {
            notes.push(format!("lost nothing in bounded memory: {}", rivals.join(", ")));
        }
    }
    for row in rows.iter().filter(|row| row.books.duplicated > 0) {
        notes.push(format!("{}: {} lines twice", row.candidate, row.books.duplicated));
    }
    notes
}

fn none() -> String {
    "-".into()
}

/// The unit of a share.
pub(crate) const PERCENT: &str = "%";

/// What the candidates came to at one cell.
pub(crate) fn line_of_cells(workload: &Workload, rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| format!("{} {}", row.candidate, percent(row)));
    format!("{}: {}\n", workload.name, cells.collect::<Vec<_>>().join(", "))
}

/// Events of the largest request.
pub(crate) const LARGEST: &str = "largest";

/// A share, exact to single events of a run, and what the round says besides.
fn percent(row: &Row) -> String {
    // Rounded down: 100 % is said of nothing less.
    let exact = |share: f64| format!("{:.3} %", (share * 1000.0).floor() / 1000.0);
    let mut text = exact(row.min);
    let mut besides = Vec::new();
    if let Some(&at_exit) = row.figures.get("at_exit").filter(|share| **share < row.min) {
        besides.push(format!("{} at exit", exact(at_exit)));
    }
    if let Some(&again) = row.figures.get("again").filter(|count| **count > 0.0) {
        let [requests, largest] =
            [REPEATS, LARGEST].map(|name| number(row.figures.get(name).copied().unwrap_or(0.0)));
        besides.push(format!("{} twice in {requests} of ≤ {largest}", number(again)));
    }
    if !besides.is_empty() {
        let _ = write!(text, " ({})", besides.join(", "));
    }
    text
}

/// From the least to the most of all rounds, and what else is wrong.
fn range(row: &Row) -> String {
    let mut text = number(row.min);
    if row.max > row.min {
        let _ = write!(text, "–{}", number(row.max));
    }
    for (count, what) in [(row.books.torn, "torn"), (row.books.duplicated, "twice")] {
        if count > 0 {
            let _ = write!(text, " ({} {what})", number(count as f64));
        }
    }
    text
}

/// How far a row is from ours, in words.
fn against(ours: f64, row: &Row, workload: &Workload) -> String {
    if row.role == Role::Ours || ours <= 0.0 || row.median <= 0.0 {
        return none();
    }
    let cost = match workload.better {
        Better::Less => row.median / ours,
        Better::More => ours / row.median,
    };
    let of_time = matches!(workload.unit, "ns" | "ms" | "ms/GB" | "events/s");
    let (faster, slower) = if of_time { ("faster", "slower") } else { ("less", "more") };
    if cost >= 1.0 {
        format!("{}x {slower}", number(cost))
    } else {
        format!("{}x {faster}", number(1.0 / cost))
    }
}

fn share(row: &Row) -> String {
    let share = row.books.lost as f64 / row.books.events.max(1) as f64 * 100.0;
    format!("{} ({share:.2} %)", number(row.books.lost as f64))
}

fn figure(row: &Row, name: &str) -> String {
    let Some(&figure) = row.figures.get(name) else { return none() };
    if name.ends_with("_max_bytes") {
        format!("{:.1}", figure / 1_048_576.0)
    } else {
        number(figure)
    }
}

fn heading(name: &str) -> String {
    match name {
        "p999" => "p99.9".into(),
        _ => match name.strip_suffix("_max_bytes") {
            Some(what) => format!("{} max (MiB)", what.replace('_', " ")),
            None => name.replace('_', " "),
        },
    }
}

/// A number with three digits that matter, and commas in what is large.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || value == 0.0 || (size >= 10.0 && value.fract() == 0.0) {
        return thousands(value.round());
    }
    let digits =
        if size >= 10.0 { 1 } else { (2.0 - size.log10().floor()).clamp(1.0, 9.0) as usize };
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() { "0".into() } else { text.to_owned() }
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0.0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Books;
    use crate::harness::child::Answer;
    use crate::harness::parent::Series;
    use crate::harness::report::rows;
    use std::collections::BTreeMap;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (value, expected) in [
            (0.0, "0"),
            (1234567.4, "1,234,567"),
            (123.4, "123"),
            (54.83, "54.8"),
            (20.0, "20"),
            (2.5, "2.5"),
            (1.0, "1"),
            (0.0453, "0.0453"),
            (0.000_123_4, "0.000123"),
            (-1500.0, "-1,500"),
        ] {
            assert_eq!(number(value), expected, "{value}");
        }
    }

    #[test]
    fn a_share_is_never_rounded_up() {
        let mut row = row_of(99.999_6);
        assert_eq!(percent(&row), "99.999 %");
        row.figures.insert("at_exit".into(), 12.5);
        for (name, figure) in [("again", 2048.0), (REPEATS, 3.0), (LARGEST, 1024.0)] {
            row.figures.insert(name.into(), figure);
        }
        let expected = "99.999 % (12.500 % at exit, 2,048 twice in 3 of ≤ 1,024)";
        assert_eq!(percent(&row), expected);
        let whole = row_of(100.0);
        assert_eq!(percent(&whole), "100.000 %");
    }

    fn row_of(share: f64) -> Row {
        let workload = crate::SUITES.iter().find_map(|suite| suite.workload("healthy/spans/http"));
        let workload = workload.expect("a cell");
        let candidate = &workload.candidates[0];
        let answer =
            Answer { median: share, p99: None, books: Books::default(), figures: BTreeMap::new() };
        let series = [Series { candidate, answers: vec![answer] }];
        rows(workload, &series).expect("a row").remove(0)
    }

    #[test]
    fn a_table_is_aligned_in_text_and_ruled_in_markdown() {
        let table = Table {
            name: "macro".into(),
            about: "an event".into(),
            head: ["candidate", "median"].map(str::to_owned).to_vec(),
            rows: vec![["ours", "5"], ["a longer name", "1,000"]]
                .into_iter()
                .map(|row| row.map(str::to_owned).to_vec())
                .collect(),
            notes: vec!["a note".into()],
        };
        let text = table.text();
        assert!(text.contains("\n  ours                5\n"), "{text}");
        assert!(text.contains("\n  a longer name   1,000\n"), "{text}");
        let markdown = table.markdown();
        assert!(markdown.contains("| candidate | median |\n| --- | ---: |\n| ours | 5 |\n"));
        assert!(markdown.contains("\n- a note\n"), "{markdown}");
    }
}
