//! Requests over gRPC: one message each way, over HTTP/2.
//!
//! A client library for it would bring thirteen packages to every application, for what is here: a
//! prefix of five bytes before the message, and a status in the trailers. See
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body;
use radiosonde_record::base64;

use super::compress::{compressed, gunzipped};
use super::http1::head;
use super::{ANSWER_MAX, Asking, BATCH, failed, timed_out};
use crate::destination::{Compression, Destination};
use crate::percent::decoded;
use crate::sender::answer::{Answer, Verdict};
use crate::sender::connect::{Connections, Exchange, Heard, connections};
use crate::sender::proxy::Proxies;
use crate::sender::response::of_http;
use crate::sender::status_code::{of_grpc, of_message, retry_info};
use crate::signal::Signal;

const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";
/// What speaks HTTP/1.1 alone, or TLS, may close before its answer to the first bytes of HTTP/2 can be read.
const PERHAPS_HTTP: &str = " (if it stays so, it may not speak gRPC: check OTEL_EXPORTER_OTLP_PROTOCOL and the \
    port, which is 4317 for gRPC and 4318 for HTTP; if it speaks TLS, the endpoint begins with https://)";
/// Before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

pub(in crate::sender) struct Client {
    exchange: Arc<dyn Exchange>,
    heard: Heard,
    uri: Uri,
    headers: HeaderMap,
    compression: Compression,
}

impl Client {
    pub(super) fn new(
        destination: &Destination,
        signal: Signal,
        origin: &Uri,
        mut headers: HeaderMap,
        proxies: &Proxies,
    ) -> Result<Self, String> {
        let Connections { exchange, heard, .. } = connections(destination, origin, proxies)?;
        let origin = origin.to_string();
        let uri = format!("{}{}", origin.trim_end_matches('/'), signal.grpc_path()).parse();
        let uri = uri.map_err(|_| "the endpoint is no URL: set OTEL_EXPORTER_OTLP_ENDPOINT")?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        Ok(Self { exchange, heard, uri, headers, compression: destination.compression })
    }

    pub(super) fn ask(&self, body: Vec<u8>, batch: &str, timeout: Duration) -> Asking {
        let (encoding, message) = compressed(self.compression, body);
        let mut request = Request::new(Full::new(framed(encoding.is_some(), &message)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().clone_from(&self.headers);
        // At most eight digits, as the protocol has it.
        let timeout_ms = timeout.as_millis().min(99_999_999);
        let timeout_header = HeaderValue::try_from(format!("{timeout_ms}m"));
        let batch = HeaderValue::from_str(batch).ok();
        let encoding = encoding.map(HeaderValue::from_static);
        let further = [(TIMEOUT, timeout_header.ok()), (BATCH, batch), (ENCODING, encoding)];
        for (name, value) in further {
            if let Some(value) = value {
                request.headers_mut().insert(name, value);
            }
        }
        let answered = self.exchange.request(request);
        let heard = self.heard.clone();
        Box::pin(async move {
            let answer = async {
                match answered.await {
                    Ok(response) => read(response, &heard).await,
                    Err(error) => {
                        let mut answer = failed(&error, &heard);
                        let is_told = answer.text.contains("OTEL_");
                        if !error.is_connect() && !is_told {
                            answer.text.push_str(PERHAPS_HTTP);
                        }
                        answer
                    }
                }
            };
            tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| timed_out(timeout))
        })
    }
}

/// A message with its prefix.
fn framed(is_compressed: bool, message: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(PREFIX + message.len());
    framed.push(u8::from(is_compressed));
    // A request is bounded to a few MiB.
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(message);
    Bytes::from(framed)
}

pub(in crate::sender) async fn read<B>(response: Response<B>, heard: &Heard) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (parts, body) = response.into_parts();
    let head = head(&parts);
    if head.status != 200 {
        // What stands in front of a server answers so.
        return of_http(&head, None, SystemTime::now());
    }
    if !head.content_type.unwrap_or_default().starts_with("application/grpc") {
        return foreign("200 without its content type");
    }
    if let Some(answer) = refused(&parts.headers) {
        return answer;
    }
    let collected = match Limited::new(body, ANSWER_MAX).collect().await {
        Ok(collected) => collected,
        Err(error) if error.is::<LengthLimitError>() => {
            return foreign("an answer of more than 64 KiB");
        }
        Err(error) => return failed(error.as_ref(), heard),
    };
    let has_status = |headers: &HeaderMap| headers.contains_key(STATUS);
    let answer = match collected.trailers() {
        Some(trailers) if has_status(trailers) => refused(trailers),
        // Told in the head already.
        _ if has_status(&parts.headers) => None,
        _ => {
            let text = "the answer ended without a status";
            Some(Answer::new(Verdict::Failed { timed_out: false }, text))
        }
    };
    answer.unwrap_or_else(|| of_message(&message(&collected.to_bytes())))
}

