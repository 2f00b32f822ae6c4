//! `prometheus-client`: families of metrics, by a label set of one's own.

use super::labels::{Call, Job};
use crate::metrics::scrape::subject::Registry;
use crate::metrics::speed::subject::Subject;
use crate::metrics::text;
use crate::metrics::values::{BOUNDS, CALLS, DURATIONS, Kind, Pair, REQUESTS};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry as Collectors;

const HELP: &str = "Something that is counted";

/// Labels that are known when the program is compiled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: Method,
    outcome: Outcome,
    region: Region,
}

macro_rules! label {
    ($name:ident: $($value:ident),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
        #[allow(non_camel_case_types, dead_code, reason = "written as the label values are")]
        enum $name { $($value),+ }
    };
}

label!(Method: get, post, put, delete, patch);
label!(Outcome: success, retry, failure, timeout);
label!(Region: eu1, eu2, us1, us2, ap1, ap2, sa1, af1, me1, oc1);

/// The metrics of the suite `metrics`.
pub(crate) struct Client {
    collectors: Collectors,
    requests: Family<Request, Counter>,
    calls: Family<Call, Counter>,
    durations: Family<Call, Histogram>,
    cached: Counter,
}

/// A name without the ending that the encoder adds.
fn stem(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

const REQUEST: Request =
    Request { method: Method::get, outcome: Outcome::success, region: Region::eu1 };

impl Subject for Client {
    const NAME: &'static str = "prometheus-client";
    const PACKAGES: &'static [&'static str] = &["prometheus-client"];

    fn start() -> Result<Self, String> {
        let mut collectors = Collectors::default();
        let requests = Family::<Request, Counter>::default();
        let calls = Family::<Call, Counter>::default();
        let durations = Family::<Call, Histogram>::new_with_constructor(histogram);
        collectors.register(stem(REQUESTS), HELP, requests.clone());
        collectors.register(stem(CALLS), HELP, calls.clone());
        collectors.register(DURATIONS, HELP, durations.clone());
        let cached = requests.get_or_create_owned(&REQUEST);
        Ok(Client { collectors, requests, calls, durations, cached })
    }

    #[inline]
    fn cached(&self) {
        self.cached.inc();
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
        let mut shown = String::new();
        encode(&mut shown, &self.collectors).map_err(|error| error.to_string())?;
        Ok(Some(text::shown(&shown, name)))
    }
}

/// The metrics of the suites `scrape` and `memory`.
pub(crate) struct Many {
    collectors: Collectors,
    counters: Vec<Family<Job, Counter>>,
    histograms: Vec<Family<Job, Histogram>>,
}

impl Registry for Many {
    const NAME: &'static str = Client::NAME;
    const PACKAGES: &'static [&'static str] = Client::PACKAGES;

    fn start(kind: Kind, names: &[String]) -> Result<Self, String> {
        let mut collectors = Collectors::default();
        let (mut counters, mut histograms) = (Vec::new(), Vec::new());
        for name in names {
            match kind {
                Kind::Counter => {
                    let family = Family::<Job, Counter>::default();
                    collectors.register(stem(name), HELP, family.clone());
                    counters.push(family);
                }
                Kind::Histogram => {
                    let family = Family::<Job, Histogram>::new_with_constructor(histogram);
                    collectors.register(name, HELP, family.clone());
                    histograms.push(family);
                }
            }
        }
        Ok(Many { collectors, counters, histograms })
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
        into.clear();
        encode(into, &self.collectors).map_err(|error| error.to_string())
    }
}
