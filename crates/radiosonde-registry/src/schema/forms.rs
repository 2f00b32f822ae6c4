//! What may be written in more than one form, and so cannot be told from the type.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::patterns;
use crate::model::{Deprecation, MetricSpec, MetricType, NamedQuery, Retention};

/// A metric with every default.
pub(crate) fn metric() -> MetricSpec {
    MetricSpec::new("", MetricType::Gauge)
}

/// `"stable"`, `"deprecated"`, or an object that says since when.
pub(crate) fn status(generator: &mut SchemaGenerator) -> Schema {
    let deprecation = generator.subschema_for::<Deprecation>();
    json_schema!({
        "anyOf": [
            {"type": "string", "enum": ["stable", "deprecated"]},
            {
                "type": "object",
                "properties": {"deprecated": deprecation},
                "required": ["deprecated"],
                "additionalProperties": false,
            },
        ],
    })
}

/// A duration, or a list of durations with their steps.
pub(crate) fn retention(generator: &mut SchemaGenerator) -> Schema {
    let step = generator.subschema_for::<Retention>();
    json_schema!({
        "examples": ["90d", [{"keep": "90d", "step": "30s"}, {"keep": "56w", "step": "5m"}]],
        "anyOf": [
            {"type": "string", "pattern": patterns::DURATION},
            {"type": "array", "items": step},
        ],
    })
}

/// A value, several, or those that are not meant.
pub(crate) fn label_match(_: &mut SchemaGenerator) -> Schema {
    let values = json!([
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
    ]);
    let mut forms = values.as_array().cloned().unwrap_or_default();
    forms.push(json!({
        "type": "object",
        "properties": {"not": {"anyOf": values}},
        "required": ["not"],
        "additionalProperties": false,
    }));
    json_schema!({
        "examples": ["production", ["401", "402"], {"not": "success"}],
        "anyOf": forms,
    })
}

/// A list of questions; a metric's name is one.
pub(crate) fn named_queries(generator: &mut SchemaGenerator) -> Schema {
    let long = generator.subschema_for::<NamedQuery>();
    json_schema!({
        "type": "array",
        "items": {
            "anyOf": [{"type": "string", "pattern": patterns::METRIC}, long],
        },
    })
}
