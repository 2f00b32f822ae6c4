//! Requests over gRPC: tonic's client, over connections of ours, with messages that are bytes already.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};
use tower_service::Service;

use super::http1::head;
use super::{ANSWER_MAX, Asking, BATCH, failed, timed_out};
use crate::destination::{Compression, Destination};
use crate::sender::answer::{Answer, Verdict};
use crate::sender::connect::{Connections, Exchange, Heard, connections};
use crate::sender::proxy::Proxies;
use crate::sender::response::of_http;
use crate::sender::status_code::{of_grpc, of_message, retry_info};
use crate::signal::Signal;

pub(super) struct Client {
    exchange: Arc<dyn Exchange<tonic::body::Body>>,
    heard: Heard,
    origin: Uri,
    path: PathAndQuery,
    headers: HeaderMap,
    compression: Compression,
}

impl Client {
    pub(super) fn new(
        destination: &Destination,
        signal: Signal,
        origin: Uri,
        headers: HeaderMap,
        proxies: &Proxies,
    ) -> Result<Self, String> {
        let Connections { exchange, heard, .. } = connections(destination, &origin, proxies)?;
        let path = PathAndQuery::from_static(signal.grpc_path());
        Ok(Self { exchange, heard, origin, path, headers, compression: destination.compression })
    }

    pub(super) fn ask(&self, body: Vec<u8>, batch: &str, timeout: Duration) -> Asking {
        let mut headers = self.headers.clone();
        if let Ok(batch) = HeaderValue::from_str(batch) {
            headers.insert(BATCH, batch);
        }
        let metadata = MetadataMap::from_headers(headers);
        let mut request =
            tonic::Request::from_parts(metadata, Extensions::default(), Bytes::from(body));
        request.set_timeout(timeout);
        let trouble = Arc::default();
        let channel = Channel {
            exchange: Arc::clone(&self.exchange),
            heard: self.heard.clone(),
            trouble: Arc::clone(&trouble),
        };
        let heard = self.heard.clone();
        let mut client = tonic::client::Grpc::with_origin(channel, self.origin.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(ANSWER_MAX);
        client = match self.compression {
            Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
            Compression::None => client,
            Compression::Zstd => client.send_compressed(CompressionEncoding::Zstd),
        };
        let path = self.path.clone();
        Box::pin(async move {
            let asked = async {
                // Ready at once: a connection is made when a request needs it.
                let _ = client.ready().await;
                client.unary(request, path, Raw).await
            };
            match tokio::time::timeout(timeout, asked).await {
                Err(_) => timed_out(timeout),
                Ok(Err(status)) => unhappy(&status, &trouble, &heard),
                Ok(Ok(message)) => of_message(&message.into_inner()),
            }
        })
    }
}

/// What a status means: an error on the way, or what a server said.
fn unhappy(status: &Status, trouble: &Mutex<Option<Answer>>, heard: &Heard) -> Answer {
    if let Some(answer) = trouble.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return answer;
    }
    if let Some(cause) = status.source() {
        return failed(cause, heard);
    }
    let wait = retry_info(status.details());
    of_grpc(i32::from(status.code()), status.message(), wait)
}

/// Connections, as tonic wants them. What goes wrong on the way is kept, since a status loses it; so is
/// an answer that is none of gRPC, as proxies give them.
struct Channel {
    exchange: Arc<dyn Exchange<tonic::body::Body>>,
    heard: Heard,
    trouble: Arc<Mutex<Option<Answer>>>,
}

impl Service<Request<tonic::body::Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Unhappy;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Unhappy>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unhappy>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let (asking, heard) = (self.exchange.request(request), self.heard.clone());
        let trouble = Arc::clone(&self.trouble);
        Box::pin(async move {
            let answer = match asking.await {
                Ok(response) => match foreign(response) {
                    Ok(response) => return Ok(response),
                    Err(answer) => answer,
                },
                Err(error) => failed(&error, &heard),
            };
            *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            Err(Unhappy)
        })
    }
}

/// What an answer that is none of gRPC means.
fn foreign(response: Response<Incoming>) -> Result<Response<Incoming>, Answer> {
    let (parts, body) = response.into_parts();
    let head = head(&parts);
    let kind = head.content_type.unwrap_or_default();
    match head.status {
        200 if kind.starts_with("application/grpc") => Ok(Response::from_parts(parts, body)),
        200 => {
            let text = "what answers there is no receiver of OTLP over gRPC: 200 without its content \
                        type. Check the endpoint, and OTEL_EXPORTER_OTLP_PROTOCOL";
            Err(Answer::new(Verdict::Misconfigured { answered: true }, text))
        }
        _ => Err(of_http(&head, None, SystemTime::now())),
    }
}

/// It is known already why.
#[derive(Debug, thiserror::Error)]
#[error("the request failed on its way")]
struct Unhappy;

/// Messages that are bytes already.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
