//! Adds what tables say to a schema that was made from types.

use serde_json::{Map, Value};

/// Adds a table to the schema: for each definition (`""` is the document itself) keywords and, under
/// `properties`, keywords of single keys. Returns the places that do not exist.
pub(super) fn apply(schema: &mut Value, table: &Value) -> Vec<String> {
    let mut astray = Vec::new();
    for (definition, keywords) in table.as_object().into_iter().flatten() {
        let place = match definition.as_str() {
            "" => Some(&mut *schema),
            name => schema.get_mut("definitions").and_then(|all| all.get_mut(name)),
        };
        match place.and_then(Value::as_object_mut) {
            Some(place) => add(place, keywords, definition, &mut astray),
            None => astray.push(definition.clone()),
        }
    }
    astray
}

fn add(
    place: &mut Map<String, Value>,
    keywords: &Value,
    definition: &str,
    astray: &mut Vec<String>,
) {
    for (keyword, value) in keywords.as_object().into_iter().flatten() {
        if keyword != "properties" {
            merge(place.entry(keyword).or_insert(Value::Null), value);
            continue;
        }
        for (key, keywords) in value.as_object().into_iter().flatten() {
            match place.get_mut("properties").and_then(|properties| properties.get_mut(key)) {
                Some(property) => merge(property, keywords),
                None => astray.push(format!("{definition}.{key}")),
            }
        }
    }
}

/// Objects are merged key by key, lists are joined, anything else is replaced.
fn merge(place: &mut Value, added: &Value) {
    match (place, added) {
        (Value::Object(place), Value::Object(added)) => {
            for (key, value) in added {
                merge(place.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(place), Value::Array(added)) => place.extend(added.iter().cloned()),
        (place, added) => *place = added.clone(),
    }
}
