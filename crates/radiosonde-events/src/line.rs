//! The fields of a record, ready for a line: names resolved, duplicates and secrets gone.

use radiosonde_record::{Descriptor, Key, Record, Value};
use radiosonde_redact::{REDACTED, Rules};

/// What a call site's keys are and which of them hide their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    /// By position: the key and the rule that applies to it.
    indexed: Vec<(String, Option<String>)>,
}

impl Keys {
    pub(crate) fn new(site: &Descriptor, rules: &Rules) -> Self {
        let rule = |key: &String| (key.clone(), rule_for(rules, key));
        Self { indexed: site.keys.iter().map(rule).collect() }
    }
}

/// One field of a line.
pub(crate) struct Field<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Value<'a>,
}

/// Resolves the fields of a record. Of a key recorded twice the last value stays, in the place of
/// the first. `redacted` is called with the rule for each value that was replaced.
pub(crate) fn fields<'a>(
    record: &Record<'a>,
    keys: &'a Keys,
    rules: &Rules,
    mut redacted: impl FnMut(&str),
) -> Vec<Field<'a>> {
    let mut fields: Vec<Field<'a>> = Vec::new();
    for (key, value) in record.fields() {
        let (key, rule) = match key {
            Key::Index(index) => match keys.indexed.get(index) {
                Some((key, rule)) => (key.as_str(), rule.clone()),
                // The call site was lost with its file: nobody knows whether this is a secret.
                None => (
                    UNKNOWN_KEYS.get(index).copied().unwrap_or("field"),
                    Some(UNKNOWN_KEY_RULE.to_owned()),
                ),
            },
            Key::Name(key) => (key, rule_for(rules, key)),
        };
        let value = match rule {
            Some(rule) if !matches!(value, Value::Null) => {
                redacted(&rule);
                Value::Str(REDACTED)
            }
            _ => value,
        };
        match fields.iter_mut().find(|field| field.key == key) {
            Some(field) => field.value = value,
            None => fields.push(Field { key, value }),
        }
    }
    fields
}

fn rule_for(rules: &Rules, key: &str) -> Option<String> {
    rules.rule_for_key(key).map(str::to_owned)
}

/// Under which a value counts as redacted when its key is not known.
const UNKNOWN_KEY_RULE: &str = "unknown_key";

const UNKNOWN_KEYS: [&str; 8] =
    ["field_0", "field_1", "field_2", "field_3", "field_4", "field_5", "field_6", "field_7"];
