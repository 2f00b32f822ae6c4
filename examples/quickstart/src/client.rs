//! One request to the provider: its span, what a refusal means, and what may be said about it.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::provider::{ATTEMPT, DEMO_KEY, Figures};
use crate::usage::{Provider, excerpt};

/// Talks to a provider.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// Why an attempt brought nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}")]
pub struct FetchError {
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// What happened, fit for logs.
    pub what: String,
    /// Whether another attempt makes sense.
    pub retry: Retry,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Retry {
    /// The provider said how long to wait.
    After(Duration),
    /// Wait as the service sees fit.
    Backoff,
    /// The same request would fail again.
    Never,
}

impl Client {
    /// A client of the endpoint at this address; attempts end after 2 s.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(provider: SocketAddr) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(ATTEMPT_TIMEOUT).no_proxy().build()?;
        Ok(Self { http, base: format!("http://{provider}") })
    }

    /// Asks for a window's figures once. The span `fetch_window` has the attempt and the status.
    ///
    /// # Errors
    /// No answer, a refusal, or a body that has no figures.
    pub async fn fetch(
        &self,
        provider: Provider,
        day: Date,
        attempt: u32,
    ) -> Result<Figures, FetchError> {
        let path = format!("/v1/{provider}/windows/{day}");
        let span = tracing::info_span!(
            "fetch_window",
            otel.kind = "client",
            attempt,
            http.request.method = "GET",
            url.path = %path,
            http.response.status_code = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty,
        );
        let fetch = async {
            let outcome = self.send(&path, attempt).await;
            if let Err(error) = &outcome {
                let _ = Span::current().record("otel.status_code", "ERROR");
                let _ = Span::current().record("otel.status_description", error.what.as_str());
            }
            outcome
        };
        fetch.instrument(span).await
    }

    async fn send(&self, path: &str, attempt: u32) -> Result<Figures, FetchError> {
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(DEMO_KEY)
            .header(ATTEMPT, attempt)
            .send()
            .await
            .map_err(|error| transport(&error))?;
        let status = response.status();
        let _ = Span::current().record("http.response.status_code", status.as_u16());
        let after = response.headers().get(header::RETRY_AFTER).cloned();
        let body = body(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| FetchError {
                status: Some(status.as_u16()),
                what: format!("figures are malformed: {}", excerpt(&error.to_string())),
                retry: Retry::Backoff,
            });
        }
        let after = after.as_ref().and_then(|value| value.to_str().ok());
        Err(refused(status, after, &body, attempt))
    }
}

/// The wait a `Retry-After` asks for: seconds (fractions too, some send them) or an HTTP date.
/// `None` when it is neither; a date in the past is no wait.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if value.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// An error body fit for logs: secrets removed by the name of their key at any depth, at most
/// 512 bytes. What is not JSON is not quoted at all: nobody knows what is in it.
pub fn sanitized(body: &[u8]) -> String {
    let Ok(mut payload) = serde_json::from_slice::<Value>(body) else {
        return format!("({} bytes that are not JSON)", body.len());
    };
    remove_secrets(&mut payload);
    let mut text = payload.to_string();
    if text.len() > PAYLOAD_BYTES_MAX {
        let end = (0..=PAYLOAD_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

fn refused(status: StatusCode, after: Option<&str>, body: &[u8], attempt: u32) -> FetchError {
    let payload = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let code = payload["error"]["code"].as_str().unwrap_or("unknown");
    // `error.api_key` is logged on purpose: the slip every service makes one day. The key does not
    // get out, because radiosonde knows such names.
    tracing::warn!(
        attempt,
        status = status.as_u16(),
        error.code = code,
        error.api_key = payload["error"]["api_key"].as_str(),
        retry_after = after,
        error_payload = sanitized(body),
        "provider refused the window"
    );
    let retry = match after.and_then(|value| retry_after(value, Timestamp::now())) {
        _ if status == StatusCode::NOT_FOUND || status == StatusCode::UNAUTHORIZED => Retry::Never,
        Some(wait) => Retry::After(wait),
        None => Retry::Backoff,
    };
    FetchError { status: Some(status.as_u16()), what: format!("{} {code}", status.as_u16()), retry }
}

fn transport(error: &reqwest::Error) -> FetchError {
    let what = if error.is_timeout() { "no answer in time" } else { "no connection" };
    tracing::warn!(error = %error, "{what}");
    FetchError { status: None, what: what.to_owned(), retry: Retry::Backoff }
}

/// Reads a body up to a bound; the rest is nobody's figures.
async fn body(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            body.truncate(BODY_BYTES_MAX);
            break;
        }
    }
    Ok(body)
}

fn remove_secrets(payload: &mut Value) {
    match payload {
        Value::Array(items) => items.iter_mut().for_each(remove_secrets),
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_ascii_lowercase();
                if SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
                    *value = Value::from("[removed]");
                } else {
                    remove_secrets(value);
                }
            }
        }
        _ => {}
    }
}

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const BODY_BYTES_MAX: usize = 64 * 1024;
const PAYLOAD_BYTES_MAX: usize = 512;
const SECRET_NAMES: [&str; 5] = ["api_key", "authorization", "password", "secret", "token"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_all_its_forms() {
        let now: Timestamp = "2026-09-30T23:59:59Z".parse().unwrap();
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 0.2 ", Some(200)),
            ("Thu, 01 Oct 2026 00:00:01 GMT", Some(2_000)),
            ("Wed, 30 Sep 2026 23:00:00 GMT", Some(0)),
            ("-5", None),
            ("1e400", None),
            ("99999999999999999999999", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(retry_after(value, now), expected, "{value:?}");
        }
    }

    #[test]
    fn payloads_lose_their_secrets() {
        let body = br#"{"error":{"code":"x","api_key":"S3","request":[{"Authorization":"S3"}],
                       "access_token":{"a":"S3"}}}"#;
        let text = sanitized(body);
        assert!(text.contains(r#""code":"x""#) && !text.contains("S3"), "{text}");
        assert_eq!(sanitized(b"Bearer S3"), "(9 bytes that are not JSON)");
        let long = format!("[\"{}\"]", "\u{e9}".repeat(5_000));
        assert!(sanitized(long.as_bytes()).len() < 600);
    }
}
