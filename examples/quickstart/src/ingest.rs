//! The job of one window: parse, fetch with retries, reconcile; everything observed.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::catalog::{self, Outcome};
use crate::client::{Client, FetchError, Retry};
use crate::provider::Figures;
use crate::totals::{Totals, variance};
use crate::usage::{Rejected, UsageRow};
use crate::window::{self, Window};

/// What the workers of a run share.
#[derive(Debug)]
pub struct Run {
    /// The way to the provider.
    pub client: Client,
    /// The clock of the cursor drift: a rehearsal of past data runs as of its last window's end.
    pub as_of: Timestamp,
    totals: Mutex<Totals>,
}

impl Run {
    /// A run that goes on counting from these totals.
    pub fn new(client: Client, as_of: Timestamp, totals: Totals) -> Self {
        Self { client, as_of, totals: Mutex::new(totals) }
    }

    /// The totals, to count in. Never held over an `.await`.
    pub fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ingests one window as the job [`Window::job`]: whatever is recorded in here, by whatever
    /// macro, on whatever thread, carries the job and the worker.
    pub async fn ingest(&self, worker: &str, window: &Window) {
        // The span is made inside the scope: made before, it would not belong to the job.
        let job = async {
            let span = tracing::info_span!(
                "ingest_window",
                provider = window.provider.as_str(),
                window = window.range(),
                rows = window.rows.len(),
                attempts = Empty,
                otel.status_code = Empty,
                otel.status_description = Empty,
            );
            self.execute(window).instrument(span).await;
        };
        radiosonde::scope().job(window.job()).worker(worker).wrap(job).await;
    }

    async fn execute(&self, window: &Window) {
        let started = Instant::now();
        let parsed = self.parse_rows(window);
        let (attempts, outcome) = self.fetch(window).await;
        let _ = Span::current().record("attempts", attempts);
        self.totals().provider(window.provider).retries += u64::from(attempts - 1);
        match outcome {
            Ok(figures) => self.succeed(window, &parsed, figures, attempts),
            Err(error) => self.fail(window, &parsed, &error, attempts),
        }
        catalog::ingestion_duration_seconds(window.provider).record(started.elapsed());
    }

    /// Checks the rows, counts what is wrong with them, and never gives up.
    #[tracing::instrument(skip_all, fields(accepted, duplicates, malformed))]
    fn parse_rows(&self, window: &Window) -> Parsed {
        let parsed = parse(window);
        let _ = Span::current()
            .record("accepted", parsed.rows.len())
            .record("duplicates", parsed.duplicates)
            .record("malformed", parsed.malformed.len());
        log_malformed(&parsed.malformed);
        let mut totals = self.totals();
        totals.provider(window.provider).duplicates += parsed.duplicates;
        for rejected in &parsed.malformed {
            totals.count_malformed(window.provider, &rejected.reason);
        }
        parsed
    }

