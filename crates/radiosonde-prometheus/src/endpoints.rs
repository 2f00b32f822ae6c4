//! What is served, and the answer to one request.

use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::header::{HeaderValue, VARY};
use hyper::{Method, Request, StatusCode};
use tower_service::Service;

use crate::answer::{Answer, PLAIN, Source, answer, not_allowed, refused};
use crate::aside::{ANSWER_TIMEOUT, Aside};
use crate::negotiate;
use crate::service::{AnswerFuture, MetricsService};

const JSON: &str = "application/json";

const INDEX: &str = "radiosonde\n\n/metrics  Prometheus text format or OpenMetrics\n\
                     /health   200 or 503\n\
                     /report   what was recorded, lost and refused (JSON with Accept: application/json)\n";

/// Where the answers come from. Called as [`Source::expose`] is, a call at a time and beside the
/// one for metrics; a panic becomes a 500.
pub trait Endpoints: Source {
    /// Whether telemetry does its work.
    fn health(&self) -> Health;
    /// The report for people.
    fn report_text(&self) -> String;
    /// The report for programs, as JSON.
    fn report_json(&self) -> String;
}

impl<E: Endpoints + ?Sized> Endpoints for Arc<E> {
    fn health(&self) -> Health {
        (**self).health()
    }

    fn report_text(&self) -> String {
        (**self).report_text()
    }

    fn report_json(&self) -> String {
        (**self).report_json()
    }
}

/// The state of the telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// True answers 200, false 503.
    pub ok: bool,
    /// The body: what is wrong, or that all is well.
    pub text: String,
}

/// Answers a request by its path: `/metrics`, `/health`, `/report` and `/`. HEAD gets the headers of
/// GET, other methods 405, other paths 404. The body of the request is not looked at.
///
/// What [`crate::serve`] serves, and a [`tower_service::Service`] for a server that is there already:
/// `Router::fallback_service` of axum, for instance. Cheap to clone.
#[derive(Clone)]
pub struct PagesService {
    endpoints: Arc<dyn Endpoints>,
    metrics: MetricsService,
    /// Health and report do not wait for metrics.
    aside: Arc<Aside>,
}

impl PagesService {
    /// The service, with texts of metrics of up to [`crate::BODY_BYTES_MAX`].
    pub fn new(endpoints: impl Endpoints + 'static) -> Self {
        let endpoints: Arc<dyn Endpoints> = Arc::new(endpoints);
        let metrics = MetricsService::of(endpoints.clone());
        Self { endpoints, metrics, aside: Aside::new(ANSWER_TIMEOUT) }
    }

    /// As [`MetricsService::body_bytes_max`].
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.metrics = self.metrics.body_bytes_max(bytes);
        self
    }

    fn page(&self, page: Page, head: bool) -> AnswerFuture {
        let Self { endpoints, aside, .. } = self.clone();
        Box::pin(async move {
            let made = aside.run(move |_| page.answer(&*endpoints, head)).await;
            Ok(made.unwrap_or_else(|trouble| refused(&trouble, head)))
        })
    }
}

impl<B> Service<Request<B>> for PagesService {
    type Response = Answer;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> AnswerFuture {
        let head = request.method() == Method::HEAD;
        let answered = match request.uri().path() {
            "/metrics" => return self.metrics.answer(&request),
            "/" | "/health" | "/report" if !head && request.method() != Method::GET => {
                not_allowed()
            }
            "/" => answer(StatusCode::OK, PLAIN, INDEX.into(), head),
            "/health" => return self.page(Page::Health, head),
            "/report" => {
                let json = negotiate::json(request.headers());
                return self.page(Page::Report { json }, head);
            }
            _ => answer(StatusCode::NOT_FOUND, PLAIN, "not found; see /\n".into(), head),
        };
        Box::pin(std::future::ready(Ok(answered)))
    }
}

impl fmt::Debug for PagesService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagesService").finish_non_exhaustive()
    }
}

/// What is asked of the application's code.
#[derive(Clone, Copy)]
enum Page {
    Health,
    Report { json: bool },
}

impl Page {
    fn answer(self, endpoints: &dyn Endpoints, head: bool) -> Answer {
        let content = catch_unwind(AssertUnwindSafe(|| self.content(endpoints)));
        let (status, media_type, body) = content.unwrap_or_else(|_| {
            (StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "the answer panicked\n".to_owned())
        });
        let mut answer = answer(status, media_type, body.into(), head);
        if let Self::Report { .. } = self {
            let _ = answer.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
        }
        answer
    }

    fn content(self, endpoints: &dyn Endpoints) -> (StatusCode, &'static str, String) {
        match self {
            Self::Health => {
                let health = endpoints.health();
                let status =
                    if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                (status, PLAIN, health.text)
            }
            Self::Report { json: true } => (StatusCode::OK, JSON, endpoints.report_json()),
            Self::Report { json: false } => (StatusCode::OK, PLAIN, endpoints.report_text()),
        }
    }
}
