//! The metrics as a service for a server that is there already.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::{Method, Request};
use tower_service::Service;

use crate::answer::{Answer, Asked, BODY_BYTES_MAX, Source, metrics, not_allowed, refusal};
use crate::aside::{ANSWER_TIMEOUT, Aside};
use crate::pool::Pool;

/// What a call of a service of this crate returns.
pub type AnswerFuture = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

/// Answers every request with the metrics, whatever its path: a [`tower_service::Service`], such as
/// for `Router::route_service` of axum. GET and HEAD; other methods get 405. The format is the one
/// that the client likes best, compressed when it takes gzip.
///
/// An answer is written on a short-lived thread of its own, one at a time: what the metrics cost,
/// or a collector that hangs, is no concern of the server's threads. Works in any runtime, and
/// without one.
///
/// Cheap to clone; clones share the memory that texts are written in, and take turns.
///
/// ```
/// use radiosonde_metrics::Metrics;
/// use radiosonde_prometheus::MetricsService;
///
/// let metrics = Metrics::default();
/// let app: axum::Router =
///     axum::Router::new().route_service("/internal/metrics", MetricsService::new(metrics));
/// ```
#[derive(Clone)]
pub struct MetricsService {
    source: Arc<dyn Source>,
    pool: Arc<Pool>,
    aside: Arc<Aside>,
}

impl MetricsService {
    /// The service, with texts of up to [`BODY_BYTES_MAX`].
    pub fn new(source: impl Source + 'static) -> Self {
        Self::of(Arc::new(source))
    }

    pub(crate) fn of(source: Arc<dyn Source>) -> Self {
        let pool = Arc::new(Pool::new(BODY_BYTES_MAX));
        Self { source, pool, aside: Aside::new(ANSWER_TIMEOUT) }
    }

    /// Answers 503 instead of a text of more than so many bytes, and while clients have not read
    /// answers of as many.
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.pool = Arc::new(Pool::new(bytes));
        self
    }

    /// What a request with that method and these headers gets.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> AnswerFuture {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Box::pin(std::future::ready(Ok(not_allowed())));
        }
        let asked = Asked::new(request.method(), request.headers());
        let Self { source, pool, aside } = self.clone();
        Box::pin(async move {
            let from = source.clone();
            let made = aside.run(move |wanted| metrics(&*from, &pool, asked, wanted)).await;
            Ok(made.unwrap_or_else(|trouble| refusal(&*source, &trouble, asked.head)))
        })
    }
}

impl<B> Service<Request<B>> for MetricsService {
    type Response = Answer;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> AnswerFuture {
        self.answer(&request)
    }
}

impl fmt::Debug for MetricsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsService").finish_non_exhaustive()
    }
}
