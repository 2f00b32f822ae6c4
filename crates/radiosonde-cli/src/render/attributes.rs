//! The attributes of a span in the order in which they are read: what went wrong and what was
//! asked for come first, since a terminal cuts the end of a row.

use serde_json::Value;

use crate::story::Span;

/// Those of a span to show; in `wide` rows all but what its label says already.
pub(crate) fn of(span: &Span, wide: bool) -> Vec<&(String, Value)> {
    let all = span.attributes.iter().filter(|(key, _)| !(key == ERROR_TYPE && is_cancelled(span)));
    let mut shown: Vec<_> = all.filter(|field| wide || !is_minor(field, &span.name)).collect();
    // Stable: within one place they stay in alphabetical order, as they are read.
    shown.sort_by_key(|(key, _)| place(key));
    shown
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
const CANCELLED: &str = "cancelled";

const FIRST: [&[&str]; 4] = [
    &[ERROR_TYPE],
    &["http.response.status_code", "rpc.response.status_code"],
    &["url.full", "url.path"],
    &["http.request.resend_count"],
];

const MINOR: [&str; 5] = [
    "http.request.body.size",
    "http.response.body.size",
    "network.protocol.version",
    "server.port",
    "url.scheme",
];
