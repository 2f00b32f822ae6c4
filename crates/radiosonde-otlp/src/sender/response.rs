//! Which answer means what: the specification of OTLP, and where we keep to our promise instead.
//!
//! | answer | what is done |
//! | --- | --- |
//! | 2xx | done; a partial success is counted, and never sent again |
//! | 2xx with HTML | held: whatever answered, it was no receiver of OTLP |
//! | 2xx with text, or what cannot be read | the same, until it has once given an answer that can be; then done, and counted |
//! | 429 | left alone, for as long as `Retry-After` says |
//! | 502, 503, 504; 408, 425 | tried again; with `Retry-After` left alone for so long |
//! | other 5xx | tried again, never given up; a range that keeps failing waits behind the others |
//! | 400, 422 | searched for the entries that are refused |
//! | 413 | halved, and smaller from then on |
//! | 1xx, 3xx, other 4xx | held, and looked at once a minute: a wrong key or path must not cost data |
//! | gRPC 1, 4, 10, 14, 15 | tried again |
//! | gRPC 11 | the same, and smaller: so servers answer to what is too large |
//! | gRPC 8 with `RetryInfo` | left alone for so long |
//! | gRPC 8 without | left alone, and smaller: it means a quota as well as a message too large |
//! | gRPC 3 | searched for the entries that are refused |
//! | gRPC 2, 13 | as other 5xx |
//! | gRPC 5, 6, 7, 9, 12, 16 | held |
//!
//! `strict` drops where the specification says so: all that is held, searched or halved here because
//! of an answer, and other 5xx.

use std::time::SystemTime;

use super::answer::{Answer, Verdict, partial_success, retry_after};

/// What of the head of an answer over HTTP matters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head<'a> {
    pub(super) status: u16,
    pub(super) content_type: Option<&'a str>,
    pub(super) location: Option<&'a str>,
    pub(super) retry_after: Option<&'a str>,
}

/// What an answer over HTTP means. `body` is none when it could not be read whole.
pub(super) fn of_http(head: &Head<'_>, body: Option<&[u8]>, now: SystemTime) -> Answer {
    let wait = head.retry_after.and_then(|text| retry_after(text, now));
    let verdict = match head.status {
        200..=299 => return accepted(head, body),
        400 | 422 => Verdict::Refused,
        413 => Verdict::TooLarge,
        429 => Verdict::Throttled { wait, shrink: false },
        408 | 425 | 502..=504 => match wait {
            Some(_) => Verdict::Throttled { wait, shrink: false },
            None => Verdict::Failed { timed_out: false },
        },
        500.. => match wait {
            Some(_) => Verdict::Throttled { wait, shrink: false },
            None => Verdict::Faulty,
        },
        _ => Verdict::Misconfigured { answered: true },
    };
    let said = said(head, body.unwrap_or_default());
    let said = if said.is_empty() { said } else { format!(": {said}") };
    Answer::new(verdict, format!("the collector answered {}{}{said}", head.status, advice(head)))
}

fn accepted(head: &Head<'_>, body: Option<&[u8]>) -> Answer {
    let status = head.status;
    let has = |kind: &str| head.content_type.is_some_and(|text| starts_with(text, kind));
    if has("text/html") || body.is_some_and(starts_with_html) {
        let text = format!(
            "what answers there is no receiver of OTLP: {status} with a page of HTML. Check the \
             endpoint, and what stands in front of it"
        );
        return Answer::new(Verdict::Misconfigured { answered: true }, text);
    }
    let read = body.and_then(|body| match body {
        [] => Some(Default::default()),
        body if has("application/json") => json_partial_success(body),
        // Some text happens to be a message.
        _ if has("text/") => None,
        body => partial_success(body),
    });
    match read {
        Some((rejected, text)) => taken(rejected, text),
        None => unreadable(),
    }
}

pub(super) fn unreadable() -> Answer {
    let verdict = Verdict::Accepted { rejected: 0, unreadable: true };
    Answer::new(verdict, "the collector took a request, with an answer that cannot be read")
}

/// The same from what has never given an answer that can be read.
pub(super) fn stranger() -> Answer {
    let text = "what answers there is no receiver of OTLP, as far as can be seen: it takes the request, \
                and its answer cannot be read. Check the endpoint, and what stands in front of it";
    Answer::new(Verdict::Misconfigured { answered: true }, text)
}

/// The answer of a collector that took a request.
pub(super) fn taken(rejected: u64, text: String) -> Answer {
    let text = match (rejected, text.as_str()) {
        (0, _) => text,
        (_, "") => format!("the collector refused {rejected} records, and does not say why"),
        _ => format!("the collector refused {rejected} records: {text}"),
    };
    Answer::new(Verdict::Accepted { rejected, unreadable: false }, text)
}

