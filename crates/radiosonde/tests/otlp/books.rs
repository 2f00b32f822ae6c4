//! The books add up, and say the same everywhere.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
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
        let reasons = of["dropped_by_reason"].as_array().unwrap().iter();
        let reasons: u64 = reasons.map(|pair| pair[1].as_u64().unwrap()).sum();
        assert_eq!(count(of, "dropped"), reasons, "{of}");
    }
}

/// One number of a signal on its way over OTLP.
pub(crate) fn exported(report: &Value, signal: &str, what: &str) -> u64 {
    let signals = report["otlp"]["signals"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let of = signals.iter().find(|of| of["signal"] == signal).unwrap();
    of[what].as_u64().unwrap()
}

/// `Guard::report`, `/report` as text and JSON, and `/metrics` say the same.
pub(crate) fn agree(guard: &Guard) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // What is asked for over HTTP is no record; the heartbeat may be one, and then it is asked again.
        let before: Value = serde_json::from_str(&guard.report().to_json()).unwrap();
        let page: Value = serde_json::from_str(&get(guard, "/report.json")).unwrap();
        let text = get(guard, "/report");
        let metrics = get(guard, "/metrics");
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
            return;
        }
        assert!(Instant::now() < deadline, "the books never rest: {before:#} {after:#}");
    }
}

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
    }
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
