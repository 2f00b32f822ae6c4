//! The client layers, over sockets.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use bytes::Bytes;
use common::{World, assert_fields, client, request, serve, text, until};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use radiosonde_context::{Context as Current, scope};
use radiosonde_http::client::{AttemptsLayer, ClientLayer};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const DURATION: &str = "http_client_request_duration_seconds";
const ACTIVE: &str = "http_client_active_requests";

/// A server that tells what it was sent.
async fn server() -> SocketAddr {
    let sent = async |headers: HeaderMap| {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        let text = |name: &str| text(name).unwrap_or_default();
        format!("{}|{}", text("traceparent"), text("baggage"))
    };
    let app = Router::new()
        .route("/sent", get(sent))
        .route("/echo", post(async |body: Bytes| body))
        .route("/missing", get(async || StatusCode::NOT_FOUND))
        .route("/fails", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_secs(3_600)).await))
        .route("/elsewhere", get(async || axum::response::Redirect::temporary("/sent")));
    serve(app).await
}

#[test]
fn every_answer_leaves_a_span_and_a_value() {
    let table = [
        ("GET", "/sent?token=hunter2", "200", None, "/sent?token=[redacted]"),
        ("GET", "/missing", "404", Some("404"), "/missing"),
        ("GET", "/fails", "500", Some("500"), "/fails"),
        ("GET", "/elsewhere", "307", None, "/elsewhere"),
        ("HEAD", "/sent", "200", None, "/sent"),
        ("PURGE", "/sent", "405", Some("405"), "/sent"),
    ];
    for (method, path, status, error, shown) in table {
        World::run(async |world| {
            let address = server().await;
            let mut client = ClientLayer::new().layer(client());
            let answer = client.call(request(method, address, path)).await.expect("an answer");
            let _text = text(answer).await;
            let span = world.span().await;
            let known = if method == "PURGE" { "_OTHER" } else { method };
            assert_fields(
                &span,
                &[
                    ("otel.name", Some(if method == "PURGE" { "HTTP" } else { method })),
                    ("otel.kind", Some("client")),
                    ("http.request.method", Some(known)),
                    ("url.full", Some(&format!("http://{address}{shown}"))),
                    ("server.address", Some("127.0.0.1")),
                    ("server.port", Some(&address.port().to_string())),
                    ("network.protocol.version", Some("1.1")),
                    ("http.response.status_code", Some(status)),
                    ("http.request.resend_count", None),
                    ("error.type", error),
                    ("otel.status_code", error.map(|_| "error")),
                ],
            );
            let series = world.series(DURATION);
            assert_eq!(series.len(), 1, "{series:?}");
            assert_fields(
                &series[0].0,
                &[
                    ("http_request_method", Some(known)),
                    ("server_address", Some("127.0.0.1")),
                    ("http_response_status_code", Some(status)),
                    ("error_type", error),
                ],
            );
            assert_eq!(world.gauge(ACTIVE), 0.0);
            world.assert_nothing_refused();
        });
    }
}

#[test]
fn the_receiver_gets_the_span_and_baggage_only_where_it_may_go() {
    for (host, baggage) in [("127.0.0.1", "job_id=job-7"), ("elsewhere.example", "")] {
        World::run(async |world| {
            // What counts is the name that is asked for, not who answers to it.
            let stream = TcpStream::connect(server().await).await.expect("a connection");
            let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (sender, connection) = connected.expect("a handshake");
            tokio::spawn(connection);
            let sender = Arc::new(Mutex::new(sender));
            let mut client = ClientLayer::new().layer(service_fn(|request| {
                let sender = sender.clone();
                async move { sender.lock().await.send_request(request).await }
            }));
            let around = tracing::info_span!("around");
            let trace = around.in_scope(|| Current::current().trace_id()).expect("a trace");
            let request = Request::get(format!("http://{host}/sent"))
                .header("host", host)
                .header("baggage", "left=over")
                .body(Full::<Bytes>::default())
                .expect("a request");
            let asked = around.in_scope(|| scope().job("job-7").run(|| client.call(request)));
            let told = text(asked.await.expect("an answer")).await;
            assert!(told.starts_with(&format!("00-{trace}-")), "{told}");
            assert!(told.ends_with(&format!("|{baggage}")), "{told}");
            world.span().await;
        });
    }
}

