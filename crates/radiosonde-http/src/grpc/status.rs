//! Status codes of gRPC.

use http::HeaderMap;

pub(crate) const OK: u16 = 0;
pub(crate) const CANCELLED: u16 = 1;
pub(crate) const UNKNOWN: u16 = 2;
const NOT_FOUND: u16 = 5;
const ALREADY_EXISTS: u16 = 6;
const PERMISSION_DENIED: u16 = 7;
const FAILED_PRECONDITION: u16 = 9;
const ABORTED: u16 = 10;
const OUT_OF_RANGE: u16 = 11;
const UNIMPLEMENTED: u16 = 12;
pub(crate) const INTERNAL: u16 = 13;
pub(crate) const UNAVAILABLE: u16 = 14;
const DATA_LOSS: u16 = 15;
const UNAUTHENTICATED: u16 = 16;

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// `rpc.response.status_code`.
pub(crate) fn code_name(code: u16) -> &'static str {
    NAMES.get(usize::from(code)).copied().unwrap_or("UNKNOWN")
}

/// The code in trailers, or in the head of a response that has nothing else. One that gRPC does not
/// have is `UNKNOWN`, as it is to every client.
pub(crate) fn code(headers: &HeaderMap) -> Option<u16> {
    let text = headers.get("grpc-status")?.to_str().ok();
    let code = text.and_then(|text| text.parse().ok());
    Some(code.filter(|code| usize::from(*code) < NAMES.len()).unwrap_or(UNKNOWN))
}

/// Whether a code is of a method, which has looked at what it was asked. The others are also given by
/// what stands in front of the methods: limits, deadlines, checks of who calls.
pub(crate) fn only_a_method_answers(code: u16) -> bool {
    let of_its_data = matches!(code, NOT_FOUND | ALREADY_EXISTS | OUT_OF_RANGE | DATA_LOSS);
    of_its_data || matches!(code, OK | FAILED_PRECONDITION | ABORTED)
}

/// Whether the body behind this head, of a request or its answer, is of messages, and of nothing else:
/// gRPC-Web has its trailers among them.
pub(crate) fn has_messages(headers: &HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let rest = content_type.and_then(|text| text.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// What a client makes of an answer without a code: the table of gRPC for HTTP statuses.
pub(crate) fn code_of_http(status: Option<u16>) -> u16 {
    match status {
        Some(400) => INTERNAL,
        Some(401) => UNAUTHENTICATED,
        Some(403) => PERMISSION_DENIED,
        Some(404) => UNIMPLEMENTED,
        Some(429 | 502 | 503 | 504) => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// Whether the conventions call it a failure of the server's span: the other codes are the caller's.
pub(crate) fn is_servers_fault(code: u16) -> bool {
    const DEADLINE_EXCEEDED: u16 = 4;
    matches!(code, UNKNOWN | DEADLINE_EXCEEDED | UNIMPLEMENTED | INTERNAL | UNAVAILABLE | DATA_LOSS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_bad_ones_are_unknown() {
        let table = [
            ("0", "OK"),
            ("4", "DEADLINE_EXCEEDED"),
            ("16", "UNAUTHENTICATED"),
            ("17", "UNKNOWN"),
            ("-1", "UNKNOWN"),
            ("", "UNKNOWN"),
            ("99999999", "UNKNOWN"),
            ("\u{e4}", "UNKNOWN"),
        ];
        for (text, name) in table {
            let mut headers = HeaderMap::new();
            let value = http::HeaderValue::from_bytes(text.as_bytes()).expect("a value");
            headers.insert("grpc-status", value);
            assert_eq!(code(&headers).map(code_name), Some(name), "{text}");
        }
        assert_eq!(code(&HeaderMap::new()), None);
    }

    #[test]
    fn servers_answer_for_their_own_codes_only() {
        let faults: Vec<&str> =
            (0..17).filter(|code| is_servers_fault(*code)).map(code_name).collect();
        let expected = [
            "UNKNOWN",
            "DEADLINE_EXCEEDED",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
        ];
        assert_eq!(faults, expected);
    }
}
