//! The provider's side: an HTTP endpoint that knows every window's true figures and misbehaves as
//! providers do.
//!
//! What it answers depends on the window and the number of the attempt alone, so a run repeats.
//! It is a system of its own: it knows no jobs, and its spans are traces of their own.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tracing::Span;
use tracing::field::Empty;

use crate::random::Random;
use crate::usage::Provider;

/// The header that tells the number of the attempt, from 1.
pub const ATTEMPT: &str = "x-attempt";

/// The key the service presents. A stand-in for a real one: it must never reach telemetry, though
/// the provider echoes it in every error.
pub const DEMO_KEY: &str = "demo-key-7f3a91-never-to-be-logged";

/// A window's own figures, as invoiced.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figures {
    /// Rows the provider counted.
    pub rows: u64,
    /// Cost in dollars.
    pub cost_usd: f64,
}

/// Starts the endpoint on a free loopback port; it lives as long as the runtime.
///
/// # Errors
/// No loopback port can be had.
pub async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = axum::serve(listener, router());
    // Serving ends only with the runtime, so nobody waits for the task.
    let _serving = tokio::spawn(server.into_future());
    Ok(address)
}

/// The routes, for serving them elsewhere.
pub fn router() -> Router {
    // The ledger is committed beside the code; unreadable it is empty, and every window unknown.
    let ledger: Ledger = serde_json::from_str(LEDGER).unwrap_or_default();
    Router::new().route("/v1/{provider}/windows/{day}", get(figures)).with_state(Arc::new(ledger))
}

type Ledger = BTreeMap<String, Figures>;

/// How the provider takes one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mood {
    Broken,
    Figures,
    /// With this `Retry-After`.
    RateLimited(&'static str),
}

#[tracing::instrument(
    name = "provider.handle",
    skip_all,
    fields(
        otel.kind = "server",
        http.request.method = "GET",
        http.route = "/v1/{provider}/windows/{day}",
        window = %format_args!("{provider}/{day}"),
        http.response.status_code = Empty,
        otel.status_code = Empty,
    )
)]
async fn figures(
    State(ledger): State<Arc<Ledger>>,
    Path((provider, day)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let echo = header_text(&headers, header::AUTHORIZATION.as_str());
    let response = if echo.strip_prefix("Bearer ") == Some(DEMO_KEY) {
        let attempt = header_text(&headers, ATTEMPT).parse().unwrap_or(1);
        answer(&ledger, &provider, &day, attempt).await
    } else {
        refusal(StatusCode::UNAUTHORIZED, "unauthorized", "no valid key was presented", echo)
    };
    let status = response.status();
    let _ = Span::current().record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        let _ = Span::current().record("otel.status_code", "ERROR");
    }
    response
}

async fn answer(ledger: &Ledger, provider: &str, day: &str, attempt: u32) -> Response {
    let echo = format!("Bearer {DEMO_KEY}");
    let known = provider.parse::<Provider>().ok().zip(day.parse::<Date>().ok());
    let (Some(figures), Some((provider, day))) = (ledger.get(&format!("{provider}/{day}")), known)
    else {
        return refusal(StatusCode::NOT_FOUND, "unknown_window", "no usage on that day", &echo);
    };
    let (delay, mood) = script(provider, day, attempt);
    tokio::time::sleep(delay).await;
    match mood {
        Mood::Broken => {
            let message = "upstream ledger shard did not answer";
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", message, &echo)
        }
        Mood::Figures => Json(figures).into_response(),
        Mood::RateLimited(after) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let response = refusal(status, "rate_limited", "too many windows a second", &echo);
            ([(header::RETRY_AFTER, after)], response).into_response()
        }
    }
}

/// An error body as careless providers send them: with the caller's own secrets in it.
fn refusal(status: StatusCode, code: &str, message: &str, authorization: &str) -> Response {
    let body = json!({"error": {
        "code": code,
        "message": message,
        "api_key": authorization.trim_start_matches("Bearer "),
        "request": {"headers": {"authorization": authorization}},
    }});
    (status, Json(body)).into_response()
}

/// What happens to this attempt: about two in three windows are answered at once.
fn script(provider: Provider, day: Date, attempt: u32) -> (Duration, Mood) {
    let number =
        i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day());
    let mut random = Random::new(SEED ^ ((provider as u64) << 40) ^ number.unsigned_abs());
    let quick = Duration::from_millis(15 + random.below(60));
    let slow = Duration::from_millis(150 + random.below(250));
    if let Some((.., moods)) = NEVER.iter().find(|(p, d, _)| (*p, *d) == (provider, day)) {
        let index = attempt.saturating_sub(1) as usize % moods.len();
        return (quick, moods[index]);
    }
    match (random.below(100), attempt) {
        (0..12, 1) => (quick, Mood::RateLimited("0.05")),
        (12..18, 1) => (quick, Mood::RateLimited("0")),
        (12..18, 2) => (quick, Mood::RateLimited("1")),
        (18..21, 1) => (quick, Mood::RateLimited("Wed, 30 Sep 2026 23:59:59 GMT")),
        (21..31, 1) => (quick, Mood::Broken),
        (31..33, 1..=3) => (quick, Mood::Broken),
        (33..48, _) => (slow, Mood::Figures),
        _ => (quick, Mood::Figures),
    }
}

fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

const LEDGER: &str = include_str!("../data/ledger.json");
const SEED: u64 = 0x9a11_0000_0000_0004;

/// Windows that fail for good, and how, attempt by attempt.
const NEVER: [(Provider, Date, [Mood; 4]); 3] = [
    (Provider::Acme, date(2026, 9, 21), [Mood::RateLimited("0.1"); 4]),
    (
        Provider::Globex,
        date(2026, 9, 14),
        [Mood::RateLimited("0.2"), Mood::Broken, Mood::Broken, Mood::Broken],
    ),
    (Provider::Initech, date(2026, 9, 9), [Mood::Broken; 4]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_repeats_and_only_the_named_windows_never_answer() {
        let mut moods = BTreeMap::new();
        for provider in Provider::ALL {
            for day in (1..=30).map(|day| date(2026, 9, day)) {
                let steps: Vec<_> = (1..=4).map(|attempt| script(provider, day, attempt)).collect();
                let again: Vec<_> = (1..=4).map(|attempt| script(provider, day, attempt)).collect();
                assert_eq!(steps, again);
                let answered = steps.iter().any(|(_, mood)| *mood == Mood::Figures);
                let named = NEVER.iter().any(|(p, d, _)| (*p, *d) == (provider, day));
                assert_ne!(answered, named, "{provider} {day}");
                let name = format!("{:?}", steps[0].1);
                *moods.entry(name).or_insert(0) += 1;
            }
        }
        assert!(moods["Figures"] > 45, "mostly 200: {moods:?}");
        assert!(moods["Broken"] >= 4 && moods.len() >= 4, "every fault occurs: {moods:?}");
    }

    #[test]
    fn the_ledger_is_readable() {
        let ledger: Ledger = serde_json::from_str(LEDGER).unwrap();
        assert_eq!(ledger.len(), 90);
    }
}
