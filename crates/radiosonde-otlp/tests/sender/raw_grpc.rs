//! Answers over gRPC that no receiver of OTLP should give.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use radiosonde_otlp::{Destination, Protocol, State};

use crate::common::*;

type Body = BoxBody<Bytes, io::Error>;

/// An answer, piece by piece.
#[derive(Clone, Debug)]
struct Script {
    content_type: &'static str,
    head: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
    trailers: Option<&'static [(&'static str, &'static str)]>,
    /// Whether it breaks off behind the body.
    breaks: bool,
}

impl Script {
    fn new(body: &[u8]) -> Self {
        Self {
            content_type: "application/grpc+proto",
            head: &[],
            body: body.to_vec(),
            trailers: Some(&[("grpc-status", "0")]),
            breaks: false,
        }
    }
}

/// What becomes of ten records: delivered, rejected, pending; requests that failed; answers that could
/// not be read.
type Expected = ((u64, u64, u64), u64, u64);

/// A partial success that refuses two, with its prefix.
const PARTIAL: &[u8] = b"\0\0\0\0\x04\x0a\x02\x08\x02";
const TWO_REFUSED: Expected = ((8, 2, 0), 0, 0);
const TAKEN: Expected = ((10, 0, 0), 0, 0);
const UNREADABLE: Expected = ((10, 0, 0), 0, 1);
const AGAIN: Expected = ((10, 0, 0), 1, 0);
const HELD: Expected = ((0, 0, 10), 1, 0);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

fn cases() -> Vec<(&'static str, Script, Expected)> {
    let large = framed(0, &vec![0; 200_000]);
    let script = |body: &[u8]| Script::new(body);
    vec![
        ("partial", script(PARTIAL), TWO_REFUSED),
        ("gzip", script(&framed(1, &gzip(&PARTIAL[5..]))), TWO_REFUSED),
        ("a bomb", script(&framed(1, &gzip(&vec![0; 1024 * 1024]))), UNREADABLE),
        ("no gzip", script(&framed(1, b"abc")), UNREADABLE),
        ("no message", script(b""), TAKEN),
        ("half a message", script(&PARTIAL[..7]), UNREADABLE),
        ("no trailers", Script { trailers: None, ..script(PARTIAL) }, AGAIN),
        ("no status", Script { trailers: Some(&[("x", "y")]), ..script(PARTIAL) }, AGAIN),
        (
            "status in the head",
            Script { head: &[("grpc-status", "0")], trailers: None, ..script(PARTIAL) },
            TWO_REFUSED,
        ),
        (
            "no number",
            Script { trailers: Some(&[("grpc-status", "fine")]), ..script(PARTIAL) },
            AGAIN,
        ),
        ("breaks off", Script { breaks: true, ..script(&PARTIAL[..7]) }, AGAIN),
        ("large", script(&large), HELD),
        ("text", Script { content_type: "text/plain", ..script(b"hello") }, HELD),
        ("a page", Script { content_type: "text/html", ..script(b"<html>") }, HELD),
    ]
}

#[test]
fn whatever_is_answered_over_grpc_nothing_is_lost_or_sent_for_ever() {
    for (name, script, expected) in cases() {
        let address = serve(script);
        let mut bed = Bed::new();
        bed.append(10);
        let destination = Destination::new(format!("http://{address}"), Protocol::Grpc);
        let sender = bed.send(&destination);
        let is_held = expected == HELD;
        assert_eq!(sender.flush(LONG), !is_held, "{name}: {:?}", sender.status());
        let found = status(&sender, |status| is_held == (status.state == State::Held));
        assert_eq!((bed.books(), found.failures, found.unreadable), expected, "{name}: {found:?}");
    }
}

/// Answers the first request as the script says, and all others as they should be.
fn serve(script: Script) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let is_first = Arc::new(AtomicBool::new(true));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, is_first) = (script.clone(), Arc::clone(&is_first));
                let service = service_fn(move |request| {
                    let is_first = is_first.swap(false, Ordering::Relaxed);
                    let well = Script::new(&framed(0, b""));
                    answer(request, if is_first { script.clone() } else { well })
                });
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    address
}

async fn answer(request: Request<Incoming>, script: Script) -> Result<Response<Body>, Infallible> {
    let _ = request.into_body().collect().await;
    let map = |pairs: &[(&'static str, &'static str)]| {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect::<HeaderMap>()
    };
    let mut frames: Vec<io::Result<Frame<Bytes>>> = Vec::new();
    frames.push(Ok(Frame::data(Bytes::from(script.body))));
    if script.breaks {
        frames.push(Err(io::Error::other("as the script says")));
    } else if let Some(trailers) = script.trailers {
        frames.push(Ok(Frame::trailers(map(trailers))));
    }
    let body = StreamBody::new(Frames(frames.into_iter()));
    let mut response = Response::new(body.boxed());
    *response.headers_mut() = map(script.head);
    response.headers_mut().insert("content-type", HeaderValue::from_static(script.content_type));
    Ok(response)
}

/// Frames that are all there.
struct Frames(std::vec::IntoIter<io::Result<Frame<Bytes>>>);

impl futures_core::Stream for Frames {
    type Item = io::Result<Frame<Bytes>>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
