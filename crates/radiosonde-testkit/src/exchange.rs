//! One request: read, judged as the script says, kept, answered.

use crate::body::{Body, Part};
use crate::grpc;
use crate::received::Received;
use crate::receiver::Shared;
use crate::requests::{Request, Transport};
use crate::script::Fault;
use crate::wire::Conduct;
use crate::{Signal, decode};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use std::convert::Infallible;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Instant;

/// The largest body that is read, on the wire and decompressed. The specification has no limit;
/// this one keeps a test that went wrong from filling the memory.
const BODY_BYTES_MAX: usize = 64 << 20;

const PROTOBUF: &str = "application/x-protobuf";
const GRPC: &str = "application/grpc";

/// Answers one request. Never an error: what goes wrong is an answer.
pub(crate) async fn answer(
    request: http::Request<Incoming>,
    shared: Arc<Shared>,
    conduct: Arc<Conduct>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let fault = shared.request();
    let slow = if let Fault::SlowAnswer { every } = fault { every } else { Default::default() };
    conduct.write_every(slow);
    conduct.read_per_s(if let Fault::Throttle { bytes_per_s } = fault { bytes_per_s } else { 0 });
    let mut exchange = Exchange::new(&head, fault);
    match exchange.fault {
        Fault::HangBeforeBody => {
            shared.note(exchange.noted);
            // The body is held, unread, until the sender gives up.
            return std::future::pending().await;
        }
        Fault::Reset => {
            shared.note(exchange.noted);
            conduct.end(true);
            return std::future::pending().await;
        }
        _ => {}
    }
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            // Broken off by the sender, most of the time: then nobody reads the answer.
            let answer = exchange.refuse(400, "the body did not come whole");
            shared.note(exchange.noted);
            return Ok(answer);
        }
    };
    exchange.noted.body_bytes = body.len();
    let (answer, kept) = exchange.judge(&head.headers, &body);
    let ends = matches!(exchange.fault, Fault::LoseAnswer);
    let hangs = matches!(exchange.fault, Fault::HangAfterBody);
    exchange.noted.is_kept = kept.is_some();
    shared.keep(exchange.noted, kept);
    if ends {
        conduct.end(false);
    }
    if ends || hangs { std::future::pending().await } else { Ok(answer) }
}

/// What is known of a request while it is treated.
struct Exchange {
    fault: Fault,
    noted: Request,
}

impl Exchange {
    fn new(head: &http::request::Parts, fault: Fault) -> Exchange {
        let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_grpc = kind.starts_with(GRPC.as_bytes());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        Exchange {
            noted: Request {
                number: 0,
                at: Instant::now(),
                transport: if is_grpc { Transport::Grpc } else { Transport::Http },
                signal: Signal::of_path(head.uri.path(), is_grpc),
                path: head.uri.path().to_owned(),
                headers: headers.collect(),
                body_bytes: 0,
                records: 0,
                fault: fault.clone(),
                status: 0,
                is_kept: false,
            },
            fault,
        }
    }

    fn is_grpc(&self) -> bool {
        self.noted.transport == Transport::Grpc
    }

    /// The answer, and what is kept of the request.
    fn judge(&mut self, headers: &HeaderMap, body: &Bytes) -> (Response<Body>, Option<Received>) {
        let Some(signal) = self.noted.signal else {
            return (self.refuse(404, "this path takes no telemetry"), None);
        };
        let (encoding, message) = match self.message(headers, body) {
            Ok(found) => found,
            Err((status, why)) => return (self.refuse(status, why), None),
        };
        if self.fault == Fault::Uncompressed && encoding != "identity" {
            return (self.refuse(415, "compressed requests are not taken"), None);
        }
        let received = match decode::decode(signal, &message) {
            Ok(received) => received,
            Err(_) => return (self.refuse(400, "the body is no request of this signal"), None),
        };
        self.noted.records = received.len();
        self.as_scripted(&message, received)
    }

    /// The message and how it was compressed.
    fn message(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<(String, Bytes), (u16, &'static str)> {
        let named = |name: HeaderName| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or("identity").to_owned()
        };
        let (encoding, message) = if self.is_grpc() {
            let (is_compressed, message) =
                grpc::message(body).ok_or((400, "the body is not one message of gRPC"))?;
            let encoding = named(HeaderName::from_static("grpc-encoding"));
            (if is_compressed { encoding } else { "identity".to_owned() }, message)
        } else {
            let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if !kind.is_some_and(|kind| kind.starts_with(PROTOBUF)) {
                return Err((415, "only application/x-protobuf is taken"));
            }
            (named(CONTENT_ENCODING), body.clone())
        };
        let message = match encoding.as_str() {
            "identity" => Ok(message),
            "gzip" => inflate(flate2::read::MultiGzDecoder::new(message.as_ref())),
            "zstd" => zstd::Decoder::new(message.as_ref()).and_then(inflate),
            _ => return Err((415, "only gzip and zstd are taken")),
        };
        Ok((encoding, message.map_err(|_| (400, "the body cannot be decompressed"))?))
    }