/// Some collectors answer in JSON whatever they were asked in.
fn json_partial_success(body: &[u8]) -> Option<(u64, String)> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = body.get("partialSuccess").or_else(|| body.get("partial_success"));
    let partial = partial.and_then(serde_json::Value::as_object);
    let Some(partial) = partial else {
        // Nothing is a success; something else, such as an error, is not.
        let is_known =
            |name: &String| matches!(name.as_str(), "partialSuccess" | "partial_success");
        return body.as_object()?.keys().all(is_known).then(Default::default);
    };
    let is_rejected = |name: &str| name.to_ascii_lowercase().starts_with("rejected");
    let rejected = partial.iter().find(|(name, _)| is_rejected(name)).map(|(_, value)| value);
    let rejected = rejected.and_then(|value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    });
    let text = partial.get("errorMessage").or_else(|| partial.get("error_message"));
    let text = text.and_then(serde_json::Value::as_str).unwrap_or_default();
    Some((rejected.unwrap_or_default(), text.to_owned()))
}

/// What a body says about an error: a `google.rpc.Status` has its message where a partial success has
/// none, so that what is text is taken as text.
fn said(head: &Head<'_>, body: &[u8]) -> String {
    let is_protobuf = head
        .content_type
        .is_some_and(|text| starts_with(text, "application/x-protobuf") || text.is_empty());
    let is_html = head.content_type.is_some_and(|text| starts_with(text, "text/html"));
    // Some label as such whatever they say.
    if starts_with_html(body) || (is_html && body.trim_ascii_start().starts_with(b"<")) {
        return "a page of HTML".to_owned();
    }
    let message = is_protobuf.then(|| super::answer::status_message(body)).flatten();
    message.unwrap_or_else(|| {
        // Bytes that are no text say nothing to people.
        std::str::from_utf8(body).map(|text| text.trim().to_owned()).unwrap_or_default()
    })
}

/// What somebody can do about a status.
fn advice(head: &Head<'_>) -> String {
    match head.status {
        300..=399 => {
            let to = head.location.map(|to| to.split(['?', '#']).next().unwrap_or_default());
            let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
            format!(
                " (redirects{to} are not followed, since they would carry the headers with \
                     them: set the endpoint to where it is)"
            )
        }
        401 | 403 => " (check OTEL_EXPORTER_OTLP_HEADERS)".to_owned(),
        404 | 405 => " (check the path of the endpoint: OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/logs \
                      and its like appended, the variable of one signal does not)"
            .to_owned(),
        407 => " (the proxy wants a user and a password: http://user:password@proxy)".to_owned(),
        415 => " (check OTEL_EXPORTER_OTLP_PROTOCOL and OTEL_EXPORTER_OTLP_COMPRESSION)".to_owned(),
        _ => String::new(),
    }
}

