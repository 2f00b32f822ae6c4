//! Services that use the layers of others go on unmodified, and together with ours: a trace comes in
//! through either, and goes out through either.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "../../radiosonde-http/tests/raw/mod.rs"]
mod raw;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use axum_tracing_opentelemetry::tracing_opentelemetry_instrumentation_sdk::http as their_http;
use bytes::Bytes;
use common::{Lines, capture};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response};
use opentelemetry::Context as OtelContext;
use radiosonde_context::{Context, SpanId, TraceFlags, TraceId, TraceState, propagation};
use radiosonde_http::client::ClientLayer;
use radiosonde_http::server::ServerLayer;
use raw::Raw;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tower::{Layer, Service, ServiceExt as _, service_fn};
use tracing::{info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Runs on a runtime of this thread, with the bridge and the globals of its API.
fn run<F: Future<Output = ()>>(f: impl FnOnce() -> F) -> Lines {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    capture(|bridge| {
        // No state: the tests of this program may share it.
        opentelemetry::global::set_text_map_propagator(bridge.propagator());
        runtime.block_on(f());
    })
}

fn caller(sampled: bool) -> Context {
    let state = TraceState::parse("vendor=1").ok();
    let flags = TraceFlags::from_bits(u8::from(sampled));
    Context::default().with_remote_span(TraceId::random(), SpanId::random(), flags, state)
}

fn request(caller: &Context, path: &str) -> Request<Body> {
    let mut request = Request::builder().uri(path).body(Body::empty()).unwrap();
    propagation::inject(caller, request.headers_mut());
    request
}

#[track_caller]
fn called_by(lines: &Lines, span: &str, caller: &Context) {
    let span = lines.span(span);
    assert_eq!(span["trace_id"], caller.trace_id().unwrap().to_string(), "{span}");
    assert_eq!(span["meta"]["parent_span_id"], caller.span_id().unwrap().to_string(), "{span}");
    assert_eq!(span["meta"]["trace_state"], "vendor=1", "{span}");
}

/// Whom the headers of a request name as its caller.
fn named(headers: &HeaderMap) -> [Option<String>; 2] {
    let context = propagation::extract(headers);
    [context.trace_id().map(|id| id.to_string()), context.span_id().map(|id| id.to_string())]
}

#[track_caller]
fn names(headers: &HeaderMap, lines: &Lines, span: &str) {
    let span = lines.span(span);
    let ids = ["trace_id", "span_id"].map(|id| span[id].as_str().map(str::to_owned));
    assert_eq!(named(headers), ids, "{lines}");
}

#[test]
fn a_service_with_the_layer_for_axum_keeps_its_traces() {
    let caller = caller(true);
    let mut sent = None;
    let mut answered = HeaderMap::new();
    let (sent_to, answered_to) = (&mut sent, &mut answered);
    let lines = run(|| async {
        let called = std::sync::Arc::new(std::sync::Mutex::new(HeaderMap::new()));
        let of_handler = std::sync::Arc::clone(&called);
        let handler = move || {
            let called = std::sync::Arc::clone(&of_handler);
            async move {
                info!("handled");
                tokio::task::yield_now().await;
                // Out through our client.
                let other = service_fn(move |request: Request<Body>| {
                    *called.lock().unwrap() = request.headers().clone();
                    async { Ok::<_, Infallible>(Response::new(Body::empty())) }
                });
                let client = ClientLayer::new().layer(other);
                let request = Request::get("http://127.0.0.1/stock").body(Body::empty()).unwrap();
                let _answer = client.oneshot(request).await.unwrap();
                "done"
            }
        };
        let app = Router::new()
            .route("/orders/{id}", get(handler))
            .layer(OtelInResponseLayer)
            .layer(OtelAxumLayer::default());
        let response = app.oneshot(request(&caller, "/orders/17")).await.unwrap();
        *answered_to = response.headers().clone();
        *sent_to = Some(called.lock().unwrap().clone());
    });
    called_by(&lines, "GET /orders/{id}", &caller);
    lines.said_in("GET /orders/{id}", &["handled"]);
    let server = &lines.span("GET /orders/{id}")["meta"];
    assert_eq!(server["kind"], "server");
    assert_eq!(server["attributes"]["http.response.status_code"], 200);
    assert_eq!(server["attributes"]["url.path"], "/orders/17");
    assert!(server["attributes"].get("code.file.path").is_none(), "{server}");
    assert_eq!(lines.span("GET /orders/{id}")["source"], "otel::tracing");
    lines.is_child("GET", "GET /orders/{id}");
    names(&sent.unwrap(), &lines, "GET");
    names(&answered, &lines, "GET /orders/{id}");
}

#[test]
fn what_comes_in_through_our_server_goes_out_through_their_injection() {
    const OURS: &str = "http.server.request";
    let caller = caller(true);
    let mut sent = [HeaderMap::new(), HeaderMap::new()];
    let [by_span, by_current] = &mut sent;
    let lines = run(|| async {
        let headers =
            std::sync::Arc::new(std::sync::Mutex::new([HeaderMap::new(), HeaderMap::new()]));
        let of_handler = std::sync::Arc::clone(&headers);
        let service = service_fn(move |_: Request<Body>| {
            let headers = std::sync::Arc::clone(&of_handler);
            async move {
                info!("handled");
                let mut headers = headers.lock().unwrap();
                let [by_span, by_current] = &mut *headers;
                let span = info_span!("call");
                their_http::inject_context(&span.context(), by_span);
                their_http::inject_context(&OtelContext::current(), by_current);
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        });
        let server = ServerLayer::new().layer(service);
        let response = server.oneshot(request(&caller, "/orders")).await.unwrap();
        drop(response);
        let headers = headers.lock().unwrap();
        by_span.clone_from(&headers[0]);
        by_current.clone_from(&headers[1]);
    });
    called_by(&lines, OURS, &caller);
    lines.said_in(OURS, &["handled"]);
    let server = &lines.span(OURS)["meta"];
    assert_eq!(server["attributes"]["http.response.status_code"], 200, "{server}");
    assert_eq!(server["attributes"]["http.request.body.size"], 0, "{server}");
    lines.is_child("call", OURS);
    names(&sent[0], &lines, "call");
    names(&sent[1], &lines, OURS);
    assert!(sent.iter().all(|headers| headers["tracestate"] == "vendor=1"));
}

#[test]
fn a_trace_that_is_not_sampled_goes_on_and_leaves_no_spans() {
    let caller = caller(false);
    let mut answered = HeaderMap::new();
    let answered_to = &mut answered;
    let lines = run(|| async {
        let handler = || async {
            info!("handled");
            assert_eq!(Context::current().is_sampled(), Some(false));
        };
        let app = Router::new()
            .route("/", get(handler))
            .layer(OtelInResponseLayer)
            .layer(OtelAxumLayer::default());
        let response = app.oneshot(request(&caller, "/")).await.unwrap();
        *answered_to = response.headers().clone();
    });
    assert!(lines.spans.is_empty(), "{lines}");
    let line = lines.event("handled");
    assert_eq!(line["trace_id"], caller.trace_id().unwrap().to_string());
    assert_eq!(named(&answered)[1].as_deref(), line["span_id"].as_str());
    assert_ne!(line["span_id"], caller.span_id().unwrap().to_string());
    assert!(answered["traceparent"].to_str().unwrap().ends_with("-00"), "{answered:?}");
}

/// The service `test.Echo`.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl Service<Request<tonic::body::Body>> for Echo {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let told = service_fn(async |_: tonic::Request<Bytes>| {
                info!("answering");
                Ok::<_, tonic::Status>(tonic::Response::new(Bytes::from_static(b"done")))
            });
            Ok(tonic::server::Grpc::new(Raw).unary(told, request).await)
        })
    }
}