#[test]
fn sizes_are_those_of_the_bodies() {
    World::run(async |world| {
        let address = server().await;
        let mut client = ClientLayer::new().layer(client());
        let body = Full::new(Bytes::from("12345"));
        let post = Request::post(format!("http://{address}/echo")).body(body).expect("a request");
        assert_eq!(text(client.call(post).await.expect("an answer")).await, "12345");
        assert_fields(
            &world.span().await,
            &[("http.request.body.size", Some("5")), ("http.response.body.size", Some("5"))],
        );
        let sums = ["http_client_request_body_size_bytes", "http_client_response_body_size_bytes"];
        assert_eq!(sums.map(|name| world.sum(name)), [5.0, 5.0]);
    });
}

#[test]
fn a_server_that_is_not_there_is_an_error_with_its_class() {
    World::run(async |world| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let mut client = ClientLayer::new().layer(client());
        assert!(client.call(request("GET", address, "/")).await.is_err());
        let class = if cfg!(feature = "hyper-util") { "connection_refused" } else { "_OTHER" };
        assert_fields(
            &world.span().await,
            &[
                ("error.type", Some(class)),
                ("http.response.status_code", None),
                ("otel.status_code", Some("error")),
            ],
        );
        assert_eq!(world.gauge(ACTIVE), 0.0);
        world.assert_nothing_refused();
    });
}

#[test]
fn a_request_that_is_given_up_is_cancelled() {
    World::run(async |world| {
        let address = server().await;
        let mut client = ClientLayer::new().layer(client());
        tokio::select! {
            answer = client.call(request("GET", address, "/slow")) => panic!("{answer:?}"),
            () = until(|| world.gauge(ACTIVE) == 1.0) => {}
        }
        let span = world.span().await;
        assert_fields(&span, &[("error.type", Some("cancelled")), ("otel.status_code", None)]);
        assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (1, 0.0));
    });
}

#[test]
fn an_answer_whose_body_nobody_reads_ends_as_its_status_says() {
    let table =
        [("/missing", "404", Some("404")), ("/fails", "500", Some("500")), ("/sent", "200", None)];
    for (path, status, error) in table {
        World::run(async |world| {
            // With a body of no known length, so that it does not end with the head.
            let mut client = ClientLayer::new().layer(service_fn(async |request: Request<_>| {
                let path: &str = Request::uri(&request).path();
                let status = match path {
                    "/missing" => StatusCode::NOT_FOUND,
                    "/fails" => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::OK,
                };
                let body = axum::body::Body::new(Endless);
                let answer = http::Response::builder().status(status).body(body);
                Ok::<_, std::convert::Infallible>(answer.expect("a response"))
            }));
            let uri = format!("http://example.org{path}");
            let request = Request::get(uri).body(Full::<Bytes>::default()).expect("a request");
            drop(client.call(request).await.expect("an answer"));
            assert_fields(
                &world.span().await,
                &[
                    ("http.response.status_code", Some(status)),
                    ("error.type", error),
                    ("otel.status_code", error.map(|_| "error")),
                ],
            );
            assert_fields(&world.series(DURATION)[0].0, &[("error_type", error)]);
            assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (1, 0.0));
        });
    }
}

