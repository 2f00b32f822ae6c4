//! Ten thousand requests at a time, over sockets, of which most are given up at random points:
//! nothing stays open, and the numbers agree, whatever subscriber there is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections of HTTP/2, each with as many requests at a time as a server allows.
const CONNECTIONS: u64 = 70;
const STREAMS: u64 = 200;
const TOGETHER: u64 = CONNECTIONS * STREAMS;
/// Requests over HTTP/1, each on a connection of its own.
const ALONE: u64 = 1_000;
const ALONE_AT_A_TIME: usize = 100;

const SEED: u64 = 0x0072_6164_696f;

/// A request makes up to eight steps, and is given up after a random number of them.
const STEPS_MAX: u64 = 8;

/// How long it takes until everybody has noticed.
const PATIENCE: Duration = Duration::from_secs(120);

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
}

/// A request, known to both sides.
#[derive(Clone, Copy)]
struct Asked {
    number: u64,
    /// The step after which its caller gives it up.
    patience: u64,
    seed: u64,
}

impl Asked {
    fn new(number: u64, random: &mut Random) -> Self {
        Self { number, patience: random.below(STEPS_MAX), seed: random.below(u64::MAX) }
    }

    fn read(text: &str) -> Self {
        let mut numbers = text.split(' ').map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("three of them");
        Self { number: next(), patience: next(), seed: next() }
    }

    fn request(self) -> Request<Full<Bytes>> {
        let Self { number, patience, seed } = self;
        let body = Full::from(format!("{number} {patience} {seed}"));
        let way = if number < TOGETHER { "h2" } else { "h1" };
        Request::post(format!("http://localhost/{way}/{number}")).body(body).expect("a request")
    }

    /// Whether its caller waits at least until the server has it.
    fn arrives(self) -> bool {
        self.patience > 0
    }
}

/// What is known of all requests.
struct Course {
    /// Steps made, by request: a caller waits for those it wants to see.
    steps: Vec<Semaphore>,
    /// Requests over HTTP/2 that the server waits for before any of them goes on.
    awaited: AtomicI64,
    /// Closed until then.
    gate: Semaphore,
    metrics: Metrics,
    /// What the gauge said when the gate was opened.
    together: AtomicU64,
}

impl Course {
    fn step(&self, asked: Asked) {
        self.steps[usize::try_from(asked.number).expect("small")].add_permits(1);
    }

    /// The server has it. All that come together wait for one another.
    async fn arrived(&self, asked: Asked) {
        if asked.number < TOGETHER {
            if asked.arrives() && self.awaited.fetch_sub(1, Ordering::SeqCst) == 1 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small"
                )]
                self.together.store(active(&self.metrics) as u64, Ordering::SeqCst);
                self.gate.close();
            }
            self.step(asked);
            let _closed = self.gate.acquire().await;
        } else {
            self.step(asked);
        }
    }

    /// Sends a request and reads its answer, unless it is given up.
    async fn asked<F, E>(&self, asked: Asked, answer: F) -> bool
    where
        F: Future<Output = Result<http::Response<hyper::body::Incoming>, E>>,
    {
        let whole = async { answer.await.ok()?.into_body().collect().await.ok() };
        let steps = &self.steps[usize::try_from(asked.number).expect("small")];
        let patience = u32::try_from(asked.patience).expect("small");
        tokio::select! {
            answer = whole => answer.is_some(),
            _ = steps.acquire_many(patience) => false,
        }
    }
}

/// A body whose chunks come one by one.
struct Chunks {
    course: Arc<Course>,
    asked: Asked,
    left: u64,
    is_late: bool,
    in_span: InSpan,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.in_span.check();
        self.is_late = !self.is_late;
        if self.is_late {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.course.step(self.asked);
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"chunk")))))
    }
}

async fn handle(State(course): State<Arc<Course>>, text: String) -> Body {
    let in_span = InSpan::here();
    let asked = Asked::read(&text);
    course.arrived(asked).await;
    let mut random = Random(asked.seed);
    for _ in 0..random.below(4) {
        tokio::time::sleep(Duration::from_millis(random.below(3))).await;
        in_span.check();
        tokio::task::yield_now().await;
        course.step(asked);
    }
    let left = random.below(4);
    Body::new(Chunks { course, asked, left, is_late: false, in_span: InSpan::here() })
}

/// Two hundred requests at a time over one connection.
async fn over_http2(address: SocketAddr, course: Arc<Course>, all: Vec<Asked>) -> u64 {
    let stream = TokioIo::new(TcpStream::connect(address).await.expect("a connection"));
    let connection = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
    let (sender, connection) = connection.await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut requests = tokio::task::JoinSet::new();
    for asked in all {
        let (mut sender, course) = (sender.clone(), course.clone());
        let _handle = requests
            .spawn(async move { course.asked(asked, sender.send_request(asked.request())).await });
    }
    let answered = requests.join_all().await.into_iter().filter(|answered| *answered).count();
    connection.abort();
    answered as u64
}

