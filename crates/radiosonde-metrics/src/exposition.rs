//! What a scrape shows, family by family, for whoever writes a text of it: names and labels come as
//! the text formats of Prometheus want them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use radiosonde_context::{SpanId, TraceId};
use radiosonde_registry::MetricType;

use crate::snapshot::{Family, Snapshot, Value};

/// Takes the families of a scrape one after another: [`Exposition::family`], then
/// [`Exposition::series`] for each of its series.
pub trait Exposition {
    /// A family begins. Each name comes once.
    fn family(&mut self, head: &Head<'_>);

    /// A series of the family that began last. `labels` are written out, without braces:
    /// `outcome="success",provider="acme"`, with `\`, `"` and line ends escaped.
    fn series(&mut self, labels: &str, point: &Point<'_>, exemplars: &[Exemplar]);
}

/// How a scrape wants to see the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scrape {
    /// Whether a series that no such scrape has seen is shown at 0 first, so that `increase` over
    /// the scrapes counts what it began with. Only for who comes again and keeps what it saw, and
    /// with [`Metrics::scraped`](crate::Metrics::scraped) after each scrape that was made whole.
    /// Gauges are what they are, and so is everything in the first scrape of metrics that are older
    /// than five minutes.
    pub from_zero: bool,
}

/// What is said once for all series of a family.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Head<'a> {
    /// The name, in the characters of Prometheus.
    pub name: &'a str,
    /// The type; each point is of it.
    pub metric_type: MetricType,
    /// The unit, if one is known.
    pub unit: Option<&'a str>,
    /// What is measured, not escaped; may be empty.
    pub help: &'a str,
}

impl<'a> Head<'a> {
    /// A family without unit and help.
    pub fn new(name: &'a str, metric_type: MetricType) -> Self {
        Self { name, metric_type, unit: None, help: "" }
    }
}

/// The value of one series.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Point<'a> {
    /// A count of things.
    Counter(u64),
    /// A counter of fractions.
    FloatCounter(f64),
    /// A value that goes up and down.
    Gauge(f64),
    /// Counts by bucket.
    Histogram {
        /// Upper bounds, finite and rising, without `+Inf`.
        bounds: &'a [f64],
        /// Values per bucket, **not** cumulative; one longer than `bounds`.
        counts: &'a [u64],
        /// Sum of the values.
        sum: f64,
    },
    /// Quantiles, count and sum of values.
    Summary {
        /// Each quantile, between 0 and 1, and its value.
        quantiles: &'a [(f64, f64)],
        /// Sum of the values.
        sum: f64,
        /// Number of values.
        count: u64,
    },
}

/// One write of a series, and the span it was made in.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// Of a histogram: the bucket it belongs to, counted from 0. Otherwise 0.
    pub bucket: usize,
    /// The value that was recorded; of a counter, by how much it rose.
    pub value: f64,
    /// The trace that was current.
    pub trace_id: TraceId,
    /// The span that was current.
    pub span_id: SpanId,
    /// When.
    pub at: SystemTime,
}

impl Exemplar {
    /// A write that was made now or then.
    pub fn new(
        bucket: usize,
        value: f64,
        (trace_id, span_id): (TraceId, SpanId),
        at: SystemTime,
    ) -> Self {
        Self { bucket, value, trace_id, span_id, at }
    }
}

impl Snapshot {
    /// Writes the families in the order of their names.
    ///
    /// Whatever the snapshot holds, what is written is well formed: characters that names may not
    /// have become `_`, labels that Prometheus reserves (`__…`, `le` of a histogram, `quantile` of a
    /// summary) or that come twice are left out, families whose names then fall together are written
    /// as one when their types agree and else the later is left out, of series whose labels then are
    /// equal the first is written, a bucket whose bound is not finite or not above the one before is
    /// added to the next (and exemplars left out), exemplars are left out unless their buckets rise
    /// and are there, quantiles unless they rise from 0 to 1 at most, and NUL, which Prometheus takes
    /// for the end of its input, becomes U+FFFD.
    pub fn expose(&self, to: &mut dyn Exposition) {
        let mut labels = String::new();
        let mut written = HashSet::new();
        for group in grouped(self) {
            let Some(first) = group.families.first() else { continue };
            to.family(&Head {
                name: &group.name,
                metric_type: first.metric_type,
                unit: first.unit.as_deref(),
                help: &first.help,
            });
            written.clear();
            for series in group.families.iter().flat_map(|family| &family.series) {
                labels.clear();
                let named = series.labels.iter().map(|(name, value)| (&**name, &**value));
                write_labels(&mut labels, &named, reserved(first.metric_type));
                if !written.contains(labels.as_str()) {
                    expose(&labels, &series.value, &series.exemplars, to);
                    let _ = written.insert(labels.clone());
                }
            }
        }
    }
}

