//! Schema and decoder know the same keys, demand the same and list the same words.

use std::collections::{BTreeMap, BTreeSet};

use radiosonde_registry::{Registry, RegistryError, lints};
use serde_json::Value;

use crate::{each_object, schema};

/// Where an object of each kind stands: a document with `@` in its place, and its path there.
const PLACES: &[(&str, &str, &str)] = &[
    ("the document", "@", ""),
    ("Environment", r#"{"environments":{"x":@}}"#, "environments.x"),
    ("LabelSpec", r#"{"labels":{"x":@}}"#, "labels.x"),
    ("LintAllowance", r#"{"metrics":[{"lint_allow":[@]}]}"#, "metrics[0].lint_allow[0]"),
    ("Owner", r#"{"owners":{"x":@}}"#, "owners.x"),
    ("ModuleSpec", r#"{"modules":{"x":@}}"#, "modules.x"),
    ("MetricSpec", r#"{"metrics":[@]}"#, "metrics[0]"),
    ("Deprecation", r#"{"metrics":[{"status":{"deprecated":@}}]}"#, "metrics[0].status.deprecated"),
    (
        "ExponentialBuckets",
        r#"{"metrics":[{"exponential_buckets":@}]}"#,
        "metrics[0].exponential_buckets",
    ),
    ("OtelNames", r#"{"metrics":[{"otel":@}]}"#, "metrics[0].otel"),
    ("Retention", r#"{"metrics":[{"retention":[@]}]}"#, "metrics[0].retention[0]"),
    ("Rollup", r#"{"metrics":[{"rollups":[@]}]}"#, "metrics[0].rollups[0]"),
    ("Variance", r#"{"metrics":[{"variance":@}]}"#, "metrics[0].variance"),
    ("AlertSpec", r#"{"alerts":[@]}"#, "alerts[0]"),
    ("Runbook", r#"{"alerts":[{"runbook":@}]}"#, "alerts[0].runbook"),
    ("NamedQuery", r#"{"alerts":[{"runbook":{"queries":[@]}}]}"#, "alerts[0].runbook.queries[0]"),
    ("Destination", r#"{"alerts":[{"notify":[@]}]}"#, "alerts[0].notify[0]"),
    ("Escalation", r#"{"alerts":[{"escalates_to":@}]}"#, "alerts[0].escalates_to"),
    ("Suppression", r#"{"alerts":[{"suppression":@}]}"#, "alerts[0].suppression"),
    ("AlertTest", r#"{"alerts":[{"test_cases":[@]}]}"#, "alerts[0].test_cases[0]"),
    (
        "TestSeries",
        r#"{"alerts":[{"test_cases":[{"series":[@]}]}]}"#,
        "alerts[0].test_cases[0].series[0]",
    ),
    ("Replay", r#"{"alerts":[{"replay":@}]}"#, "alerts[0].replay"),
    ("DashboardSpec", r#"{"dashboards":[@]}"#, "dashboards[0]"),
    ("PanelSpec", r#"{"dashboards":[{"panels":[@]}]}"#, "dashboards[0].panels[0]"),
    (
        "Threshold",
        r#"{"dashboards":[{"panels":[{"thresholds":[@]}]}]}"#,
        "dashboards[0].panels[0].thresholds[0]",
    ),
    ("Link", r#"{"dashboards":[{"links":[@]}]}"#, "dashboards[0].links[0]"),
    ("SloSpec", r#"{"slos":[@]}"#, "slos[0]"),
    ("Indicator", r#"{"slos":[{"indicator":@}]}"#, "slos[0].indicator"),
    ("BurnRate", r#"{"slos":[{"burn_rates":[@]}]}"#, "slos[0].burn_rates[0]"),
    ("ReportSpec", r#"{"reports":[@]}"#, "reports[0]"),
    ("Schedule", r#"{"reports":[{"schedule":@}]}"#, "reports[0].schedule"),
    ("ReportSection", r#"{"reports":[{"sections":[@]}]}"#, "reports[0].sections[0]"),
];

/// Keys that lints ask for and the decoder does without: the schema may demand them.
const DEMANDED_BY_LINTS: &[(&str, &[&str])] = &[
    ("DashboardSpec", &["panels"]),
    ("MetricSpec", &["help", "unit"]),
    ("ReportSpec", &["sections"]),
    ("Variance", &["baseline"]),
];

/// A key and a word nothing is close to.
const BOGUS: &str = "zzzzzzzzzzzzzzzz";

/// What is said of the object in its place, by path within it.
fn findings(document: &str, place: &str, object: &str) -> Vec<(String, RegistryError)> {
    let text = document.replace('@', object);
    let errors = Registry::parse("probe", &text).expect_err(&text);
    let inside = |error: RegistryError| {
        let rest = error.path.strip_prefix(place)?.trim_start_matches('.').to_owned();
        Some((rest, error))
    };
    errors.0.into_iter().filter_map(inside).collect()
}

/// The words of a fix such as `use a, b or c`.
fn list(fix: &str) -> BTreeSet<String> {
    let words = fix.strip_prefix("use ").unwrap_or_else(|| panic!("{fix} lists nothing"));
    words.split(", ").flat_map(|part| part.split(" or ")).map(str::to_owned).collect()
}

fn strings(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| item.as_str().expect("a string").to_owned()).collect()
}

#[test]
fn every_object_has_the_keys_the_decoder_knows_and_demands() {
    let places: BTreeMap<_, _> =
        PLACES.iter().map(|(name, text, at)| (*name, (*text, *at))).collect();
    let mut seen = 0;
    each_object(&schema(), &mut |name, object| {
        let (document, place) = places.get(name).unwrap_or_else(|| panic!("where is {name}?"));
        seen += 1;
        let bogus = findings(document, place, &format!("{{\"{BOGUS}\":1}}"));
        let (_, unknown) =
            bogus.iter().find(|(path, _)| path == BOGUS).unwrap_or_else(|| panic!("{bogus:#?}"));
        let keys = object["properties"].as_object().expect("keys").keys().cloned();
        assert_eq!(list(&unknown.fix), keys.collect(), "keys of {name}");

        let missing =
            bogus.iter().filter(|(path, error)| error.what == format!("missing `{path}`"));
        let missing = missing.map(|(path, _)| path.clone());
        let mut demanded: BTreeSet<String> = missing.collect();
        for (of, keys) in DEMANDED_BY_LINTS {
            if of == &name {
                demanded.extend(keys.iter().map(|key| (*key).to_owned()));
            }
        }
        assert_eq!(strings(&object["required"]), demanded, "what {name} demands");
    });
    assert_eq!(seen, PLACES.len());
}

#[test]
fn every_list_of_words_is_the_decoders() {
    let schema = schema();
    let places: BTreeMap<_, _> =
        PLACES.iter().map(|(name, text, at)| (*name, (*text, *at))).collect();
    let mut lists = 0;
    each_object(&schema, &mut |name, object| {
        let (document, place) = places[name];
        for (key, property) in object["properties"].as_object().expect("keys") {
            let Some(words) = words(&schema, property) else { continue };
            // A lint of its own looks at these.
            if (name, key.as_str()) == ("LintAllowance", "rule") {
                let lints = lints().iter().map(|lint| lint.name.to_owned());
                assert_eq!(words, lints.collect());
                continue;
            }
            lists += 1;
            let (value, path) = match property["type"].as_str() {
                Some("array") => (format!("[\"{BOGUS}\"]"), format!("{key}[0]")),
                _ => (format!("\"{BOGUS}\""), key.clone()),
            };
            let found = findings(document, place, &format!("{{\"{key}\":{value}}}"));
            let finding = found.iter().find(|(at, _)| *at == path);
            let (_, error) = finding.unwrap_or_else(|| panic!("{name}.{key}: {found:#?}"));
            assert_eq!(list(&error.fix), words, "words of {name}.{key}");
        }
    });
    assert!(lists >= 17, "{lists}");
}

/// The words a key takes, whether they stand there, in the definition it leads to or in its items.
fn words(schema: &Value, property: &Value) -> Option<BTreeSet<String>> {
    if let Some(words) = property.get("enum") {
        return words.as_array()?.iter().all(Value::is_string).then(|| strings(words));
    }
    if let Some(items) = property.get("items") {
        return words(schema, items);
    }
    let inner = property.get("allOf").and_then(|all| all.get(0));
    // One of the forms of a status.
    let inner = inner.or_else(|| property.get("anyOf").and_then(|any| any.get(0)));
    if let Some(inner) = inner {
        return words(schema, inner);
    }
    let target = property.get("$ref")?.as_str()?;
    words(schema, schema.pointer(target.strip_prefix('#')?)?)
}

#[test]
fn objects_without_a_type_of_their_own() {
    let status = findings(r#"{"metrics":[{"status":@}]}"#, "metrics[0].status", "{}");
    assert_eq!(status[0].1.what, "missing `deprecated`");
    let excluded = findings(r#"{"alerts":[{"where":{"x":@}}]}"#, "alerts[0].where.x", "{}");
    assert_eq!(excluded[0].1.what, "missing `not`");
    let schema = schema();
    let status = &schema["definitions"]["Status"];
    assert!(status.to_string().contains(r#""required":["deprecated"]"#), "{status}");
    let excluded = &schema["definitions"]["LabelMatch"];
    assert!(excluded.to_string().contains(r#""required":["not"]"#), "{excluded}");
}
