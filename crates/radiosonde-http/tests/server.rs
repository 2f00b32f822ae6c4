//! The server layer on axum, over sockets.

mod common;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::routing::{get, post};
use bytes::Bytes;
use common::{World, assert_fields, client, request, serve, text, until};
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use radiosonde_http::server::{CountRequestBodyLayer, Route, ServerLayer};
use tokio::io::AsyncWriteExt;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

const DURATION: &str = "http_server_request_duration_seconds";
const ACTIVE: &str = "http_server_active_requests";
const SENT: &str = "http_server_response_body_size_bytes";
const RECEIVED: &str = "http_server_request_body_size_bytes";

/// A body of so many chunks of ten bytes, which may fail, never end or panic after them.
#[derive(Clone, Copy)]
enum After {
    End,
    Error,
    Never,
    Panic,
    Trailers,
}

struct Chunks(u32, After);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let (left, after) = (self.0, self.1);
        if left > 0 {
            self.0 -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"0123456789")))));
        }
        match after {
            After::End => Poll::Ready(None),
            After::Error => Poll::Ready(Some(Err(std::io::ErrorKind::BrokenPipe.into()))),
            After::Never => Poll::Pending,
            After::Panic => panic!("the body panics"),
            After::Trailers => {
                self.1 = After::End;
                let trailers = HeaderMap::from_iter([(
                    http::HeaderName::from_static("x-checksum"),
                    http::HeaderValue::from_static("1"),
                )]);
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    "late"
}

/// Reads as far as it goes.
async fn reads(mut body: Body) -> StatusCode {
    loop {
        match body.frame().await {
            None => return StatusCode::OK,
            Some(Ok(_)) => {}
            Some(Err(_)) => return StatusCode::BAD_REQUEST,
        }
    }
}

fn app() -> Router {
    let timeout = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_| StatusCode::GATEWAY_TIMEOUT))
        .timeout(Duration::from_millis(10));
    Router::new()
        .route("/users/{id}", get(async || "found").post(async || "made"))
        .route("/fail", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/bad", get(async || StatusCode::BAD_REQUEST))
        .route("/none", get(async || StatusCode::NO_CONTENT))
        .route("/panic", get(async || -> &'static str { panic!("the handler panics") }))
        .route("/echo", post(async |body: Bytes| body))
        .route("/reads", post(reads))
        .route("/ignores", post(async || "no thanks"))
        .route("/chunks", get(async || Body::new(Chunks(3, After::End))))
        .route("/trailers", get(async || Body::new(Chunks(2, After::Trailers))))
        .route("/breaks", get(async || Body::new(Chunks(2, After::Error))))
        .route("/body-panics", get(async || Body::new(Chunks(1, After::Panic))))
        .route("/endless", get(async || Body::new(Chunks(1, After::Never))))
        .route("/slow", get(slow))
        .route("/timeout", get(slow).layer(timeout))
        .layer(ServerLayer::new())
}

/// What a request leaves behind.
struct Left {
    method: &'static str,
    path: &'static str,
    name: &'static str,
    route: Option<&'static str>,
    status: Option<&'static str>,
    error: Option<&'static str>,
    failed: bool,
    sent: u64,
}

const fn left(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    route: &'static str,
    status: &'static str,
    sent: u64,
) -> Left {
    let (status, route) = (Some(status), Some(route));
    Left { method, path, name, route, status, error: None, failed: false, sent }
}

#[test]
fn every_ending_leaves_one_span_and_one_value() {
    let table = [
        left("GET", "/users/4711?page=2", "GET /users/{id}", "/users/{id}", "200", 5),
        left("HEAD", "/users/4711", "HEAD /users/{id}", "/users/{id}", "200", 0),
        left("POST", "/users/1", "POST /users/{id}", "/users/{id}", "200", 4),
        left("DELETE", "/users/1", "DELETE /users/{id}", "/users/{id}", "405", 0),
        left("GET", "/bad", "GET /bad", "/bad", "400", 0),
        left("GET", "/none", "GET /none", "/none", "204", 0),
        left("GET", "/chunks", "GET /chunks", "/chunks", "200", 30),
        left("GET", "/trailers", "GET /trailers", "/trailers", "200", 20),
        left("PURGE", "/users/1", "HTTP /users/{id}", "/users/{id}", "405", 0),
        Left {
            error: Some("503"),
            failed: true,
            ..left("GET", "/fail", "GET /fail", "/fail", "503", 0)
        },
        Left {
            error: Some("504"),
            failed: true,
            ..left("GET", "/timeout", "GET /timeout", "/timeout", "504", 0)
        },
        Left {
            error: Some("panic"),
            failed: true,
            status: None,
            ..left("GET", "/panic", "GET /panic", "/panic", "", 0)
        },
        Left {
            error: Some("broken_pipe"),
            failed: true,
            ..left("GET", "/breaks", "GET /breaks", "/breaks", "200", 20)
        },
        Left {
            error: Some("panic"),
            failed: true,
            ..left("GET", "/body-panics", "GET /body-panics", "/body-panics", "200", 10)
        },
        Left { route: None, ..left("GET", "/no/such/path", "GET", "", "404", 0) },
    ];
    for case in table {
        World::run(async |world| {
            let address = serve(app()).await;
            let answer = client().request(request(case.method, address, case.path)).await;
            if let Ok(response) = answer {
                let _read = response.into_body().collect().await;
            }
            let span = world.span().await;
            let path = case.path.split('?').next();
            assert_fields(
                &span,
                &[
                    ("otel.name", Some(case.name)),
                    ("otel.kind", Some("server")),
                    ("http.route", case.route),
                    ("url.path", path),
                    ("url.scheme", Some("http")),
                    ("server.address", Some("127.0.0.1")),
                    ("server.port", Some(&address.port().to_string())),
                    ("client.address", Some("127.0.0.1")),
                    ("network.peer.address", Some("127.0.0.1")),
                    ("network.protocol.version", Some("1.1")),
                    ("http.response.status_code", case.status),
                    ("error.type", case.error),
                    ("otel.status_code", case.failed.then_some("error")),
                ],
            );
            let series: Vec<_> = world.series(DURATION);
            assert_eq!(series.len(), 1, "{series:?}");
            let (labels, count) = &series[0];
            assert_eq!(*count, 1.0);
            let method = if case.method == "PURGE" { "_OTHER" } else { case.method };
            assert_fields(
                labels,
                &[
                    ("http_request_method", Some(method)),
                    ("http_route", case.route),
                    ("http_response_status_code", case.status),
                    ("error_type", case.error),
                ],
            );
            assert_eq!(world.gauge(ACTIVE), 0.0, "{}", case.path);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let sent = case.sent as f64;
            assert_eq!(world.sum(SENT), sent, "{}", case.path);
            world.assert_nothing_refused();
        });
    }
}

#[test]
fn a_client_that_goes_away_ends_its_request() {
    for (path, status) in [("/slow", None), ("/endless", Some("200"))] {
        World::run(async |world| {
            let address = serve(app()).await;
            let answer = client().request(request("GET", address, path));
            let is_under_way = || world.gauge(ACTIVE) == 1.0;
            tokio::select! {
                answer = async { answer.await?.into_body().collect().await.map_err(|_| ()).ok(); Ok::<_, hyper_util::client::legacy::Error>(()) } => panic!("{answer:?}"),
                () = until(is_under_way) => {}
            }
            let span = world.span().await;
            assert_fields(
                &span,
                &[
                    ("error.type", Some("cancelled")),
                    ("http.response.status_code", status),
                    ("otel.status_code", None),
                ],
            );
            assert_eq!(world.gauge(ACTIVE), 0.0);
            let series = world.series(DURATION);
            assert_eq!(series.len(), 1, "{series:?}");
            assert_fields(
                &series[0].0,
                &[("error_type", Some("cancelled")), ("http_response_status_code", status)],
            );
            world.assert_nothing_refused();
        });
    }
}

#[test]
fn bodies_of_requests_are_counted_as_far_as_they_are_read() {
    let chunked = |chunks: usize| {
        let frames = (0..chunks).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from("1234567"))));
        StreamBody::new(tokio_stream(frames))
    };
    World::run(async |world| {
        let address = serve(app()).await;
        let with_length = Request::post(format!("http://{address}/echo"))
            .body(Full::new(Bytes::from("12345")))
            .expect("a request");
        assert_eq!(text(client().request(with_length).await.expect("an answer")).await, "12345");
        world.closed(1).await;
        assert_eq!((world.sum(RECEIVED), world.sum(SENT)), (5.0, 5.0));

        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http();
        for (path, received) in [("/echo", 5.0 + 21.0), ("/ignores", 5.0 + 21.0)] {
            let without = Request::post(format!("http://{address}{path}"))
                .body(chunked(3))
                .expect("a request");
            let _text = text(client.request(without).await.expect("an answer")).await;
            world.closed(1).await;
            assert_eq!(world.sum(RECEIVED), received, "{path}");
        }
    });
}

