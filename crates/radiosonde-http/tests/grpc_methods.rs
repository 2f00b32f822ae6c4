//! Which methods a gRPC server is known to have: those that only its answers can tell.

mod common;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::World;
use http_body::Frame;
use http_body_util::BodyExt;
use radiosonde_http::grpc::ServerLayer;
use tonic::body::Body;
use tower::{Layer, Service, service_fn};

const SERVER: &str = "rpc_server_call_duration_seconds";

/// A call of gRPC.
fn asked(path: &str) -> http::Request<Body> {
    let request = http::Request::post(path).header("content-type", "application/grpc");
    request.body(Body::empty()).expect("a request")
}

#[test]
fn names_that_nobody_serves_make_no_new_series() {
    // Nobody has such a method, and one in front of the methods that has enough.
    for refused in ["12", "8"] {
        World::run(async |world| {
            let answer = service_fn(async |request: http::Request<Body>| {
                let known = request.uri().path() == "/test.Echo/Tell";
                let code = if known { "0" } else { refused };
                let response = http::Response::builder().header("grpc-status", code);
                Ok::<_, Infallible>(response.body(Body::empty()).expect("a response"))
            });
            let mut server = ServerLayer::new().layer(answer);
            for n in 0..2_000 {
                for path in [&*format!("/random.{n}/M{n}"), "/test.Echo/Tell"] {
                    let _answer = server.call(asked(path)).await.expect("infallible");
                }
            }
            assert_eq!(world.series(SERVER).len(), 2, "{:?}", world.series(SERVER));
            assert_eq!(world.count(SERVER), 4_000);
            world.assert_nothing_refused();
        });
    }
}

/// What a server answers to a method it may have or not.
struct Answered {
    status: u16,
    /// Of the head.
    code: Option<&'static str>,
    trailers: Option<&'static str>,
    content_type: &'static str,
    message: bool,
    is_known: bool,
}

#[test]
fn only_what_a_method_answers_makes_it_known() {
    let head = |status, code, is_known| Answered {
        status,
        code,
        trailers: None,
        content_type: "application/grpc",
        message: false,
        is_known,
    };
    let trailers = |code, is_known| Answered { trailers: code, ..head(200, None, is_known) };
    let message = |content_type, is_known| Answered {
        message: true,
        content_type,
        ..head(200, None, is_known)
    };
    let table = [
        head(200, Some("0"), true),
        head(200, Some("5"), true),
        head(200, Some("6"), true),
        head(200, Some("9"), true),
        head(200, Some("10"), true),
        head(200, Some("11"), true),
        head(200, Some("1"), false),
        head(200, Some("2"), false),
        head(200, Some("3"), false),
        head(200, Some("4"), false),
        head(200, Some("7"), false),
        head(200, Some("8"), false),
        head(200, Some("12"), false),
        head(200, Some("14"), false),
        head(200, Some("16"), false),
        head(200, None, false),
        head(404, None, false),
        head(404, Some("0"), false),
        trailers(Some("0"), true),
        trailers(Some("15"), true),
        trailers(Some("13"), false),
        trailers(Some("16"), false),
        message("application/grpc", true),
        message("application/grpc+proto", true),
        message("application/grpc-web", false),
        message("text/html", false),
    ];
    for case in table {
        World::run(async |world| {
            let Answered { status, code, trailers, content_type, message, is_known } = case;
            let answer = service_fn(async |_: http::Request<Body>| {
                let mut response = http::Response::builder().status(status);
                response = response.header("content-type", content_type);
                if let Some(code) = code {
                    response = response.header("grpc-status", code);
                }
                let mut frames = Vec::new();
                if message {
                    frames.push(Ok(Frame::data(Bytes::from_static(b"\0\0\0\0\0"))));
                }
                if let Some(code) = trailers {
                    let map = [("grpc-status", code)].map(|(name, code)| {
                        (name.parse().expect("a name"), code.parse().expect("a value"))
                    });
                    frames.push(Ok(Frame::trailers(map.into_iter().collect())));
                }
                let body = Frames(frames.into());
                Ok::<_, Infallible>(response.body(body).expect("a response"))
            });
            let mut server = ServerLayer::new().layer(answer);
            let answer = server.call(asked("/test.Echo/Tell")).await.expect("infallible");
            let _body = answer.into_body().collect().await.expect("a body");
            let label = if is_known { "test.Echo/Tell" } else { "_OTHER" };
            let told = format!("{status} {code:?} {trailers:?} {content_type} {message}");
            let span = world.span().await;
            assert_eq!(span.get("rpc.method").map(String::as_str), Some(label), "{told}");
        });
    }
}

#[test]
fn what_is_no_grpc_is_left_alone() {
    let table = [
        ("POST", Some("application/grpc"), true),
        ("POST", Some("application/grpc+proto"), true),
        ("POST", Some("application/grpc; charset=utf-8"), true),
        ("POST", Some("application/grpc-web"), false),
        ("POST", Some("application/grpc-web+proto"), false),
        ("POST", Some("application/grpc-web-text"), false),
        ("POST", Some("application/json"), false),
        ("OPTIONS", None, false),
        ("GET", None, false),
    ];
    for (method, content_type, is_observed) in table {
        World::run(async |world| {
            let answer = service_fn(async |_: http::Request<Body>| {
                let response = http::Response::builder().status(204).body(Body::empty());
                Ok::<_, Infallible>(response.expect("a response"))
            });
            let mut server = ServerLayer::new().layer(answer);
            let mut request = http::Request::builder().method(method).uri("/test.Echo/Tell");
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let request = request.body(Body::empty()).expect("a request");
            let answer = server.call(request).await.expect("infallible");
            let _body = answer.into_body().collect().await.expect("a body");
            let told = format!("{method} {content_type:?}");
            assert_eq!(
                world.closed(usize::from(is_observed)).await.len(),
                world.count(SERVER) as usize,
                "{told}"
            );
        });
    }
}

/// A body of these frames.
struct Frames(std::collections::VecDeque<Result<Frame<Bytes>, Infallible>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front())
    }
}
