//! The guard: what `init!` returns.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::report::Report;
use crate::telemetry::Telemetry;

/// Longest time a drop may take, all signals together.
const DROP_WITHIN: Duration = Duration::from_secs(2);

/// Keeps telemetry running. Dropping it brings everything to its destination, for at most two
/// seconds; what is not there by then stays on disk for the next start. A command ([`Profile::Cli`](crate::Profile::Cli))
/// waits at most 300 ms of that for a receiver of OTLP.
///
/// After `std::process::exit`, an abort or a kill the guard is not dropped, and nothing is lost
/// either: the next start, or `radiosonde recover`, finds it in the rings.
#[must_use = "dropping the guard ends telemetry: bind it with `let _telemetry = radiosonde::init!();`"]
pub struct Guard {
    telemetry: Telemetry,
    end: End,
}

/// What the drop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Flush,
    Nothing,
    Shutdown,
}

impl Guard {
    pub(crate) fn new(telemetry: &Telemetry, end: End) -> Self {
        Self { telemetry: telemetry.clone(), end }
    }

    /// What telemetry did so far, and every problem. Costs a look at each ring's header.
    pub fn report(&self) -> Report {
        self.telemetry.report()
    }

    /// Waits until everything recorded before the call is in its day file, in the spool for OTLP and on
    /// the console, and values of batch gauges in theirs, at most `within`, and reports. It does not wait
    /// for a receiver: [`Guard::flush_otlp`] does. Blocks the thread; safe
    /// inside a runtime, where [`Guard::flush_async`] does not block.
    pub fn flush(&self, within: Duration) -> Report {
        self.telemetry.flush(within);
        self.report()
    }

    /// As [`Guard::flush`], and then takes a snapshot of the metrics and waits until everything that
    /// waits for OTLP is delivered or refused, at most `within` for all of it. `pending` in the report's
    /// [`otlp`](crate::Report::otlp) is what is not; it stays on disk and is sent later. Without an
    /// endpoint there is nothing to wait for.
    pub fn flush_otlp(&self, within: Duration) -> Report {
        self.telemetry.flush_otlp(within);
        self.report()
    }

    /// Waits until everything recorded before the call is in its day file, without blocking and
    /// without a limit of its own: put a timeout around it. Needs no particular runtime. It does
    /// not wait for the console and for values of batch gauges, as [`Guard::flush`] does.
    ///
    /// # Cancel safety
    /// Dropping the future only ends the waiting.
    pub async fn flush_async(&self) -> Report {
        if let Some(flush) = self.telemetry.flush_async() {
            let _reached = flush.await;
        }
        self.report()
    }

    /// Ends telemetry: a last snapshot of metrics, a last drain, a sync, and what can be sent over OTLP by
    /// then, at most `within` for all together. `pending` in the report is what the next start will
    /// recover, and in its part [`otlp`](crate::Report::otlp) what waits on disk to be sent. Later events
    /// are dropped and counted.
    pub fn shutdown(mut self, within: Duration) -> Report {
        self.end = End::Nothing;
        self.telemetry.shutdown(within)
    }

    /// Watches a tokio runtime: its workers, tasks and queue are in `/metrics`. Runtimes whose
    /// threads record something are found without it.
    #[cfg(feature = "tokio")]
    pub fn watch(&self, handle: &tokio::runtime::Handle) {
        self.telemetry.runtimes().watch(handle);
    }

    /// Lets telemetry run until the process ends, without a flush at drop: for libraries and for
    /// programs without a place to keep the guard.
    pub fn detach(mut self) {
        self.end = End::Nothing;
    }

    /// The metrics in the Prometheus text format 0.0.4, to serve from a listener of your own; its
    /// media type is `text/plain; version=0.0.4; charset=utf-8`. Counters show their value from the
    /// start: only the listener and [`Guard::metrics_service`] know a scraper that is to see 0 first.
    #[cfg(feature = "prometheus")]
    pub fn metrics_text(&self) -> String {
        use radiosonde_prometheus::{Format, text};
        text::of(self.telemetry.metrics(), Format::Text)
    }

    /// The metrics in OpenMetrics 1.0, with exemplars; its media type is
    /// `application/openmetrics-text; version=1.0.0; charset=utf-8`: under `text/plain` Prometheus
    /// cannot read it, and takes the target for down. Otherwise as [`Guard::metrics_text`].
    #[cfg(feature = "prometheus")]
    pub fn openmetrics_text(&self) -> String {
        use radiosonde_prometheus::{Format, text};
        text::of(self.telemetry.metrics(), Format::OpenMetrics)
    }

    /// The metrics as a service for a server of your own, in the format each client asks for. With
    /// axum: `Router::new().route_service("/metrics", telemetry.metrics_service())`.
    #[cfg(feature = "prometheus")]
    pub fn metrics_service(&self) -> radiosonde_prometheus::MetricsService {
        crate::listener::service(&self.telemetry)
    }

    /// A `registry.json` of every metric that was recorded though no registry has it: what to begin
    /// with for whoever ran without one. `…` stands where a person has to say something; see
    /// docs/metrics.md.
    pub fn registry_draft(&self) -> String {
        self.telemetry.metrics().registry_draft()
    }

    /// The telemetry directory; `None` when there is none to write to.
    pub fn directory(&self) -> Option<&Path> {
        self.telemetry.directory()
    }

    /// Where `/metrics` is served.
    pub fn prometheus_addr(&self) -> Option<&str> {
        self.telemetry.prometheus()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        match self.end {
            End::Flush => self.telemetry.flush(DROP_WITHIN),
            End::Nothing => {}
            End::Shutdown => self.telemetry.drop_within(DROP_WITHIN),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("directory", &self.directory()).finish_non_exhaustive()
    }
}
