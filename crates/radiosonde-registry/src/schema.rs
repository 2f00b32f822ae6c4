//! The JSON Schema of `registry.json`: what an editor completes, explains and underlines.
//!
//! Objects, keys, lists of words, defaults and descriptions come from the model types. What the
//! types cannot say (what has to be there, how a name looks, what excludes what) is added from
//! tables, and the result is put into the dialect editors know best, draft-07.

mod conventions;
mod describe;
pub(crate) mod forms;
mod patch;
mod patterns;
mod rules;
mod rules_operations;
mod tidy;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::model::Registry;

/// Where the schema is kept, and the name editors know it by.
const ID: &str = "https://raw.githubusercontent.com/radiosonde-rs/radiosonde/main/crates/radiosonde-registry/registry.schema.json";

/// The JSON Schema of `registry.json`, draft-07: indented by two spaces, keys in the order of the
/// alphabet, a line break at the end. The same text on every call.
///
/// A file it accepts may still be refused: a schema cannot follow references or compare values. A
/// file it refuses is refused by [`Registry::parse`] too, or says something pointless.
pub fn json_schema() -> String {
    let (schema, _) = schema();
    // Serializing a value cannot fail.
    let mut text = serde_json::to_string_pretty(&sorted(&schema)).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema, and the places of the tables that are not in it: none, as a test below holds.
fn schema() -> (Value, Vec<String>) {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Registry>().to_value();
    tidy::tidy(&mut schema);
    short_keys(&mut schema);
    let mut astray = patch::apply(&mut schema, &rules::table());
    astray.extend(patch::apply(&mut schema, &rules_operations::table()));
    tidy::demanded(&mut schema);
    tidy::messages(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        let _type_name = root.insert("title".to_owned(), json!("Metric registry of radiosonde"));
        let _new = root.insert("$id".to_owned(), json!(ID));
    }
    (schema, astray)
}

/// Keys that are read and are in no type.
fn short_keys(schema: &mut Value) {
    let keys = [
        (
            "/properties",
            "$schema",
            json!({"type": "string", "description": "Where the schema of this file is; for editors."}),
        ),
        (
            "/definitions/MetricSpec/properties",
            "deprecated",
            json!({
                "type": "boolean",
                "description": "Short for a `status` that is deprecated, without a date.",
                "default": false,
            }),
        ),
    ];
    for (place, key, property) in keys {
        if let Some(Value::Object(properties)) = schema.pointer_mut(place) {
            let _new = properties.insert(key.to_owned(), property);
        }
    }
}

/// The same value with the keys of every object in the order of the alphabet, whatever features
/// other packages gave `serde_json`.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_unstable();
            keys.into_iter().map(|key| (key.clone(), sorted(&members[key]))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_entry_of_the_tables_has_its_place() {
        let (_, astray) = super::schema();
        assert!(astray.is_empty(), "{astray:#?}");
    }
}
