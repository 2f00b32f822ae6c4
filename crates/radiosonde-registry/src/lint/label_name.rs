//! Label names that promise a value nobody has seen before: ids and free text.

use super::rules::Judge;
use crate::names;

/// Judges the name of a label whose values nothing bounds but their number.
pub(super) fn check(name: &str, judge: &mut Judge<'_, '_>) {
    let words = names::words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if is_identifier(&words) {
        let what = "is named like an id: nearly every write would make a series";
        let fix = "put it on events and spans, list its `values`, or add a `pattern` no id fits, such as \
                   `[a-z]{1,20}`";
        judge.breaks_by_name("identifier_label", what, fix);
    } else if is_free_text(&words) {
        let what = "is named like free text: nearly every write would make a series";
        let fix = "put it on events and spans, or list its kinds as `values`";
        judge.breaks_by_name("free_text_label", what, fix);
    }
}

fn is_identifier(words: &[&str]) -> bool {
    match words {
        [.., thing, "id" | "ids" | "uuid" | "guid" | "key"] if THINGS.contains(thing) => true,
        ["id"] | [.., "ip" | "remote", "addr" | "address"] => true,
        [.., last] => IDENTIFIERS.contains(last),
        [] => false,
    }
}

fn is_free_text(words: &[&str]) -> bool {
    match words {
        [.., "user", "agent"] => true,
        [.., last] => TEXTS.contains(last),
        [] => false,
    }
}

/// Things of which there is no end. Not among them are those a service has few of, such as
/// modules, parsers, workers and machines.
const THINGS: &[&str] = &[
    "account",
    "call",
    "chat",
    "conversation",
    "correlation",
    "customer",
    "device",
    "document",
    "event",
    "execution",
    "file",
    "invocation",
    "invoice",
    "job",
    "member",
    "message",
    "order",
    "payment",
    "person",
    "record",
    "request",
    "row",
    "run",
    "session",
    "span",
    "subscriber",
    "task",
    "trace",
    "transaction",
    "user",
    "visitor",
];

/// Last words that name a single thing, or a moment, whatever stands before them.
const IDENTIFIERS: &[&str] = &[
    "checksum",
    "cookie",
    "email",
    "fingerprint",
    "guid",
    "hash",
    "ip",
    "ipv4",
    "ipv6",
    "nonce",
    "phone",
    "sha256",
    "timestamp",
    "traceparent",
    "ulid",
    "username",
    "uuid",
];

/// Last words that name a text somebody, or some other program, has written.
const TEXTS: &[&str] = &[
    "backtrace",
    "body",
    "comment",
    "description",
    "filename",
    "message",
    "msg",
    "path",
    "payload",
    "prompt",
    "query",
    "referer",
    "referrer",
    "sql",
    "stack",
    "stacktrace",
    "statement",
    "text",
    "title",
    "traceback",
    "uri",
    "url",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_promise_too_much() {
        let judged = |name: &str| {
            let words = names::words(name);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            (is_identifier(&words), is_free_text(&words))
        };
        for id in [
            "user_id",
            "userId",
            "http_request_id",
            "session_uuid",
            "trace_id",
            "id",
            "uuid",
            "email",
            "client_ip",
            "ip_address",
            "start_timestamp",
        ] {
            assert_eq!(judged(id), (true, false), "{id}");
        }
        for text in ["message", "errorMessage", "url", "request_path", "query", "user_agent"] {
            assert_eq!(judged(text), (false, true), "{text}");
        }
        for fine in [
            "provider",
            "parser_id",
            "module_id",
            "machine_id",
            "http_route",
            "server_address",
            "error_code",
            "reason",
            "message_kind",
            "user_tier",
            "",
            "_",
        ] {
            assert_eq!(judged(fine), (false, false), "{fine}");
        }
    }
}