/// One request on a connection that is closed when nobody waits any more.
async fn over_http1(address: SocketAddr, course: Arc<Course>, asked: Asked) -> bool {
    let stream = TokioIo::new(TcpStream::connect(address).await.expect("a connection"));
    let connection = hyper::client::conn::http1::handshake(stream).await;
    let (mut sender, connection) = connection.expect("a handshake");
    let connection = tokio::spawn(connection);
    let answered = course.asked(asked, sender.send_request(asked.request())).await;
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

/// Telemetry of the whole process.
pub(crate) struct Telemetry {
    metrics: Metrics,
    pub(crate) journal: Journal,
}

impl Telemetry {
    pub(crate) fn new() -> Self {
        let metrics = Metrics::new(Settings::default());
        metrics.recorder().install().expect("the only recorder of this program");
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info));
        Self { metrics, journal: journal.expect("a journal") }
    }

    /// Spans that are open.
    fn open(&self) -> u64 {
        let (listed, unlisted) = self.journal.open_span_counts();
        listed + unlisted
    }

    /// Asks ten thousand times at once and once more a thousand times, and checks that nothing is left
    /// of it: how many requests there were.
    pub(crate) fn ask_and_give_up(&self) -> u64 {
        let mut random = Random(SEED);
        let all: Vec<Asked> =
            (0..TOGETHER + ALONE).map(|number| Asked::new(number, &mut random)).collect();
        let together = all.iter().take(usize::try_from(TOGETHER).expect("small"));
        let awaited = together.filter(|asked| asked.arrives()).count();
        let course = Arc::new(Course {
            steps: all.iter().map(|_| Semaphore::new(0)).collect(),
            awaited: AtomicI64::new(i64::try_from(awaited).expect("small")),
            gate: Semaphore::new(0),
            metrics: self.metrics.clone(),
            together: AtomicU64::new(0),
        });
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let answered = runtime.block_on(async {
            let answered = asked_by_all(&course, &all).await;
            self.until_nothing_is_open().await;
            answered
        });

        let begun = self.journal.account(Kind::Span).offered;
        let by_error = finished(&self.metrics);
        let at_once = course.together.load(Ordering::SeqCst);
        eprintln!("{answered} answered of {begun} begun, {at_once} of them at once: {by_error:?}");
        assert!(at_once >= 10_000, "{at_once}");
        let complete = by_error.get("").copied().unwrap_or_default();
        let cancelled = by_error.get("cancelled").copied().unwrap_or_default();
        assert_eq!(complete + cancelled, begun, "{by_error:?}");
        assert!(complete >= answered, "{by_error:?}");
        assert!(cancelled > 1_000 && complete > 1_000, "both happen a lot: {by_error:?}");
        let arrived = all.iter().filter(|asked| asked.arrives()).count() as u64;
        assert!((arrived..=TOGETHER + ALONE).contains(&begun), "{begun}");
        assert_eq!(self.journal.open_span_counts(), (0, 0));
        assert_eq!(active(&self.metrics), 0.0);
        assert_eq!(STRANGE.load(Ordering::SeqCst), 0, "code that did not run in its span");
        assert!(self.metrics.refusals().is_empty(), "{:?}", self.metrics.refusals());
        begun
    }

    /// Waits until nobody has anything left to do: a span that is open no more is about to be recorded.
    async fn until_nothing_is_open(&self) {
        let started = Instant::now();
        loop {
            let (open, active) = (self.open(), active(&self.metrics));
            let begun = self.journal.account(Kind::Span).offered;
            let ended: u64 = finished(&self.metrics).values().sum();
            if open == 0 && active == 0.0 && ended == begun {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{open} spans are open, {active} requests active, {ended} of {begun} ended"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Serves, and asks for all of it; how many answers came whole.
async fn asked_by_all(course: &Arc<Course>, all: &[Asked]) -> u64 {
    let app = Router::new()
        .route("/h2/{number}", post(handle))
        .route("/h1/{number}", post(handle))
        .with_state(course.clone())
        .layer(ServerLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });

    let (together, alone) = all.split_at(usize::try_from(TOGETHER).expect("small"));
    let mut connections = tokio::task::JoinSet::new();
    for some in together.chunks(usize::try_from(STREAMS).expect("small")) {
        let _handle = connections.spawn(over_http2(address, course.clone(), some.to_vec()));
    }
    let over_two: u64 = connections.join_all().await.into_iter().sum();

    let at_a_time = Arc::new(Semaphore::new(ALONE_AT_A_TIME));
    let mut requests = tokio::task::JoinSet::new();
    for asked in alone.iter().copied() {
        let (at_a_time, course) = (at_a_time.clone(), course.clone());
        let _handle = requests.spawn(async move {
            let _permit = at_a_time.acquire().await.expect("never closed");
            over_http1(address, course, asked).await
        });
    }
    let over_one = requests.join_all().await.into_iter().filter(|answered| *answered).count();
    over_two + over_one as u64
}