#[test]
fn a_body_that_nobody_reads_has_its_known_length_or_none() {
    let table = [
        (Some("17"), false, Some("17")),
        (Some("17"), true, Some("17")),
        (None, false, None),
        (None, true, Some("4")),
        (Some("9000000000000000000"), false, None),
    ];
    for (announced, is_begun, size) in table {
        World::run(async |world| {
            let mut client = ClientLayer::new().layer(service_fn(async |_: Request<_>| {
                let mut answer = http::Response::builder();
                if let Some(announced) = announced {
                    answer = answer.header("content-length", announced);
                }
                Ok::<_, std::convert::Infallible>(answer.body(Begins(true)).expect("a response"))
            }));
            let request = Request::get("http://example.org/").body(Full::<Bytes>::default());
            let answer = client.call(request.expect("a request")).await.expect("an answer");
            let mut body = answer.into_body();
            if is_begun {
                let _frame = body.frame().await.expect("a frame").expect("it is good");
            }
            drop(body);
            let span = world.span().await;
            assert_fields(&span, &[("http.response.body.size", size), ("error.type", None)]);
            let counted = u64::from(size.is_some());
            assert_eq!(world.count("http_client_response_body_size_bytes"), counted);
            assert_eq!(world.count(DURATION), 1);
        });
    }
}

#[test]
fn a_request_that_names_no_host_has_no_address_and_no_url() {
    World::run(async |world| {
        let mut client = ClientLayer::new().layer(service_fn(async |_: Request<Full<Bytes>>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::default()))
        }));
        let request = Request::get("/k").body(Full::default()).expect("a request");
        drop(client.call(request).await.expect("an answer"));
        assert_fields(&world.span().await, &[("server.address", None), ("url.full", None)]);
    });
}

/// A body that never comes.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

/// A body that begins, and goes on for ever.
struct Begins(bool);

impl http_body::Body for Begins {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match std::mem::take(&mut self.0) {
            true => std::task::Poll::Ready(Some(Ok(http_body::Frame::data("four".into())))),
            false => std::task::Poll::Pending,
        }
    }
}

/// Sends again until it worked.
#[derive(Clone)]
struct Again;

impl<B: Clone, R, E> tower::retry::Policy<Request<B>, http::Response<R>, E> for Again {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        request: &mut Request<B>,
        result: &mut Result<http::Response<R>, E>,
    ) -> Option<Self::Future> {
        let failed = result.as_ref().is_ok_and(|answer| answer.status().is_server_error());
        failed.then(|| {
            let sent = request.uri().to_string();
            *request.uri_mut() = sent.replace("/fails", "/sent").parse().expect("a URI");
            std::future::ready(())
        })
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

#[test]
fn attempts_have_a_span_each_and_their_number() {
    World::run(async |world| {
        let address = server().await;
        let client = ServiceBuilder::new()
            .layer(AttemptsLayer)
            .retry(Again)
            .layer(ClientLayer::new())
            .service(client());
        let answer = client.oneshot(request("GET", address, "/fails")).await.expect("an answer");
        drop(text(answer).await);
        let spans = world.closed(2).await;
        let resent = |span: usize| spans[span].1.get("http.request.resend_count").cloned();
        assert_eq!((resent(0), resent(1)), (None, Some("1".to_owned())));
    });
}

#[cfg(feature = "reqwest")]
#[test]
fn reqwest_is_observed_alike() {
    use radiosonde_http::client::ReqwestMiddleware;
    World::run(async |world| {
        let address = server().await;
        let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
            .with(ReqwestMiddleware::new())
            .build();
        let url = format!("http://{address}/sent?api_key=hunter2");
        let answer = client.get(&url).send().await.expect("an answer");
        assert_eq!(answer.url().as_str(), url, "the response still knows its URL");
        let told = scope().job("job-7").wrap(answer.text()).await.expect("a text");
        assert!(told.starts_with("00-"), "{told}");
        assert_fields(
            &world.span().await,
            &[
                ("url.full", Some(&format!("http://{address}/sent?api_key=[redacted]"))),
                ("http.response.status_code", Some("200")),
                ("http.request.body.size", Some("0")),
                ("error.type", None),
            ],
        );
        let late = client.get(format!("http://{address}/slow")).timeout(Duration::from_millis(20));
        assert!(late.send().await.expect_err("it is late").is_timeout());
        assert_fields(&world.span().await, &[("error.type", Some("timeout"))]);
        assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (2, 0.0));
        world.assert_nothing_refused();
    });
}
