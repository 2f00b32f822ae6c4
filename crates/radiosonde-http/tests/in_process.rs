//! The server layer around services of the test: every point at which a request can end, and what is
//! current there.

mod common;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use common::{World, assert_fields};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::Empty;
use radiosonde_context::{Context as Current, SpanId, TraceId};
use radiosonde_http::server::ServerLayer;
use tower::{Layer, Service, service_fn};

const DURATION: &str = "http_server_request_duration_seconds";
const ACTIVE: &str = "http_server_active_requests";

/// What was current whenever code of the service ran.
type Seen = Arc<Mutex<Vec<(&'static str, Option<TraceId>, Option<String>)>>>;

fn note(seen: &Seen, place: &'static str) {
    let current = Current::current();
    let job = current.job_id().map(str::to_owned);
    seen.lock().expect("not poisoned").push((place, current.trace_id(), job));
}

/// Notes what is current when it goes.
struct Witness(Seen, &'static str);

impl Drop for Witness {
    fn drop(&mut self) {
        note(&self.0, self.1);
    }
}

/// Waits so many polls.
struct Wait(usize);

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        Poll::Pending
    }
}

/// A body of so many frames, each of which takes a poll to come.
struct Slow {
    frames: usize,
    waits: bool,
    seen: Seen,
    _witness: Witness,
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        note(&self.seen, "body polled");
        self.waits = !self.waits;
        if self.waits {
            return Poll::Pending;
        }
        if self.frames == 0 {
            return Poll::Ready(None);
        }
        self.frames -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"frame")))))
    }
}

const WAITS: usize = 3;
const FRAMES: usize = 2;

/// Answers after some polls, with a body that takes some more.
async fn handle(seen: Seen) -> Result<Response<Slow>, Infallible> {
    note(&seen, "called");
    let _witness = Witness(seen.clone(), "handler dropped");
    Wait(WAITS).await;
    note(&seen, "answers");
    let _witness = Witness(seen.clone(), "body dropped");
    Ok(Response::new(Slow { frames: FRAMES, waits: false, seen, _witness }))
}

fn request(headers: &[(&'static str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = Request::get("http://example.org/a").body(Empty::new()).expect("a request");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a value"));
    }
    request
}

/// Polls a request so often and drops what there is then; whether it came to its end.
fn polled<S, B, E>(service: &mut S, request: Request<Empty<Bytes>>, mut polls: usize) -> bool
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = E>,
    B: Body,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = pin!(service.call(request));
    let response = loop {
        if polls == 0 {
            return false;
        }
        polls -= 1;
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(Ok(response)) => break response,
            Poll::Ready(Err(_)) => return true,
            Poll::Pending => {}
        }
    };
    let mut body = pin!(response.into_body());
    while polls > 0 {
        polls -= 1;
        if let Poll::Ready(None) = body.as_mut().poll_frame(&mut cx) {
            return true;
        }
    }
    false
}

#[test]
fn a_request_can_be_dropped_at_every_point() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let mut ends = 0;
    // Polls until the answer, and those of the body: one that waits before each frame and the end.
    let all = WAITS + 1 + (FRAMES + 1) * 2;
    for polls in 0..=all {
        World::run(async |world| {
            let seen = Seen::default();
            let inner = service_fn(|_| handle(seen.clone()));
            let mut service = ServerLayer::new().layer(inner);
            let headers = [("traceparent", &*parent), ("baggage", "job_id=job-7")];
            let is_at_its_end = polled(&mut service, request(&headers), polls);
            ends += usize::from(is_at_its_end);
            assert_eq!(is_at_its_end, polls == all);

            let span = world.span().await;
            let error = (!is_at_its_end).then_some("cancelled");
            let status = (polls > WAITS).then_some("200");
            assert_fields(
                &span,
                &[
                    ("error.type", error),
                    ("http.response.status_code", status),
                    ("otel.status_code", None),
                ],
            );
            assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (1, 0.0));
            let seen = seen.lock().expect("not poisoned");
            for (place, trace, job) in seen.iter() {
                let trace = trace.map(|trace| trace.to_string());
                assert_eq!(trace.as_deref(), Some(TRACE), "{place} after {polls} polls");
                assert_eq!(job.as_deref(), Some("job-7"), "{place} after {polls} polls");
            }
            let has = |place: &str| seen.iter().any(|(found, ..)| *found == place);
            assert_eq!(has("handler dropped"), polls > 0);
            assert_eq!(has("body dropped"), polls > WAITS);
            world.assert_nothing_refused();
        });
        assert!(Current::current().is_empty(), "what was current is again after {polls} polls");
    }
    assert_eq!(ends, 1);
}