/// Families that are written under one name.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "not for users")]
pub struct Group<'a> {
    /// That name.
    pub name: Cow<'a, str>,
    /// The families, all of one type.
    pub families: Vec<&'a Family>,
}

/// The families sorted by the name they are written under.
pub fn grouped(snapshot: &Snapshot) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::with_capacity(snapshot.families.len());
    let mut by_name: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for family in &snapshot.families {
        let name = fit(&family.name, true);
        match by_name.get(&name).and_then(|index| groups.get_mut(*index)) {
            Some(group) => {
                let same = |there: &&Family| there.metric_type == family.metric_type;
                if group.families.first().is_some_and(same) {
                    group.families.push(family);
                }
            }
            None => {
                let _ = by_name.insert(name.clone(), groups.len());
                groups.push(Group { name, families: vec![family] });
            }
        }
    }
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

fn expose(labels: &str, value: &Value, exemplars: &[Exemplar], to: &mut dyn Exposition) {
    let point = match value {
        Value::Counter(n) => Point::Counter(*n),
        Value::FloatCounter(v) => Point::FloatCounter(*v),
        Value::Gauge(v) => Point::Gauge(*v),
        Value::Histogram { bounds, counts, sum, .. } => {
            if let Some((bounds, counts)) = mended_buckets(bounds, counts) {
                let point = Point::Histogram { bounds: &bounds, counts: &counts, sum: *sum };
                return to.series(labels, &point, &[]);
            }
            Point::Histogram { bounds, counts, sum: *sum }
        }
        Value::Summary { count, sum, quantiles } => {
            let rises = quantiles.iter().map(|(quantile, _)| quantile).is_sorted_by(|a, b| a < b);
            let fits =
                rises && quantiles.iter().all(|(quantile, _)| (0.0..=1.0).contains(quantile));
            Point::Summary {
                quantiles: if fits { quantiles } else { &[] },
                sum: *sum,
                count: *count,
            }
        }
    };
    let buckets = match point {
        Point::Counter(_) | Point::FloatCounter(_) => 1,
        Point::Histogram { counts, .. } => counts.len(),
        Point::Gauge(_) | Point::Summary { .. } => 0,
    };
    let fit = exemplars.is_sorted_by(|a, b| a.bucket < b.bucket)
        && exemplars.iter().all(|exemplar| exemplar.bucket < buckets);
    to.series(labels, &point, if fit { exemplars } else { &[] });
}

/// Buckets with finite, rising bounds only, and one more count than there are bounds; `None` when they are
/// such already.
pub fn mended_buckets(bounds: &[f64], counts: &[u64]) -> Option<(Vec<f64>, Vec<u64>)> {
    let rising = bounds.is_sorted_by(|a, b| a < b);
    let finite = bounds.iter().all(|bound| bound.is_finite());
    let fits = counts.len() == bounds.len() + 1 && finite && rising;
    (!fits).then(|| mended(bounds, counts))
}

fn mended(bounds: &[f64], counts: &[u64]) -> (Vec<f64>, Vec<u64>) {
    let (mut kept, mut sums, mut rest) = (Vec::<f64>::new(), Vec::new(), 0_u64);
    for (i, count) in counts.iter().enumerate() {
        rest = rest.saturating_add(*count);
        let rises = |bound: &&f64| bound.is_finite() && kept.last().is_none_or(|last| last < bound);
        if let Some(bound) = bounds.get(i).filter(rises) {
            kept.push(*bound);
            sums.push(std::mem::take(&mut rest));
        }
    }
    sums.push(rest);
    (kept, sums)
}

/// The label that the lines of a type have besides those of the series.
pub(crate) fn reserved(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Histogram => "le",
        MetricType::Summary => "quantile",
        _ => "",
    }
}

/// Appends `a="1",b="2"`, escaped; without reserved names, each name once.
pub(crate) fn write_labels<'l>(
    to: &mut String,
    labels: &(impl Iterator<Item = (&'l str, &'l str)> + Clone),
    reserved: &str,
) {
    for (name, value) in fitted_labels(labels.clone(), reserved) {
        if !to.is_empty() {
            to.push(',');
        }
        to.push_str(&name);
        to.push_str("=\"");
        escape(to, value);
        to.push('"');
    }
}

