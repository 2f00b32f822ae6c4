//! The names an expression may read: what the registry's metrics write, what radiosonde writes
//! itself, and what Prometheus adds.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use promql_parser::label::{MatchOp, Matcher};
use radiosonde_registry::{
    MetricSpec, MetricType, Registry, SUMMARY_QUANTILES, Source, Status, closest_name,
};

use crate::expression::{Group, Reading, Selector};

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
    /// Labels its format adds.
    format: &'static [&'static str],
    /// The registry that declares its labels.
    of: &'r Registry,
}

impl Series<'_> {
    /// Whether the label is there without being declared.
    fn has(&self, label: &str) -> bool {
        BY_SCRAPING.contains(&label) || self.format.contains(&label)
    }
}

/// Who reads an expression's metrics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// It is deprecated itself, and goes with what it reads.
    Goes,
    Stays,
}

impl Reader {
    pub(crate) fn of(metric: &MetricSpec) -> Self {
        if is_deprecated(metric) { Self::Goes } else { Self::Stays }
    }
}

fn is_deprecated(metric: &MetricSpec) -> bool {
    matches!(metric.status, Status::Deprecated(_))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    /// They only rise.
    Rising,
    Free,
    /// No series has the name itself: those of a histogram are its parts.
    Parts,
    /// How often a deprecated metric is still written.
    Pair,
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
                if is_deprecated(metric) {
                    let pair = format!("{}_deprecated", metric.name);
                    let values = Some(Values::Pair);
                    known.insert(pair, Series { metric, labels: &[], values, format: &[], of });
                }
            }
        }
        known
    }

    fn add(&mut self, of: &'r Registry, metric: &'r MetricSpec, name: &str, labels: &'r [String]) {
        // What another program writes may have any of them.
        let is_ours = matches!(metric.source, Source::App | Source::Batch);
        let format = |part: &str| match part {
            _ if !is_ours => BY_FORMATS,
            "_bucket" => &["le"],
            "" if metric.metric_type == MetricType::Summary => &["quantile"],
            _ => &[],
        };
        let series = |values, part| Series { metric, labels, values, format: format(part), of };
        for part in metric.metric_type.parts() {
            self.insert(format!("{name}{part}"), series(Some(Values::Rising), part));
        }
        let values = match (metric.metric_type, metric.source) {
            // What another program writes is not ours to say, and a query gives what it gives.
            (_, Source::Derived | Source::External) => None,
            (MetricType::Counter, _) => Some(Values::Rising),
            (MetricType::Histogram, _) => Some(Values::Parts),
            // Those of a summary that have the name itself are its quantiles.
            _ => Some(Values::Free),
        };
        self.insert(name.to_owned(), series(values, ""));
    }

    /// The registry's own word goes before that of a built-in fragment.
    fn insert(&mut self, name: String, series: Series<'r>) {
        let _first = self.series.entry(name).or_insert(series);
    }

    /// What is wrong with what an expression reads.
    pub(crate) fn judge(&self, reading: &Reading, reader: Reader) -> Vec<Told> {
        let mut told: Vec<Told> =
            reading.selectors.iter().flat_map(|found| self.selector(found, reader)).collect();
        for group in &reading.groups {
            told.extend(self.group(group, &reading.selectors[group.below.clone()]));
        }
        told
    }

    /// The metrics whose values of now an expression reads, each once.
    pub(crate) fn metrics_of(&self, reading: &Reading) -> Vec<&'r str> {
        let now = reading.selectors.iter().filter(|selector| !selector.is_past);
        let series = now.filter_map(|selector| self.series.get(selector.name.as_deref()?));
        let names: BTreeSet<&str> = series.map(|series| series.metric.name.as_str()).collect();
        names.into_iter().collect()
    }

    /// Labels that are named to group series by. Only what is close to a declared one is taken for
    /// a misspelling, and only where everything that is grouped is known.
    fn group(&self, group: &Group, below: &[Selector]) -> Vec<Told> {
        let names: BTreeSet<Option<&str>> = below.iter().map(|it| it.name.as_deref()).collect();
        let known = names.iter().map(|name| self.series.get((*name)?));
        let Some(all) = known.collect::<Option<Vec<_>>>() else { return Vec::new() };
        let required = self.registry.required_labels.iter();
        let labels = all.iter().flat_map(|series| series.labels).chain(required);
        let labels: BTreeSet<&str> = labels.map(String::as_str).collect();
        if all.is_empty() {
            return Vec::new();
        }
        let wrong = group.labels.iter().filter_map(|label| {
            let label = label.as_str();
            if labels.contains(label) || all.iter().any(|series| series.has(label)) {
                return None;
            }
            let guess = self.guess(label, labels.iter().copied());
            let fix = match guess {
                Some(guess) => format!("did you mean `{guess}`?"),
                None if BY_FORMATS.contains(&label) => "leave it out".to_owned(),
                None => return None,
            };
            let names: Vec<String> =
                names.iter().filter_map(|name| name.map(str::to_owned)).collect();
            let what = match names.as_slice() {
                [name] => format!("`{name}` has no label `{label}`"),
                _ => format!("none of {} has a label `{label}`", few(&names)),
            };
            Some((what, fix))
        });
        wrong.collect()
    }

    /// What is wrong with a selection of series.
    fn selector(&self, selector: &Selector, reader: Reader) -> Vec<Told> {
        let Some(name) = selector.name.as_deref() else { return Vec::new() };
        if BY_PROMETHEUS.contains(&name) {
            return Vec::new();
        }
        let Some(series) = self.series.get(name) else { return vec![self.unknown(name)] };
        let mut told = Vec::new();
        if reader == Reader::Stays && series.values != Some(Values::Pair) {
            told.extend(deprecated(series.metric));
        }
        match (series.values, selector.function) {
            (Some(Values::Parts), _) => {
                let metric_type = series.metric.metric_type;
                let what = format!("no series is called `{name}`: it is a {metric_type}");
                let parts: Vec<String> =
                    metric_type.parts().iter().map(|part| format!("{name}{part}")).collect();
                let fix = match parts.as_slice() {
                    [rest @ .., last] => format!("use {} or `{last}`", few(rest)),
                    [] => String::new(),
                };
                told.push((what, fix));
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
            if series.has(label) {
                return quantile(series, matcher);
            }
            let fix = match self.guess(label, labels.by_ref()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => no_format(series.metric, label)?,
            };
            return Some((format!("`{name}` has no label `{label}`"), fix));
        }
        let spec = series.of.labels.get(label).or_else(|| self.registry.labels.get(label))?;
        let values = spec.values.as_ref()?;
        // `_other` stands for series past a cap.
        if may_fit(matcher, values.iter().map(String::as_str).chain(["_other"])) {
            return None;
        }
        let fix = match self.guess(&matcher.value, values.iter().map(String::as_str)) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("use one of its values: {}", few(values)),
        };
        Some((format!("label `{label}` is never `{}`", matcher.value), fix))
    }
}

