//! From what `schemars` makes of types to what the decoder reads.

use serde_json::{Map, Value, json};

use super::{describe, patterns};

/// Goes through the whole schema.
pub(super) fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for value in members.values_mut() {
                tidy(value);
            }
            without_null(members);
            numbers(members);
            words(members);
            defaults(members);
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = describe::for_readers_of_json(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// An optional key is left out; `null` is no value.
fn without_null(members: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = members.get("type") {
        let others: Vec<_> = types.iter().filter(|name| *name != "null").cloned().collect();
        if let [only] = others.as_slice() {
            let only = only.clone();
            let _list = members.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(forms)) = members.get("anyOf") else { return };
    let is_null = |form: &Value| form.get("type").is_some_and(|name| name == "null");
    if forms.iter().any(is_null) {
        let others: Vec<_> = forms.iter().filter(|form| !is_null(form)).cloned().collect();
        let _with_null = members.remove("anyOf");
        // `$ref` beside other keywords would silence them in this dialect.
        let key = if others.len() == 1 { "allOf" } else { "anyOf" };
        let _new = members.insert(key.to_owned(), Value::Array(others));
    }
}

/// The names of Rust's integers mean nothing to others; their ranges do.
fn numbers(members: &mut Map<String, Value>) {
    let name = members.get("format").and_then(Value::as_str).map(str::to_owned);
    let maximum = match name.as_deref() {
        Some("uint32") => Some(json!(u32::MAX)),
        Some("uint" | "uint64" | "double") => None,
        _ => return,
    };
    let _name = members.remove("format");
    if let Some(maximum) = maximum {
        let _new = members.entry("maximum").or_insert(maximum);
    }
}

/// One list of words instead of a choice between constants: editors complete it, and say all of it
/// when another word stands there.
fn words(members: &mut Map<String, Value>) {
    let Some(Value::Array(forms)) = members.get("oneOf") else { return };
    let mut list = Vec::new();
    let mut meanings = Vec::new();
    for form in forms {
        let Some(word) = form.get("const").filter(|word| word.is_string()) else { return };
        list.push(word.clone());
        meanings.push(form.get("description").cloned().unwrap_or_default());
    }
    let _forms = members.remove("oneOf");
    let _new = members.insert("type".to_owned(), json!("string"));
    let _new = members.insert("enum".to_owned(), Value::Array(list));
    // Not in the standard; editors show it, others pass over it.
    let _new = members.insert("enumDescriptions".to_owned(), Value::Array(meanings));
}

/// A default that says nothing is none.
fn defaults(members: &mut Map<String, Value>) {
    let empty = match members.get("default") {
        Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        _ => false,
    };
    if empty {
        let _nothing = members.remove("default");
    }
}

/// What has to be there has no default.
pub(super) fn demanded(schema: &mut Value) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for key in required.iter().filter_map(Value::as_str) {
        let property = schema.get_mut("properties").and_then(|properties| properties.get_mut(key));
        if let Some(property) = property.and_then(Value::as_object_mut) {
            let _default = property.remove("default");
        }
    }
    if let Some(Value::Object(definitions)) = schema.get_mut("definitions") {
        definitions.values_mut().for_each(demanded);
    }
}

/// Editors show regular expressions to people unless something better is there. Not in the
/// standard; others pass over it.
pub(super) fn messages(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(messages);
            let Some(Value::String(pattern)) = members.get("pattern") else { return };
            let known = patterns::MESSAGES.iter().find(|(known, _)| known == pattern);
            if let Some((_, message)) = known {
                let _new = members.insert("patternErrorMessage".to_owned(), json!(message));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(messages),
        _ => {}
    }
}
