//! The layers for gRPC around a server and a channel of tonic, over sockets.

mod common;
mod raw;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::{Fields, World, assert_fields, until};
use futures_core::Stream;
use http::uri::PathAndQuery;
use radiosonde_context::{Context as Current, scope};
use radiosonde_http::grpc::{Client, ClientLayer, ServerLayer};
use raw::Raw;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower::{Layer, Service, service_fn};

const SERVER: &str = "rpc_server_call_duration_seconds";
const CLIENT: &str = "rpc_client_call_duration_seconds";

/// So many messages, and then a status, or nothing for ever.
struct Messages(u32, Option<Code>);

impl Stream for Messages {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0 > 0 {
            self.0 -= 1;
            return Poll::Ready(Some(Ok(Bytes::from_static(b"message"))));
        }
        match self.1 {
            None => Poll::Pending,
            Some(Code::Ok) => Poll::Ready(None),
            Some(code) => {
                self.1 = Some(Code::Ok);
                Poll::Ready(Some(Err(Status::new(code, "over"))))
            }
        }
    }
}

/// The service `test.Echo`.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut server = tonic::server::Grpc::new(Raw);
            let fails = |code| {
                service_fn(move |_: Request<Bytes>| async move {
                    Err::<Response<Bytes>, _>(Status::new(code, "no"))
                })
            };
            let streams = |count, code| {
                service_fn(move |_: Request<Bytes>| async move {
                    Ok::<_, Status>(Response::new(Messages(count, code)))
                })
            };
            let told = service_fn(async |_: Request<Bytes>| {
                let current = Current::current();
                let trace = current.trace_id().map(|id| id.to_string()).unwrap_or_default();
                let job = current.job_id().unwrap_or_default();
                Ok::<_, Status>(Response::new(Bytes::from(format!("{trace} {job}"))))
            });
            Ok(match request.uri().path() {
                "/test.Echo/Tell" => server.unary(told, request).await,
                "/test.Echo/NotFound" => server.unary(fails(Code::NotFound), request).await,
                "/test.Echo/Internal" => server.unary(fails(Code::Internal), request).await,
                "/test.Echo/Stream" => {
                    server.server_streaming(streams(3, Some(Code::Ok)), request).await
                }
                "/test.Echo/Breaks" => {
                    server.server_streaming(streams(2, Some(Code::DataLoss)), request).await
                }
                "/test.Echo/Endless" => server.server_streaming(streams(1, None), request).await,
                "/test.Echo/Panic" => panic!("the handler panics"),
                _ => server.unary(fails(Code::Unimplemented), request).await,
            })
        })
    }
}

/// A server, and a channel to it.
async fn connected() -> (SocketAddr, tonic::client::Grpc<Client<Channel>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = Server::builder().layer(ServerLayer::new()).add_service(Echo);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
    let channel = endpoint.connect_lazy();
    let channel = ClientLayer::new().destination("127.0.0.1").layer(channel);
    (address, tonic::client::Grpc::new(channel))
}

/// Calls and reads to the end: what came, or the code.
async fn call(
    client: &mut tonic::client::Grpc<Client<Channel>>,
    path: &'static str,
) -> Result<Vec<Bytes>, Code> {
    client.ready().await.expect("a lazy channel");
    let request = Request::new(Bytes::from_static(b"hello"));
    let path = PathAndQuery::from_static(path);
    let answer = client.server_streaming(request, path, Raw).await;
    let mut stream = answer.map_err(|status| status.code())?.into_inner();
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await.map_err(|status| status.code())? {
        messages.push(message);
    }
    Ok(messages)
}

/// The spans of both sides: server, client.
async fn both(world: &World) -> (Fields, Fields) {
    let mut spans = world.closed(2).await;
    spans.sort_by(|one, other| other.0.cmp(&one.0));
    let [(server, first), (client, second)] = <[_; 2]>::try_from(spans).expect("two");
    assert_eq!((&*server, &*client), ("rpc.server.call", "rpc.client.call"));
    (first, second)
}

struct Left {
    path: &'static str,
    code: &'static str,
    server_failed: bool,
    client_failed: bool,
    is_known: bool,
}

