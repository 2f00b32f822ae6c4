//! Ten thousand requests at a time, over sockets, of which most are given up at random points:
//! nothing stays open, and the numbers agree.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use radiosonde_context::{Context as Current, SpanId};
use radiosonde_http::server::ServerLayer;
use radiosonde_metrics::{Metrics, Settings, Value};
use radiosonde_record::{Filter, Journal, Kind, Level, Placement};
use radiosonde_tracing::{Layer, Sampler};
use tokio::net::{TcpListener, TcpStream};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context as Subscribed, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Connections of HTTP/2, each with as many requests at a time as a server allows.
const CONNECTIONS: u64 = 50;
const STREAMS: u64 = 200;
/// Requests over HTTP/1, each on a connection of its own.
const ALONE: u64 = 1_000;
const ALONE_AT_A_TIME: usize = 100;

const SEED: u64 = 0x0072_6164_696f;

/// How long it takes until everybody has noticed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long callers wait, at most: about as long as all requests of that kind take together.
const PATIENCE_TOGETHER_MS: u64 = 4_000;
const PATIENCE_ALONE_MS: u64 = 80;

/// Counts spans of the layer.
#[derive(Clone, Default)]
struct Spans {
    opened: Arc<AtomicU64>,
    open: Arc<AtomicI64>,
}

/// Whether it is a span of the layer, and not one of the protocol's implementation.
fn is_ours(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.target().starts_with("radiosonde_http")
}

impl<S> tracing_subscriber::Layer<S> for Spans
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Subscribed<'_, S>) {
        if is_ours(attributes.metadata()) {
            self.opened.fetch_add(1, Ordering::SeqCst);
            self.open.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn on_close(&self, id: Id, subscribed: Subscribed<'_, S>) {
        if subscribed.metadata(&id).is_some_and(is_ours) {
            self.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// What handlers saw that they should not have seen.
static STRANGE: AtomicU64 = AtomicU64::new(0);

/// Holds on to the span it was made in.
struct InSpan(Option<SpanId>);

impl InSpan {
    fn here() -> Self {
        let span = Current::current().span_id();
        if span.is_none() {
            STRANGE.fetch_add(1, Ordering::SeqCst);
        }
        Self(span)
    }

    fn check(&self) {
        if Current::current().span_id() != self.0 {
            STRANGE.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for InSpan {
    fn drop(&mut self) {
        self.check();
    }
}

/// A small generator: the same requests with every run.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn pause(&mut self, limit_ms: u64) -> tokio::time::Sleep {
        tokio::time::sleep(Duration::from_millis(self.below(limit_ms)))
    }
}

/// A body whose chunks take their time.
struct Paused {
    chunks: u64,
    pause: Pin<Box<tokio::time::Sleep>>,
    random: Random,
    in_span: InSpan,
}

impl http_body::Body for Paused {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.in_span.check();
        std::task::ready!(self.pause.as_mut().poll(cx));
        if self.chunks == 0 {
            return Poll::Ready(None);
        }
        self.chunks -= 1;
        self.pause = Box::pin(self.random.pause(10));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"chunk")))))
    }
}

async fn handle(seed: String) -> Body {
    let in_span = InSpan::here();
    let mut random = Random(seed.parse().unwrap_or_default());
    for _ in 0..random.below(4) {
        random.pause(10).await;
        in_span.check();
        tokio::task::yield_now().await;
    }
    let chunks = random.below(4);
    let pause = Box::pin(random.pause(10));
    Body::new(Paused { chunks, pause, random, in_span: InSpan::here() })
}

fn request(path: &str, seed: u64) -> Request<Full<Bytes>> {
    let uri = format!("http://localhost{path}");
    Request::post(uri).body(Full::from(seed.to_string())).expect("a request")
}

/// Sends a request and reads its answer, unless that takes longer than it may.
async fn asked<F, E>(answer: F, random: &mut Random, patience_ms: u64) -> bool
where
    F: Future<Output = Result<http::Response<hyper::body::Incoming>, E>>,
{
    let whole = async { answer.await.ok()?.into_body().collect().await.ok() };
    let patience = Duration::from_millis(random.below(patience_ms));
    matches!(tokio::time::timeout(patience, whole).await, Ok(Some(_)))
}

