//! `prometheus`: counters and histograms by label values, in a registry.

use crate::metrics::scrape::subject::Registry;
use crate::metrics::speed::subject::Subject;
use crate::metrics::text;
use crate::metrics::values::{
    BOUNDS, CALL_LABELS, CALLS, DURATIONS, Kind, Pair, REQUEST_LABELS, REQUESTS, SERIES_LABELS,
};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry as Collectors,
    TextEncoder,
};

const HELP: &str = "Something that is counted.";

/// The metrics of the suite `metrics`.
pub(crate) struct Prometheus {
    collectors: Collectors,
    requests: IntCounterVec,
    calls: IntCounterVec,
    durations: HistogramVec,
    cached: IntCounter,
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn wrong(error: prometheus::Error) -> String {
    format!("prometheus: {error}")
}

fn counter(collectors: &Collectors, name: &str, labels: &[&str]) -> Result<IntCounterVec, String> {
    let counter = IntCounterVec::new(Opts::new(name, HELP), labels).map_err(wrong)?;
    collectors.register(Box::new(counter.clone())).map_err(wrong)?;
    Ok(counter)
}

fn histogram(collectors: &Collectors, name: &str, labels: &[&str]) -> Result<HistogramVec, String> {
    let options = HistogramOpts::new(name, HELP).buckets(BOUNDS.to_vec());
    let histogram = HistogramVec::new(options, labels).map_err(wrong)?;
    collectors.register(Box::new(histogram.clone())).map_err(wrong)?;
    Ok(histogram)
}

fn encode(collectors: &Collectors, into: &mut String) -> Result<(), String> {
    TextEncoder::new().encode_utf8(&collectors.gather(), into).map_err(wrong)
}

impl Subject for Prometheus {
    const NAME: &'static str = "prometheus";
    const PACKAGES: &'static [&'static str] = &["prometheus"];

    fn start() -> Result<Self, String> {
        let collectors = Collectors::new();
        let requests = counter(&collectors, REQUESTS, &REQUEST_LABELS)?;
        Ok(Prometheus {
            cached: requests.with_label_values(&["get", "success", "eu1"]),
            calls: counter(&collectors, CALLS, &CALL_LABELS)?,
            durations: histogram(&collectors, DURATIONS, &CALL_LABELS)?,
            requests,
            collectors,
        })
    }

    #[inline]
    fn cached(&self) {
        self.cached.inc();
    }

    #[inline]
    fn enums(&self) {
        self.requests.with_label_values(&["get", "success", "eu1"]).inc();
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        self.calls.with_label_values(&[pair.provider.as_str(), &pair.model]).inc();
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        let labels = [pair.provider.as_str(), &pair.model];
        self.durations.with_label_values(&labels).observe(seconds);
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        let mut shown = String::new();
        encode(&self.collectors, &mut shown)?;
        Ok(Some(text::shown(&shown, name)))
    }
}

/// The metrics of the suites `scrape` and `memory`.
pub(crate) struct Many {
    collectors: Collectors,
    counters: Vec<IntCounterVec>,
    histograms: Vec<HistogramVec>,
}

impl Registry for Many {
    const NAME: &'static str = Prometheus::NAME;
    const PACKAGES: &'static [&'static str] = Prometheus::PACKAGES;

    fn start(kind: Kind, names: &[String]) -> Result<Self, String> {
        let collectors = Collectors::new();
        let (mut counters, mut histograms) = (Vec::new(), Vec::new());
        for name in names {
            match kind {
                Kind::Counter => counters.push(counter(&collectors, name, &SERIES_LABELS)?),
                Kind::Histogram => histograms.push(histogram(&collectors, name, &SERIES_LABELS)?),
            }
        }
        Ok(Many { collectors, counters, histograms })
    }

    #[inline]
    fn write(&self, metric: usize, [a, b, c]: &[String; 3], value: f64) {
        let labels = [a.as_str(), b, c];
        match self.counters.get(metric) {
            Some(counter) => counter.with_label_values(&labels).inc(),
            None => self.histograms[metric].with_label_values(&labels).observe(value),
        }
    }

    type Text = String;

    fn scrape(&self, into: &mut String) -> Result<(), String> {
        into.clear();
        encode(&self.collectors, into)
    }
}
