//! The examples against our names and our lines.

use std::collections::BTreeSet;
use std::path::Path;

use radiosonde::{Config, Profile, Service};
use radiosonde_store::names::StoredFile;
use serde_json::Value;

use crate::examples::{self, OTEL};
use crate::process::{Helper, PATIENCE, part};
use crate::read;

const DIRECTORY: &str = "/var/lib/shop/telemetry";
const DOCUMENT: &str = include_str!("../../../../docs/shipping.md");

#[test]
fn each_example_reads_each_day_file_once_and_nothing_else() {
    let plain = [
        "events-2025-10-06.jsonl",
        "events-2025-10-06.2.jsonl",
        "spans-2025-10-06.0.1.jsonl",
        "spans-2025-10-06.jsonl",
        "metrics-2025-10-06.3.12.jsonl",
        "metrics-2025-10-06.jsonl",
    ];
    let others = [
        "events-2025-10-06.jsonl.zst",
        "events-2025-10-06.jsonl.zst.tmp",
        "spans-2025-10-06.0.1.jsonl.zst",
        "metrics-2025-10-06.jsonl.tmp",
        "events-2025-10-06.jsonl.bak",
        "inst/0/removed.jsonl",
        "inst/0/k3f9q2xw/events-2025-10-06.jsonl",
        "inst/0/k3f9q2xw/callsites",
        "registry.jsonl",
    ];
    for name in plain {
        let stored = StoredFile::parse(name).unwrap();
        assert_eq!((stored.file_name().as_str(), stored.day.file_name().as_str()), (name, name));
    }
    for example in examples::all() {
        let read = |name: &str| {
            let path = format!("{DIRECTORY}/{name}");
            example.paths.iter().filter(|pattern| matches(pattern, &path)).count()
        };
        for name in plain {
            assert_eq!(read(name), 1, "{name} by {example:?}");
        }
        for name in others {
            assert_eq!(read(name), 0, "{name} by {example:?}");
        }
    }
}

/// A pattern with stars, none of which matches a slash.
fn matches(pattern: &str, path: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == path };
    let Some(rest) = path.strip_prefix(before) else { return false };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    let free = rest.find('/').unwrap_or(rest.len());
    ends.take_while(|end| *end <= free).any(|end| matches(after, &rest[end..]))
}

#[test]
fn each_example_reads_what_lines_have() {
    let Some(lines) = lines("fit::each_example_reads_what_lines_have") else { return };
    let keys = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let all: BTreeSet<String> = lines.iter().flat_map(keys).collect();
    for example in examples::all() {
        assert!(!example.fields.is_empty(), "{example:?}");
        for field in &example.fields {
            assert!(all.contains(field), "{field} of {} is in no line: {all:?}", example.name);
            let is_text = lines.iter().filter_map(|line| line.get(field)).all(Value::is_string);
            assert!(is_text, "{field}: {example:?}");
        }
        for label in &example.labels {
            let few =
                ["level", "service", "service.name", "host.id", "deployment.environment.name"];
            assert!(few.contains(&label.as_str()), "{label} of {}: many values", example.name);
        }
        for ts in lines.iter().filter_map(|line| line["ts"].as_str()) {
            match example.time.as_deref() {
                // Has as many digits of a second as there are, and Z for UTC.
                None | Some("RFC3339Nano") => assert_eq!(shape(ts), "0000-00-00T00:00:00.000000Z"),
                Some(layout) => assert_eq!(shape(ts), form(layout), "{}", example.name),
            }
        }
    }
}

/// The text with every digit as 0.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// What a layout of strptime, as the Collector knows it, reads.
fn form(layout: &str) -> String {
    let directives =
        [("%Y", "0000"), ("%m", "00"), ("%d", "00"), ("%H", "00"), ("%M", "00"), ("%S", "00")];
    let form = layout.replace("%f", "000000");
    directives.iter().fold(form, |form, (directive, digits)| form.replace(directive, digits))
}

