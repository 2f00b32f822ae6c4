//! `opentelemetry` with its SDK, read by hand: no text comes out of it without an exporter.

use crate::harness::Overflow;
use crate::metrics::scrape::subject::Registry;
use crate::metrics::speed::subject::{Capped, Subject};
use crate::metrics::values::{BOUNDS, CALLS, DURATIONS, Kind, Pair, REQUESTS, VISITOR, VISITS};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, Counter, Histogram, Meter, MeterProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, MetricData, ResourceMetrics, ScopeMetrics, SumDataPoint,
};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};
use std::sync::{Arc, Weak};
use std::time::Duration;

const SDK: &[&str] = &["opentelemetry", "opentelemetry_sdk"];

/// A reader that we keep while the provider owns it.
#[derive(Clone, Debug, Default)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// A provider and what reads it.
pub(crate) struct Pipe {
    pub(crate) provider: SdkMeterProvider,
    reader: Reader,
}

impl Pipe {
    /// Both, with nothing that sends.
    pub(crate) fn new() -> (Pipe, Meter) {
        let reader = Reader::default();
        let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
        let meter = provider.meter("benches");
        (Pipe { provider, reader }, meter)
    }

    fn collect(&self) -> Result<ResourceMetrics, String> {
        let mut metrics = ResourceMetrics::default();
        self.reader.collect(&mut metrics).map_err(|error| error.to_string())?;
        Ok(metrics)
    }

    /// All points of a counter together, or the counts of a histogram.
    pub(crate) fn shown(&self, name: &str) -> Result<u64, String> {
        let collected = self.collect()?;
        let metrics = collected.scope_metrics().flat_map(ScopeMetrics::metrics);
        Ok(metrics.filter(|metric| metric.name() == name).map(|metric| count(metric.data())).sum())
    }
}

fn count(data: &AggregatedMetrics) -> u64 {
    match data {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            sum.data_points().map(SumDataPoint::value).sum()
        }
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            histogram.data_points().map(HistogramDataPoint::count).sum()
        }
        _ => 0,
    }
}

fn counter(meter: &Meter, name: &str) -> Counter<u64> {
    meter.u64_counter(name.to_owned()).build()
}

fn histogram(meter: &Meter, name: &str) -> Histogram<f64> {
    meter.f64_histogram(name.to_owned()).with_boundaries(BOUNDS.to_vec()).build()
}

/// The metrics of the suite `metrics`.
pub(crate) struct OpenTelemetry {
    pipe: Pipe,
    requests: Counter<u64>,
    calls: Counter<u64>,
    durations: Histogram<f64>,
    cached: BoundCounter<u64>,
}

impl OpenTelemetry {
    fn request() -> [KeyValue; 3] {
        [
            KeyValue::new("method", "get"),
            KeyValue::new("outcome", "success"),
            KeyValue::new("region", "eu1"),
        ]
    }

    fn call(pair: &Pair) -> [KeyValue; 2] {
        [
            KeyValue::new("provider", pair.provider.clone()),
            KeyValue::new("model", pair.model.clone()),
        ]
    }
}

impl Subject for OpenTelemetry {
    const NAME: &'static str = "opentelemetry";
    const PACKAGES: &'static [&'static str] = SDK;

    fn start() -> Result<Self, String> {
        let (pipe, meter) = Pipe::new();
        let requests = counter(&meter, REQUESTS);
        Ok(OpenTelemetry {
            pipe,
            // Behind an experimental feature.
            cached: requests.bind(&Self::request()),
            requests,
            calls: counter(&meter, CALLS),
            durations: histogram(&meter, DURATIONS),
        })
    }

    #[inline]
    fn cached(&self) {
        self.cached.add(1);
    }

    #[inline]
    fn enums(&self) {
        self.requests.add(1, &Self::request());
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        self.calls.add(1, &Self::call(pair));
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        self.durations.record(seconds, &Self::call(pair));
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        self.pipe.shown(name).map(Some)
    }
}

/// Past its limit of 2,000 attribute sets.
pub(crate) struct Limited {
    pipe: Pipe,
    visits: Counter<u64>,
}

impl Capped for Limited {
    const NAME: &'static str = OpenTelemetry::NAME;
    const PACKAGES: &'static [&'static str] = SDK;

    fn start() -> Result<Self, String> {
        let (pipe, meter) = Pipe::new();
        Ok(Limited { pipe, visits: counter(&meter, VISITS) })
    }

    #[inline]
    fn visit(&self, visitor: &str) {
        self.visits.add(1, &[KeyValue::new(VISITOR, visitor.to_owned())]);
    }

    fn shown(&self) -> Result<Option<u64>, String> {
        self.pipe.shown(VISITS).map(Some)
    }
}

/// The metrics of the suites `scrape` and `memory`.
pub(crate) struct Many {
    pipe: Pipe,
    counters: Vec<Counter<u64>>,
    histograms: Vec<Histogram<f64>>,
}

impl Registry for Many {
    const NAME: &'static str = "opentelemetry";
    const OVERFLOW: Overflow = Overflow::Drops;
    const WRITES_TEXT: bool = false;
    const PACKAGES: &'static [&'static str] = SDK;

    fn start(kind: Kind, names: &[String]) -> Result<Self, String> {
        let (pipe, meter) = Pipe::new();
        let of = |wanted: Kind| names.iter().filter(move |_| kind == wanted);
        let counters = of(Kind::Counter).map(|name| counter(&meter, name)).collect();
        let histograms = of(Kind::Histogram).map(|name| histogram(&meter, name)).collect();
        Ok(Many { pipe, counters, histograms })
    }

    #[inline]
    fn write(&self, metric: usize, [provider, model, outcome]: &[String; 3], value: f64) {
        let labels = [
            KeyValue::new("provider", provider.clone()),
            KeyValue::new("model", model.clone()),
            KeyValue::new("outcome", outcome.clone()),
        ];
        match self.counters.get(metric) {
            Some(counter) => counter.add(1, &labels),
            None => self.histograms[metric].record(value, &labels),
        }
    }

    type Text = String;

    /// Collected only, not written.
    fn scrape(&self, _into: &mut String) -> Result<(), String> {
        drop(std::hint::black_box(self.pipe.collect()?));
        Ok(())
    }

    fn check(&self) -> Result<String, String> {
        let collected = self.pipe.collect()?;
        let mut text = String::new();
        for metric in collected.scope_metrics().flat_map(ScopeMetrics::metrics) {
            lines(metric.name(), metric.data(), &mut text);
        }
        Ok(text)
    }
}

/// A line for each point.
fn lines(name: &str, data: &AggregatedMetrics, into: &mut String) {
    use std::fmt::Write as _;
    let mut line = |suffix: &str, attributes: &mut dyn Iterator<Item = &KeyValue>, count: u64| {
        let labels = attributes.map(|label| format!("{}=\"{}\"", label.key, label.value));
        let labels = labels.collect::<Vec<String>>().join(",");
        let _ = writeln!(into, "{name}{suffix}{{{labels}}} {count}");
    };
    match data {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            sum.data_points().for_each(|point| line("", &mut point.attributes(), point.value()));
        }
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            let points = histogram.data_points();
            points.for_each(|point| line("_count", &mut point.attributes(), point.count()));
        }
        _ => {}
    }
}
