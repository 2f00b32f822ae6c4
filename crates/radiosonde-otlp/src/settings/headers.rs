//! `OTEL_EXPORTER_OTLP_HEADERS`: `name=value,name=value`, as W3C Baggage without properties.

use crate::percent::decoded;

/// Headers of one destination at most.
const HEADERS_MAX: usize = 64;
/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 8 * 1024;

const NOT_UTF_8: &str = "has percent-encoded bytes that are not UTF-8";

/// What the request itself says; a second one would contradict it.
const OWN: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-encoding",
    "grpc-timeout",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Names, lowercase, with values.
pub(super) type Headers = Vec<(String, String)>;

/// The place of an entry, counted from 1, and why it is wrong.
pub(super) type Wrong = (usize, &'static str);

/// The headers, and which entries are none. The last of two of one name counts.
pub(super) fn parse(text: &str) -> (Headers, Vec<Wrong>) {
    let mut headers = Headers::new();
    let mut wrong = Vec::new();
    for (place, entry) in text.split(',').enumerate() {
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        match header(entry) {
            Ok((name, value)) => {
                headers.retain(|(known, _)| *known != name);
                if headers.len() == HEADERS_MAX {
                    wrong.push((place + 1, "has more than 64 headers"));
                    break;
                }
                headers.push((name, value));
            }
            Err(why) => wrong.push((place + 1, why)),
        }
    }
    (headers, wrong)
}

fn header(entry: &str) -> Result<(String, String), &'static str> {
    let (name, value) = entry.split_once('=').ok_or("has no equals sign")?;
    let name = decoded(name.trim()).ok_or(NOT_UTF_8)?.to_ascii_lowercase();
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_of_name) {
        return Err("has a name that no header can have");
    }
    if OWN.contains(&name.as_str()) {
        return Err("has a header that the request sets itself");
    }
    let value = decoded(value.trim()).ok_or(NOT_UTF_8)?;
    if value.len() > VALUE_BYTES_MAX {
        return Err("has a value of more than 8,192 bytes");
    }
    // HTTP/1 would take bytes beyond ASCII; gRPC does not.
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("has a value with control characters or letters beyond ASCII");
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_baggage_is_written() {
        for (text, expected) in [
            ("api-key=abc", &[("api-key", "abc")][..]),
            (" A = 1 , b=2 ,,", &[("a", "1"), ("b", "2")]),
            ("authorization=Basic%20eDp5%3D%3D", &[("authorization", "Basic eDp5==")]),
            ("authorization=Basic eDp5==", &[("authorization", "Basic eDp5==")]),
            ("k=100%", &[("k", "100%")]),
            ("k=%zz%4", &[("k", "%zz%4")]),
            ("k=a%2Cb", &[("k", "a,b")]),
            ("k=1,K=2", &[("k", "2")]),
            ("k=", &[("k", "")]),
        ] {
            let (headers, wrong) = parse(text);
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!((headers.as_slice(), wrong.len()), (expected, 0), "{text}");
        }
    }

    #[test]
    fn what_is_no_header_is_left_out_alone() {
        let long = format!("k={}", "v".repeat(VALUE_BYTES_MAX + 1));
        for text in [
            "novalue",
            "=v",
            "a b=v",
            "k=%0d%0ainjected: yes",
            "k=%ff",
            "k=ä",
            "host=elsewhere",
            "Content-Type=text/html",
            &long,
        ] {
            let (headers, wrong) = parse(&format!("good=1,{text},fine=2"));
            assert_eq!(headers.len(), 2, "{text}");
            assert_eq!(wrong.first().map(|(place, _)| *place), Some(2), "{text}");
        }
    }

    #[test]
    fn the_number_of_headers_is_bounded() {
        let many: Vec<String> = (0..1_000).map(|at| format!("h{at}=v")).collect();
        let (headers, wrong) = parse(&many.join(","));
        assert_eq!((headers.len(), wrong.len()), (HEADERS_MAX, 1));
    }
}
