//! What the types cannot say: about the metrics and what stands around them.

use serde_json::{Value, json};

use super::{
    conventions,
    patterns::{
        DATE, DURATION, INSTRUMENT, LABEL, METRIC, MODULE, OTEL_UNIT, PLAIN_METRIC, PRINTABLE, SAID,
    },
};
use crate::lint::{LintRule, lints};

/// Keywords by definition.
pub(super) fn table() -> Value {
    let mut table = surroundings();
    for more in [label(), metric(), metric_parts()] {
        if let (Value::Object(table), Value::Object(more)) = (&mut table, more) {
            table.extend(more);
        }
    }
    table
}

/// The document and what stands around labels and metrics.
fn surroundings() -> Value {
    let limit = json!({"minimum": 1});
    let label_names = json!({"items": {"pattern": LABEL}, "uniqueItems": true});
    json!({
        "": {
            "required": ["schema_version"],
            "examples": [{"schema_version": 1, "metrics": []}],
            "properties": {
                "schema_version": {"enum": [1]},
                "environments": {"description": "Limits by environment. Default: none; a metric may have 200 series everywhere."},
                "service": {"pattern": SAID, "examples": ["usage-ingestion"]},
                "max_labels": limit,
                "required_labels": label_names,
                "labels": {"propertyNames": {"pattern": LABEL}, "maxProperties": 10_000},
                "modules": {
                    "propertyNames": {"pattern": MODULE},
                    "description": "What becomes of metrics that are not registered and come from other crates, by module path such as `sqlx` or `tower_http::metrics`. The longest path that fits counts.",
                },
                "metrics": {"maxItems": 10_000},
            },
            "allOf": conventions::of_the_document(),
        },
        "Environment": {"properties": {
            "series_limit": {"minimum": 1, "default": 200},
            "fleet_limit": {"minimum": 1, "default": 200},
        }},
        "LintAllowance": {
            "required": ["rule", "reason"],
            "properties": {
                "rule": {
                    "enum": lints().iter().map(|lint| lint.name).collect::<Vec<_>>(),
                    "enumDescriptions": lints().iter().map(|lint| lint.what).collect::<Vec<_>>(),
                },
                "reason": {"pattern": SAID},
            },
        },
        "ModuleSpec": {
            "properties": {
                "policy": {"default": "namespace"},
                "series_limit": {"minimum": 1, "default": 200},
            },
            "if": {"properties": {"policy": {"const": "refuse"}}, "required": ["policy"]},
            "then": {"properties": {"series_limit": false}},
        },
        "Owner": {
            "anyOf": [
                {"required": ["slack"]}, {"required": ["email"]},
                {"required": ["pagerduty"]}, {"required": ["jira"]},
            ],
            "properties": {
                "slack": {"examples": ["#telemetry"]},
                "email": {"examples": ["team@example.org"]},
            },
        },
    })
}

fn label() -> Value {
    json!({
        "LabelSpec": {
            "anyOf": [{"required": ["values"]}, {"required": ["pattern"]}, {"required": ["max_values"]}],
            "properties": {
                "values": {
                    "minItems": 1,
                    "uniqueItems": true,
                    "items": {
                        "pattern": PRINTABLE,
                        "minLength": 1,
                        "maxLength": 128,
                        "not": {"const": "_other"},
                    },
                },
                "pattern": {
                    "minLength": 1,
                    "maxLength": 1024,
                    "examples": ["[a-z]+"],
                    "not": {"enum": [".*", ".+", "^.*$", "^.+$"]},
                },
                "max_values": {"minimum": 1},
                "lint_allow": allowances(|lint| lint.on_labels),
            },
            "dependencies": {"values": {"properties": {"pattern": false, "max_values": false}}},
        },
    })
}

/// Which lints may be allowed there. The list stands beside the type, whose own words are all lints.
fn allowances(there: fn(&LintRule) -> bool) -> Value {
    let lints = lints().iter().filter(|lint| there(lint));
    let names: Vec<&str> = lints.map(|lint| lint.name).collect();
    json!({"allOf": [{"items": {"properties": {"rule": {"enum": names}}}}]})
}

