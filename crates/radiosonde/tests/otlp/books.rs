//! The books add up, and say the same everywhere.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use radiosonde::Guard;
use serde_json::Value;

use crate::program::PATIENCE;

/// Both legs of a report add up, and nothing that waits is called delivered.
pub(crate) fn add_up(report: &Value) {
    let count =
        |of: &Value, name: &str| of[name].as_u64().unwrap_or_else(|| panic!("{name}: {of}"));
    let sum = |of: &Value| {
        ["delivered", "rejected", "dropped", "pending"]
            .map(|name| count(of, name))
            .iter()
            .sum::<u64>()
    };
    for signal in ["events", "spans", "metrics"] {
        let of = &report[signal];
        assert_eq!(count(of, "offered"), sum(of), "{signal}: {of}");
    }
    for of in report["otlp"]["signals"].as_array().into_iter().flatten() {
        assert_eq!(count(of, "spooled"), sum(of), "{of}");
        let reasons: u64 = reasons_of(of).map(|(_, count)| count).sum();
        assert_eq!(count(of, "dropped"), reasons, "{of}");
    }
}

/// One number of a signal on its way over OTLP.
pub(crate) fn exported(report: &Value, signal: &str, what: &str) -> u64 {
    let signals = report["otlp"]["signals"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let of = signals.iter().find(|of| of["signal"] == signal).unwrap();
    of[what].as_u64().unwrap()
}

/// `Guard::report`, `/report` as text and JSON, `/metrics` and `radiosonde spool status` say the same.
pub(crate) fn agree(guard: &Guard, directory: &Path) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // What is asked for over HTTP is no record; the heartbeat may be one, and then it is asked again.
        let before: Value = serde_json::from_str(&guard.report().to_json()).unwrap();
        let page: Value = serde_json::from_str(&get(guard, "/report.json")).unwrap();
        let text = get(guard, "/report");
        let metrics = get(guard, "/metrics");
        let command = of_command(directory, before["instance"].as_str().unwrap());
        let after: Value = serde_json::from_str(&guard.report().to_json()).unwrap();
        for report in [&before, &page, &after] {
            add_up(report);
        }
        let same = |one: &Value, other: &Value| {
            let of = |report: &Value| [books_of(report), otlp_of(report)].concat();
            of(one) == of(other)
        };
        if same(&before, &after) {
            assert!(same(&before, &page), "{before:#} and {page:#}");
            in_text(&before, &text);
            in_metrics(&before, &metrics);
            assert_eq!(command, of_report(&before), "the command, and {before:#}");
            return;
        }
        assert!(Instant::now() < deadline, "the books never rest: {before:#} {after:#}");
    }
}

/// What the books have in the end: of a process that has ended, the command says what that one said last.
pub(crate) fn are_left(report: &Value, directory: &Path) {
    let command = of_command(directory, report["instance"].as_str().unwrap());
    if command.is_empty() {
        // All of it was sent and told, and the spool is gone.
        let pending = ["logs", "traces", "metrics"].map(|of| exported(report, of, "pending"));
        assert_eq!(pending, [0; 3], "nothing is left of {report:#}");
    } else {
        assert_eq!(command, of_report(report), "the command, and {report:#}");
    }
}

/// The books of each signal by what they count, with each reason of `dropped`.
type Sums = BTreeMap<String, BTreeMap<String, u64>>;