#[test]
fn panics_pass_on_and_end_the_request() {
    #[derive(Clone, Copy, Debug)]
    enum Where {
        Call,
        Poll,
        Drop,
    }
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("the destructor panics");
        }
    }
    for place in [Where::Call, Where::Poll, Where::Drop] {
        World::run(async |world| {
            let inner = service_fn(|_: Request<Empty<Bytes>>| {
                assert!(!matches!(place, Where::Call), "the call panics");
                async move {
                    let _panics = matches!(place, Where::Drop).then_some(Panics);
                    assert!(!matches!(place, Where::Poll), "the future panics");
                    std::future::pending::<()>().await;
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            let mut service = ServerLayer::new().layer(inner);
            let one = AssertUnwindSafe(|| polled(&mut service, request(&[]), 1));
            assert!(catch_unwind(one).is_err(), "{place:?}");
            let span = world.span().await;
            assert_fields(
                &span,
                &[
                    ("error.type", Some("panic")),
                    ("otel.status_code", Some("error")),
                    ("http.response.status_code", None),
                ],
            );
            assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (1, 0.0), "{place:?}");
        });
        assert!(Current::current().is_empty(), "{place:?}");
    }
}

#[test]
fn the_trace_of_the_caller_goes_on_and_a_public_endpoint_links_to_it() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let sent: &[(&'static str, &str)] = &[("traceparent", &parent), ("baggage", "job_id=job-7")];
    let table = [
        (ServerLayer::new(), sent, Some(TRACE), Some("job-7"), None),
        (ServerLayer::new(), &[], None, None, None),
        (ServerLayer::new(), &[("traceparent", "00-zz-1-01")], None, None, None),
        (ServerLayer::new().public_endpoint(), sent, None, None, Some(&*parent)),
        (ServerLayer::new().public_endpoint(), &[], None, None, None),
    ];
    for (layer, headers, trace, job, link) in table {
        World::run(async |world| {
            let seen = Seen::default();
            let mut service = layer.layer(service_fn(|_| handle(seen.clone())));
            assert!(polled(&mut service, request(headers), usize::MAX));
            let span = world.span().await;
            assert_fields(&span, &[("otel.link", link)]);
            let (_, found, found_job) = seen.lock().expect("not poisoned")[0].clone();
            let found = found.expect("a trace").to_string();
            match trace {
                Some(trace) => assert_eq!(found, trace),
                None => assert_ne!(found, TRACE),
            }
            assert_eq!(found_job.as_deref(), job);
        });
    }
}

#[test]
fn a_public_endpoint_leaves_the_trace_it_is_called_in() {
    World::run(async |world| {
        let (trace, span) = (TraceId::random(), SpanId::random());
        let around = Current::default().with_span(trace, span, true);
        let seen = Seen::default();
        let mut service =
            ServerLayer::new().public_endpoint().layer(service_fn(|_| handle(seen.clone())));
        around.run(|| polled(&mut service, request(&[]), usize::MAX));
        let found = seen.lock().expect("not poisoned")[0].1;
        assert!(found.is_some() && found != Some(trace), "{found:?}");
        world.span().await;
    });
}

#[test]
fn what_has_no_body_ends_with_its_head() {
    let table = [("GET", 101), ("HEAD", 200), ("GET", 304), ("CONNECT", 200), ("GET", 204)];
    for (method, status) in table {
        World::run(async |world| {
            let inner = service_fn(|_| async move {
                let seen = Seen::default();
                let _witness = Witness(seen.clone(), "");
                let body = Slow { frames: 9, waits: false, seen, _witness };
                let response = Response::builder().status(status).body(body).expect("ok");
                Ok::<_, Infallible>(response)
            });
            let mut service = ServerLayer::new().layer(inner);
            let mut asked = request(&[]);
            *asked.method_mut() = method.parse().expect("a method");
            let mut cx = Context::from_waker(Waker::noop());
            let mut future = pin!(service.call(asked));
            let Poll::Ready(Ok(held)) = future.as_mut().poll(&mut cx) else { panic!("an answer") };
            // The body is still there: the server, or whoever took the connection over, has it.
            let span = world.span().await;
            assert_fields(
                &span,
                &[("http.response.status_code", Some(&status.to_string())), ("error.type", None)],
            );
            assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (1, 0.0));
            drop(held);
            assert_eq!(world.count(DURATION), 1);
        });
    }
}

#[test]
fn a_body_of_known_length_that_is_all_sent_is_complete() {
    // A server of HTTP/1 drops such a body without asking for its end.
    for (length, error) in [("10", None), ("11", Some("cancelled"))] {
        World::run(async |world| {
            let inner = service_fn(|_| async move {
                let mut response = handle(Seen::default()).await?;
                let length = length.parse().expect("a value");
                response.headers_mut().insert("content-length", length);
                Ok::<_, Infallible>(response)
            });
            let mut service = ServerLayer::new().layer(inner);
            assert!(!polled(&mut service, request(&[]), WAITS + 1 + 2 * FRAMES));
            assert_fields(&world.span().await, &[("error.type", error)]);
        });
    }
}

#[test]
fn the_duration_ends_with_the_body() {
    World::run(async |world| {
        let mut service = ServerLayer::new().layer(service_fn(|_| handle(Seen::default())));
        let mut cx = Context::from_waker(Waker::noop());
        let mut future = pin!(service.call(request(&[])));
        let response = loop {
            if let Poll::Ready(Ok(response)) = future.as_mut().poll(&mut cx) {
                break response;
            }
        };
        let mut body = pin!(response.into_body());
        loop {
            assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (0, 1.0));
            if let Poll::Ready(None) = body.as_mut().poll_frame(&mut cx) {
                break;
            }
        }
        assert_eq!((world.count(DURATION), world.gauge(ACTIVE)), (1, 0.0));
    });
}

