//! A gRPC service without a schema.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

use crate::raw::Raw;

/// `test.Probe`, with the method `Work`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe;

impl NamedService for Probe {
    const NAME: &'static str = "test.Probe";
}

type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl tower::Service<http::Request<Body>> for Probe {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != "/test.Probe/Work" {
                return Ok(Status::unimplemented("only Work").into_http());
            }
            Ok(Grpc::new(Raw).unary(Work, request).await)
        })
    }
}

struct Work;

impl UnaryService<Bytes> for Work {
    type Response = Bytes;
    type Future = Answer<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(async move {
            let back = request.metadata().get("x-call-back").and_then(|port| port.to_str().ok());
            let back = back.and_then(|port| port.parse().ok());
            let port = back.ok_or_else(|| Status::invalid_argument("x-call-back: a port"))?;
            Ok(Response::new(crate::server::over_grpc(port).await.into()))
        })
    }
}
