//! What is served, and the answer to one request.

use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::header::{HeaderValue, VARY};
use hyper::{Method, Request, StatusCode};
use tower_service::Service;

use crate::answer::{Answer, Asked, BODY_BYTES_MAX, PLAIN, Source, answer, metrics, not_allowed};
use crate::negotiate;
use crate::pool::Pool;
use crate::service::AnswerFuture;

const JSON: &str = "application/json";

const INDEX: &str = "radiosonde\n\n/metrics  Prometheus text format or OpenMetrics\n\
                     /health   200 or 503\n\
                     /report   what was recorded, lost and refused (JSON with Accept: application/json)\n";

/// Where the answers come from. Called on the listener's thread, a call at a time per connection;
/// a panic becomes a 500.
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
    pool: Arc<Pool>,
}

impl PagesService {
    /// The service, with texts of metrics of up to [`BODY_BYTES_MAX`].
    pub fn new(endpoints: impl Endpoints + 'static) -> Self {
        Self { endpoints: Arc::new(endpoints), pool: Arc::new(Pool::new(BODY_BYTES_MAX)) }
    }

    /// As [`crate::MetricsService::body_bytes_max`].
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.pool = Arc::new(Pool::new(bytes));
        self
    }

    fn page(&self, page: Page, head: bool) -> Answer {
        // A panic of the application's health or report code must not take the listener with it.
        let content = catch_unwind(AssertUnwindSafe(|| page.content(&*self.endpoints)));
        let (status, media_type, body) = content.unwrap_or_else(|_| {
            (StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "the answer panicked\n".to_owned())
        });
        let mut answer = answer(status, media_type, body.into(), head);
        if let Page::Report { .. } = page {
            let _ = answer.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
        }
        answer
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
        let (method, path) = (request.method(), request.uri().path());
        let head = method == Method::HEAD;
        let page = match path {
            "/" => Some(Page::Index),
            "/health" => Some(Page::Health),
            "/report" => Some(Page::Report { json: negotiate::json(request.headers()) }),
            _ => None,
        };
        let answered = if page.is_none() && path != "/metrics" {
            answer(StatusCode::NOT_FOUND, PLAIN, "not found; see /\n".into(), head)
        } else if !head && method != Method::GET {
            not_allowed()
        } else if let Some(page) = page {
            self.page(page, head)
        } else {
            let asked = Asked::new(method, request.headers());
            let Self { endpoints, pool } = self.clone();
            return Box::pin(async move { Ok(metrics(&*endpoints, &pool, asked).await) });
        };
        Box::pin(std::future::ready(Ok(answered)))
    }
}

impl fmt::Debug for PagesService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagesService").finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Page {
    Health,
    Index,
    Report { json: bool },
}

impl Page {
    fn content(self, endpoints: &dyn Endpoints) -> (StatusCode, &'static str, String) {
        match self {
            Self::Health => {
                let health = endpoints.health();
                let status =
                    if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                (status, PLAIN, health.text)
            }
            Self::Index => (StatusCode::OK, PLAIN, INDEX.to_owned()),
            Self::Report { json: true } => (StatusCode::OK, JSON, endpoints.report_json()),
            Self::Report { json: false } => (StatusCode::OK, PLAIN, endpoints.report_text()),
        }
    }
}
