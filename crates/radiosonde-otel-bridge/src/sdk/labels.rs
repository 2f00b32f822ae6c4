//! Attributes of a metric point as the labels of its line.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use radiosonde_record::Value;

use super::origin::Origin;
use super::value::Held;

/// Labels of a point; the SDK itself has no limit.
const LABELS_MAX: usize = 64;
/// Longest name of a label, in bytes.
const NAME_MAX: usize = 255;
/// Longest value of a label, in bytes.
const VALUE_MAX: usize = 1024;

/// The labels of a series, by name.
#[derive(Debug)]
pub(super) struct Labels {
    /// An object of texts.
    pub(super) json: String,
    /// Whether something was cut or left out.
    pub(super) is_cut: bool,
}

impl Labels {
    pub(super) fn of(attributes: &[KeyValue], origin: &Origin<'_>) -> Self {
        let mut labels = BTreeMap::new();
        let mut is_cut = false;
        let mut add = |name: &str, value: String| {
            let ((name, name_cut), (value, value_cut)) =
                (cut(name, NAME_MAX), cut(&value, VALUE_MAX));
            let is_new = !labels.contains_key(name);
            let has_room = !is_new || labels.len() < LABELS_MAX;
            if has_room {
                let _before = labels.insert(name.to_owned(), value.to_owned());
            }
            is_cut |= name_cut || value_cut || !has_room;
        };
        for KeyValue { key, value, .. } in attributes {
            add(key, Held::of(value.as_ref()).into_text());
        }
        // Two scopes may have a metric of the same name: they are two series.
        origin.each_with_name(&mut |name, value| {
            add(
                name,
                match value {
                    Value::Str(text) => text.to_owned(),
                    other => format!("{other:?}"),
                },
            );
        });
        let object = labels.into_iter().map(|(name, value)| (name, serde_json::Value::from(value)));
        let json = serde_json::Value::Object(object.collect()).to_string();
        Self { json, is_cut }
    }
}

/// The beginning of a text, as far as there is room, and whether that is less than all.
pub(super) fn cut(text: &str, max: usize) -> (&str, bool) {
    // `str::floor_char_boundary` is younger than our oldest compiler.
    let end = (0..=text.len().min(max)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    (&text[..end], end < text.len())
}
