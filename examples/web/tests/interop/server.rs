//! Our server, over HTTP and over gRPC, which calls back whoever calls it.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use radiosonde::Context;
use radiosonde::http::{client, grpc, server};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;
use tonic::transport::server::TcpIncoming;
use tower::{Layer as _, ServiceExt as _};

use crate::probe::Probe;
use crate::raw::Raw;

pub(crate) struct Server {
    pub(crate) http: u16,
    pub(crate) grpc: u16,
    running: [JoinHandle<()>; 2],
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let http = TcpListener::bind(loopback).await.unwrap();
        let grpc = TcpListener::bind(loopback).await.unwrap();
        let ports = [&http, &grpc].map(|listener| listener.local_addr().unwrap().port());
        let app = Router::new().route("/tasks/{id}", get(work)).layer(server::ServerLayer::new());
        let rpc = tonic::transport::Server::builder()
            .layer(grpc::ServerLayer::new())
            .add_service(Probe)
            .serve_with_incoming(TcpIncoming::from(grpc));
        let running = [
            tokio::spawn(async move { axum::serve(http, app).await.unwrap() }),
            tokio::spawn(async move { rpc.await.unwrap() }),
        ];
        Self { http: ports[0], grpc: ports[1], running }
    }
}

/// What the caller's baggage is here, with the ids that came in it.
fn baggage() -> Map<String, Value> {
    let context = Context::current();
    let ids = [("job_id", context.job_id()), ("session_id", context.session_id())];
    let ids = ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), json!(id?))));
    let members = context.baggage().iter();
    ids.chain(members.map(|(key, value, _)| (key.to_owned(), json!(value)))).collect()
}

async fn work(headers: HeaderMap) -> Json<Value> {
    tracing::info!("working");
    let port = headers["x-call-back"].to_str().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let client = client::ClientLayer::new().layer(client);
    let url = format!("http://127.0.0.1:{port}/callback");
    let response = client.oneshot(http::Request::get(url).body(Empty::new()).unwrap()).await;
    let said = response.unwrap().into_body().collect().await.unwrap().to_bytes();
    Json(json!({"baggage": baggage(), "called_back": String::from_utf8_lossy(&said)}))
}

/// The same over gRPC: the answer of the method `Work`.
pub(crate) async fn over_grpc(port: u16) -> String {
    tracing::info!("working");
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let channel = grpc::ClientLayer::new().destination("127.0.0.1").layer(channel);
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/test.Probe/CallBack");
    let said = client.unary(tonic::Request::new(Bytes::new()), path, Raw).await.unwrap();
    let said = String::from_utf8_lossy(said.get_ref()).into_owned();
    json!({"baggage": baggage(), "called_back": said}).to_string()
}