fn foreign(what: &str) -> Answer {
    let text = format!(
        "what answers there is no receiver of OTLP over gRPC: {what}. Check the endpoint, and \
         OTEL_EXPORTER_OTLP_PROTOCOL"
    );
    Answer::new(Verdict::Misconfigured { answered: true }, text)
}

/// What a status means that is not OK; in the trailers, or in the head of an answer without body.
fn refused(headers: &HeaderMap) -> Option<Answer> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = headers.get(STATUS)?;
    // What is no number is UNKNOWN.
    let code = code.to_str().ok().and_then(|code| code.trim().parse().ok()).unwrap_or(2);
    if code == 0 {
        return None;
    }
    let message = text(MESSAGE).unwrap_or_default();
    let message = decoded(message).unwrap_or_else(|| message.to_owned());
    let details = headers.get(DETAILS).and_then(|value| base64::decoded(value.as_bytes()));
    Some(of_grpc(code, &message, details.and_then(|details| retry_info(&details))))
}

/// The message of an answer; bytes that no message begins with when there is none to be read.
fn message(body: &[u8]) -> Vec<u8> {
    const UNREADABLE: &[u8] = &[0];
    let Some((prefix, rest)) = body.split_first_chunk::<PREFIX>() else {
        // Nothing at all is an empty message to those who leave it out.
        return if body.is_empty() { Vec::new() } else { UNREADABLE.to_vec() };
    };
    let [is_compressed, length @ ..] = *prefix;
    let whole = rest.get(..u32::from_be_bytes(length) as usize);
    let message = match (is_compressed, whole) {
        (0, Some(message)) => Some(message.to_vec()),
        (1, Some(message)) => gunzipped(message).ok(),
        _ => None,
    };
    message.unwrap_or_else(|| UNREADABLE.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_framed_and_read() {
        for (is_compressed, bytes) in [(false, &b""[..]), (false, b"abc"), (false, &[7; 70_000])] {
            assert_eq!(message(&framed(is_compressed, bytes)), bytes);
        }
        let (_, gzip) = compressed(Compression::Gzip, b"abc".to_vec());
        assert_eq!(message(&framed(true, &gzip)), b"abc");
        assert_eq!(message(b""), b"", "left out");
        for wrong in [
            &b"\0\0\0\0"[..],
            b"\0\0\0\0\x09abc",
            b"\0\xff\xff\xff\xff",
            b"\x01\0\0\0\x03abc",
            b"\x02\0\0\0\0",
        ] {
            let answer = of_message(&message(wrong));
            let expected = Verdict::Accepted { rejected: 0, unreadable: true };
            assert_eq!(answer.verdict, expected, "{wrong:?}");
        }
    }

    #[test]
    fn a_status_is_read_with_its_message_and_details() {
        // RetryInfo of two seconds, as `google.rpc.Status` carries it.
        let mut any =
            b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x02".to_vec();
        let mut status = vec![0x1a, u8::try_from(any.len()).expect("small")];
        status.append(&mut any);
        let details = base64::encoded(&status);
        let two = Some(Duration::from_secs(2));
        for (code, details, expected) in [
            ("0", "", None),
            ("14", "", Some(Verdict::Failed { timed_out: false })),
            ("8", details.as_str(), Some(Verdict::Throttled { wait: two, shrink: false })),
            ("8", "no base64!", Some(Verdict::Throttled { wait: None, shrink: true })),
            ("nonsense", "", Some(Verdict::Faulty)),
            ("-1", "", Some(Verdict::Faulty)),
            ("3", "", Some(Verdict::Refused)),
        ] {
            let mut headers = HeaderMap::new();
            let mut insert = |name: &'static str, value: &str| {
                headers.insert(name, HeaderValue::from_str(value).expect("a value"));
            };
            insert(STATUS, code);
            insert(MESSAGE, "100%25 f%C3%BCll");
            insert(DETAILS, details);
            let answer = refused(&headers);
            assert_eq!(answer.as_ref().map(|answer| answer.verdict), expected, "{code}");
            assert!(answer.is_none_or(|answer| answer.text.contains("100% füll")));
        }
        assert_eq!(refused(&HeaderMap::new()), None);
    }
}