#[test]
fn what_is_announced_and_does_not_come_is_not_counted() {
    let table = [("9000000000000000000", "x", 1.0), ("12", "x", 1.0), ("12", "123456", 6.0)];
    for (announced, came, counted) in table {
        World::run(async |world| {
            let address = serve(app()).await;
            let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
            let sent = format!(
                "POST /reads HTTP/1.1\r\nhost: a\r\ncontent-length: {announced}\r\n\r\n{came}"
            );
            stream.write_all(sent.as_bytes()).await.expect("it is sent");
            stream.shutdown().await.expect("no more comes");
            world.span().await;
            assert_eq!((world.count(RECEIVED), world.sum(RECEIVED)), (1, counted), "{announced}");
        });
    }
}

/// Reads the request, and answers it when it is said to be complete.
async fn read<B: http_body::Body>(
    request: Request<B>,
    is_complete: bool,
) -> std::io::Result<http::Response<Full<Bytes>>> {
    let _read = request.into_body().collect().await;
    match is_complete {
        true => Ok(http::Response::default()),
        false => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

#[test]
fn without_axum_a_length_is_believed_when_the_request_is_complete() {
    let table = [
        ("12", true, false, 1, 12.0),
        ("12", false, false, 0, 0.0),
        ("9000000000000000000", true, false, 0, 0.0),
        ("12", true, true, 1, 4.0),
        ("12", false, true, 1, 4.0),
    ];
    for (announced, is_complete, is_counted, count, sum) in table {
        World::run(async |world| {
            let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("four")))];
            let body = StreamBody::new(tokio_stream(frames.into_iter()));
            let request = Request::post("http://a.example/").header("content-length", announced);
            let request = request.body(body).expect("a request");
            let layers = ServiceBuilder::new().layer(ServerLayer::new());
            let answer = if is_counted {
                let service = service_fn(|request| read(request, is_complete));
                layers.layer(CountRequestBodyLayer).service(service).oneshot(request).await
            } else {
                let service = service_fn(|request| read(request, is_complete));
                layers.service(service).oneshot(request).await
            };
            assert_eq!(answer.is_ok(), is_complete);
            drop(answer);
            world.span().await;
            let told = format!("{announced} {is_complete} {is_counted}");
            assert_eq!((world.count(RECEIVED), world.sum(RECEIVED)), (count, sum), "{told}");
        });
    }
}

