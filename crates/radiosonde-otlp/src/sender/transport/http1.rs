//! Requests over HTTP/1.1.

use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION, PROXY_AUTHORIZATION,
    RETRY_AFTER,
};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Body;

use super::compress::{compressed, gunzipped};
use super::{ANSWER_MAX, Asking, BATCH, failed, timed_out};
use crate::destination::{Compression, Destination};
use crate::sender::answer::Answer;
use crate::sender::connect::{Connections, Exchange, Heard, connections};
use crate::sender::proxy::Proxies;
use crate::sender::response::{Head, of_http};

pub(in crate::sender) struct Client {
    exchange: std::sync::Arc<dyn Exchange>,
    heard: Heard,
    uri: Uri,
    headers: HeaderMap,
    compression: Compression,
}

impl Client {
    pub(super) fn new(
        destination: &Destination,
        uri: Uri,
        mut headers: HeaderMap,
        proxies: &Proxies,
    ) -> Result<Self, String> {
        let Connections { exchange, heard, proxy_authorization } =
            connections(destination, &uri, proxies)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(authorization) = proxy_authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        Ok(Self { exchange, heard, uri, headers, compression: destination.compression })
    }

    pub(super) fn ask(&self, body: Vec<u8>, batch: &str, timeout: Duration) -> Asking {
        let (encoding, body) = compressed(self.compression, body);
        // Without a body nobody would say that there is none, and some refuse that.
        let length = HeaderValue::from(body.len());
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        request.headers_mut().insert(CONTENT_LENGTH, length);
        if let Some(encoding) = encoding {
            request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Ok(batch) = HeaderValue::from_str(batch) {
            request.headers_mut().insert(BATCH, batch);
        }
        let answered = self.exchange.request(request);
        let heard = self.heard.clone();
        Box::pin(async move {
            let end = tokio::time::Instant::now() + timeout;
            match tokio::time::timeout_at(end, answered).await {
                Err(_) => timed_out(timeout),
                Ok(Err(error)) => failed(&error, &heard),
                Ok(Ok(response)) => read(response, end).await,
            }
        })
    }
}

/// The head decides. A body that does not come, or is too large, is one that cannot be read.
pub(in crate::sender) async fn read<B>(response: Response<B>, end: tokio::time::Instant) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (parts, body) = response.into_parts();
    let collected = tokio::time::timeout_at(end, Limited::new(body, ANSWER_MAX).collect()).await;
    let body = collected.ok().and_then(Result::ok).map(Collected::to_bytes);
    let head = head(&parts);
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let body = body.and_then(|body| match header(CONTENT_ENCODING) {
        None | Some("" | "identity") => Some(body.to_vec()),
        Some("gzip" | "x-gzip") => gunzipped(&body).ok(),
        Some(_) => None,
    });
    of_http(&head, body.as_deref(), SystemTime::now())
}

pub(super) fn head(parts: &Parts) -> Head<'_> {
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    Head {
        status: parts.status.as_u16(),
        content_type: header(CONTENT_TYPE),
        location: header(LOCATION),
        retry_after: header(RETRY_AFTER),
    }
}
