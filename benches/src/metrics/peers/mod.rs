//! Who is compared, each in its own words and with its own defaults.

pub(crate) mod exporter;
pub(crate) mod foundations;
mod labels;
pub(crate) mod limit;
pub(crate) mod measured;
pub(crate) mod noop;
pub(crate) mod opentelemetry;
pub(crate) mod prometheus;
pub(crate) mod prometheus_client;
pub(crate) mod radiosonde;

use super::values::{Kind, Pair};

/// A counter with texts for labels through a macro of `metrics`.
#[inline]
pub(crate) fn call(pair: &Pair) {
    let (provider, model) = (pair.provider.clone(), pair.model.clone());
    metrics::counter!("calls_total", "provider" => provider, "model" => model).increment(1);
}

/// A histogram with the same labels.
#[inline]
fn record(pair: &Pair, seconds: f64) {
    let (provider, model) = (pair.provider.clone(), pair.model.clone());
    metrics::histogram!("call_duration_seconds", "provider" => provider, "model" => model)
        .record(seconds);
}

/// One of many metrics.
#[inline]
fn write_call(kind: Kind, name: &metrics::SharedString, labels: &[String; 3], value: f64) {
    let [provider, model, outcome] = labels.clone();
    let name = name.clone();
    match kind {
        Kind::Counter => metrics::counter!(
            name, "provider" => provider, "model" => model, "outcome" => outcome
        )
        .increment(1),
        Kind::Histogram => metrics::histogram!(
            name, "provider" => provider, "model" => model, "outcome" => outcome
        )
        .record(value),
    }
}
