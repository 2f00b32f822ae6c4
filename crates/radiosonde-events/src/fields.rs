//! The fields of a record, resolved one by one: for people, and for records whose fields do not
//! stand as their call site lists them.

use radiosonde_record::{Descriptor, Key, Record, Value};
use radiosonde_redact::REDACTED;

use crate::redactions::{Counter, Secrets};
use crate::site::SiteText;

/// One field of a line.
pub(crate) struct Field<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Value<'a>,
}

/// Resolves the fields of a record, secrets replaced, and tells whether there were any. Of a key
/// recorded twice the last value stays, in the place of the first. With `checks_json`, what calls
/// itself JSON and is not becomes text: a line that cannot be read would cost more than its value.
pub(crate) fn resolve<'a>(
    record: &Record<'a>,
    site: &'a Descriptor,
    text: &SiteText,
    secrets: &mut Secrets,
    checks_json: bool,
) -> (Vec<Field<'a>>, bool) {
    let mut fields: Vec<Field<'a>> = Vec::new();
    let mut is_redacted = false;
    for (key, value) in record.fields() {
        let is_secret = counter(key, value, text, secrets).is_some();
        is_redacted |= is_secret;
        let value = match value {
            _ if is_secret => Value::Str(REDACTED),
            // A line that cannot be read would cost more than its value.
            Value::Json(text) if checks_json && !is_json(text) => Value::Str(text),
            value => value,
        };
        let key = match key {
            Key::Name(key) => key,
            Key::Index(index) => match site.keys.get(index) {
                Some(key) => key,
                None => UNKNOWN_KEYS.get(index).copied().unwrap_or("field"),
            },
        };
        match fields.iter_mut().find(|field| field.key == key) {
            Some(field) => field.value = value,
            None => fields.push(Field { key, value }),
        }
    }
    (fields, is_redacted)
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
fn is_json(text: &str) -> bool {
    !text.contains('\n') && serde_json::from_str::<serde_json::Value>(text).is_ok()
}