/// Two hundred requests at a time over one connection.
async fn over_http2(address: std::net::SocketAddr, mut random: Random) -> u64 {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let connection =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = connection.await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..STREAMS {
        let (mut sender, seed) = (sender.clone(), random.below(u64::MAX));
        let _handle = requests.spawn(async move {
            let mut random = Random(seed);
            asked(sender.send_request(request("/h2/1", seed)), &mut random, PATIENCE_TOGETHER_MS)
                .await
        });
    }
    let answered = requests.join_all().await.into_iter().filter(|answered| *answered).count();
    connection.abort();
    answered as u64
}

/// One request on a connection that is closed when nobody waits any more.
async fn over_http1(address: std::net::SocketAddr, seed: u64) -> bool {
    let mut random = Random(seed);
    let Ok(stream) = TcpStream::connect(address).await else { return false };
    let connection = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let Ok((mut sender, connection)) = connection else { return false };
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request("/h1/1", seed));
    let answered = asked(answer, &mut random, PATIENCE_ALONE_MS).await;
    connection.abort();
    answered
}

/// Requests by error, and all of them.
fn finished(metrics: &Metrics) -> BTreeMap<String, u64> {
    let snapshot = metrics.snapshot();
    let family = snapshot.family("http_server_request_duration_seconds").expect("the histogram");
    let mut by_error = BTreeMap::new();
    for series in family.series.iter() {
        let error = series.labels.iter().find(|(name, _)| &**name == "error_type");
        let Value::Histogram { count, .. } = series.value else { panic!("{series:?}") };
        *by_error.entry(error.map_or("", |(_, value)| value).to_owned()).or_default() += count;
    }
    by_error
}

fn active(metrics: &Metrics) -> f64 {
    let snapshot = metrics.snapshot();
    let family = snapshot.family("http_server_active_requests").expect("the gauge");
    let values = family.series.iter().map(|series| match series.value {
        Value::Gauge(value) => value,
        ref other => panic!("{other:?}"),
    });
    values.sum()
}

#[test]
fn ten_thousand_requests_at_a_time_leave_nothing_open() {
    let metrics = Metrics::new(Settings::default());
    metrics.recorder().install().expect("the only recorder of this program");
    let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).expect("a journal");
    let spans = Spans::default();
    let layer = Layer::new(&journal, Sampler::default());
    let subscriber = tracing_subscriber::registry().with(layer).with(spans.clone());
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (over_two, over_one) = runtime.block_on(async {
        let app = Router::new()
            .route("/h2/{n}", post(handle))
            .route("/h1/{n}", post(handle))
            .layer(ServerLayer::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });

        let mut random = Random(SEED);
        let mut connections = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let random = Random(random.below(u64::MAX));
            let _handle = connections.spawn(over_http2(address, random));
        }
        let over_two: u64 = connections.join_all().await.into_iter().sum();

        let at_a_time = Arc::new(tokio::sync::Semaphore::new(ALONE_AT_A_TIME));
        let mut alone = tokio::task::JoinSet::new();
        for _ in 0..ALONE {
            let (at_a_time, seed) = (at_a_time.clone(), random.below(u64::MAX));
            let _handle = alone.spawn(async move {
                let _permit = at_a_time.acquire().await.expect("never closed");
                over_http1(address, seed).await
            });
        }
        let over_one = alone.join_all().await.into_iter().filter(|answered| *answered).count();

        let started = Instant::now();
        while spans.open.load(Ordering::SeqCst) != 0 || active(&metrics) != 0.0 {
            let open = spans.open.load(Ordering::SeqCst);
            let active = active(&metrics);
            assert!(
                started.elapsed() < PATIENCE,
                "{open} spans are open, {active} requests active"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (over_two, over_one as u64)
    });

    let opened = spans.opened.load(Ordering::SeqCst);
    let by_error = finished(&metrics);
    eprintln!("{over_two} + {over_one} answered of {opened} begun, which ended as {by_error:?}");
    let complete = by_error.get("").copied().unwrap_or_default();
    let cancelled = by_error.get("cancelled").copied().unwrap_or_default();
    assert_eq!(complete + cancelled, opened, "{by_error:?}");
    assert!(complete >= over_two + over_one, "{by_error:?}");
    assert!(cancelled > 1_000 && complete > 1_000, "both happen a lot: {by_error:?}");
    assert!(opened <= CONNECTIONS * STREAMS + ALONE);
    assert_eq!(journal.account(Kind::Span).offered, opened);
    assert_eq!(STRANGE.load(Ordering::SeqCst), 0, "code that did not run in its span");
    assert!(metrics.refusals().is_empty(), "{:?}", metrics.refusals());
}
