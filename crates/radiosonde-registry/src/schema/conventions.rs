//! Conventions, as far as the letters of a name break them. Each is set aside by its allowance.

use serde_json::{Value, json};

use super::patterns::{
    COUNTER, NO_CAPITALS, NO_VERSION, NOT_A_COUNTER, NOT_A_PART, SPELT_OUT, VERSIONED,
};

/// Conditions on a metric.
pub(super) fn of_metrics() -> Vec<Value> {
    let any = json!({});
    let counter = json!({"properties": {"type": {"const": "counter"}}, "required": ["type"]});
    let other = json!({
        "properties": {"type": {"enum": ["gauge", "histogram", "summary"]}},
        "required": ["type"],
    });
    let versioned = json!({"properties": {"version": {"minimum": 2}}, "required": ["version"]});
    let first = json!({"properties": {"version": {"const": 1}}});
    vec![
        names("abbreviated_unit", &any, SPELT_OUT),
        names("camel_case", &any, NO_CAPITALS),
        names("counter_suffix", &counter, COUNTER),
        names("reserved_suffix", &any, NOT_A_PART),
        names("total_suffix", &other, NOT_A_COUNTER),
        // Roll-ups keep their names over versions.
        unless_allowed("version_suffix", &first, &name(NO_VERSION)),
        unless_allowed("version_suffix", &versioned, &name(VERSIONED)),
    ]
}

/// Conditions on what only the document has together.
pub(super) fn of_the_document() -> Vec<Value> {
    let owners = json!({"properties": {"owners": {"minProperties": 1}}, "required": ["owners"]});
    let owned = json!({"anyOf": [{"required": ["owner"]}, allowed("missing_owner")]});
    vec![
        json!({"if": owners, "then": {"properties": {"metrics": {"items": owned}}}}),
        json!({"properties": {"labels": {"patternProperties": {"[A-Z]": allowed("camel_case")}}}}),
    ]
}

/// Names of metrics and of their roll-ups.
fn names(rule: &str, when: &Value, pattern: &str) -> Value {
    let rollups = json!({"items": {"properties": {"name": {"pattern": pattern}}}});
    let names = json!({"properties": {"name": {"pattern": pattern}, "rollups": rollups}});
    unless_allowed(rule, when, &names)
}

fn name(pattern: &str) -> Value {
    json!({"properties": {"name": {"pattern": pattern}}})
}

fn unless_allowed(rule: &str, when: &Value, then: &Value) -> Value {
    json!({"if": {"allOf": [when, {"not": allowed(rule)}]}, "then": then})
}

/// A metric or label with that allowance.
fn allowed(rule: &str) -> Value {
    let allowance = json!({"properties": {"rule": {"const": rule}}, "required": ["rule"]});
    json!({"properties": {"lint_allow": {"contains": allowance}}, "required": ["lint_allow"]})
}