    fn as_scripted(
        &mut self,
        message: &Bytes,
        mut received: Received,
    ) -> (Response<Body>, Option<Received>) {
        match self.fault.clone() {
            Fault::Status { code, headers } => (self.status(code, &headers), None),
            Fault::Grpc { code, message, retry_after } => {
                let status = grpc::status(code, &message, retry_after);
                (self.failed(grpc::http_status(code), &status), None)
            }
            Fault::HangAfterBody => (self.success(None), None),
            Fault::Html => {
                let page = b"<!doctype html><title>Sign in</title>".as_slice();
                (self.respond(200, "text/html", vec![Part::Data(page.into())]), None)
            }
            Fault::TooLarge { bytes_max } if message.len() > bytes_max => {
                (self.refuse(413, "the body is too large"), None)
            }
            Fault::Poison(text) if contains(message, text.as_bytes()) => {
                (self.refuse(400, "a record is not taken"), None)
            }
            Fault::Garbage => (self.garbage(), Some(received)),
            Fault::HalfAnswer => (self.half(), Some(received)),
            Fault::PartialSuccess { rejected, message } => {
                let rejected = received.len().min(usize::try_from(rejected).unwrap_or(usize::MAX));
                received.truncate(received.len() - rejected);
                (self.success(Some((rejected, &message))), Some(received))
            }
            _ => (self.success(None), Some(received)),
        }
    }

    /// Success; with what was rejected and why.
    fn success(&mut self, partial: Option<(usize, &str)>) -> Response<Body> {
        // The three answers have the same tags.
        let partial_success = partial.map(|(rejected, message)| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
            error_message: message.to_owned(),
        });
        self.accept(ExportTraceServiceResponse { partial_success }.encode_to_vec())
    }

    /// Fields of groups that nobody began.
    fn garbage(&mut self) -> Response<Body> {
        self.accept(vec![0xff; 9])
    }

    fn accept(&mut self, message: Vec<u8>) -> Response<Body> {
        if !self.is_grpc() {
            return self.respond(200, PROTOBUF, vec![Part::Data(message.into())]);
        }
        let trailers = grpc::headers(&grpc::status(0, "", None));
        let parts = vec![Part::Data(grpc::frame(&message).into()), Part::Trailers(trailers)];
        self.respond(200, GRPC, parts)
    }

    /// Announces more than it says.
    fn half(&mut self) -> Response<Body> {
        let (message, kind) =
            if self.is_grpc() { (grpc::frame(&[0; 40]), GRPC) } else { (vec![0; 40], PROTOBUF) };
        let first = Bytes::copy_from_slice(&message[..message.len() / 2]);
        let mut response = self.respond(200, kind, vec![Part::Data(first), Part::Break]);
        if !self.is_grpc() {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(message.len()));
        }
        response
    }

    /// What is wrong with the request itself.
    fn refuse(&mut self, status: u16, why: &str) -> Response<Body> {
        self.failed(status, &grpc::status(grpc::code_of(status), why, None))
    }

    fn failed(&mut self, http: u16, status: &grpc::Status) -> Response<Body> {
        if self.is_grpc() {
            // Without a message the status stands in the head: "trailers only".
            let mut response = self.respond(200, GRPC, Vec::new());
            self.noted.status = u16::try_from(status.code).unwrap_or(0);
            response.headers_mut().extend(grpc::headers(status));
            return response;
        }
        let body = Part::Data(status.encode_to_vec().into());
        let mut response = self.respond(http, PROTOBUF, vec![body]);
        let delay = status.details.first();
        let delay = delay.and_then(|found| grpc::RetryInfo::decode(found.value.as_slice()).ok());
        if let Some(delay) = delay.and_then(|info| info.delay) {
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, HeaderValue::from(delay.seconds));
        }
        response
    }

    fn status(&mut self, code: u16, headers: &[(String, String)]) -> Response<Body> {
        let body = Part::Data(Bytes::from_static(b"as the script says\n"));
        let mut response = self.respond(code, "text/plain", vec![body]);
        for (name, value) in headers {
            // A test may ask for any header, but not for what HTTP cannot carry.
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn respond(&mut self, status: u16, kind: &'static str, parts: Vec<Part>) -> Response<Body> {
        let mut response = Response::new(Body::of(parts));
        *response.status_mut() =
            http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        self.noted.status = if self.is_grpc() && status == 200 { 0 } else { status };
        response
    }
}

/// All that comes, up to what a body may have.
fn inflate(reader: impl io::Read) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    reader.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > BODY_BYTES_MAX {
        return Err(io::Error::other("the body is too large"));
    }
    Ok(bytes.into())
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}