#[test]
fn the_layers_for_tonic_keep_their_traces_and_ours_join_them() {
    use tonic_tracing_opentelemetry::middleware::{client, server};

    for (their_client, their_server) in [(true, true), (true, false), (false, true)] {
        let lines = run(|| async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let incoming = TcpIncoming::from(listener);
            let _serving = if their_server {
                let layer = server::OtelGrpcLayer::default();
                let server = Server::builder().layer(layer).add_service(Echo);
                tokio::spawn(server.serve_with_incoming(incoming))
            } else {
                let layer = radiosonde_http::grpc::ServerLayer::new();
                let server = Server::builder().layer(layer).add_service(Echo);
                tokio::spawn(server.serve_with_incoming(incoming))
            };
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            let channel = endpoint.connect_lazy();
            let request = || tonic::Request::new(Bytes::from_static(b"hello"));
            let path = PathAndQuery::from_static("/test.Echo/Tell");
            let call = async {
                if their_client {
                    let channel = client::OtelGrpcLayer.layer(channel);
                    let mut client = tonic::client::Grpc::new(channel);
                    client.ready().await.unwrap();
                    client.unary(request(), path, Raw).await.unwrap()
                } else {
                    let layer = radiosonde_http::grpc::ClientLayer::new().destination("127.0.0.1");
                    let mut client = tonic::client::Grpc::new(layer.layer(channel));
                    client.ready().await.unwrap();
                    client.unary(request(), path, Raw).await.unwrap()
                }
            };
            let answer: tonic::Response<Bytes> =
                tracing::Instrument::instrument(call, info_span!("work")).await;
            assert_eq!(&**answer.get_ref(), b"done");
        });
        let of_kind = |kind: &str| {
            let found = lines.spans.iter().filter(|span| span["meta"]["kind"] == kind);
            let found: Vec<_> = found.collect();
            assert_eq!(found.len(), 1, "{kind}: {lines}");
            found[0]
        };
        let (client, server, work) = (of_kind("client"), of_kind("server"), lines.span("work"));
        assert_eq!(client["meta"]["parent_span_id"], work["span_id"], "{lines}");
        assert_eq!(server["meta"]["parent_span_id"], client["span_id"], "{lines}");
        let answering = lines.event("answering");
        assert_eq!(answering["span_id"], server["span_id"], "{lines}");
        for line in [client, server, answering] {
            assert_eq!(line["trace_id"], work["trace_id"], "{lines}");
        }
    }
}