    /// Up to [`ATTEMPTS_MAX`] attempts; returns how many were made.
    async fn fetch(&self, window: &Window) -> (u32, Result<Figures, FetchError>) {
        let mut attempt = 1;
        loop {
            let outcome = self.client.fetch(window.provider, window.day, attempt).await;
            let wait = match &outcome {
                Err(error) if attempt < ATTEMPTS_MAX => wait(error.retry, attempt),
                _ => None,
            };
            let Some(wait) = wait else { return (attempt, outcome) };
            catalog::ingestion_runs_total(window.provider, Outcome::Retry).increment(1);
            tracing::info!(
                retry = attempt,
                window = window.range(),
                wait_ms = wait.as_millis() as u64,
                "window will be fetched again"
            );
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    fn succeed(&self, window: &Window, parsed: &Parsed, figures: Figures, attempts: u32) {
        let provider = window.provider;
        let drift = self.reconcile_costs(window, parsed, figures);
        catalog::ingestion_runs_total(provider, Outcome::Success).increment(1);
        catalog::admin_cursor_drift_seconds(provider).set(drift);
        tracing::info!(
            window = window.range(),
            key_ids = parsed.key_ids(),
            retries = attempts - 1,
            "window reconciled"
        );
        radiosonde::event!(
            "ingestion.window_ingested",
            provider = provider.as_str(),
            rows = parsed.rows.len(),
            duplicates = parsed.duplicates,
            malformed = parsed.malformed.len(),
            cost_usd = parsed.cost_micros() as f64 / 1e6,
            attempts = attempts,
            "window {} ingested",
            window.range()
        );
    }

    fn fail(&self, window: &Window, parsed: &Parsed, error: &FetchError, attempts: u32) {
        let _ = Span::current()
            .record("otel.status_code", "ERROR")
            .record("otel.status_description", error.what.as_str());
        catalog::ingestion_runs_total(window.provider, Outcome::Failure).increment(1);
        tracing::error!(
            window = window.range(),
            key_ids = parsed.key_ids(),
            retries = attempts - 1,
            status = error.status,
            error = %error,
            "window gave up"
        );
        radiosonde::event!(
            "ingestion.window_failed",
            level: error,
            provider = window.provider.as_str(),
            rows_held_back = parsed.rows.len(),
            attempts = attempts,
            reason = %error,
            "window {} gave up after {attempts} attempts",
            window.range()
        );
        let mut totals = self.totals();
        let own = totals.provider(window.provider);
        own.failed += 1;
        own.held_back += parsed.rows.len() as u64;
        totals.failed.push((window.job(), error.what.clone()));
    }

    /// Holds the window's cost against the invoice; returns the cursor's drift in seconds.
    #[tracing::instrument(skip_all, fields(normalised_usd, invoice_usd, variance_ratio))]
    fn reconcile_costs(&self, window: &Window, parsed: &Parsed, figures: Figures) -> f64 {
        let cost = parsed.cost_micros();
        // A saturating cast: a negative or absurd invoice of a provider cannot overflow.
        let invoice = (figures.cost_usd * 1e6).round() as u64;
        let _ = Span::current()
            .record("normalised_usd", cost as f64 / 1e6)
            .record("invoice_usd", figures.cost_usd);
        if let Some(ratio) = variance(cost, invoice) {
            let _ = Span::current().record("variance_ratio", ratio);
            if ratio.abs() > VARIANCE_TOLERANCE {
                report_variance(window, parsed, figures, ratio);
            }
        }
        let mut totals = self.totals();
        let own = totals.provider(window.provider);
        own.ingested += 1;
        own.rows += parsed.rows.len() as u64;
        own.cost_micros = own.cost_micros.saturating_add(cost);
        own.invoice_micros = own.invoice_micros.saturating_add(invoice);
        own.cursor = own.cursor.max(Some(window.day));
        let (ratio, cursor) = (own.variance(), own.cursor.unwrap_or(window.day));
        drop(totals);
        if let Some(ratio) = ratio {
            catalog::cost_variance_ratio(window.provider).set(ratio);
        }
        drift_seconds(self.as_of, cursor)
    }
}

/// Logs each malformed row with its place, up to a bound per window or file.
pub fn log_malformed(rejected: &[Rejected]) {
    for Rejected { origin, reason } in rejected.iter().take(NAMED_MAX) {
        tracing::warn!(
            file = &*origin.file,
            line = origin.line,
            reason = reason.kind(),
            "malformed row skipped: {reason}"
        );
    }
    if let Some(more) = rejected.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        tracing::warn!(more, "further malformed rows skipped, not named");
    }
}

/// Time from the end of a window's day to `as_of`.
pub fn drift_seconds(as_of: Timestamp, cursor: Date) -> f64 {
    as_of.duration_since(window::end(cursor)).as_secs_f64()
}

/// A window's rows after checking.
#[derive(Debug, Default)]
struct Parsed {
    rows: Vec<UsageRow>,
    malformed: Vec<Rejected>,
    duplicates: u64,
}

impl Parsed {
    fn cost_micros(&self) -> u64 {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.cost_micros))
    }

    /// The billed keys, as one text for the log; the first few when a window has many.
    fn key_ids(&self) -> String {
        let ids: BTreeSet<_> = self.rows.iter().map(|row| row.key_id.as_str()).collect();
        ids.into_iter().take(KEY_IDS_MAX).collect::<Vec<_>>().join(",")
    }
}

