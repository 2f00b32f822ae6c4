//! What a test expects of a metric.

use std::fmt::Write as _;

use radiosonde_metrics::MetricType;
use radiosonde_record::{ToValue, Value};

use super::metric::Metric;
use super::pipeline::Captured;

/// Other metrics that a message shows.
const SHOWN_MAX: usize = 20;
/// Sums of floating point numbers are equal within so much of them.
const PRECISION: f64 = 1e-9;

impl Captured {
    /// Begins to say what was done to the series of that name with these labels, and perhaps more:
    /// to all of them together.
    ///
    /// ```
    /// # use radiosonde_runtime::testing::capture;
    /// capture(|t| {
    ///     metrics::counter!("runs_total", "outcome" => "success").increment(1);
    ///     metrics::histogram!("run_seconds").record(0.25);
    ///
    ///     t.assert_metric("runs_total", &[("outcome", "success")]).increased_by(1);
    ///     t.assert_metric("run_seconds", &[]).counted(1).summed(0.25);
    /// });
    /// ```
    #[must_use = "nothing is asserted before `increased_by`, `unchanged`, `is`, `counted` or `summed`"]
    pub fn assert_metric(&self, name: &str, labels: &[(&str, &str)]) -> MetricAssertion {
        MetricAssertion {
            found: self.metric(name, labels),
            name: name.to_owned(),
            labels: labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect(),
            of: self.clone(),
        }
    }
}

/// Something about a metric is about to be said.
#[derive(Debug)]
pub struct MetricAssertion {
    found: Option<Metric>,
    name: String,
    labels: Vec<String>,
    of: Captured,
}

impl MetricAssertion {
    /// The counter rose by that much.
    ///
    /// # Panics
    /// When it did not: with what became of it, of its other series, and of its writes that were
    /// refused. So does everything else that is said of it.
    #[track_caller]
    pub fn increased_by(self, by: impl ToValue) -> Self {
        let by = number(&by.to_value());
        let rose = self.found.as_ref().map_or(0.0, Metric::value);
        match self.found.as_ref().map(Metric::metric_type) {
            // Of what nobody wrote it is not known.
            None if by != 0.0 => self.fail("was not written"),
            Some(MetricType::Gauge) => self.fail("is no counter: say what it `is`"),
            Some(MetricType::Histogram | MetricType::Summary) => {
                self.fail("is no counter: say what it `counted` and `summed`");
            }
            _ => {}
        }
        if !is_close(rose, by) {
            self.fail(&format!("increased by {rose}, not by {by}"));
        }
        self
    }

    /// Nothing was written to it; it need not be there.
    ///
    /// # Panics
    /// When something was.
    #[track_caller]
    pub fn unchanged(self) -> Self {
        let change = self.found.as_ref().filter(|one| one.value() != 0.0 || one.count() != 0);
        if let Some(change) = change {
            self.fail(&format!("was written to: {change}"));
        }
        self
    }

    /// The gauge has that value.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn is(self, value: impl ToValue) -> Self {
        let asked = number(&value.to_value());
        let found = self.there();
        if found.series() > 1 {
            self.fail(&format!("is {} series: name more of its labels", found.series()));
        }
        if !is_close(found.value(), asked) {
            self.fail(&format!("is {}, not {asked}", found.value()));
        }
        self
    }

    /// The histogram or summary was given so many values.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn counted(self, values: u64) -> Self {
        let counted = self.there().count();
        if counted != values {
            self.fail(&format!("counted {counted}, not {values}"));
        }
        self
    }

    /// The values of the histogram or summary have that sum.
    ///
    /// # Panics
    /// When they have not.
    #[track_caller]
    pub fn summed(self, sum: impl ToValue) -> Self {
        let asked = number(&sum.to_value());
        let found = self.there();
        if !found.is_distribution() {
            self.fail("has no sum: it is no histogram and no summary");
        }
        if !is_close(found.value(), asked) {
            self.fail(&format!("has the sum {}, not {asked}", found.value()));
        }
        self
    }

    #[track_caller]
    fn there(&self) -> &Metric {
        match &self.found {
            Some(found) => found,
            None => self.fail("was not written"),
        }
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let labels = self.labels.join(",");
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let mut text = format!("metric `{}{braces}` {what}", self.name);
        let (own, mut others): (Vec<_>, Vec<_>) =
            self.of.metrics().into_iter().partition(|metric| metric.name() == self.name);
        // Stable: of equals the order of names.
        others.sort_by_key(|metric| std::cmp::Reverse(likeness(metric.name(), &self.name)));
        let count = own.len() + others.len();
        // Writing to a string does not fail.
        let _ = match count {
            0 => write!(text, "\nno metric was written"),
            _ if own.is_empty() => write!(text, "\nmetrics that are there, the most alike first:"),
            _ => write!(text, "\nmetrics that are there, its own first:"),
        };
        for metric in own.iter().chain(&others).take(SHOWN_MAX) {
            let _ = write!(text, "\n  {metric}");
        }
        if count > SHOWN_MAX {
            let _ = write!(text, "\n  and {} more", count - SHOWN_MAX);
        }
        for refused in self.of.refusals() {
            let _ = write!(text, "\nrefused: {}", refused.text);
        }
        panic!("{text}");
    }
}

/// How many characters two names begin and end with in common.
fn likeness(one: &str, other: &str) -> usize {
    let ends = one.bytes().rev().zip(other.bytes().rev()).take_while(|(one, other)| one == other);
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count() + ends.count()
}

fn number(value: &Value<'_>) -> f64 {
    match *value {
        Value::U64(value) => value as f64,
        Value::I64(value) => value as f64,
        Value::F64(value) => value,
        // A text is no number, and equal to none.
        _ => f64::NAN,
    }
}

fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() <= PRECISION * one.abs().max(other.abs())
}