/// The labels by the names they are written under; without reserved names, each name once.
pub(crate) fn fitted_labels<'l>(
    labels: impl Iterator<Item = (&'l str, &'l str)> + Clone,
    reserved: &str,
) -> impl Iterator<Item = (Cow<'l, str>, &'l str)> {
    labels.clone().enumerate().filter_map(move |(i, (label, value))| {
        let name = fit(label, false);
        let repeated = labels.clone().take(i).any(|(before, _)| fit(before, false) == name);
        let is_left_out = repeated || name == reserved || name.starts_with("__");
        (!is_left_out).then_some((name, value))
    })
}

/// `\`, line ends and `"`, as a label value has them.
pub(crate) fn escape(to: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '"' => to.push_str("\\\""),
            '\0' => to.push('\u{fffd}'),
            c => to.push(c),
        }
    }
}

/// A name in the characters of Prometheus; colons are for metrics only.
fn fit(name: &str, metric: bool) -> Cow<'_, str> {
    let fits = |c: char| c == '_' || c.is_ascii_alphanumeric() || (metric && c == ':');
    let begins = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    if begins && name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    let fitted = name.chars().map(|c| if fits(c) { c } else { '_' });
    Cow::Owned((!begins).then_some('_').into_iter().chain(fitted).collect())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::snapshot::Series;

    /// What was written of each series: buckets of exemplars, quantiles.
    #[derive(Default)]
    struct Written(Vec<(Vec<usize>, Vec<f64>)>);

    impl Exposition for Written {
        fn family(&mut self, _: &Head<'_>) {}

        fn series(&mut self, _: &str, point: &Point<'_>, exemplars: &[Exemplar]) {
            let quantiles = match point {
                Point::Summary { quantiles, .. } => quantiles.iter().map(|(q, _)| *q).collect(),
                _ => Vec::new(),
            };
            let buckets = exemplars.iter().map(|exemplar| exemplar.bucket).collect();
            self.0.push((buckets, quantiles));
        }
    }

    fn written(value: Value, buckets: &[usize]) -> (Vec<usize>, Vec<f64>) {
        let metric_type = match &value {
            Value::Counter(_) | Value::FloatCounter(_) => MetricType::Counter,
            Value::Gauge(_) => MetricType::Gauge,
            Value::Histogram { .. } => MetricType::Histogram,
            Value::Summary { .. } => MetricType::Summary,
        };
        let mut family = Family::new("m", metric_type);
        let mut series = Series::new(Vec::new(), value);
        let ids = (TraceId::random(), SpanId::random());
        let exemplar = |bucket: &usize| Exemplar::new(*bucket, 1.0, ids, UNIX_EPOCH);
        series.exemplars = buckets.iter().map(exemplar).collect();
        family.series.push(series);
        let (mut snapshot, mut to) = (Snapshot::default(), Written::default());
        snapshot.push(family);
        snapshot.expose(&mut to);
        to.0.pop().expect("one series")
    }

    #[test]
    fn exemplars_are_written_of_buckets_that_are_there() {
        const NONE: [usize; 0] = [];
        let histogram = |bounds: &[f64]| Value::Histogram {
            bounds: bounds.into(),
            counts: vec![1; 3],
            sum: 3.0,
            count: 3,
            exponential: None,
        };
        assert_eq!(written(histogram(&[1.0, 2.0]), &[0, 2]).0, [0, 2]);
        for buckets in [&[1, 1][..], &[2, 1], &[0, 3]] {
            assert_eq!(written(histogram(&[1.0, 2.0]), buckets).0, NONE, "{buckets:?}");
        }
        assert_eq!(written(histogram(&[1.0, f64::INFINITY]), &[0]).0, NONE);
        assert_eq!(written(Value::Counter(1), &[0]).0, [0]);
        assert_eq!(written(Value::Counter(1), &[1]).0, NONE);
        assert_eq!(written(Value::Gauge(1.0), &[0]).0, NONE);
    }

    #[test]
    fn quantiles_are_written_if_they_are_ones() {
        let summary = |quantiles: &[f64]| {
            let quantiles = quantiles.iter().map(|quantile| (*quantile, 1.0)).collect();
            written(Value::Summary { count: 1, sum: 1.0, quantiles }, &[]).1
        };
        assert_eq!(summary(&[0.0, 0.5, 1.0]), [0.0, 0.5, 1.0]);
        for broken in [&[0.5, 0.5][..], &[0.9, 0.5], &[-0.1], &[1.1], &[f64::NAN]] {
            assert_eq!(summary(broken).len(), 0, "{broken:?}");
        }
    }
}
