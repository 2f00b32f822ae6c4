//! The names an expression may read: what the registry's metrics write, what radiosonde writes
//! itself, and what Prometheus adds.

use std::{cell::Cell, collections::BTreeMap};

use promql_parser::label::{MatchOp, Matcher};
use radiosonde_registry::{MetricSpec, MetricType, Registry, Source, Status, closest_name};

use crate::expression::Selector;

/// Something that is wrong, and what to do about it.
pub(crate) type Told = (String, String);

/// Every name that series of a registry have.
pub(crate) struct Known<'r> {
    registry: &'r Registry,
    series: BTreeMap<String, Series<'r>>,
    /// How often it is still guessed what was meant.
    guesses: Cell<usize>,
}

/// What is known about the series of one name.
#[derive(Clone, Copy)]
struct Series<'r> {
    metric: &'r MetricSpec,
    labels: &'r [String],
    /// What its values are; `None` where that cannot be told, as with a query.
    values: Option<Values>,
    /// The registry that declares its labels.
    of: &'r Registry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    /// They only rise.
    Rising,
    Free,
    /// No series has the name itself: those of a histogram are its parts.
    Parts,
}

impl<'r> Known<'r> {
    pub(crate) fn of(registry: &'r Registry) -> Self {
        let mut known = Self { registry, series: BTreeMap::new(), guesses: Cell::new(GUESSES_MAX) };
        for of in [registry, Registry::builtin()] {
            for metric in &of.metrics {
                known.add(of, metric, &metric.name, &metric.labels);
                for rollup in &metric.rollups {
                    known.add(of, metric, &rollup.name, &rollup.by);
                }
                if matches!(metric.status, Status::Deprecated(_)) {
                    let pair = format!("{}_deprecated", metric.name);
                    known.insert(
                        pair,
                        Series { metric, labels: &[], values: Some(Values::Rising), of },
                    );
                }
            }
        }
        known
    }

    fn add(&mut self, of: &'r Registry, metric: &'r MetricSpec, name: &str, labels: &'r [String]) {
        let series = |values| Series { metric, labels, values, of };
        let parts: &[&str] = match metric.metric_type {
            MetricType::Histogram => &["_bucket", "_count", "_sum"],
            MetricType::Summary => &["_count", "_sum"],
            _ => &[],
        };
        for part in parts {
            self.insert(format!("{name}{part}"), series(Some(Values::Rising)));
        }
        let values = match (metric.metric_type, metric.source) {
            // What another program writes is not ours to say, and a query gives what it gives.
            (_, Source::Derived | Source::External) => None,
            (MetricType::Counter, _) => Some(Values::Rising),
            (MetricType::Histogram, _) => Some(Values::Parts),
            _ => Some(Values::Free),
        };
        self.insert(name.to_owned(), series(values));
    }

    /// The registry's own word goes before that of a built-in fragment.
    fn insert(&mut self, name: String, series: Series<'r>) {
        let _first = self.series.entry(name).or_insert(series);
    }

    /// What is wrong with a selection of series.
    pub(crate) fn judge(&self, selector: &Selector) -> Vec<Told> {
        let Some(name) = selector.name.as_deref() else { return Vec::new() };
        if BY_PROMETHEUS.contains(&name) {
            return Vec::new();
        }
        let Some(series) = self.series.get(name) else { return vec![self.unknown(name)] };
        let mut told = Vec::new();
        match (series.values, selector.function) {
            (Some(Values::Parts), _) => {
                let what = format!("no series is called `{name}`: it is a histogram");
                told.push((what, format!("use `{name}_bucket`, `{name}_count` or `{name}_sum`")));
            }
            (Some(Values::Free), Some(function @ ("increase" | "irate" | "rate" | "resets"))) => {
                let what = format!(
                    "`{function}` of `{name}`, which may fall: it is a {}",
                    series.metric.metric_type
                );
                told.push((what, "use `delta`, `deriv` or an aggregation over time".to_owned()));
            }
            _ => {}
        }
        told.extend(
            selector.matchers.iter().filter_map(|matcher| self.matcher(series, name, matcher)),
        );
        told
    }

    /// The candidate that was probably meant; none once enough was guessed.
    fn guess<'c>(
        &self,
        written: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<&'c str> {
        self.guesses.set(self.guesses.get().checked_sub(1)?);
        closest_name(written, candidates)
    }

    fn unknown(&self, name: &str) -> Told {
        let what = format!("no metric writes `{name}`");
        let fix = match self.guess(name, self.series.keys().map(String::as_str)) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => {
                "declare it, as `\"source\": \"external\"` if another program writes it".to_owned()
            }
        };
        (what, fix)
    }

    /// A condition on a label that cannot be meant so. Labels that scraping adds are not known
    /// here: only what is close to a declared one is taken for a misspelling.
    fn matcher(&self, series: &Series<'r>, name: &str, matcher: &Matcher) -> Option<Told> {
        let label = matcher.name.as_str();
        let required = self.registry.required_labels.iter();
        let mut labels = series.labels.iter().chain(required).map(String::as_str);
        if !labels.clone().any(|declared| declared == label) {
            if BY_FORMATS.contains(&label) {
                return None;
            }
            let guess = self.guess(label, labels.by_ref())?;
            return Some((
                format!("`{name}` has no label `{label}`"),
                format!("did you mean `{guess}`?"),
            ));
        }
        // A variable of a dashboard stands for what is chosen there.
        if matcher.value.starts_with('$') {
            return None;
        }
        let spec = series.of.labels.get(label).or_else(|| self.registry.labels.get(label))?;
        let values = spec.values.as_ref()?;
        // An empty value stands for series without the label, `_other` for those past a cap.
        let fits = |value: &str| match &matcher.op {
            MatchOp::Equal => value == matcher.value,
            MatchOp::Re(regex) => regex.is_match(value),
            MatchOp::NotEqual | MatchOp::NotRe(_) => true,
        };
        if values.iter().map(String::as_str).chain(["", "_other"]).any(fits) {
            return None;
        }
        let fix = match self.guess(&matcher.value, values.iter().map(String::as_str)) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("use one of its values: {}", few(values)),
        };
        Some((format!("label `{label}` is never `{}`", matcher.value), fix))
    }
}

/// The first few of a list.
pub(crate) fn few(values: &[String]) -> String {
    let mut told: Vec<String> =
        values.iter().take(VALUES_MAX).map(|value| format!("`{value}`")).collect();
    if values.len() > told.len() {
        told.push(format!("{} more", values.len() - told.len()));
    }
    told.join(", ")
}

/// A guess looks at every name there is: a document of nothing but misspelt names must not take
/// for ever.
const GUESSES_MAX: usize = 50;

/// Values named in one message.
const VALUES_MAX: usize = 6;

/// Series that Prometheus makes itself.
const BY_PROMETHEUS: &[&str] = &[
    "ALERTS",
    "ALERTS_FOR_STATE",
    "scrape_duration_seconds",
    "scrape_samples_post_metric_relabeling",
    "scrape_samples_scraped",
    "scrape_series_added",
    "up",
];

/// Labels that formats and scraping add.
const BY_FORMATS: &[&str] = &["instance", "job", "le", "otel_metric_overflow", "quantile"];
