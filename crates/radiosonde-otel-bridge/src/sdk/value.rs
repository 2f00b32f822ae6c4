//! Values of OpenTelemetry as values of a record.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use radiosonde_record::{Value, base64, marked};
use serde_json::{Map, Value as Json};

use crate::convert;

/// Deepest nesting of lists and maps that is told; what is deeper becomes `…`.
const DEPTH_MAX: usize = 16;

/// A value on its way into a record.
#[derive(Debug, PartialEq)]
pub(super) enum Held<'a> {
    Bool(bool),
    Bytes(&'a [u8]),
    F64(f64),
    I64(i64),
    /// A list or a map.
    Json(String),
    /// The same, of which some texts are marked.
    Marked(String),
    Null,
    Str(&'a str),
}

impl<'a> Held<'a> {
    pub(super) fn of(value: Option<&'a AnyValue>) -> Self {
        match value.and_then(|value| value.value.as_ref()) {
            // An index into a table that logs, metrics and traces do not have.
            None | Some(Any::StringValueStrindex(_)) => Self::Null,
            Some(Any::ArrayValue(_) | Any::KvlistValue(_)) => {
                let mut has_marks = false;
                let json = json(value, 0, &mut has_marks).to_string();
                if has_marks { Self::Marked(json) } else { Self::Json(json) }
            }
            Some(Any::BoolValue(value)) => Self::Bool(*value),
            Some(Any::BytesValue(bytes)) => Self::Bytes(bytes),
            Some(Any::DoubleValue(value)) => Self::F64(*value),
            Some(Any::IntValue(value)) => Self::I64(*value),
            Some(Any::StringValue(text)) => Self::Str(text),
        }
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::F64(value) => Value::F64(*value),
            Self::I64(value) => Value::I64(*value),
            Self::Json(json) => Value::Json(json),
            Self::Marked(json) => Value::Marked(json),
            Self::Null => Value::Null,
            Self::Str(text) => Value::Str(text),
        }
    }

    /// The value as text, as lines have it: of a label, or an id.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Bytes(bytes) => base64::encoded(bytes),
            Self::F64(value) => value.to_string(),
            Self::I64(value) => value.to_string(),
            Self::Json(text) => text,
            Self::Marked(text) => marked::shown(&text),
            Self::Null => String::new(),
            Self::Str(text) => text.to_owned(),
        }
    }
}

/// The value of an attribute, when it is text.
pub(super) fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().rev().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text),
        _ => None,
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON of a value. What has no form there is marked, and `has_marks` says so.
fn json(value: Option<&AnyValue>, depth: usize, has_marks: &mut bool) -> Json {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::ArrayValue(_) | Any::KvlistValue(_)) if depth == DEPTH_MAX => Json::from("…"),
        Some(Any::ArrayValue(list)) => {
            list.values.iter().map(|value| json(Some(value), depth + 1, has_marks)).collect()
        }
        Some(Any::KvlistValue(list)) => {
            let pair = |pair: &KeyValue| {
                (pair.key.clone(), json(pair.value.as_ref(), depth + 1, has_marks))
            };
            Json::Object(list.values.iter().map(pair).collect::<Map<_, _>>())
        }
        Some(Any::DoubleValue(number)) => convert::number(*number, has_marks),
        Some(Any::BytesValue(bytes)) => {
            *has_marks = true;
            Json::from(marked::of_bytes(bytes))
        }
        Some(Any::StringValue(text)) => convert::text(text, has_marks),
        Some(Any::BoolValue(value)) => Json::from(*value),
        Some(Any::IntValue(value)) => Json::from(*value),
        None | Some(Any::StringValueStrindex(_)) => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn any(value: Any) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn list(values: Vec<Any>) -> Any {
        Any::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })
    }

    fn map(values: Vec<(&str, Any)>) -> Any {
        let pair = |(key, value): (&str, Any)| KeyValue {
            key: key.to_owned(),
            value: Some(any(value)),
            ..KeyValue::default()
        };
        Any::KvlistValue(KeyValueList { values: values.into_iter().map(pair).collect() })
    }

    #[test]
    fn every_type_keeps_its_kind() {
        let bytes = Any::BytesValue;
        let cases = [
            (Any::StringValue("größe\n".into()), Held::Str("größe\n")),
            (Any::BoolValue(false), Held::Bool(false)),
            (Any::IntValue(i64::MIN), Held::I64(i64::MIN)),
            (Any::DoubleValue(-0.5), Held::F64(-0.5)),
            (bytes(b"plain".to_vec()), Held::Bytes(b"plain")),
            (bytes(vec![0xff, 0x00, 0x7f]), Held::Bytes(&[0xff, 0x00, 0x7f])),
            (Any::StringValueStrindex(3), Held::Null),
            (list(vec![]), Held::Json("[]".into())),
            (
                list(vec![Any::IntValue(1), Any::DoubleValue(f64::NAN), bytes(vec![0xfe])]),
                Held::Marked(r#"[1,"\u0000dNaN","\u0000b/g=="]"#.into()),
            ),
            (
                map(vec![("a\"b", Any::DoubleValue(f64::NEG_INFINITY)), ("c", list(vec![]))]),
                Held::Marked(r#"{"a\"b":"\u0000d-Inf","c":[]}"#.into()),
            ),
            (
                list(vec![Any::StringValue("\0b".into()), Any::StringValue("a\0".into())]),
                Held::Marked(r#"["\u0000t\u0000b","a\u0000"]"#.into()),
            ),
        ];
        for (given, expected) in cases {
            let given = any(given);
            assert_eq!(Held::of(Some(&given)), expected);
        }
        assert_eq!(Held::of(None), Held::Null);
        assert_eq!(Held::of(Some(&AnyValue { value: None })), Held::Null);
    }

    #[test]
    fn what_is_nested_without_end_has_one() {
        let deep = (0..90).fold(Any::IntValue(1), |inner, _| list(vec![inner]));
        let deep = any(deep);
        let Held::Json(text) = Held::of(Some(&deep)) else { panic!("no list") };
        assert_eq!(text, format!("{}\"…\"{}", "[".repeat(16), "]".repeat(16)));
    }
}
