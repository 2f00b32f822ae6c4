//! One registry for each kind of mistake, and what is said about it.
//!
//! `tests/mistakes/<name>.json` is a registry with exactly one mistake, `<name>.txt` the message.
//! With `XTASK_BLESS=1` the messages are written instead of compared: read each as somebody would
//! who has never seen this project, at three in the morning.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use radiosonde_registry::{Registry, RegistryError, lints};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")
}

/// Name and text of every registry in the folder.
fn registries() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).expect("the folder of mistakes");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let registries = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    registries
        .map(|path| {
            let name = path.file_stem().expect("a name").to_str().expect("a plain name").to_owned();
            (name, fs::read_to_string(path).expect("a text"))
        })
        .collect()
}

fn findings(name: &str, text: &str) -> Vec<RegistryError> {
    let file = format!("{name}.json");
    Registry::parse(&file, text).expect_err(name).0
}

#[test]
fn every_mistake_has_one_message_that_says_where_and_what_to_do() {
    let bless = std::env::var_os("XTASK_BLESS").is_some();
    let registries = registries();
    let mut differences = Vec::new();
    for (name, text) in &registries {
        let found = findings(name, text);
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(found[0].line > 0 && found[0].column > 0, "{}", found[0]);
        assert!(!found[0].what.is_empty() && !found[0].fix.is_empty(), "{}", found[0]);
        let message = format!("{}\n", found[0]);
        let golden = folder().join(format!("{name}.txt"));
        if bless {
            fs::write(golden, message).expect("written");
        } else if fs::read_to_string(&golden).ok().as_ref() != Some(&message) {
            differences.push(message);
        }
    }
    assert!(differences.is_empty(), "not as in the .txt beside it:\n{}", differences.concat());
    // A message without its registry would be compared with nothing.
    for entry in fs::read_dir(folder()).expect("the folder of mistakes") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_str().expect("a plain name");
        assert!(registries.contains_key(name), "{name} has no registry");
    }
}

#[test]
fn every_lint_has_a_mistake_and_its_allowance_mends_it() {
    let registries = registries();
    let mut mended = BTreeSet::new();
    for (name, text) in &registries {
        let error = findings(name, text).remove(0);
        let Some(rule) = lints().iter().find(|lint| is_offered(lint.name, &error.fix)) else {
            continue;
        };
        let mut document: Value = serde_json::from_str(text).expect("JSON");
        let subject = subject(&mut document, &error.path);
        let allowance = json!({"rule": rule.name, "reason": "a test"});
        match subject["lint_allow"].as_array_mut() {
            Some(allowances) => allowances.push(allowance),
            None => subject["lint_allow"] = json!([allowance]),
        }
        let text = serde_json::to_string_pretty(&document).expect("JSON");
        let again = Registry::parse(name, &text);
        assert!(again.is_ok(), "{name} with an allowance: {again:?}");
        let about = name.strip_prefix("rollup_").unwrap_or(name);
        assert!(about.starts_with(rule.name), "{name} is about {}", rule.name);
        let is_label = error.path.starts_with("labels.");
        assert!(if is_label { rule.on_labels } else { rule.on_metrics }, "{error}");
        let _new = mended.insert((rule.name, is_label));
    }
    for lint in lints() {
        for (judged, is_label) in [(lint.on_metrics, false), (lint.on_labels, true)] {
            assert_eq!(mended.contains(&(lint.name, is_label)), judged, "{}", lint.name);
        }
    }
}

/// Whether a fix offers to allow that lint.
fn is_offered(rule: &str, fix: &str) -> bool {
    fix.contains(&format!("{{\"rule\": \"{rule}\", \"reason\": \"…\"}}"))
}

/// The metric or label in which a finding lies, such as `metrics[0]` of `metrics[0].name`.
fn subject<'d>(document: &'d mut Value, path: &str) -> &'d mut Value {
    if let Some(rest) = path.strip_prefix("metrics[") {
        let index = rest.split(']').next().expect("an index").parse::<usize>().expect("a number");
        return &mut document["metrics"][index];
    }
    let name = path.strip_prefix("labels.").expect("a metric or a label").split('.').next();
    &mut document["labels"][name.expect("a name")]
}

/// Every lint has a neighbour here that it leaves alone, and every allowance is needed.
#[test]
fn a_registry_with_everything_in_it_is_clean() {
    let path = folder().with_file_name("clean").join("everything.json");
    let registry = Registry::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    let of_metrics = registry.metrics.iter().flat_map(|metric| &metric.lint_allow);
    let of_labels = registry.labels.values().flat_map(|label| &label.lint_allow);
    let allowed: BTreeSet<&str> =
        of_metrics.chain(of_labels).map(|allowance| allowance.rule.as_str()).collect();
    assert_eq!(allowed, lints().iter().map(|lint| lint.name).collect());
}

#[test]
fn lints_are_listed_by_name_once() {
    let names: Vec<&str> = lints().iter().map(|lint| lint.name).collect();
    assert!(names.is_sorted_by(|before, after| before < after), "{names:?}");
    assert!(lints().iter().all(|lint| lint.on_metrics || lint.on_labels));
}

/// Thousands of entries, and a bound that says what to do.
#[test]
fn a_registry_may_be_large_and_not_endless() {
    let metrics = |count: usize| {
        let metric = |index| {
            format!(
                "{{\"name\":\"m{index}_total\",\"type\":\"counter\",\"unit\":\"1\",\"help\":\"h\",\
                 \"labels\":[\"l{index}\"]}}"
            )
        };
        let label = |index| format!("\"l{index}\":{{\"pattern\":\"[a-z]{{1,9}}\"}}");
        let join = |entries: Vec<String>| entries.join(",");
        format!(
            "{{\"schema_version\":1,\"labels\":{{{}}},\"metrics\":[{}]}}",
            join((0..count).map(label).collect()),
            join((0..count).map(metric).collect())
        )
    };
    let registry =
        Registry::parse("r", &metrics(5_000)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(registry.metrics.len(), 5_000);
    let found = findings("large", &metrics(10_001));
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let fix = "split the registry: catalogues of several crates merge";
    assert!(
        lines[0].ends_with(&format!("labels: 10001 labels, 10000 allowed; {fix}")),
        "{lines:?}"
    );
    assert!(lines[1].ends_with(&format!("metrics: 10001 metrics, 10000 allowed; {fix}")));
}