/// A stream of what an iterator has.
fn tokio_stream<I: Iterator + Unpin>(items: I) -> impl futures_core::Stream<Item = I::Item> {
    struct Items<I>(I);
    impl<I: Iterator + Unpin> futures_core::Stream for Items<I> {
        type Item = I::Item;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
            Poll::Ready(self.0.next())
        }
    }
    Items(items)
}

#[test]
fn requests_carry_no_secret_into_their_spans() {
    let table = [
        ("/users/1?token=hunter2&page=2", Some("token=[redacted]&page=2")),
        ("/users/1?%74oken=hunter2", Some("%74oken=[redacted]")),
        ("/users/1?X-Amz-Signature=hunter2", Some("X-Amz-Signature=[redacted]")),
        ("/users/1?page=2", Some("page=2")),
        ("/users/1", None),
    ];
    for (path, query) in table {
        World::run(async |world| {
            let address = serve(app()).await;
            let _ = text(client().request(request("GET", address, path)).await.expect("ok")).await;
            let span = world.span().await;
            assert_fields(&span, &[("url.query", query), ("url.path", Some("/users/1"))]);
            assert!(!format!("{span:?}").contains("hunter2"), "{span:?}");
        });
    }
}

#[test]
fn headers_of_proxies_count_only_when_they_are_trusted() {
    let table = [
        (ServerLayer::new(), "127.0.0.1", "http"),
        (ServerLayer::new().trust_forwarded(), "192.0.2.7", "https"),
        (ServerLayer::new().https(), "127.0.0.1", "https"),
    ];
    for (layer, address, scheme) in table {
        World::run(async |world| {
            let server = serve(Router::new().route("/", get(async || "")).layer(layer)).await;
            let mut request = request("GET", server, "/");
            for (name, value) in
                [("x-forwarded-for", "192.0.2.7, 10.0.0.1"), ("x-forwarded-proto", "https")]
            {
                request.headers_mut().insert(name, value.parse().expect("a value"));
            }
            let _answer = client().request(request).await.expect("an answer");
            let span = world.span().await;
            assert_fields(
                &span,
                &[("client.address", Some(address)), ("url.scheme", Some(scheme))],
            );
        });
    }
}

