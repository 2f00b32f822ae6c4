//! gRPC as far as one request and one answer need it: frames, statuses, what a status is in HTTP.

use bytes::Bytes;
use prost::Message;
use std::time::Duration;

/// Codes of gRPC that are answered here.
pub(crate) const INVALID_ARGUMENT: i32 = 3;
pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
pub(crate) const UNIMPLEMENTED: i32 = 12;

/// In front of each message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;

/// `google.rpc.Status`, which is also the body of an error over HTTP.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Detail {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(crate) delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Delay {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanoseconds: i32,
}

/// A status with what it says about trying again.
pub(crate) fn status(code: i32, message: &str, retry_after: Option<Duration>) -> Status {
    let info = retry_after.map(|time| RetryInfo {
        delay: Some(Delay {
            seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: time.subsec_nanos().cast_signed(),
        }),
    });
    let details = info.map(|info| Detail {
        kind: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: info.encode_to_vec(),
    });
    Status { code, message: message.to_owned(), details: details.into_iter().collect() }
}

/// The status as headers or trailers.
pub(crate) fn headers(status: &Status) -> http::HeaderMap {
    let code = tonic::Code::from_i32(status.code);
    let details = match status.details.is_empty() {
        true => Bytes::new(),
        false => status.encode_to_vec().into(),
    };
    let mut headers = http::HeaderMap::new();
    // What the script's message cannot be as a header is percent-encoded there.
    let _ = tonic::Status::with_details(code, &status.message, details).add_header(&mut headers);
    headers
}

/// The status of HTTP that belongs to a code, as the OTLP specification and gRPC's own table have it.
pub(crate) fn http_status(code: i32) -> u16 {
    match code {
        3 | 9 | 11 => 400,
        16 => 401,
        7 => 403,
        5 => 404,
        6 | 10 => 409,
        8 => 429,
        1 => 499,
        12 => 501,
        14 => 503,
        4 => 504,
        _ => 500,
    }
}

/// The code of gRPC that belongs to what is wrong with a request.
pub(crate) fn code_of(http_status: u16) -> i32 {
    match http_status {
        400 => INVALID_ARGUMENT,
        413 => RESOURCE_EXHAUSTED,
        _ => UNIMPLEMENTED,
    }
}

/// The one message of a request, and whether it is compressed.
pub(crate) fn message(body: &Bytes) -> Option<(bool, Bytes)> {
    let head = body.get(..HEAD_BYTES)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let end = HEAD_BYTES.checked_add(usize::try_from(length).ok()?)?;
    (end == body.len() && head[0] <= 1).then(|| (head[0] == 1, body.slice(HEAD_BYTES..end)))
}

/// A message with its head.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = vec![0];
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_one_whole_message() {
        let whole = frame(b"abc");
        assert_eq!(message(&whole.clone().into()), Some((false, Bytes::from_static(b"abc"))));
        assert_eq!(message(&frame(b"").into()), Some((false, Bytes::new())));
        let changed = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            Bytes::from(bytes)
        };
        assert_eq!(message(&changed(0, 1)), Some((true, Bytes::from_static(b"abc"))));
        for wrong in [
            Bytes::new(),
            Bytes::from(whole[..4].to_vec()),
            Bytes::from(whole[..7].to_vec()),
            Bytes::from([whole.clone(), vec![0]].concat()),
            changed(0, 2),
            changed(1, 255),
        ] {
            assert_eq!(message(&wrong), None, "{wrong:?}");
        }
    }
}
