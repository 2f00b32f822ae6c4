//! Requests over gRPC: tonic's client, over connections of ours, with messages that are bytes already.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};
use tower_service::Service;

use super::{ANSWER_MAX, Asking, BATCH, failed, timed_out};
use crate::destination::{Compression, Destination};
use crate::sender::answer::{Answer, retry_info};
use crate::sender::connect::{Exchange, connections};
use crate::sender::proxy::Proxies;
use crate::sender::response::{of_grpc, of_message};
use crate::signal::Signal;

pub(super) struct Client {
    exchange: Arc<dyn Exchange<tonic::body::Body>>,
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
        let exchange = connections(destination, &origin, proxies)?.exchange;
        let path = PathAndQuery::from_static(signal.grpc_path());
        Ok(Self { exchange, origin, path, headers, compression: destination.compression })
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
        let channel =
            Channel { exchange: Arc::clone(&self.exchange), trouble: Arc::clone(&trouble) };
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
                client.ready().await.map_err(|error| failed(&error))?;
                let answered = client.unary(request, path, Raw).await;
                Ok::<_, Answer>(answered.map_err(|status| unhappy(&status, &trouble)))
            };
            match tokio::time::timeout(timeout, asked).await {
                Err(_) => timed_out(timeout),
                Ok(Err(answer) | Ok(Err(answer))) => answer,
                Ok(Ok(Ok(message))) => of_message(&message.into_inner()),
            }
        })
    }
}

/// What a status means: an error on the way, or what a server said.
fn unhappy(status: &Status, trouble: &Mutex<Option<Answer>>) -> Answer {
    if let Some(answer) = trouble.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return answer;
    }
    if let Some(cause) = status.source() {
        return failed(cause);
    }
    let wait = retry_info(status.details());
    of_grpc(i32::from(status.code()), status.message(), wait)
}

/// Connections, as tonic wants them. What goes wrong on the way is kept, since a status loses it.
struct Channel {
    exchange: Arc<dyn Exchange<tonic::body::Body>>,
    trouble: Arc<Mutex<Option<Answer>>>,
}

impl Service<Request<tonic::body::Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let (asking, trouble) = (self.exchange.request(request), Arc::clone(&self.trouble));
        Box::pin(async move {
            asking.await.inspect_err(|error| {
                *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed(error));
            })
        })
    }
}

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
