//! Attributes of a metric point as the labels of its line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use radiosonde_record::{Value, base64, start_of};

use super::origin::Origin;
use super::value::Held;

/// Labels of a point; the SDK itself has no limit.
const LABELS_MAX: usize = 64;
/// Longest name of a label, in bytes.
const NAME_MAX: usize = 255;
/// Longest value of a label, in bytes.
const VALUE_MAX: usize = 1024;
/// Bytes of all labels of a point as JSON: they fit a record with the rest of it. Without its labels the
/// point would be one of another series.
const LABELS_BYTES_MAX: usize = 24 * 1024;

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
        let mut add = |name: &str, value: Cow<'_, str>| {
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
            add(key, Held::of(value.as_ref()).into_text().into());
        }
        // Two scopes may have a metric of the same name: they are two series.
        origin.each_with_name(&mut |name, value| {
            add(
                name,
                match value {
                    Value::Str(text) | Value::Json(text) => text.into(),
                    Value::Bytes(bytes) => base64::encoded(bytes).into(),
                    other => format!("{other:?}").into(),
                },
            );
        });
        let mut json = String::from("{");
        for (name, value) in labels {
            let [name, value] = [name, value].map(|text| serde_json::Value::from(text).to_string());
            // With a comma, a colon and the brace at the end.
            if json.len() + name.len() + value.len() + 3 > LABELS_BYTES_MAX {
                is_cut = true;
                continue;
            }
            let separator = if json.len() > 1 { "," } else { "" };
            json.extend([separator, &name, ":", &value]);
        }
        json.push('}');
        Self { json, is_cut }
    }
}

/// The beginning of a text, as far as there is room, and whether that is less than all.
pub(super) fn cut(text: &str, max: usize) -> (&str, bool) {
    let start = start_of(text, max);
    (start, start.len() < text.len())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope};

    use super::*;

    fn label(key: &str, value: Any) -> KeyValue {
        let value = Some(AnyValue { value: Some(value) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    }

    fn labels(attributes: &[KeyValue]) -> (serde_json::Value, bool) {
        let scope = InstrumentationScope { name: "mq".to_owned(), ..Default::default() };
        let origin = Origin::new(None, Some(&scope));
        let labels = Labels::of(attributes, &origin);
        (serde_json::from_str(&labels.json).unwrap(), labels.is_cut)
    }

    #[test]
    fn labels_are_texts_and_of_one_that_comes_twice_the_last_counts() {
        let given = [
            label("code", Any::IntValue(200)),
            label("ok", Any::BoolValue(true)),
            label("code", Any::IntValue(404)),
        ];
        let expected = serde_json::json!({"code": "404", "ok": "true", "otel.scope.name": "mq"});
        assert_eq!(labels(&given), (expected, false));
    }

    #[test]
    fn labels_are_bounded_in_number_and_length() {
        let many: Vec<_> =
            (0..70).map(|nth| label(&format!("k{nth}"), Any::IntValue(nth))).collect();
        let (object, is_cut) = labels(&many);
        assert_eq!((object.as_object().unwrap().len(), is_cut), (LABELS_MAX, true));
        // All of them together, as JSON, where each character takes six bytes.
        let wide: Vec<_> = (0..64)
            .map(|nth| label(&format!("k{nth:02}"), Any::StringValue("\u{1}".repeat(1_000))))
            .collect();
        let (object, is_cut) = labels(&wide);
        let names: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            (names, is_cut),
            (["k00", "k01", "k02", "k03"].map(str::to_owned).to_vec(), true)
        );
        let long = [label(&"ä".repeat(200), Any::StringValue("ö".repeat(600)))];
        let (object, is_cut) = labels(&long);
        let (name, value) = object.as_object().unwrap().iter().next_back().unwrap();
        // At a character, and not past the bytes there are.
        assert_eq!((name.as_str(), is_cut), ("ä".repeat(127).as_str(), true));
        assert_eq!(value.as_str().unwrap(), "ö".repeat(512));
    }
}
