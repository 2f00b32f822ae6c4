//! `foundations-metrics`, the metrics of Cloudflare's `foundations` on their own.

use super::labels::{Call, Job};
use crate::metrics::scrape::subject::Registry;
use crate::metrics::speed::subject::Subject;
use crate::metrics::text;
use crate::metrics::values::{BOUNDS, CALLS, DURATIONS, Kind, Pair, REQUESTS};
use foundations_metrics::{
    CollectionOptions, Counter, EncodeMetric, EncodeMetricValue, Family, Histogram,
    LowCardinalityFamily, LowCardinalityLabel, NamedMetric, RegistrationMetadata,
    ServiceNameFormat, ThreadLocalCounter, collect, encode_to_text, register,
};
use serde::Serialize;
use std::num::NonZeroUsize;

const HELP: &str = "Something that is counted.";

macro_rules! label {
    ($name:ident: $($value:ident),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(dead_code, reason = "all values there are, though one is written")]
        enum $name { $($value),+ }

        impl $name {
            const COUNT: usize = [$(stringify!($value)),+].len();
        }
    };
}

label!(Method: Get, Post, Put, Delete, Patch);
label!(Outcome: Success, Retry, Failure, Timeout);
label!(Region: Eu1, Eu2, Us1, Us2, Ap1, Ap2, Sa1, Af1, Me1, Oc1);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Request {
    method: Method,
    outcome: Outcome,
    region: Region,
}

impl LowCardinalityLabel for Request {
    const CARDINALITY: NonZeroUsize =
        match NonZeroUsize::new(Method::COUNT * Outcome::COUNT * Region::COUNT) {
            Some(count) => count,
            None => NonZeroUsize::MIN,
        };

    fn index(&self) -> usize {
        let of_method = self.method as usize * Outcome::COUNT;
        (of_method + self.outcome as usize) * Region::COUNT + self.region as usize
    }
}

const REQUEST: Request =
    Request { method: Method::Get, outcome: Outcome::Success, region: Region::Eu1 };

fn histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

/// Registers it for good; the registry is the process's, and its names live as long.
fn registered<M: EncodeMetricValue + 'static>(name: &str, metric: M)
where
    NamedMetric<M>: EncodeMetric,
{
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let metric: Box<dyn EncodeMetric> = Box::new(NamedMetric::new(name, HELP, metric));
    register(metric, RegistrationMetadata::default());
}

fn encoded() -> String {
    encode_to_text(&collect(CollectionOptions {
        include_optional: false,
        service_name: None,
        service_name_format: ServiceNameFormat::MetricPrefix,
    }))
}

/// The metrics of the suite `metrics`; `cached` is a counter of its own where `LOCAL`.
pub(crate) struct Foundations<const LOCAL: bool> {
    requests: LowCardinalityFamily<Request, Counter>,
    calls: Family<Call, Counter>,
    durations: Family<Call, Histogram>,
    cached: Counter,
    local: ThreadLocalCounter,
}

impl<const LOCAL: bool> Subject for Foundations<LOCAL> {
    const NAME: &'static str = if LOCAL { "foundations-thread-local" } else { "foundations" };
    const PACKAGES: &'static [&'static str] = &["foundations-metrics"];

    fn start() -> Result<Self, String> {
        let requests = LowCardinalityFamily::<Request, Counter>::default();
        let calls = Family::<Call, Counter>::default();
        let durations =
            Family::<Call, Histogram, fn() -> Histogram>::new_with_constructor(histogram);
        let local = ThreadLocalCounter::default();
        if LOCAL {
            registered(REQUESTS, local.clone());
        } else {
            registered(REQUESTS, requests.clone());
        }
        registered(CALLS, calls.clone());
        registered(DURATIONS, durations.clone());
        let cached = requests.get_or_create(&REQUEST).clone();
        Ok(Foundations { requests, calls, durations, cached, local })
    }

    #[inline]
    fn cached(&self) {
        if LOCAL {
            self.local.inc();
        } else {
            self.cached.inc();
        }
    }

    #[inline]
    fn enums(&self) {
        self.requests.get_or_create(&REQUEST).inc();
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        self.calls.get_or_create(&Call::from(pair)).inc();
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        self.durations.get_or_create(&Call::from(pair)).observe(seconds);
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        Ok(Some(text::shown(&encoded(), name)))
    }
}

/// The metrics of the suites `scrape` and `memory`.
pub(crate) struct Many {
    counters: Vec<Family<Job, Counter>>,
    histograms: Vec<Family<Job, Histogram>>,
}

impl Registry for Many {
    const NAME: &'static str = "foundations";
    const PACKAGES: &'static [&'static str] = &["foundations-metrics"];

    fn start(kind: Kind, names: &[String]) -> Result<Self, String> {
        let mut many = Many { counters: Vec::new(), histograms: Vec::new() };
        for name in names {
            match kind {
                Kind::Counter => {
                    let family = Family::<Job, Counter>::default();
                    registered(name, family.clone());
                    many.counters.push(family);
                }
                Kind::Histogram => {
                    let make: fn() -> Histogram = histogram;
                    let family = Family::<Job, Histogram>::new_with_constructor(make);
                    registered(name, family.clone());
                    many.histograms.push(family);
                }
            }
        }
        Ok(many)
    }

    #[inline]
    fn write(&self, metric: usize, labels: &[String; 3], value: f64) {
        let labels = Job::from(labels);
        match self.counters.get(metric) {
            Some(counter) => {
                counter.get_or_create(&labels).inc();
            }
            None => self.histograms[metric].get_or_create(&labels).observe(value),
        }
    }

    type Text = String;

    fn scrape(&self, into: &mut String) -> Result<(), String> {
        *into = encoded();
        Ok(())
    }
}