fn starts_with(text: &str, start: &str) -> bool {
    let head = text.trim_start().get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn starts_with_html(body: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&body[..body.len().min(64)]);
    starts_with(&head, "<!doctype html") || starts_with(&head, "<html")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ACCEPTED: Verdict = Verdict::Accepted { rejected: 0, unreadable: false };
    const FAILED: Verdict = Verdict::Failed { timed_out: false };
    const HELD: Verdict = Verdict::Misconfigured { answered: true };

    fn throttled(seconds: Option<u64>, shrink: bool) -> Verdict {
        Verdict::Throttled { wait: seconds.map(Duration::from_secs), shrink }
    }

    #[test]
    fn each_status_of_http_has_its_verdict() {
        for (status, after, expected) in [
            (200, None, ACCEPTED),
            (202, None, ACCEPTED),
            (204, None, ACCEPTED),
            (301, None, HELD),
            (307, None, HELD),
            (400, None, Verdict::Refused),
            (401, None, HELD),
            (403, Some("1"), HELD),
            (404, None, HELD),
            (405, None, HELD),
            (407, None, HELD),
            (408, None, FAILED),
            (413, None, Verdict::TooLarge),
            (415, None, HELD),
            (418, None, HELD),
            (422, None, Verdict::Refused),
            (429, None, throttled(None, false)),
            (429, Some("7"), throttled(Some(7), false)),
            (429, Some("-7"), throttled(None, false)),
            (500, None, Verdict::Faulty),
            (501, None, Verdict::Faulty),
            (500, Some("3"), throttled(Some(3), false)),
            (502, None, FAILED),
            (503, None, FAILED),
            (503, Some("0"), throttled(Some(0), false)),
            (503, Some("1e9"), FAILED),
            (503, Some("99999999999999999999"), throttled(Some(u64::MAX), false)),
            (503, Some("Thu, 01 Jan 1970 00:01:00 GMT"), throttled(Some(60), false)),
            (503, Some("Thu, 01 Jan 1950 00:01:00 GMT"), FAILED),
            (504, None, FAILED),
            (599, None, Verdict::Faulty),
            (999, None, Verdict::Faulty),
        ] {
            let head = Head { status, retry_after: after, ..Head::default() };
            let answer = of_http(&head, Some(b""), SystemTime::UNIX_EPOCH);
            assert_eq!(answer.verdict, expected, "{status} {after:?}");
            assert!(answer.text.contains(&status.to_string()) || answer.text.is_empty());
        }
    }

    #[test]
    fn what_is_acknowledged_is_read_in_whatever_form_it_comes() {
        let accepted = |rejected, unreadable| Verdict::Accepted { rejected, unreadable };
        let protobuf = Some("application/x-protobuf");
        let json = Some("application/json; charset=utf-8");
        let partial = b"\x0a\x08\x08\x03\x12\x04full";
        for (content_type, body, expected, said) in [
            (protobuf, Some(&b""[..]), accepted(0, false), ""),
            (None, Some(b""), accepted(0, false), ""),
            (protobuf, Some(partial), accepted(3, false), "refused 3 records: full"),
            (protobuf, Some(b"\x0a\x04\x12\x02hm"), accepted(0, false), "hm"),
            (protobuf, Some(b"\x0a\x02\x08\x03"), accepted(3, false), "does not say why"),
            (protobuf, Some(b"garbage"), accepted(0, true), "cannot be read"),
            (protobuf, None, accepted(0, true), "cannot be read"),
            (json, Some(b"{}"), accepted(0, false), ""),
            (json, Some(br#"{"partialSuccess":{}}"#), accepted(0, false), ""),
            (
                json,
                Some(br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}"#),
                accepted(2, false),
                "refused 2 records: no",
            ),
            (json, Some(br#"{"partial_success":{"rejected_spans":2}}"#), accepted(2, false), "2"),
            (json, Some(b"ok"), accepted(0, true), "cannot be read"),
            (json, Some(b""), accepted(0, false), ""),
            (json, Some(br#"{"partialSuccess":null}"#), accepted(0, false), ""),
            (json, Some(br#"{"error":"quota exhausted"}"#), accepted(0, true), "cannot be read"),
            (Some("text/plain"), Some(b""), accepted(0, false), ""),
            (Some("text/plain"), Some(b"hello"), accepted(0, true), "cannot be read"),
            // As a message: a field of two bytes.
            (Some("text/plain"), Some(b"z\x02ok"), accepted(0, true), "cannot be read"),
            (Some("text/html"), Some(b"Sign in"), HELD, "HTML"),
            (None, Some(b" <!DOCTYPE html><p>Sign in"), HELD, "HTML"),
        ] {
            let head = Head { status: 200, content_type, ..Head::default() };
            let answer = of_http(&head, body, SystemTime::UNIX_EPOCH);
            assert_eq!(answer.verdict, expected, "{content_type:?} {body:?}");
            assert!(answer.text.contains(said), "{}", answer.text);
        }
    }

    #[test]
    fn what_a_collector_asks_for_is_told() {
        for (status, retry_after, end) in [
            (503, Some("120"), ": busy; it asks to be left alone for 120 s"),
            (429, Some("600"), "; it asks to be left alone for 600 s"),
            (503, Some("86400"), "; it asks to be left alone for 86400 s, and is for 600 s"),
            (503, Some("Thu, 01 Jan 1970 00:00:30 GMT"), "; it asks to be left alone for 30 s"),
            (503, Some("0"), "answered 503: busy"),
            (503, Some("soon"), "answered 503: busy"),
            (429, None, "answered 429: busy"),
            (401, Some("120"), ": busy"),
        ] {
            let head = Head { status, retry_after, ..Head::default() };
            let answer = of_http(&head, Some(b"busy"), SystemTime::UNIX_EPOCH);
            assert!(answer.text.ends_with(end), "{}", answer.text);
        }
        // However long the body is, what is asked for is not cut off.
        let head = Head { status: 503, retry_after: Some("7"), ..Head::default() };
        let answer = of_http(&head, Some(&[b'a'; 9_000]), SystemTime::UNIX_EPOCH);
        assert!(answer.text.ends_with("…; it asks to be left alone for 7 s"), "{}", answer.text);
    }

    #[test]
    fn what_was_answered_is_told_with_what_to_do() {
        let head = |status, content_type, location| Head {
            status,
            content_type,
            location,
            retry_after: None,
        };
        let protobuf = Some("application/x-protobuf");
        for (head, body, said) in [
            (
                head(401, None, None),
                &b"bad token\n"[..],
                "answered 401 (check OTEL_EXPORTER_OTLP_H",
            ),
            (head(401, None, None), b"bad token\n", ": bad token"),
            (head(404, Some("text/html"), None), b"<p>no", "a page of HTML"),
            (head(403, None, None), b"\n<!doctype HTML>..", ": a page of HTML"),
            (
                head(403, Some("text/html"), None),
                b"{\"error\":\"quota\"}",
                ": {\"error\":\"quota\"}",
            ),
            (head(429, Some("text/html; charset=utf-8"), None), b"slow down", ": slow down"),
            (head(400, protobuf, None), b"\x08\x03\x12\x07no unit", ": no unit"),
            (head(400, protobuf, None), b"\xff\xff", "answered 400"),
            (head(308, None, Some("https://h/x?key=1")), b"", "redirects to https://h/x are not"),
        ] {
            let answer = of_http(&head, Some(body), SystemTime::UNIX_EPOCH);
            assert!(answer.text.contains(said), "{}", answer.text);
            assert!(!answer.text.contains("key=1"), "{}", answer.text);
        }
    }
}
