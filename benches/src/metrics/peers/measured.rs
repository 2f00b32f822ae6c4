//! `measured`: counters in a dense table when the label values are known at the start of the program,
//! else in a sharded map behind an interner.

use crate::metrics::scrape::subject::{Registry, Text};
use crate::metrics::speed::subject::Subject;
use crate::metrics::text;
use crate::metrics::values::{BOUNDS, CALLS, DURATIONS, Kind, Pair, REQUESTS, Values};
use bytes::Bytes;
use measured::lasso::{Rodeo, RodeoReader, ThreadedRodeo};
use measured::metric::MetricFamilyEncoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::BufferedTextEncoder;
use measured::{CounterVec, FixedCardinalityLabel, HistogramVec, LabelGroup};

const BUCKETS: usize = BOUNDS.len();

#[derive(Clone, Copy, Debug, FixedCardinalityLabel)]
#[label(rename_all = "snake_case")]
#[allow(dead_code, reason = "all values there are, though one is written")]
enum Method {
    Get,
    Post,
    Put,
    Delete,
    Patch,
}

#[derive(Clone, Copy, Debug, FixedCardinalityLabel)]
#[label(rename_all = "snake_case")]
#[allow(dead_code, reason = "all values there are, though one is written")]
enum Outcome {
    Success,
    Retry,
    Failure,
    Timeout,
}

#[derive(Clone, Copy, Debug, FixedCardinalityLabel)]
#[label(rename_all = "snake_case")]
#[allow(dead_code, reason = "all values there are, though one is written")]
enum Region {
    Eu1,
    Eu2,
    Us1,
    Us2,
    Ap1,
    Ap2,
    Sa1,
    Af1,
    Me1,
    Oc1,
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = RequestSet)]
struct Request {
    method: Method,
    outcome: Outcome,
    region: Region,
}

/// Texts that are known when the program starts.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = KnownSet)]
struct Known<'a> {
    #[label(fixed_with = RodeoReader)]
    provider: &'a str,
    #[label(fixed_with = RodeoReader)]
    model: &'a str,
}

/// Texts that turn up.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = CallSet)]
struct Call<'a> {
    #[label(dynamic_with = ThreadedRodeo, default)]
    provider: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    model: &'a str,
}

/// The labels of the many series.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = JobSet)]
struct Job<'a> {
    #[label(dynamic_with = ThreadedRodeo, default)]
    provider: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    model: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    outcome: &'a str,
}

const REQUEST: Request =
    Request { method: Method::Get, outcome: Outcome::Success, region: Region::Eu1 };

fn encode(
    encoder: &mut BufferedTextEncoder,
    name: &'static str,
    metric: &impl MetricFamilyEncoding<BufferedTextEncoder>,
) {
    let Ok(()) = metric.collect_family_into(MetricName::from_str(name), encoder);
}

fn finish(encoder: &mut BufferedTextEncoder, into: &mut String) -> Result<(), String> {
    let bytes = encoder.finish();
    into.push_str(std::str::from_utf8(&bytes).map_err(|error| error.to_string())?);
    Ok(())
}

/// The metrics of the suite `metrics`, label values turning up as they come.
pub(crate) struct Measured {
    requests: CounterVec<RequestSet>,
    calls: CounterVec<CallSet>,
    durations: HistogramVec<CallSet, BUCKETS>,
    cached: measured::metric::LabelId<RequestSet>,
}

impl Subject for Measured {
    const NAME: &'static str = "measured";
    const PACKAGES: &'static [&'static str] = &["measured"];

    fn start() -> Result<Self, String> {
        let requests = CounterVec::<RequestSet>::new();
        Ok(Measured {
            cached: requests.with_labels(REQUEST),
            requests,
            calls: CounterVec::new(),
            durations: HistogramVec::with_metadata(Thresholds::with_buckets(BOUNDS)),
        })
    }

    #[inline]
    fn cached(&self) {
        self.requests.get_metric(self.cached).inc();
    }

    #[inline]
    fn enums(&self) {
        self.requests.inc(REQUEST);
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        self.calls.inc(Call { provider: &pair.provider, model: &pair.model });
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        self.durations.observe(Call { provider: &pair.provider, model: &pair.model }, seconds);
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        let (mut encoder, mut shown) = (BufferedTextEncoder::new(), String::new());
        encode(&mut encoder, REQUESTS, &self.requests);
        encode(&mut encoder, CALLS, &self.calls);
        encode(&mut encoder, DURATIONS, &self.durations);
        finish(&mut encoder, &mut shown)?;
        Ok(Some(text::shown(&shown, name)))
    }
}