/// What `radiosonde spool status -o json` says of an instance, its streams summed by their signal. Empty
/// when it has no spool.
fn of_command(directory: &Path, instance: &str) -> Sums {
    let mut out = Vec::new();
    let arguments =
        ["radiosonde", "spool", "status", "-o", "json", "--instance", instance, "--dir"];
    let arguments = arguments.map(OsString::from).into_iter().chain([directory.into()]);
    let status = radiosonde_cli::run(arguments.collect(), &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(status == FOUND || (status == NOTHING && text.is_empty()), "{status}: {text}");
    let mut sums = Sums::new();
    for line in text.lines() {
        let stream: Value = serde_json::from_str(line).unwrap();
        let signal = stream["signal"].as_str().unwrap().to_owned();
        let signal = sums.entry(signal).or_default();
        for (said, what) in COUNTS {
            *signal.entry(what.to_owned()).or_default() += stream[said].as_u64().unwrap();
        }
        for (reason, count) in stream["dropped_by_reason"].as_object().unwrap() {
            *signal.entry(dropped_by(reason)).or_default() += count.as_u64().unwrap();
        }
    }
    sums
}

/// The same of a report. What never had a record has no row with the command.
fn of_report(report: &Value) -> Sums {
    let signals = report["otlp"]["signals"].as_array().unwrap().iter();
    let used = signals.filter(|of| of["spooled"] != 0);
    let sums = used.map(|of| {
        let counts = COUNTS.map(|(_, what)| (what.to_owned(), of[what].as_u64().unwrap()));
        let reasons = reasons_of(of).map(|(reason, count)| (dropped_by(reason), count));
        (of["signal"].as_str().unwrap().to_owned(), counts.into_iter().chain(reasons).collect())
    });
    sums.collect()
}

fn dropped_by(reason: &str) -> String {
    format!("dropped: {reason}")
}

/// Names of the command, and of the report.
const COUNTS: [(&str, &str); 7] = [
    ("appended", "spooled"),
    ("delivered", "delivered"),
    ("rejected", "rejected"),
    ("dropped", "dropped"),
    ("pending", "pending"),
    ("pending_bytes", "pending_bytes"),
    ("pending_in_memory", "pending_in_memory"),
];
/// Exit status of the command: there is a spool, or none.
const FOUND: u8 = 0;
const NOTHING: u8 = 1;

/// Outcomes of a leg, as metrics name them.
const OUTCOMES: [&str; 3] = ["delivered", "rejected", "dropped"];

type Row = (String, String, u64);

fn books_of(report: &Value) -> Vec<Row> {
    let signals = ["events", "spans", "metrics"].map(|signal| (signal, &report[signal]));
    rows("offered", signals.into_iter())
}

fn otlp_of(report: &Value) -> Vec<Row> {
    let signals = report["otlp"]["signals"].as_array().unwrap().iter();
    rows("spooled", signals.map(|of| (of["signal"].as_str().unwrap(), of)))
}

fn rows<'a>(first: &str, signals: impl Iterator<Item = (&'a str, &'a Value)>) -> Vec<Row> {
    let row = |signal: &str, of: &Value, what: &str| {
        (signal.to_owned(), what.to_owned(), of[what].as_u64().unwrap())
    };
    let of_signal = |(signal, of): (&str, &Value)| -> Vec<Row> {
        let outcomes = [first, "pending"].into_iter().chain(OUTCOMES);
        outcomes.map(|what| row(signal, of, what)).collect()
    };
    signals.flat_map(of_signal).collect()
}

/// The table for people has the same numbers.
fn in_text(report: &Value, text: &str) {
    for of in report["otlp"]["signals"].as_array().unwrap() {
        let signal = of["signal"].as_str().unwrap();
        // `metrics` has a line in both tables, the second one is this one's.
        let table = text.lines().skip_while(|line| !line.starts_with("over OTLP"));
        let mut rows = table.filter(|line| line.split_whitespace().next() == Some(signal));
        let row = rows.next().unwrap_or_else(|| panic!("{signal}: {text}"));
        let numbers: Vec<u64> =
            row.split_whitespace().skip(1).take(5).map(|word| word.parse().unwrap()).collect();
        let expected = ["spooled", "delivered", "rejected", "dropped", "pending"]
            .map(|what| of[what].as_u64().unwrap());
        assert_eq!(numbers, expected, "{text}");
        let dropped = format!("dropped    {signal} ");
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(&dropped));
        let reasons = reasons_of(of).map(|(reason, count)| format!("{reason} {}", grouped(count)));
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        let told =
            lines.find(|line| line.contains(": ")).map(|line| line.split_once(": ").unwrap());
        assert_eq!(told.map_or("", |(_, reasons)| reasons), reasons, "{text}");
    }
}

/// What one signal has lost, by reason.
fn reasons_of(of: &Value) -> impl Iterator<Item = (&str, u64)> {
    let pairs = of["dropped_by_reason"].as_array().unwrap().iter();
    pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_u64().unwrap()))
}

/// `12,345`
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(",")
}

fn in_metrics(report: &Value, metrics: &str) {
    let value = |name: &str, labels: &[(&str, &str)]| -> u64 {
        let has = |line: &&str| {
            let named = line.split(['{', ' ']).next() == Some(name);
            named
                && labels
                    .iter()
                    .all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        };
        let line =
            metrics.lines().find(has).unwrap_or_else(|| panic!("{name} {labels:?}: {metrics}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64
    };
    for (counter, pending, rows) in [
        ("radiosonde_records_total", "radiosonde_records_pending", books_of(report)),
        ("radiosonde_otlp_records_total", "radiosonde_otlp_pending_records", otlp_of(report)),
    ] {
        for (signal, what, count) in rows {
            let of = ("signal", signal.as_str());
            let shown = match what.as_str() {
                "pending" => value(pending, &[of]),
                outcome => value(counter, &[of, ("outcome", outcome)]),
            };
            assert_eq!(shown, count, "{counter} {signal} {what}: {metrics}");
        }
    }
    for of in report["otlp"]["signals"].as_array().unwrap() {
        let signal = of["signal"].as_str().unwrap();
        for (reason, count) in reasons_of(of) {
            let labels = [("signal", signal), ("reason", reason)];
            let shown = value("radiosonde_otlp_records_dropped_total", &labels);
            assert_eq!(shown, count, "{signal} {reason}: {metrics}");
        }
    }
}

/// A page of the program's own listener.
fn get(guard: &Guard, path: &str) -> String {
    let mut stream = TcpStream::connect(guard.prometheus_addr().unwrap()).unwrap();
    let (path, accept) = match path.strip_suffix(".json") {
        Some(path) => (path, "application/json"),
        None => (path, "text/plain"),
    };
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return unchunked(body);
    }
    body.to_owned()
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    whole
}
