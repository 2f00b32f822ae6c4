//! `jobs.Scheduler`, a service of gRPC: its messages, its server and its client. They are written by hand
//! here, as protoc would make them of a `.proto` file, so that nothing has to be installed.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use radiosonde::http::grpc::{Client, ClientLayer};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Layer as _, Service, service_fn};

use crate::Error;
use crate::scheduler::Scheduler;

/// A worker tells how an attempt ended.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Report {
    #[prost(string, tag = "1")]
    pub(crate) job_id: String,
    #[prost(uint32, tag = "2")]
    pub(crate) attempt: u32,
    #[prost(string, tag = "3")]
    pub(crate) worker: String,
    /// `success`, `failure` or `timeout`.
    #[prost(string, tag = "4")]
    pub(crate) outcome: String,
    #[prost(string, tag = "5")]
    pub(crate) detail: String,
}

/// What becomes of the job then.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Decision {
    #[prost(bool, tag = "1")]
    pub(crate) is_retried: bool,
}

/// Somebody asks for a job, and waits for its end, but not longer than so.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Question {
    #[prost(string, tag = "1")]
    pub(crate) job_id: String,
    #[prost(uint64, tag = "2")]
    pub(crate) wait_ms: u64,
}

/// Where a job is.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
pub(crate) struct Answer {
    /// `submitted`, `ready`, `leased` or `ended`.
    #[prost(string, tag = "1")]
    pub(crate) state: String,
    #[prost(uint32, tag = "2")]
    pub(crate) attempts: u32,
    /// `success`, `failure` or `timeout`; empty before the end.
    #[prost(string, tag = "3")]
    pub(crate) outcome: String,
    #[prost(string, tag = "4")]
    pub(crate) detail: String,
}

/// The server's side.
#[derive(Clone)]
pub(crate) struct Server(pub(crate) Arc<Scheduler>);

impl NamedService for Server {
    const NAME: &'static str = "jobs.Scheduler";
}

impl Service<http::Request<Body>> for Server {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self(scheduler) = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/jobs.Scheduler/Report" => {
                    let report = service_fn(move |request: Request<Report>| {
                        let answer = scheduler.report(request.get_ref());
                        async { answer.map(Response::new) }
                    });
                    tonic::server::Grpc::new(ProstCodec::default()).unary(report, request).await
                }
                "/jobs.Scheduler/LookUp" => {
                    let look_up = service_fn(move |request: Request<Question>| {
                        let scheduler = Arc::clone(&scheduler);
                        async move { scheduler.look_up(request.into_inner()).await.map(Response::new) }
                    });
                    tonic::server::Grpc::new(ProstCodec::default()).unary(look_up, request).await
                }
                _ => Status::new(Code::Unimplemented, "no such method").into_http(),
            })
        })
    }
}

/// The client's side.
#[derive(Clone)]
pub(crate) struct SchedulerClient(tonic::client::Grpc<Client<Channel>>);

impl SchedulerClient {
    pub(crate) fn new(scheduler: SocketAddr) -> Result<Self, Error> {
        let channel = Endpoint::from_shared(format!("http://{scheduler}"))?.connect_lazy();
        let layer = ClientLayer::new().destination(&scheduler.ip().to_string()); // the one line
        Ok(Self(tonic::client::Grpc::new(layer.layer(channel))))
    }

    pub(crate) async fn report(&self, report: Report) -> Result<Decision, Status> {
        self.call("/jobs.Scheduler/Report", report).await
    }

    pub(crate) async fn look_up(&self, question: Question) -> Result<Answer, Status> {
        self.call("/jobs.Scheduler/LookUp", question).await
    }

    async fn call<Q, A>(&self, method: &'static str, question: Q) -> Result<A, Status>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let mut client = self.0.clone();
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(method);
        let answer = client.unary(Request::new(question), path, ProstCodec::default()).await?;
        Ok(answer.into_inner())
    }
}