/// The same where the program knows all label values when it starts.
pub(crate) struct KnownValues {
    calls: CounterVec<KnownSet>,
    durations: HistogramVec<KnownSet, BUCKETS>,
}

impl Subject for KnownValues {
    const NAME: &'static str = "measured-known";
    const PACKAGES: &'static [&'static str] = Measured::PACKAGES;

    fn start() -> Result<Self, String> {
        let values = Values::new();
        let set = || KnownSet {
            provider: Rodeo::from_iter(values.pairs.iter().map(|pair| &pair.provider))
                .into_reader(),
            model: Rodeo::from_iter(values.pairs.iter().map(|pair| &pair.model)).into_reader(),
        };
        let bounds = Thresholds::with_buckets(BOUNDS);
        Ok(KnownValues {
            calls: CounterVec::with_label_set(set()),
            durations: HistogramVec::with_label_set_and_metadata(set(), bounds),
        })
    }

    fn cached(&self) {}

    fn enums(&self) {}

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        self.calls.inc(Known { provider: &pair.provider, model: &pair.model });
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        self.durations.observe(Known { provider: &pair.provider, model: &pair.model }, seconds);
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        let (mut encoder, mut shown) = (BufferedTextEncoder::new(), String::new());
        encode(&mut encoder, CALLS, &self.calls);
        encode(&mut encoder, DURATIONS, &self.durations);
        finish(&mut encoder, &mut shown)?;
        Ok(Some(text::shown(&shown, name)))
    }
}

/// The metrics of the suites `scrape` and `memory`.
pub(crate) struct Many {
    /// Texts of the program, as the library wants them.
    names: Vec<&'static str>,
    counters: Vec<CounterVec<JobSet>>,
    histograms: Vec<HistogramVec<JobSet, BUCKETS>>,
}

impl Registry for Many {
    const NAME: &'static str = Measured::NAME;
    const PACKAGES: &'static [&'static str] = Measured::PACKAGES;

    fn start(kind: Kind, names: &[String]) -> Result<Self, String> {
        let of = |wanted: Kind| names.iter().filter(move |_| kind == wanted);
        let bounds = |_| HistogramVec::with_metadata(Thresholds::with_buckets(BOUNDS));
        Ok(Many {
            names: names.iter().map(|name| &*Box::leak(name.clone().into_boxed_str())).collect(),
            counters: of(Kind::Counter).map(|_| CounterVec::new()).collect(),
            histograms: of(Kind::Histogram).map(bounds).collect(),
        })
    }

    #[inline]
    fn write(&self, metric: usize, [provider, model, outcome]: &[String; 3], value: f64) {
        let labels = Job { provider, model, outcome };
        match self.counters.get(metric) {
            Some(counter) => counter.inc(labels),
            None => self.histograms[metric].observe(labels, value),
        }
    }

    type Text = Encoded;

    fn scrape(&self, into: &mut Encoded) -> Result<(), String> {
        into.text = Bytes::new();
        for (name, counter) in self.names.iter().zip(&self.counters) {
            encode(&mut into.encoder, name, counter);
        }
        for (name, histogram) in self.names.iter().zip(&self.histograms) {
            encode(&mut into.encoder, name, histogram);
        }
        into.text = into.encoder.finish();
        Ok(())
    }
}

/// The encoder is kept between scrapes, as its documentation says.
#[derive(Default)]
pub(crate) struct Encoded {
    encoder: BufferedTextEncoder,
    text: Bytes,
}

impl Text for Encoded {
    fn as_str(&mut self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}