fn metric() -> Value {
    json!({
        "MetricSpec": {
            "required": ["name", "type", "unit", "help"],
            "properties": {
                "name": {"pattern": METRIC, "examples": ["ingestion_runs_total"]},
                "type": {"description": "What kind of values it has."},
                "unit": {
                    "pattern": SAID,
                    "description": "The unit of its values, such as `seconds`; `1` where there is none.",
                    "examples": ["seconds", "bytes", "1"],
                },
                "help": {"pattern": SAID},
                "labels": {"items": {"pattern": LABEL}, "uniqueItems": true},
                "source": {"default": "app"},
                "status": {"default": "stable"},
                "version": {"minimum": 1},
                "interval_s": {"minimum": 1, "examples": [60]},
                "buckets": {"maxItems": 100, "uniqueItems": true, "examples": [[0.1, 0.5, 1, 5]]},
                "exponential_buckets": {"examples": [{"scale": 3, "min": 0.001, "max": 60}]},
                "max_labels": {
                    "minimum": 1,
                    "description": "Labels this metric may have. Default: what the registry allows all metrics.",
                },
                "series_limit": {
                    "minimum": 1,
                    "description": "Label sets it may have in one process. Default: the limit of the environment.",
                },
                "expression": {"pattern": SAID},
                "family": {"pattern": SAID},
                "lint_allow": allowances(|lint| lint.on_metrics),
            },
            "allOf": metric_conditions().into_iter().chain(conventions::of_metrics()).collect::<Vec<_>>(),
        },
    })
}

fn metric_parts() -> Value {
    json!({
        "Deprecation": {"properties": {
            "since": {"pattern": DATE, "examples": ["2026-11-01"]},
            "replaced_by": {"pattern": METRIC},
            "emit_days": {"minimum": 1, "maximum": 365},
        }},
        "ExponentialBuckets": {
            "required": ["scale", "min", "max"],
            "properties": {
                "scale": {"minimum": -10, "maximum": 20, "examples": [3]},
                "min": {"minimum": 1e-300, "maximum": 1e300, "examples": [0.001]},
                "max": {"minimum": 1e-300, "maximum": 1e300, "examples": [60]},
            },
        },
        "OtelNames": {"properties": {
            "name": {"pattern": INSTRUMENT, "maxLength": 255},
            "unit": {"pattern": OTEL_UNIT, "maxLength": 63, "examples": ["s", "By"]},
        }},
        "Retention": {
            "required": ["keep"],
            "properties": {
                "keep": {"pattern": DURATION, "examples": ["90d"]},
                "step": {"pattern": DURATION, "examples": ["30s"]},
            },
        },
        "Rollup": {
            "required": ["name"],
            "properties": {
                "name": {"pattern": METRIC},
                "by": {"items": {"pattern": LABEL}, "uniqueItems": true},
                "help": {"pattern": SAID},
            },
        },
        "Variance": {
            "required": ["baseline"],
            "properties": {
                "baseline": {"pattern": SAID},
                "tolerance": {"minimum": 0, "maximum": 1},
            },
        },
    })
}

/// What holds for some types and sources only.
fn metric_conditions() -> Vec<Value> {
    let when = |types: &[&str], then: Value| {
        let condition = json!({"properties": {"type": {"enum": types}}, "required": ["type"]});
        json!({"if": condition, "then": {"properties": then}})
    };
    vec![
        when(
            &["counter", "gauge"],
            json!({"aggregation": {"not": {"enum": ["p50", "p90", "p95", "p99"]}}}),
        ),
        when(
            &["counter", "gauge", "summary"],
            json!({"buckets": {"maxItems": 0}, "exponential_buckets": false}),
        ),
        json!({"dependencies": {"exponential_buckets": {"properties": {"buckets": {"maxItems": 0}}}}}),
        when(&["gauge", "summary"], json!({"rollups": {"maxItems": 0}})),
        json!({
            "if": {"properties": {"source": {"const": "derived"}}, "required": ["source"]},
            "then": {"required": ["expression"]},
            "else": {"properties": {
                "expression": false,
                // Colons are for what is derived.
                "name": {"pattern": PLAIN_METRIC},
            }},
        }),
        json!({
            "if": {
                "properties": {"source": {"enum": ["derived", "external"]}},
                "required": ["source"],
            },
            "then": {"properties": {"rollups": {"maxItems": 0}}},
        }),
        json!({"not": {"required": ["deprecated", "status"]}}),
    ]
}