#[test]
fn every_call_leaves_a_span_and_a_value_on_both_sides() {
    let left = |path, code, server_failed, client_failed| Left {
        path,
        code,
        server_failed,
        client_failed,
        is_known: true,
    };
    let table = [
        left("/test.Echo/Tell", "OK", false, false),
        left("/test.Echo/Stream", "OK", false, false),
        left("/test.Echo/NotFound", "NOT_FOUND", false, true),
        Left { is_known: false, ..left("/test.Echo/Internal", "INTERNAL", true, true) },
        left("/test.Echo/Breaks", "DATA_LOSS", true, true),
        Left { is_known: false, ..left("/test.Echo/4711", "UNIMPLEMENTED", true, true) },
        Left { is_known: false, ..left("/no.such/4711", "UNIMPLEMENTED", true, true) },
    ];
    for case in table {
        World::run(async |world| {
            let (_, mut channel) = connected().await;
            let answer = call(&mut channel, case.path).await;
            assert_eq!(answer.is_ok(), case.code == "OK", "{answer:?}");
            let (server, client) = both(&world).await;
            let method = case.path.trim_start_matches('/');
            let (named, label) = match case.is_known {
                true => (method, method),
                false => ("grpc", "_OTHER"),
            };
            let error = (case.code != "OK").then_some(case.code);
            assert_fields(
                &server,
                &[
                    ("otel.name", Some(named)),
                    ("otel.kind", Some("server")),
                    ("rpc.system.name", Some("grpc")),
                    ("rpc.method", Some(label)),
                    ("rpc.method_original", (!case.is_known).then_some(method)),
                    ("rpc.response.status_code", Some(case.code)),
                    ("error.type", error.filter(|_| case.server_failed)),
                    ("otel.status_code", case.server_failed.then_some("error")),
                ],
            );
            assert_fields(
                &client,
                &[
                    ("otel.name", Some(method)),
                    ("otel.kind", Some("client")),
                    ("rpc.method", Some(method)),
                    ("server.address", Some("127.0.0.1")),
                    ("rpc.response.status_code", Some(case.code)),
                    ("error.type", error),
                    ("otel.status_code", case.client_failed.then_some("error")),
                ],
            );
            let servers = error.filter(|_| case.server_failed);
            for (metric, label, error) in [(SERVER, label, servers), (CLIENT, method, error)] {
                let series = world.series(metric);
                assert_eq!(series.len(), 1, "{series:?}");
                assert_fields(
                    &series[0].0,
                    &[
                        ("rpc_system_name", Some("grpc")),
                        ("rpc_method", Some(label)),
                        ("rpc_response_status_code", Some(case.code)),
                        ("error_type", error),
                    ],
                );
            }
            world.assert_nothing_refused();
        });
    }
}

#[test]
fn trace_and_job_go_through_the_channel() {
    World::run(async |world| {
        let (_, mut channel) = connected().await;
        let around = tracing::info_span!("around");
        let trace = around.in_scope(|| Current::current().trace_id()).expect("a trace");
        let told = scope().job("job-7").wrap(call(&mut channel, "/test.Echo/Tell"));
        let told = tracing::Instrument::instrument(told, around).await.expect("an answer");
        assert_eq!(told, [Bytes::from(format!("{trace} job-7"))]);
        both(&world).await;
    });
}

#[test]
fn a_call_that_is_given_up_is_cancelled_on_both_sides() {
    World::run(async |world| {
        let (_, mut channel) = connected().await;
        let under_way = || world.spans.lock().open.len() == 2;
        tokio::select! {
            answer = call(&mut channel, "/test.Echo/Endless") => panic!("{answer:?}"),
            () = until(under_way) => {}
        }
        let (server, client) = both(&world).await;
        let cancelled = Some("CANCELLED");
        let status = ("rpc.response.status_code", cancelled);
        // To the server it is nobody's failure; the conventions call it one of the client.
        assert_fields(&server, &[status, ("error.type", None), ("otel.status_code", None)]);
        assert_fields(&client, &[status, ("otel.status_code", Some("error"))]);
        world.assert_nothing_refused();
    });
}

#[test]
fn a_handler_that_panics_is_an_internal_error() {
    World::run(async |world| {
        let (_, mut channel) = connected().await;
        assert!(call(&mut channel, "/test.Echo/Panic").await.is_err());
        let (server, _client) = both(&world).await;
        assert_fields(
            &server,
            &[
                ("rpc.response.status_code", Some("INTERNAL")),
                ("error.type", Some("panic")),
                ("otel.status_code", Some("error")),
            ],
        );
    });
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    World::run(async |world| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
        let channel = ClientLayer::new().layer(endpoint.connect_lazy());
        let mut client = tonic::client::Grpc::new(channel);
        assert!(call(&mut client, "/test.Echo/Tell").await.is_err());
        let span = world.span().await;
        assert_fields(
            &span,
            &[
                ("rpc.response.status_code", Some("UNAVAILABLE")),
                ("otel.status_code", Some("error")),
            ],
        );
        world.assert_nothing_refused();
    });
}
