//! What a validator says with the schema: good files pass, broken ones do not.

use std::{collections::BTreeSet, fs, path::Path};

use jsonschema::Validator;
use serde_json::Value;

use crate::{files, folder, schema};

/// Why a schema takes broken files, and which: it sees one place at a time, and no more of a text
/// than its letters.
const UNSEEN: &[(&str, &[&str])] = &[
    (
        "what it names is declared elsewhere, or not at all",
        &[
            "mistakes/deprecated_replaced_by_nothing",
            "mistakes/deprecated_replaced_by_unknown",
            "mistakes/label_required_unknown",
            "mistakes/label_unknown",
            "mistakes/environment_no_value",
            "mistakes/environment_without_limits",
            "mistakes/owner_unknown",
            "mistakes/rollup_label_required",
            "mistakes/rollup_label_unknown",
            "mistakes_operations/alert_escalates_to_unknown_alert",
            "mistakes_operations/alert_escalates_to_unknown_owner",
            "mistakes_operations/alert_filter_excluded_value",
            "mistakes_operations/alert_filter_unknown_label",
            "mistakes_operations/alert_filter_unknown_value",
            "mistakes_operations/alert_metric_unknown",
            "mistakes_operations/alert_metric_unknown_without_guess",
            "mistakes_operations/alert_owner_unknown",
            "mistakes_operations/alert_runbook_query_unknown",
            "mistakes_operations/alert_split_by_label_of_none",
            "mistakes_operations/alert_split_by_unknown_label",
            "mistakes_operations/alert_suppression_unknown_label",
            "mistakes_operations/dashboard_filter_unknown",
            "mistakes_operations/dashboard_link_unknown_dashboard",
            "mistakes_operations/dashboard_link_unknown_report",
            "mistakes_operations/dashboard_owner_unknown",
            "mistakes_operations/panel_query_unknown_metric",
            "mistakes_operations/panel_unknown_alert",
            "mistakes_operations/report_owner_unknown",
            "mistakes_operations/report_section_unknown_alert",
            "mistakes_operations/report_section_unknown_dashboard",
            "mistakes_operations/report_section_unknown_objective",
            "mistakes_operations/slo_good_unknown_label",
            "mistakes_operations/slo_good_unknown_value",
            "mistakes_operations/slo_metric_unknown",
            "mistakes_operations/slo_owner_unknown",
        ],
    ),
    ("characters that are written as escapes", &["mistakes/help_control"]),
    (
        "what it names, declared elsewhere, is of another type, has no owner or is on its way out",
        &[
            "mistakes/deprecated_replaced_by_deprecated",
            "mistakes/replacement_type",
            "mistakes_operations/alert_critical_without_owner",
            "mistakes_operations/alert_maximum_of_a_histogram",
            "mistakes_operations/alert_metric_deprecated",
            "mistakes_operations/alert_percentile_of_a_counter",
            "mistakes_operations/alert_rate_of_a_gauge",
            "mistakes_operations/panel_pie_of_a_histogram",
            "mistakes_operations/panel_pie_of_percentiles",
            "mistakes_operations/panel_states_of_a_counter",
            "mistakes_operations/slo_counter_compared",
            "mistakes_operations/slo_counter_without_good",
            "mistakes_operations/slo_histogram_between_buckets",
            "mistakes_operations/slo_histogram_comparison",
            "mistakes_operations/slo_histogram_with_good",
            "mistakes_operations/slo_summary",
        ],
    ),
    (
        "another entry has the same name, or writes it",
        &[
            "mistakes/allowance_twice",
            "mistakes/metric_twice",
            "mistakes/names_collide",
            "mistakes/otel_name_twice",
            "mistakes/ours_labels",
            "mistakes/ours_part",
            "mistakes/ours_prefix",
            "mistakes/ours_rollup",
            "mistakes/ours_type",
            "mistakes/rollup_named_like_metric",
            "mistakes/rollup_twice",
            "mistakes_operations/alert_id_twice",
            "mistakes_operations/dashboard_uid_twice",
            "mistakes_operations/report_id_twice",
            "mistakes_operations/slo_id_twice",
        ],
    ),
    (
        "values are compared or counted",
        &[
            "mistakes/buckets_order",
            "mistakes/deprecated_replaced_by_itself",
            "mistakes/exponential_buckets_fall",
            "mistakes/exponential_buckets_too_many",
            "mistakes/environment_fleet_limit",
            "mistakes/environment_fleet_limit_default",
            "mistakes/environment_limit_large",
            "mistakes/max_values_beyond_limit",
            "mistakes/metric_labels_too_many",
            "mistakes/metric_series_limit_large",
            "mistakes/metric_series_product",
            "mistakes/metric_series_product_default",
            "mistakes/metric_series_product_environment",
            "mistakes/module_limit_large",
            "mistakes/retention_order",
            "mistakes/retention_shorter",
            "mistakes/retention_step",
            "mistakes/rollup_of_everything",
            "mistakes_operations/alert_escalates_to_less_urgent",
            "mistakes_operations/panel_threshold_without_start",
            "mistakes_operations/panel_thresholds_fall",
            "mistakes_operations/panel_too_wide",
            "mistakes_operations/slo_burn_rate_never",
            "mistakes_operations/slo_burn_rate_short_window_long",
            "mistakes_operations/slo_burn_rate_window_long",
        ],
    ),
    (
        "one text has to stand within another",
        &[
            "mistakes_operations/alert_expression_does_not_read_metric",
            "mistakes_operations/slo_expression_does_not_read_metric",
        ],
    ),
    (
        "a convention about what a name means, or an allowance that is not needed",
        &[
            "mistakes/allowance_not_needed",
            "mistakes/allowance_not_needed_label",
            "mistakes/free_text_label",
            "mistakes/identifier_label",
            "mistakes/identifier_label_value",
            "mistakes/rollup_allowance_not_needed",
            "mistakes/unit_mismatch",
            "mistakes/unit_mismatch_ratio",
            "mistakes/unused_label",
            "mistakes/version_suffix",
        ],
    ),
    (
        "what two names would be in code",
        &[
            "mistakes/code_label_types",
            "mistakes/code_label_without_letter",
            "mistakes/code_labels",
            "mistakes/code_metric_keyword",
            "mistakes/code_metric_registry",
            "mistakes/code_metric_without_letter",
            "mistakes/code_metrics",
            "mistakes/code_values",
        ],
    ),
    (
        "a regular expression is asked what it takes",
        &[
            "mistakes/pattern_digits",
            "mistakes/pattern_lookahead",
            "mistakes/pattern_unreadable",
            "mistakes/pattern_uuid",
        ],
    ),
    ("readers of JSON keep one of two keys of the same name", &["mistakes/repeated_key"]),
];

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).expect("a schema")
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("readable");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn complaints(validator: &Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn good_files_are_accepted() {
    let validator = validator();
    let mut good = files(&folder().join("builtin"), "json");
    good.push(folder().join("tests/operations.json"));
    good.push(folder().join("tests/clean/everything.json"));
    let examples = fs::read_dir(folder().join("../../examples")).expect("a folder");
    for example in examples {
        let example = example.expect("readable").path();
        good.push(example.join("registry.json"));
        let inner = fs::read_dir(&example).into_iter().flatten();
        good.extend(inner.map(|entry| entry.expect("readable").path().join("registry.json")));
    }
    good.retain(|path| path.is_file());
    assert!(good.len() >= 7, "{good:?}");
    for path in good {
        let found = complaints(&validator, &read(&path));
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
    // The sample of the tests of the decoder.
    let source = include_str!("../parse.rs");
    let sample = source.split("r##\"").nth(1).and_then(|rest| rest.split("\"##").next());
    let sample = serde_json::from_str(sample.expect("a sample")).expect("JSON");
    assert!(validator.is_valid(&sample), "{:#?}", complaints(&validator, &sample));
}

#[test]
fn broken_files_are_rejected() {
    let validator = validator();
    let listed = || UNSEEN.iter().flat_map(|(_, names)| names.iter().copied());
    let mut unseen: BTreeSet<&str> = listed().collect();
    assert_eq!(unseen.len(), listed().count(), "a file is listed twice");
    let mut wrong = Vec::new();
    let (mut rejected, mut all) = (0, 0);
    for part in ["mistakes", "mistakes_operations"] {
        for path in files(&folder().join("tests").join(part), "json") {
            let name = format!("{part}/{}", path.file_stem().expect("a name").to_string_lossy());
            let text = fs::read_to_string(&path).expect("readable");
            // What is no JSON no schema is asked about: the editor underlines it without.
            let Ok(value) = serde_json::from_str(&text) else { continue };
            let accepted = validator.is_valid(&value);
            all += 1;
            match (accepted, unseen.remove(name.as_str())) {
                (true, false) => wrong.push(format!("accepted: {name}")),
                (false, true) => wrong.push(format!("rejected, although listed: {name}")),
                (accepted, _) => rejected += usize::from(!accepted),
            }
        }
    }
    wrong.extend(unseen.iter().map(|name| format!("listed, but not there: {name}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // As docs/registry.md says, under "In the editor".
    assert!(rejected * 3 >= all * 2, "{rejected} of {all}");
}

#[test]
fn an_allowance_sets_a_convention_aside() {
    let validator = validator();
    for (name, rule) in [
        ("abbreviated_unit", "abbreviated_unit"),
        ("camel_case", "camel_case"),
        ("camel_case_label", "camel_case"),
        ("counter_suffix", "counter_suffix"),
        ("missing_owner", "missing_owner"),
        ("reserved_suffix", "reserved_suffix"),
        ("rollup_camel_case", "camel_case"),
        ("total_suffix", "total_suffix"),
        ("version_suffix_missing", "version_suffix"),
    ] {
        let mut document = read(&folder().join(format!("tests/mistakes/{name}.json")));
        assert!(!validator.is_valid(&document), "{name}");
        let allowance = serde_json::json!({"rule": rule, "reason": "a test"});
        let is_label = name.ends_with("_label");
        let holders: Vec<&mut Value> =
            match &mut document[if is_label { "labels" } else { "metrics" }] {
                Value::Object(labels) => labels.values_mut().collect(),
                Value::Array(metrics) => metrics.iter_mut().collect(),
                other => panic!("{name}: {other}"),
            };
        for holder in holders {
            match holder["lint_allow"].as_array_mut() {
                Some(allowances) => allowances.push(allowance.clone()),
                None => holder["lint_allow"] = Value::Array(vec![allowance.clone()]),
            }
        }
        let found = complaints(&validator, &document);
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn words_are_completed_and_defaults_shown() {
    let schema = schema();
    let severity = &schema["definitions"]["Severity"];
    let (words, meanings) = (&severity["enum"], &severity["enumDescriptions"]);
    assert_eq!(words.as_array().map(Vec::len), meanings.as_array().map(Vec::len));
    let columns = &schema["definitions"]["DashboardSpec"]["properties"]["columns"];
    assert_eq!((&columns["default"], &columns["maximum"]), (&2.into(), &24.into()));
    let emit_days = &schema["definitions"]["Deprecation"]["properties"]["emit_days"];
    assert_eq!(emit_days["default"], 14);
}