/// Whether a condition on a label can be meant so, by the values there are. An empty one stands for
/// series without the label.
fn may_fit<'v>(matcher: &Matcher, values: impl Iterator<Item = &'v str>) -> bool {
    // What leaves nothing out is misspelt as well; a pattern may be there for a rainy day.
    let fits = |value: &str| match &matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => value == matcher.value,
        MatchOp::Re(regex) => regex.is_match(value),
        MatchOp::NotRe(_) => true,
    };
    // A variable of a dashboard stands for what is chosen there.
    matcher.value.starts_with('$') || values.chain([""]).any(fits)
}

/// A quantile that a summary of ours does not have.
fn quantile(series: &Series<'_>, matcher: &Matcher) -> Option<Told> {
    let is_ours = series.format == ["quantile"];
    if matcher.name != "quantile" || !is_ours {
        return None;
    }
    let values = SUMMARY_QUANTILES.map(|quantile| format!("{quantile:?}"));
    if may_fit(matcher, values.iter().map(String::as_str)) {
        return None;
    }
    let fix = format!("use one of its values: {}", few(&values));
    Some((format!("label `quantile` is never `{}`", matcher.value), fix))
}

/// What the short form of a query is refused for as well.
fn deprecated(metric: &MetricSpec) -> Option<Told> {
    let Status::Deprecated(deprecation) = &metric.status else { return None };
    let fix = match &deprecation.replaced_by {
        Some(new) => format!("use `{new}`"),
        None => "read another metric".to_owned(),
    };
    Some((format!("metric `{}` is deprecated", metric.name), fix))
}

/// What to do instead of asking for a label of a format that is not there.
fn no_format(metric: &MetricSpec, label: &str) -> Option<String> {
    match label {
        "le" => Some("buckets are those of `_bucket` of a histogram".to_owned()),
        "quantile" => Some(match metric.metric_type {
            MetricType::Summary => format!("quantiles are those of `{}`", metric.name),
            _ => "use `histogram_quantile` of a histogram".to_owned(),
        }),
        _ => None,
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

/// Labels that scraping adds, and the one of what was folded past a cap.
const BY_SCRAPING: &[&str] = &["instance", "job", "otel_metric_overflow"];

/// Labels of buckets and quantiles.
const BY_FORMATS: &[&str] = &["le", "quantile"];
