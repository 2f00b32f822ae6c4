//! The fields of a record, resolved one by one: for people, and for records whose fields do not
//! stand as their call site lists them.

use std::sync::atomic::Ordering;

use radiosonde_record::{Descriptor, Key, Record, Value};
use radiosonde_redact::{REDACTED, Rules};

use crate::redactions::{Counter, Redactions};
use crate::site::SiteText;

/// One field of a line.
pub(crate) struct Field<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Value<'a>,
}

/// What decides about fields, for one record.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    pub(crate) site: &'a Descriptor,
    pub(crate) text: &'a SiteText,
    pub(crate) rules: &'a Rules,
    pub(crate) redactions: &'a Redactions,
    pub(crate) checks_json: bool,
}

impl<'a> Resolver<'a> {
    /// The fields of a record, secrets replaced. Of a key recorded twice the last value stays, in
    /// the place of the first.
    pub(crate) fn fields(self, record: &Record<'a>) -> Vec<Field<'a>> {
        let mut fields: Vec<Field<'a>> = Vec::new();
        for (key, value) in record.fields() {
            let is_secret = !matches!(value, Value::Null) && self.counter(key).is_some();
            let value = match value {
                _ if is_secret => Value::Str(REDACTED),
                // A line that cannot be read would cost more than its value.
                Value::Json(text) if self.checks_json && !is_json(text) => Value::Str(text),
                value => value,
            };
            let key = self.name(key);
            match fields.iter_mut().find(|field| field.key == key) {
                Some(field) => field.value = value,
                None => fields.push(Field { key, value }),
            }
        }
        fields
    }

    /// Counts the values of a record that are replaced.
    pub(crate) fn count_redacted(self, record: &Record<'_>) {
        for (key, value) in record.fields() {
            if !matches!(value, Value::Null)
                && let Some(counter) = self.counter(key)
            {
                // Only shown to people, nothing is published through it.
                let _before = counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn name<'k>(self, key: Key<'k>) -> &'k str
    where
        'a: 'k,
    {
        match key {
            Key::Name(key) => key,
            Key::Index(index) => match self.site.keys.get(index) {
                Some(key) => key,
                None => UNKNOWN_KEYS.get(index).copied().unwrap_or("field"),
            },
        }
    }

    /// Where the rule counts that hides values of this key.
    fn counter(self, key: Key<'_>) -> Option<Counter> {
        match key {
            Key::Name(key) => {
                self.rules.rule_for_key(key).map(|rule| self.redactions.counter(rule))
            }
            Key::Index(index) => match self.text.keys.get(index) {
                Some(key) => key.redacted.clone(),
                // The call site was lost with its file: nobody knows whether this is a secret.
                None => Some(self.redactions.counter(UNKNOWN_KEY_RULE)),
            },
        }
    }
}

/// Whether the text can stand in a line.
fn is_json(text: &str) -> bool {
    !text.contains('\n') && serde_json::from_str::<serde_json::Value>(text).is_ok()
}

/// Under which a value counts as redacted when its key is not known.
const UNKNOWN_KEY_RULE: &str = "unknown_key";

const UNKNOWN_KEYS: [&str; 8] =
    ["field_0", "field_1", "field_2", "field_3", "field_4", "field_5", "field_6", "field_7"];
