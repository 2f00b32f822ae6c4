//! `metrics-exporter-prometheus`, behind the macros of `metrics`.

use super::{call, record, write_call};
use crate::metrics::scrape::subject::Registry;
use crate::metrics::speed::subject::{Macros, Subject, literal};
use crate::metrics::text;
use crate::metrics::values::{BOUNDS, Kind, Pair, REQUESTS};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::cell::Cell;

/// So many histogram values at most wait to be put into buckets.
const UPKEEP: u32 = 8192;

thread_local! {
    static RECORDED: Cell<u32> = const { Cell::new(0) };
}

fn install() -> Result<PrometheusHandle, String> {
    let wrong = |error: metrics_exporter_prometheus::BuildError| error.to_string();
    PrometheusBuilder::new().set_buckets(&BOUNDS).map_err(wrong)?.install_recorder().map_err(wrong)
}

/// The metrics of the suite `metrics`.
pub(crate) struct Exporter {
    handle: PrometheusHandle,
    cached: metrics::Counter,
}

impl Subject for Exporter {
    const NAME: &'static str = "metrics-exporter-prometheus";
    const PACKAGES: &'static [&'static str] = &["metrics-exporter-prometheus", "metrics"];

    fn start() -> Result<Self, String> {
        let handle = install()?;
        let cached = metrics::counter!(
            REQUESTS, "method" => "get", "outcome" => "success", "region" => "eu1"
        );
        Ok(Exporter { handle, cached })
    }

    #[inline]
    fn cached(&self) {
        self.cached.increment(1);
    }

    #[inline]
    fn enums(&self) {
        literal();
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        call(pair);
    }

    /// With its share of the upkeep: without it, memory would grow with each value.
    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        record(pair, seconds);
        let recorded = RECORDED.get().wrapping_add(1);
        RECORDED.set(recorded);
        if recorded.is_multiple_of(UPKEEP) {
            self.handle.run_upkeep();
        }
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        Ok(Some(text::shown(&self.handle.render(), name)))
    }
}

impl Macros for Exporter {
    const NAME: &'static str = <Exporter as Subject>::NAME;
    const PACKAGES: &'static [&'static str] = <Exporter as Subject>::PACKAGES;

    fn start() -> Result<Self, String> {
        Subject::start()
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        Subject::shown(self, name)
    }
}

/// The metrics of the suites `scrape` and `memory`.
pub(crate) struct Many {
    kind: Kind,
    names: Vec<metrics::SharedString>,
    handle: PrometheusHandle,
}

impl Registry for Many {
    const NAME: &'static str = <Exporter as Subject>::NAME;
    const PACKAGES: &'static [&'static str] = <Exporter as Subject>::PACKAGES;

    fn start(kind: Kind, names: &[String]) -> Result<Self, String> {
        Ok(Many { kind, names: shared(names), handle: install()? })
    }

    #[inline]
    fn write(&self, metric: usize, labels: &[String; 3], value: f64) {
        write_call(self.kind, &self.names[metric], labels, value);
    }

    type Text = String;

    fn scrape(&self, into: &mut String) -> Result<(), String> {
        // As its own listener does for each request.
        *into = self.handle.render();
        Ok(())
    }

    fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Names as a library has them: texts of the program, which a macro does not copy.
pub(crate) fn shared(names: &[String]) -> Vec<metrics::SharedString> {
    let leaked = names.iter().map(|name| &*Box::leak(name.clone().into_boxed_str()));
    leaked.map(metrics::SharedString::const_str).collect()
}
