//! What is served, and the answer to one request.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::text;

const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

const INDEX: &str = "radiosonde\n\n/metrics  Prometheus text format\n/health   200 or 503\n\
                     /report   what was recorded, lost and refused (JSON with Accept: application/json)\n";

/// Where the answers come from. Called on the listener's thread, a call at a time per connection;
/// a panic becomes a 500.
pub trait Endpoints: Send + Sync {
    /// The body of `/metrics`, as [`crate::text::render`] writes it.
    fn metrics(&self) -> String;
    /// Whether telemetry does its work.
    fn health(&self) -> Health;
    /// The report for people.
    fn report_text(&self) -> String;
    /// The report for programs, as JSON.
    fn report_json(&self) -> String;
}

/// The state of the telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// True answers 200, false 503.
    pub ok: bool,
    /// The body: what is wrong, or that all is well.
    pub text: String,
}

/// Answers one request; the body of the request is not looked at. HEAD gets the headers of GET,
/// other methods 405, other paths 404.
pub fn handle<B>(endpoints: &dyn Endpoints, request: &Request<B>) -> Response<Full<Bytes>> {
    let head = request.method() == Method::HEAD;
    let Some(route) = Route::of(request.uri().path()) else {
        return answer(StatusCode::NOT_FOUND, PLAIN, "not found; see /\n".to_owned(), head);
    };
    if !head && request.method() != Method::GET {
        let text = "method not allowed; use GET or HEAD\n".to_owned();
        let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text, false);
        let _ = response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let json = wants_json(request);
    // A panic of the application's health or report code must not take the listener with it.
    let content = catch_unwind(AssertUnwindSafe(|| route.content(endpoints, json)));
    let (status, media_type, body) = content.unwrap_or_else(|_| {
        (StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "the answer panicked\n".to_owned())
    });
    answer(status, media_type, body, head)
}

#[derive(Clone, Copy)]
enum Route {
    Health,
    Index,
    Metrics,
    Report,
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Index),
            "/health" => Some(Self::Health),
            "/metrics" => Some(Self::Metrics),
            "/report" => Some(Self::Report),
            _ => None,
        }
    }

    fn content(self, endpoints: &dyn Endpoints, json: bool) -> (StatusCode, &'static str, String) {
        match self {
            Self::Health => {
                let health = endpoints.health();
                let status =
                    if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                (status, PLAIN, health.text)
            }
            Self::Index => (StatusCode::OK, PLAIN, INDEX.to_owned()),
            Self::Metrics => (StatusCode::OK, text::CONTENT_TYPE, endpoints.metrics()),
            Self::Report if json => (StatusCode::OK, JSON, endpoints.report_json()),
            Self::Report => (StatusCode::OK, PLAIN, endpoints.report_text()),
        }
    }
}

/// Whether JSON is among what is accepted by name; `*/*` gets text.
fn wants_json<B>(request: &Request<B>) -> bool {
    let accepts = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|media| media.eq_ignore_ascii_case(JSON));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn answer(
    status: StatusCode,
    media_type: &'static str,
    body: String,
    head: bool,
) -> Response<Full<Bytes>> {
    let length = body.len();
    let body = if head { Bytes::new() } else { Bytes::from(body) };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let _ = headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let _ = headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let _ = headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}