/// A hundred times the series a metric may have; 100,000 by `cargo xtask prove paths`.
fn paths() -> u32 {
    let told = std::env::var("XTASK_PATHS").ok();
    told.map_or(20_000, |paths| paths.parse().expect("a number"))
}

#[test]
fn what_nobody_knows_makes_no_new_series() {
    World::run(async |world| {
        // The sockets have nothing to do with it, and so many requests take their time.
        let mut app = app();
        let paths = paths();
        for n in 0..paths {
            let method = if n % 3 == 0 { format!("M{n}") } else { "GET".to_owned() };
            let request = Request::builder()
                .method(&*method)
                .uri(format!("/{:x}/{n}?q={n}", n.wrapping_mul(0x9e37_79b9)))
                .body(Body::empty())
                .expect("a request");
            let answer =
                Service::<Request<Body>>::call(&mut app, request).await.expect("infallible");
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            drop(answer);
            world.spans.lock().closed.clear();
        }
        let series = world.series(DURATION);
        assert_eq!(series.len(), 2, "one for GET and one for _OTHER: {series:?}");
        assert_eq!(world.count(DURATION), u64::from(paths));
        assert_eq!(world.gauge(ACTIVE), 0.0);
        world.assert_nothing_refused();
    });
}

#[test]
fn a_route_may_come_from_a_function_or_from_inside() {
    let from_inside = Router::new()
        .route("/inside", get(async || (axum::Extension(Route::new("/told/by/{handler}")), "")));
    // Around the whole router, where axum does not tell the route.
    let table = [
        (ServerLayer::new(), "GET /told/by/{handler}"),
        (ServerLayer::new().route(|_| Some(Route::new("/mine"))), "GET /mine"),
    ];
    for (layer, name) in table {
        World::run(async |world| {
            let service = ServiceBuilder::new().layer(layer).service(from_inside.clone());
            let app = Router::new().fallback_service(service);
            let address = serve(app).await;
            let _answer = client().request(request("GET", address, "/inside")).await.expect("ok");
            let span = world.span().await;
            assert_fields(&span, &[("otel.name", Some(name))]);
            assert_eq!(span.get("http.route").map(String::as_str), name.strip_prefix("GET "));
        });
    }
}

#[test]
fn what_is_filtered_leaves_nothing() {
    World::run(async |world| {
        let layer = ServerLayer::new().filter(|head| head.uri().path() != "/health");
        let app = Router::new().fallback(async || "ok").layer(layer);
        let address = serve(app).await;
        assert_eq!(
            text(client().request(request("GET", address, "/health")).await.expect("ok")).await,
            "ok"
        );
        let _other = text(client().request(request("GET", address, "/x")).await.expect("ok")).await;
        assert_fields(&world.span().await, &[("url.path", Some("/x"))]);
        assert_eq!(world.count(DURATION), 1);
    });
}
