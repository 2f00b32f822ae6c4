//! A world of its own for each test: spans and metrics of one thread, and a server on a port of its
//! own.
#![allow(dead_code, reason = "every test uses its part")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use radiosonde_metrics::{Metrics, Settings, Value};
use radiosonde_record::{Filter, Journal, Level, Placement};
use radiosonde_tracing::{Layer, Sampler};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A span that was closed: its fields, as text.
pub(crate) type Fields = BTreeMap<String, String>;

/// Spans and metrics of the thread that made it.
pub(crate) struct World {
    pub(crate) metrics: Metrics,
    pub(crate) spans: Spans,
    _recorder: metrics::LocalRecorderGuard<'static>,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl World {
    pub(crate) fn new() -> Self {
        let metrics = Metrics::new(Settings::default());
        let recorder = Box::leak(Box::new(metrics.recorder()));
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).expect("a journal");
        let spans = Spans::default();
        let subscriber = tracing_subscriber::registry()
            .with(Layer::new(&journal, Sampler::default()))
            .with(spans.clone());
        Self {
            metrics,
            spans,
            _recorder: metrics::set_default_local_recorder(recorder),
            _subscriber: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Runs a future with everything it spawns on this thread.
    pub(crate) fn run<R>(future: impl AsyncFnOnce(World) -> R) -> R {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move { future(World::new()).await })
    }

    /// The series of a metric by its labels, empty labels left out, and how much it has.
    pub(crate) fn series(&self, name: &str) -> Vec<(Fields, f64)> {
        let snapshot = self.metrics.snapshot();
        let Some(family) = snapshot.family(name) else { return Vec::new() };
        let labels = |labels: &[(Arc<str>, Arc<str>)]| {
            let labels = labels.iter().filter(|(_, value)| !value.is_empty());
            labels.map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        let series = family.series.iter();
        series.map(|series| (labels(&series.labels), amount(&series.value))).collect()
    }

    /// Values a histogram has, over all series.
    pub(crate) fn count(&self, name: &str) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = self.series(name).iter().map(|(_, count)| *count as u64).sum();
        count
    }

    /// What a gauge says, over all series.
    pub(crate) fn gauge(&self, name: &str) -> f64 {
        self.series(name).iter().map(|(_, value)| value).sum()
    }

    /// The sum of the values of a histogram, over all series.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let snapshot = self.metrics.snapshot();
        let Some(family) = snapshot.family(name) else { return 0.0 };
        let sum = |value: &Value| match value {
            Value::Histogram { sum, .. } => *sum,
            _ => 0.0,
        };
        family.series.iter().map(|series| sum(&series.value)).sum()
    }

    /// Waits until so many spans are closed and none is open, and gives them away.
    pub(crate) async fn closed(&self, count: usize) -> Vec<(String, Fields)> {
        until(|| {
            let state = self.spans.lock();
            state.open.is_empty() && state.closed.len() >= count
        })
        .await;
        let closed = std::mem::take(&mut self.spans.lock().closed);
        assert_eq!(closed.len(), count, "{closed:?}");
        assert!(closed.iter().all(|(_, fields)| !fields.contains_key("twice")), "{closed:?}");
        closed
    }

    /// The one span that is closed in the end.
    pub(crate) async fn span(&self) -> Fields {
        self.closed(1).await.remove(0).1
    }

    /// Nothing was refused.
    pub(crate) fn assert_nothing_refused(&self) {
        let refusals: Vec<String> =
            self.metrics.refusals().iter().map(ToString::to_string).collect();
        assert!(refusals.is_empty(), "{refusals:?}");
    }
}

fn amount(value: &Value) -> f64 {
    match value {
        Value::Counter(count) => *count as f64,
        Value::Gauge(value) => *value,
        Value::Histogram { count, .. } => *count as f64,
        other => panic!("{other:?}"),
    }
}

/// Waits for something, with a limit.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "it did not happen within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A layer that keeps what spans were given.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<State>>);

impl Spans {
    /// What there is, also after a test that holds it has failed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) open: BTreeMap<u64, (String, Fields)>,
    pub(crate) closed: Vec<(String, Fields)>,
}

impl<S> tracing_subscriber::Layer<S> for Spans
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if !attributes.metadata().target().starts_with("radiosonde_http") {
            return;
        }
        let mut fields = Texts(Fields::new());
        attributes.record(&mut fields);
        let name = attributes.metadata().name().to_owned();
        let mut state = self.lock();
        state.open.insert(id.into_u64(), (name, fields.0));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut state = self.lock();
        let Some((_, fields)) = state.open.get_mut(&id.into_u64()) else { return };
        let mut texts = Texts(Fields::new());
        values.record(&mut texts);
        for (name, value) in texts.0 {
            if let Some(before) = fields.insert(name.clone(), value) {
                fields.insert("twice".to_owned(), format!("{name}={before}"));
            }
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut state = self.lock();
        if let Some(span) = state.open.remove(&id.into_u64()) {
            state.closed.push(span);
        }
    }
}

struct Texts(Fields);

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

/// Serves on a port of its own, for as long as the runtime lives.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A request without a body.
pub(crate) fn request(method: &str, address: SocketAddr, path: &str) -> Request<Full<Bytes>> {
    let uri = format!("http://{address}{path}");
    Request::builder().method(method).uri(uri).body(Full::default()).expect("a request")
}

/// Reads a response to its end.
pub(crate) async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Looks at some of the fields.
#[track_caller]
pub(crate) fn assert_fields(found: &Fields, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(found.get(*name).map(String::as_str), *value, "{name} in {found:?}");
    }
}
