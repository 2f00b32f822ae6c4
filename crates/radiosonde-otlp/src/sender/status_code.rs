//! What a status of gRPC means. The table is in [`response`](super::response).

use std::time::Duration;

use super::answer::{Answer, Fields, Value, Verdict, partial_success};
use super::response::{taken, unreadable};

/// What a status of gRPC means, with the wait that its details ask for.
pub(super) fn of_grpc(code: i32, message: &str, wait: Option<Duration>) -> Answer {
    let verdict = match code {
        1 | 4 | 10 | 14 | 15 if wait.is_some() => Verdict::Throttled { wait, shrink: false },
        1 | 4 | 10 | 14 | 15 => Verdict::Failed { timed_out: false },
        3 => Verdict::Refused,
        8 => Verdict::Throttled { wait, shrink: wait.is_none() },
        // The letter allows to send it again, so that it is no quota without a hint.
        11 => Verdict::Throttled { wait: Some(wait.unwrap_or_default()), shrink: true },
        5 | 6 | 7 | 9 | 12 | 16 => Verdict::Misconfigured { answered: true },
        _ => Verdict::Faulty,
    };
    let name = NAMES.get(usize::try_from(code).unwrap_or(usize::MAX)).unwrap_or(&"UNKNOWN");
    let advice = match code {
        7 | 16 => " (check OTEL_EXPORTER_OTLP_HEADERS)",
        12 => {
            " (is it a receiver of OTLP over gRPC, for this signal? With compression: it may not \
               have it, see OTEL_EXPORTER_OTLP_COMPRESSION)"
        }
        _ => "",
    };
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    Answer::new(verdict, format!("the collector answered {name}{advice}{said}"))
}

/// By code.
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

/// What the message of an answer over gRPC means.
pub(super) fn of_message(message: &[u8]) -> Answer {
    match partial_success(message) {
        Some((rejected, text)) => taken(rejected, text),
        None => unreadable(),
    }
}

/// The `RetryInfo` among the details of a `google.rpc.Status`.
pub(super) fn retry_info(status: &[u8]) -> Option<Duration> {
    const DETAILS: u32 = 3;
    const NAME: &[u8] = b"/google.rpc.RetryInfo";
    let mut found = None;
    for field in Fields(status) {
        let (DETAILS, Value::Bytes(any)) = field? else { continue };
        let (mut is_it, mut value) = (false, &[][..]);
        for field in Fields(any) {
            match field? {
                (1, Value::Bytes(name)) => is_it = name.ends_with(NAME),
                (2, Value::Bytes(bytes)) => value = bytes,
                _ => {}
            }
        }
        if is_it {
            found = found.or(Some(retry_delay(value)?));
        }
    }
    found
}

/// The field `retry_delay` of a `RetryInfo`, a `Duration`; none is no wait at all, and so is one below
/// zero.
fn retry_delay(info: &[u8]) -> Option<Duration> {
    let (mut seconds, mut nanos) = (0_u64, 0_u64);
    for field in Fields(info) {
        let (1, Value::Bytes(delay)) = field? else { continue };
        for field in Fields(delay) {
            match field? {
                (1, Value::Number(number)) => seconds = number,
                (2, Value::Number(number)) => nanos = number,
                _ => {}
            }
        }
    }
    if seconds > i64::MAX as u64 {
        return Some(Duration::ZERO);
    }
    Some(Duration::new(seconds, u32::try_from(nanos.min(999_999_999)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    const FAILED: Verdict = Verdict::Failed { timed_out: false };
    const HELD: Verdict = Verdict::Misconfigured { answered: true };

    fn throttled(seconds: Option<u64>, shrink: bool) -> Verdict {
        Verdict::Throttled { wait: seconds.map(Duration::from_secs), shrink }
    }

    #[test]
    fn each_code_of_grpc_has_its_verdict() {
        for (code, wait, expected) in [
            (1, None, FAILED),
            (2, None, Verdict::Faulty),
            (3, None, Verdict::Refused),
            (4, None, FAILED),
            (5, None, HELD),
            (6, None, HELD),
            (7, None, HELD),
            (8, None, throttled(None, true)),
            (8, Some(4), throttled(Some(4), false)),
            (9, None, HELD),
            (10, None, FAILED),
            (11, None, throttled(Some(0), true)),
            (12, None, HELD),
            (13, None, Verdict::Faulty),
            (14, None, FAILED),
            (14, Some(9), throttled(Some(9), false)),
            (15, None, FAILED),
            (16, None, HELD),
            (99, None, Verdict::Faulty),
            (-1, None, Verdict::Faulty),
        ] {
            let answer = of_grpc(code, "why", wait.map(Duration::from_secs));
            assert_eq!(answer.verdict, expected, "{code} {wait:?}");
            assert!(answer.text.contains(": why"), "{}", answer.text);
        }
        assert!(of_grpc(12, "", None).text.contains("UNIMPLEMENTED"));
        let asks = of_grpc(8, "quota", Some(Duration::from_millis(2_500))).text;
        assert!(asks.ends_with(": quota; it asks to be left alone for 3 s"), "{asks}");
    }

    /// `google.rpc.Status` and what is in it, as their definitions have it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes, tag = "2")]
        value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }

    fn status(type_url: &str, retry_delay: Option<Delay>) -> Vec<u8> {
        let value = RetryInfo { retry_delay }.encode_to_vec();
        let other =
            Any { type_url: "type.googleapis.com/google.rpc.Help".to_owned(), value: vec![1, 2] };
        let any = Any { type_url: type_url.to_owned(), value };
        Status { code: 8, message: "busy".to_owned(), details: vec![other, any] }.encode_to_vec()
    }

    #[test]
    fn retry_info_is_found_among_the_details() {
        const NAME: &str = "type.googleapis.com/google.rpc.RetryInfo";
        for (name, delay, expected) in [
            (NAME, Some((3, 500_000_000)), Some(Duration::from_millis(3_500))),
            (NAME, Some((-3, 0)), Some(Duration::ZERO)),
            (NAME, Some((i64::MAX, -1)), Some(Duration::new(i64::MAX as u64, 999_999_999))),
            (NAME, None, Some(Duration::ZERO)),
            ("type.googleapis.com/google.rpc.QuotaFailure", Some((3, 0)), None),
        ] {
            let message = delay.map(|(seconds, nanos)| Delay { seconds, nanos });
            assert_eq!(retry_info(&status(name, message)), expected, "{name} {delay:?}");
        }
        assert_eq!(retry_info(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn hostile_details_never_panic(bytes: Vec<u8>) {
            let _ = retry_info(&bytes);
            let _ = of_message(&bytes);
        }
    }
}
