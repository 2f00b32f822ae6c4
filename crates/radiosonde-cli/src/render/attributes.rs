//! The attributes of a span in the order in which they are read: what went wrong and what was
//! asked for come first, since a terminal cuts the end of a row.

use std::borrow::Cow;

use serde_json::Value;

use crate::render::text;
use crate::story::Span;

/// Those of a span to show; in `wide` rows also what its label says already.
pub(crate) fn of(span: &Span, wide: bool) -> Vec<&(String, Value)> {
    let all = span.attributes.iter().filter(|(key, _)| !(key == ERROR_TYPE && is_cancelled(span)));
    let told = told(span);
    let is_shown = |field: &&(String, Value)| {
        wide || !(is_minor(field, &span.name) || told.contains(&field.0.as_str()))
    };
    let mut shown: Vec<_> = all.filter(is_shown).collect();
    // Stable: within one place they stay in alphabetical order, as they are read.
    shown.sort_by_key(|(key, _)| place(key));
    shown
}

/// The address a client asked for, by what tells two of them apart: `…/orders/7`. Its scheme and host
/// stand in other attributes as well.
pub(crate) fn short(span: &Span, key: &str, value: &Value) -> Option<String> {
    let url = value.as_str().filter(|_| key == URL && span.kind == "client")?;
    let (_, rest) = url.split_once("://")?;
    let path = &rest[rest.find(['/', '?', '#'])?..];
    Some(text::value(&Value::String(format!("…{path}"))))
}

/// The status code of an answer, as text.
pub(crate) fn code(span: &Span) -> Option<Cow<'_, str>> {
    let (_, value) = code_field(span)?;
    code_text(value)
}

/// The attributes that the label of a row says: the status code, and the type of an error that is the
/// same.
fn told(span: &Span) -> Vec<&str> {
    let Some((key, value)) = code_field(span) else { return Vec::new() };
    let is_same =
        |(key, of): &&(String, Value)| key == ERROR_TYPE && code_text(of) == code_text(value);
    let same = span.attributes.iter().find(is_same).map(|(key, _)| key.as_str());
    same.into_iter().chain([key.as_str()]).collect()
}

/// The first status code among the attributes.
fn code_field(span: &Span) -> Option<&(String, Value)> {
    let found = |code: &&str| span.attributes.iter().find(|(key, _)| key == code);
    CODES.iter().find_map(found).filter(|(_, value)| code_text(value).is_some())
}

/// What is a number or a short text.
fn code_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::String(text) if (1..=CODE_BYTES_MAX).contains(&text.len()) => {
            Some(Cow::Borrowed(text))
        }
        _ => None,
    }
}

/// Whether some are only for wide rows.
pub(crate) fn has_minor(span: &Span) -> bool {
    span.attributes.iter().any(|field| is_minor(field, &span.name))
}

/// Whether somebody gave up what the span did, before it had an end of its own.
pub(crate) fn is_cancelled(span: &Span) -> bool {
    let is_told = |(key, value): &(String, Value)| key == ERROR_TYPE && value == CANCELLED;
    !span.failed && span.attributes.iter().any(is_told)
}

fn place(key: &str) -> usize {
    FIRST.iter().position(|keys| keys.contains(&key)).unwrap_or(FIRST.len())
}

/// Whether few ask for it, or the name of the span says it already.
fn is_minor((key, value): &(String, Value), name: &str) -> bool {
    let text = value.as_str().filter(|text| !text.is_empty());
    match key.as_str() {
        "http.request.method" => text.is_some_and(|method| name.split(' ').next() == Some(method)),
        "http.route" => text.is_some_and(|route| name.split(' ').any(|word| word == route)),
        key => MINOR.contains(&key),
    }
}

const ERROR_TYPE: &str = "error.type";
const URL: &str = "url.full";
const CANCELLED: &str = "cancelled";

const CODES: [&str; 2] = ["http.response.status_code", "rpc.response.status_code"];
/// Longer texts are no codes.
const CODE_BYTES_MAX: usize = 32;

const FIRST: [&[&str]; 4] =
    [&[ERROR_TYPE], &CODES, &[URL, "url.path"], &["http.request.resend_count"]];

const MINOR: [&str; 5] = [
    "http.request.body.size",
    "http.response.body.size",
    "network.protocol.version",
    "server.port",
    "url.scheme",
];