#[test]
fn the_collector_knows_every_level() {
    let all = examples::yaml(OTEL);
    let operator = &all["receivers"]["filelog"]["operators"][0];
    let mapping = operator["severity"]["mapping"].as_hash().unwrap();
    let mapped: Vec<(&str, &str)> =
        mapping.iter().map(|(to, from)| (from.as_str().unwrap(), to.as_str().unwrap())).collect();
    let expected = [
        ("trace", "trace"),
        ("debug", "debug"),
        ("info", "info"),
        ("warning", "warn"),
        ("error", "error"),
        ("critical", "fatal"),
    ];
    assert_eq!(mapped, expected);
}

/// What a query compares, read off lines as Loki's `json` does: members of objects are joined with
/// their names by underscores.
#[test]
fn each_query_of_the_document_finds_a_line() {
    let Some(lines) = lines("fit::each_query_of_the_document_finds_a_line") else { return };
    let queries: Vec<&str> = DOCUMENT
        .split("```logql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .flat_map(|block| block.split("\n\n"))
        .collect();
    assert!(queries.len() >= 4, "{queries:?}");
    for query in queries {
        let (selector, stages) = query.split_once('}').unwrap();
        assert!(selector.contains(r#"job="shop-telemetry""#), "{query}");
        let mut compared = comparisons(stages);
        compared.extend(comparisons(selector).into_iter().filter(|(key, _)| *key != "job"));
        assert!(!compared.is_empty(), "{query}");
        let is_found = lines.iter().any(|line| {
            let found =
                |(key, value): &(&str, &str)| member(line, key).is_some_and(|m| m == *value);
            compared.iter().all(found)
        });
        assert!(is_found, "nothing in our lines answers {query}");
        for grouped in query.split("by (").skip(1) {
            for key in grouped.split(')').next().unwrap().split(", ") {
                assert!(lines.iter().any(|line| member(line, key).is_some()), "{key}: {query}");
            }
        }
    }
}

/// `key="value"` in a text.
fn comparisons(text: &str) -> Vec<(&str, &str)> {
    let pieces: Vec<&str> = text.split('"').collect();
    let pairs = pieces.chunks_exact(2).filter_map(|pair| {
        let key = pair[0].strip_suffix('=')?;
        let begin = key.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        Some((&key[begin.map_or(0, |at| at + 1)..], pair[1]))
    });
    // `json meta="meta"` takes a member, under its own name.
    pairs.filter(|(key, value)| !key.is_empty() && key != value).collect()
}

fn member(value: &Value, key: &str) -> Option<String> {
    match value.get(key) {
        Some(Value::String(text)) => return Some(text.clone()),
        Some(Value::Object(_)) | None => {}
        Some(other) => return Some(other.to_string()),
    }
    let members = value.as_object()?.iter();
    let mut inner = members.filter(|(_, value)| value.is_object());
    inner.find_map(|(name, value)| member(value, key.strip_prefix(name)?.strip_prefix('_')?))
}

/// Lines that a program wrote; `None` in the program itself.
fn lines(test: &str) -> Option<Vec<Value>> {
    if let Some((directory, _)) = part() {
        write(&directory);
        return None;
    }
    let root = tempfile::tempdir().unwrap();
    Helper::start(test, root.path(), "few").join();
    let of_signal = |signal| read::all_lines(root.path(), signal);
    let all = ["events-", "spans-", "metrics-"].into_iter().flat_map(of_signal);
    let lines: Vec<Value> = all.map(|(_, line)| serde_json::from_str(&line).unwrap()).collect();
    assert!(lines.len() > 6, "{lines:?}");
    Some(lines)
}

fn write(directory: &Path) {
    let config = Config::new(Service::new("shop", "1.0.0")).profile(Profile::Cli).dir(directory);
    let telemetry = config.init();
    radiosonde::scope().job("job-1").worker("w-1").session("s-1").run(|| {
        let span = tracing::info_span!("fetch", items = 120);
        let _entered = span.enter();
        let (code, model) = ("rate_limited", "deepseek/deepseek-v3.2-exp");
        radiosonde::event!(
            "openrouter_error", level: error, status = 429, code, model, "429 Rate limit"
        );
        radiosonde::event!("pipeline_stage", items = 120, "Rendered site");
        tracing::warn!("slow");
        metrics::counter!("pipeline_runs_total").increment(1);
    });
    drop(telemetry.shutdown(PATIENCE));
}
