//! The fields of a record, resolved one by one: for people, and for records whose fields do not
//! stand as their call site lists them.

use std::borrow::Cow;

use radiosonde_record::{Descriptor, Key, Kind, Record, Value};
use radiosonde_redact::REDACTED;

use crate::encode::is_foreign_metric;
use crate::redactions::{Counter, Secrets};
use crate::site::SiteText;

/// One field of a line.
pub(crate) struct Field<'a> {
    /// The key as it was recorded.
    name: &'a str,
    /// What is shown of it.
    pub(crate) key: Cow<'a, str>,
    value: Value<'a>,
    /// The value calls itself JSON and is not.
    is_broken_json: bool,
    /// What stands in the place of the value.
    redacted: Option<String>,
}

impl Field<'_> {
    /// Takes out of its key what must not be shown, and counts nothing.
    pub(crate) fn hide_key(&mut self, secrets: &Secrets) {
        if let Some(key) = secrets.redact(None, &self.key, &mut Vec::new()) {
            self.key = Cow::Owned(key);
        }
    }

    /// What is shown of the value.
    pub(crate) fn shown(&self) -> Value<'_> {
        match (&self.redacted, self.value) {
            (Some(json), Value::Json(_)) => Value::Json(json),
            (Some(json), Value::Marked(_)) => Value::Marked(json),
            (Some(text), _) => Value::Str(text),
            (None, value) => value,
        }
    }
}

/// How fields are resolved.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// What calls itself JSON and is not becomes text: a line that cannot be read would cost more
    /// than its value.
    pub(crate) checks_json: bool,
    /// Keys and values are looked at, and not only whether a key names a secret.
    pub(crate) looks: bool,
}

/// Resolves the fields of a record, secrets replaced, and tells which rules did it. Of a key
/// recorded twice the last value stays, in the place of the first.
pub(crate) fn resolve<'a>(
    record: &Record<'a>,
    site: &'a Descriptor,
    text: &SiteText,
    secrets: &mut Secrets,
    how: How,
) -> (Vec<Field<'a>>, Vec<Counter>) {
    let asks_labels = is_foreign_metric(record, site);
    let mut fields: Vec<Field<'a>> = Vec::new();
    let mut hits = Vec::new();
    for (key, value) in record.fields() {
        let hidden_by = counter(key, value, text, secrets).cloned();
        let (value, is_broken_json) = match value {
            _ if hidden_by.is_some() => (Value::Str(REDACTED), false),
            Value::Json(text) | Value::Marked(text) if how.checks_json && !is_json(text) => {
                (Value::Str(text), true)
            }
            value => (value, false),
        };
        let (name, redacted) = (name(key, site), None);
        let mut field = Field { name, key: Cow::Borrowed(name), value, is_broken_json, redacted };
        if how.looks {
            if hidden_by.is_none() {
                let path = path(&field, record.kind, asks_labels);
                look(&mut field, path.as_deref(), secrets, &mut hits);
            }
            if let Some(key) = secrets.redact(None, &field.key, &mut hits) {
                field.key = Cow::Owned(key);
            }
        }
        hits.extend(hidden_by);
        match fields.iter().position(|there| there.name == field.name) {
            // The key has been numbered already, if it had to be.
            Some(at) => {
                let key = std::mem::take(&mut fields[at].key);
                fields[at] = Field { key, ..field };
            }
            None => {
                field.key = distinct(field.key, &fields);
                fields.push(field);
            }
        }
    }
    (fields, hits)
}

/// A key that no field before has: of two that differed in a secret only, both stay.
fn distinct<'a>(key: Cow<'a, str>, fields: &[Field<'_>]) -> Cow<'a, str> {
    let is_taken = |key: &str| fields.iter().any(|field| field.key == key);
    if !is_taken(&key) {
        return key;
    }
    // There are more numbers than fields.
    let numbered = (2..).map(|number| format!("{key}_{number}"));
    let free = numbered.into_iter().find(|key| !is_taken(key));
    free.map_or(key, Cow::Owned)
}

/// Where callbacks are told that the value stands; `None` for what they are not asked about.
fn path(field: &Field<'_>, kind: Kind, asks_labels: bool) -> Option<String> {
    match kind {
        Kind::Metric if asks_labels && field.name == "labels" => Some("labels".to_owned()),
        // Metric lines come from this library, and callbacks have seen their labels.
        Kind::Metric => None,
        Kind::Event => Some(format!("meta.{}", field.key)),
        Kind::Span => Some(format!("attributes.{}", field.key)),
    }
}

/// Replaces the secrets in the value of a field.
fn look(field: &mut Field<'_>, path: Option<&str>, secrets: &Secrets, hits: &mut Vec<Counter>) {
    field.redacted = match field.value {
        Value::Str(text) if field.is_broken_json => redact_broken_json(path, text, secrets, hits),
        Value::Str(text) => secrets.redact(path, text, hits),
        Value::Json(json) => secrets.redact_json(path.unwrap_or("meta"), json, hits),
        Value::Marked(json) => secrets.redact_marked(path.unwrap_or("meta"), json, hits),
        Value::Bytes(bytes) => secrets.redact(path, &String::from_utf8_lossy(bytes), hits),
        Value::Null => None,
        other if path.is_some() && secrets.has_callbacks() => {
            secrets.redact(path, &format!("{other:?}"), hits)
        }
        _ => None,
    };
}

/// A text that calls itself JSON without its secrets: those that its keys name, as far as it can be read,
/// and those of any text.
pub(crate) fn redact_broken_json(
    path: Option<&str>,
    text: &str,
    secrets: &Secrets,
    hits: &mut Vec<Counter>,
) -> Option<String> {
    let by_key = secrets.redact_json(path.unwrap_or("meta"), text, hits);
    let redacted = secrets.redact(path, by_key.as_deref().unwrap_or(text), hits);
    redacted.or(by_key)
}

fn name<'a>(key: Key<'a>, site: &'a Descriptor) -> &'a str {
    match key {
        Key::Name(key) => key,
        Key::Index(index) => match site.keys.get(index) {
            Some(key) => key,
            None => UNKNOWN_KEYS.get(index).copied().unwrap_or("field"),
        },
    }
}

/// Counts the values of a record that are replaced, once for its line.
pub(crate) fn count_redacted(record: &Record<'_>, text: &SiteText, secrets: &mut Secrets) {
    for (key, value) in record.fields() {
        if let Some(counter) = counter(key, value, text, secrets) {
            counter.add_one();
        }
    }
}

/// Where the rule counts that hides this value, when one does. Nothing is no secret.
fn counter<'s>(
    key: Key<'_>,
    value: Value<'_>,
    text: &'s SiteText,
    secrets: &'s mut Secrets,
) -> Option<&'s Counter> {
    match (value, key) {
        (Value::Null, _) => None,
        (_, Key::Name(key)) => secrets.recall(key),
        (_, Key::Index(index)) => match text.keys.get(index) {
            Some(key) => key.redacted.as_ref(),
            None => Some(secrets.unknown()),
        },
    }
}

const UNKNOWN_KEYS: [&str; 8] =
    ["field_0", "field_1", "field_2", "field_3", "field_4", "field_5", "field_6", "field_7"];

/// Whether the text can stand in a line.
pub(crate) fn is_json(text: &str) -> bool {
    !text.contains('\n') && serde_json::from_str::<serde_json::Value>(text).is_ok()
}