#[test]
fn errors_of_the_service_pass_on_with_their_class() {
    World::run(async |world| {
        let inner = service_fn(|_: Request<Empty<Bytes>>| async {
            Err::<Response<Empty<Bytes>>, _>(std::io::Error::from(std::io::ErrorKind::TimedOut))
        });
        let mut service = ServerLayer::new().layer(inner);
        assert!(polled(&mut service, request(&[]), 1));
        assert_fields(
            &world.span().await,
            &[
                ("error.type", Some("timeout")),
                ("otel.status_code", Some("error")),
                ("http.response.status_code", None),
            ],
        );
        world.assert_nothing_refused();
    });
}

#[test]
fn hostile_headers_are_no_trouble() {
    let long = "a".repeat(100_000);
    let table: &[(&'static str, &[u8])] = &[
        ("host", b"\xff\xfe"),
        ("host", b"[::1"),
        ("host", b":::::"),
        ("user-agent", b"\xff"),
        ("user-agent", long.as_bytes()),
        ("content-length", b"-1"),
        ("content-length", b"99999999999999999999999"),
        ("forwarded", b"for=\"[\";proto=;;=,"),
        ("x-forwarded-for", b"\xff"),
        ("traceparent", long.as_bytes()),
        ("tracestate", b"\xff"),
        ("baggage", long.as_bytes()),
    ];
    for (name, value) in table {
        World::run(async |world| {
            let layer = ServerLayer::new().trust_forwarded();
            let mut service = layer.layer(service_fn(|_| handle(Seen::default())));
            let mut asked = request(&[]);
            *asked.uri_mut() = "/?%&=&=%ff".parse().expect("a URI");
            let value = http::HeaderValue::from_bytes(value).expect("a value");
            let _before = HeaderMap::insert(asked.headers_mut(), *name, value);
            assert!(polled(&mut service, asked, usize::MAX), "{name}");
            world.span().await;
            world.assert_nothing_refused();
        });
    }
}

#[test]
fn a_host_without_a_name_is_no_address() {
    type Case = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);
    let table: &[Case] = &[
        ("host", "", None, None),
        ("host", ":8080", None, None),
        ("host", "user@:8080", None, None),
        ("host", "[]:8080", None, None),
        ("host", "shop.example:8080", Some("shop.example"), Some("8080")),
        ("x-forwarded-host", ":8080", Some("inside.example"), None),
        ("x-forwarded-host", "shop.example", Some("shop.example"), None),
    ];
    for (name, value, address, port) in table {
        World::run(async |world| {
            let layer = ServerLayer::new().trust_forwarded();
            let mut service = layer.layer(service_fn(|_| handle(Seen::default())));
            let mut asked = request(&[("host", "inside.example")]);
            *asked.uri_mut() = "/a".parse().expect("a URI");
            let value = value.parse().expect("a value");
            let _before = HeaderMap::insert(asked.headers_mut(), *name, value);
            assert!(polled(&mut service, asked, usize::MAX), "{name}");
            let expected = [("server.address", *address), ("server.port", *port)];
            assert_fields(&world.span().await, &expected);
        });
    }
}