fn parse(window: &Window) -> Parsed {
    let mut parsed = Parsed::default();
    let mut seen = HashSet::new();
    for raw in &window.rows {
        match raw.normalise() {
            Ok(row) if seen.insert(row.record_id.clone()) => parsed.rows.push(row),
            Ok(_) => parsed.duplicates += 1,
            Err(reason) => parsed.malformed.push(Rejected { origin: raw.origin.clone(), reason }),
        }
    }
    parsed
}

fn report_variance(window: &Window, parsed: &Parsed, figures: Figures, ratio: f64) {
    radiosonde::event!(
        "ingestion.variance_exceeded",
        level: warning,
        provider = window.provider.as_str(),
        variance_ratio = ratio,
        rows = parsed.rows.len(),
        invoiced_rows = figures.rows,
        "{:+.1} % against the invoice, tolerated are {:.0} %",
        ratio * 100.0,
        VARIANCE_TOLERANCE * 100.0
    );
}

/// The wait before the next attempt, `None` when there is no sense in one.
fn wait(retry: Retry, attempt: u32) -> Option<Duration> {
    match retry {
        // A demonstration must not wait for the minutes a provider may ask for.
        Retry::After(asked) => Some(asked.min(RETRY_AFTER_MAX)),
        Retry::Backoff => Some(BACKOFF * 2_u32.saturating_pow(attempt - 1)),
        Retry::Never => None,
    }
}

const ATTEMPTS_MAX: u32 = 4;
const BACKOFF: Duration = Duration::from_millis(40);
const RETRY_AFTER_MAX: Duration = Duration::from_millis(200);
/// Key ids named in a log line.
const KEY_IDS_MAX: usize = 8;
/// Malformed rows named per window or file: a hostile export must not flood the log.
const NAMED_MAX: usize = 1_000;
/// A window whose cost is further from the invoice is reported.
const VARIANCE_TOLERANCE: f64 = 0.08;

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::usage::{Origin, Provider, RawRow};

    #[test]
    fn waits_are_capped_and_grow() {
        let after = |ms| Retry::After(Duration::from_millis(ms));
        for (retry, attempt, ms) in [
            (after(50), 1, Some(50)),
            (after(3_600_000), 1, Some(200)),
            (Retry::Backoff, 1, Some(40)),
            (Retry::Backoff, 3, Some(160)),
            (Retry::Never, 1, None),
        ] {
            assert_eq!(wait(retry, attempt), ms.map(Duration::from_millis));
        }
    }

    #[test]
    fn rows_are_accepted_once() {
        let day = date(2026, 9, 14);
        let row = |line, id: &str, requests: &str| {
            let cells =
                [id, "acme", "2026-09-14", "key_ops", "drift-mini", requests, "1", "1", "0.5"];
            RawRow {
                origin: Origin { file: "a.csv".into(), line },
                provider: Provider::Acme,
                window: day,
                cells: cells.map(|cell| Some(cell.to_owned())),
            }
        };
        let rows = vec![row(2, "a", "1"), row(3, "a", "1"), row(4, "b", "x"), row(5, "b", "2")];
        let parsed = parse(&Window { provider: Provider::Acme, day, rows });
        assert_eq!((parsed.rows.len(), parsed.duplicates), (2, 1));
        assert_eq!(parsed.malformed[0].origin.line, 4);
        assert_eq!(parsed.cost_micros(), 1_000_000);
        assert_eq!(parsed.key_ids(), "key_ops");
    }

    #[test]
    fn drift_counts_from_the_end_of_the_window() {
        let as_of = "2026-10-01T00:00:00Z".parse().unwrap();
        assert_eq!(drift_seconds(as_of, date(2026, 9, 30)), 0.0);
        assert_eq!(drift_seconds(as_of, date(2026, 9, 28)), 172_800.0);
    }
}
