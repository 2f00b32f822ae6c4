//! Writes a scrape as text, series by series, into memory that is used again.

use radiosonde_metrics::{Exemplar, Exposition, Head, Point};

use crate::claim::{Shape, claim};
use crate::exemplar;
use crate::format::Format;
use crate::names::Names;
use crate::numbers::{float, integer};

/// Writes what a scrape shows in one of the formats. It keeps its memory from one text to the next,
/// so that a scrape allocates nothing once there was one as large.
///
/// ```
/// use radiosonde_metrics::{Metrics, Scrape};
/// use radiosonde_prometheus::{Format, Writer};
///
/// let metrics = Metrics::default();
/// metrics::with_local_recorder(&metrics.recorder(), || {
///     metrics::counter!("runs_total", "outcome" => "success").increment(2);
/// });
/// let mut writer = Writer::new(Format::OpenMetrics);
/// metrics.expose(Scrape::default(), &mut writer);
/// let text = writer.finish().expect("no limit was set");
/// assert!(text.contains("# TYPE runs counter\nruns_total{outcome=\"success\"} 2\n"));
/// assert!(text.ends_with("# EOF\n"));
/// ```
///
/// # What is left out
///
/// Two families may need the same line: the gauge `a_count` beside the histogram `a`. The one whose
/// name comes later is left out. OpenMetrics also keeps `a_created` free beside the counter
/// `a_total`, the histogram `a` and the summary `a`; a counter that is in the way of others is
/// announced as `unknown` instead, under its whole name. It has no room for counters that are
/// negative or NaN, for `_sum` and `_count` of histograms with negative values (the bucket `+Inf`
/// counts the same), and for negative quantiles and sums of summaries. [`Writer::left_out`] counts
/// families and series that are missing as a whole.
#[derive(Debug, Default)]
pub struct Writer {
    format: Format,
    out: String,
    /// Where writing ends, in bytes.
    limit: Option<usize>,
    too_large: bool,
    left_out: u64,
    /// The family that the first of them is, or belongs to.
    first_left_out: String,
    names: Names,
    family: Family,
    done: bool,
}

/// The text that all lines of a family have in common.
#[derive(Debug, Default)]
struct Family {
    shape: Shape,
    /// A line end, for the line before, and `name{`.
    line: String,
    /// The same of `name_bucket{`.
    bucket: String,
    bounds: Vec<f64>,
    /// `le="25.0"} ` of each bucket, one after another, the last of `+Inf`.
    les: String,
    /// Where each of them ends.
    ends: Vec<usize>,
}

/// A text is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metrics are more than {limit} bytes of text; record fewer series, or raise the limit")]
#[non_exhaustive]
pub struct TooLarge {
    /// What a text may have, in bytes.
    pub limit: usize,
}

impl Writer {
    /// An empty text without a limit.
    pub fn new(format: Format) -> Self {
        Self { format, ..Self::default() }
    }

    /// Ends writing with the series that goes beyond so many bytes.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Begins an empty text in the same memory, in this format.
    pub fn begin(&mut self, format: Format) {
        self.format = format;
        self.out.clear();
        self.names.clear();
        self.family.shape = Shape::Nothing;
        self.first_left_out.clear();
        (self.too_large, self.done, self.left_out) = (false, false, 0);
    }

    /// The whole text; called again, the same.
    ///
    /// # Errors
    /// [`TooLarge`] when there is more than the limit allows.
    pub fn finish(&mut self) -> Result<&str, TooLarge> {
        if !self.done {
            self.done = true;
            if !self.out.is_empty() {
                self.out.push('\n');
            }
            if self.format == Format::OpenMetrics {
                self.out.push_str("# EOF\n");
            }
        }
        match self.limit {
            Some(limit) if self.too_large || self.out.len() > limit => Err(TooLarge { limit }),
            _ => Ok(&self.out),
        }
    }

    /// Families and series of the text that the format has no room for, see [`Writer`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The name of a family that is missing, or misses a series.
    pub fn first_left_out(&self) -> Option<&str> {
        (self.left_out > 0).then_some(self.first_left_out.as_str())
    }

    /// The whole text, and the end of the writer; empty when it is too large.
    pub fn into_text(mut self) -> String {
        if self.finish().is_ok() { self.out } else { String::new() }
    }

    /// Exchanges the memory that the text is in.
    pub(crate) fn exchange(&mut self, memory: String) -> String {
        std::mem::replace(&mut self.out, memory)
    }

    fn leave_out(&mut self, name: &str) {
        if self.left_out == 0 {
            self.first_left_out.push_str(name);
        }
        self.left_out += 1;
    }

    fn is_full(&mut self) -> bool {
        self.too_large |= self.limit.is_some_and(|limit| self.out.len() > limit);
        self.too_large
    }

    fn open(&self) -> bool {
        self.format == Format::OpenMetrics
    }
}

impl Exposition for Writer {
    fn family(&mut self, head: &Head<'_>) {
        self.family.shape = Shape::Nothing;
        if self.is_full() {
            return;
        }
        let Some(claim) = claim(&mut self.names, self.format, head) else {
            self.leave_out(head.name);
            return;
        };
        let open = self.open();
        let mut describe = |word: &str, text: &dyn Fn(&mut String)| {
            if !self.out.is_empty() {
                self.out.push('\n');
            }
            for part in ["# ", word, " ", claim.name, " "] {
                self.out.push_str(part);
            }
            text(&mut self.out);
        };
        if !head.help.is_empty() {
            describe("HELP", &|out| escape_help(out, head.help, open));
        }
        describe("TYPE", &|out| out.push_str(claim.word));
        if let Some(unit) = head.unit.filter(|unit| open && may_have_unit(claim.name, unit)) {
            describe("UNIT", &|out| out.push_str(unit));
        }
        self.family.begin(claim.shape, head.name);
    }

    fn series(&mut self, labels: &str, point: &Point<'_>, exemplars: &[Exemplar]) {
        if self.family.shape == Shape::Nothing || self.is_full() {
            return;
        }
        let open = self.open();
        let exemplars = if open { exemplars } else { &[] };
        let (out, family) = (&mut self.out, &mut self.family);
        let written = match (family.shape, *point) {
            (Shape::Number | Shape::Count, Point::Counter(value)) => {
                family.begin_line(out, labels);
                integer(out, value);
                if family.shape == Shape::Count {
                    exemplar::append(out, exemplars.last());
                }
                true
            }
            (Shape::Count, Point::FloatCounter(v) | Point::Gauge(v)) if v.is_nan() || v < 0.0 => {
                false
            }
            (Shape::Number | Shape::Count, Point::FloatCounter(value) | Point::Gauge(value)) => {
                family.begin_line(out, labels);
                float(out, value);
                if family.shape == Shape::Count {
                    exemplar::append(out, exemplars.last());
                }
                true
            }
            (Shape::Histogram, Point::Histogram { bounds, counts, sum }) => {
                counts.len() == bounds.len() + 1 && {
                    family.histogram(out, labels, (bounds, counts), sum, (open, exemplars));
                    true
                }
            }
            (Shape::Summary, Point::Summary { quantiles, sum, count }) => {
                family.summary(out, labels, quantiles, (sum, count), open);
                true
            }
            _ => false,
        };
        if !written {
            let family = std::mem::take(&mut self.family.line);
            self.leave_out(family.trim_matches(['\n', '{']));
            self.family.line = family;
        }
    }
}

impl Family {
    fn begin(&mut self, shape: Shape, name: &str) {
        self.shape = shape;
        self.line.clear();
        for part in ["\n", name, "{"] {
            self.line.push_str(part);
        }
        if shape == Shape::Histogram {
            self.bucket.clear();
            for part in ["\n", name, "_bucket{"] {
                self.bucket.push_str(part);
            }
        }
    }

    /// The line end of the line before, and `name{labels} `.
    #[inline]
    fn begin_line(&self, out: &mut String, labels: &str) {
        if labels.is_empty() {
            out.push_str(self.line.strip_suffix('{').unwrap_or_default());
            out.push(' ');
        } else {
            out.push_str(&self.line);
            out.push_str(labels);
            out.push_str("} ");
        }
    }

    /// The same with a suffix to the name.
    fn begin_suffixed(&self, out: &mut String, suffix: &str, labels: &str) {
        out.push_str(self.line.strip_suffix('{').unwrap_or_default());
        out.push_str(suffix);
        if labels.is_empty() {
            out.push(' ');
        } else {
            out.push('{');
            out.push_str(labels);
            out.push_str("} ");
        }
    }

    fn histogram(
        &mut self,
        out: &mut String,
        labels: &str,
        (bounds, counts): (&[f64], &[u64]),
        sum: f64,
        (open, exemplars): (bool, &[Exemplar]),
    ) {
        self.set_bounds(bounds);
        let start = out.len();
        out.push_str(&self.bucket);
        out.push_str(labels);
        if !labels.is_empty() {
            out.push(',');
        }
        // What all lines of the series begin with is there once and then copied.
        let beginning = start..out.len();
        let (mut total, mut from) = (0_u64, 0);
        for (i, (count, end)) in counts.iter().zip(&self.ends).enumerate() {
            if i > 0 {
                out.extend_from_within(beginning.clone());
            }
            total = total.saturating_add(*count);
            out.push_str(self.les.get(from..*end).unwrap_or_default());
            from = *end;
            integer(out, total);
            if !exemplars.is_empty() {
                exemplar::append(out, exemplars.iter().rev().find(|there| there.bucket == i));
            }
        }
        // A sum that may fall is no counter, which OpenMetrics wants it to be.
        let falls = sum.is_nan() || sum < 0.0 || bounds.first().is_some_and(|bound| *bound < 0.0);
        if open && falls {
            return;
        }
        self.begin_suffixed(out, "_sum", labels);
        float(out, sum);
        self.begin_suffixed(out, "_count", labels);
        integer(out, total);
    }

    /// Writes the `le` of the buckets, unless they are those of the series before.
    fn set_bounds(&mut self, bounds: &[f64]) {
        if !self.ends.is_empty() && self.bounds == bounds {
            return;
        }
        self.les.clear();
        self.ends.clear();
        self.bounds.clear();
        self.bounds.extend_from_slice(bounds);
        for bound in bounds.iter().copied().chain([f64::INFINITY]) {
            self.les.push_str("le=\"");
            float(&mut self.les, bound);
            self.les.push_str("\"} ");
            self.ends.push(self.les.len());
        }
    }

    fn summary(
        &self,
        out: &mut String,
        labels: &str,
        quantiles: &[(f64, f64)],
        (sum, count): (f64, u64),
        open: bool,
    ) {
        let mut before = f64::NEG_INFINITY;
        for (quantile, value) in quantiles {
            // Each once, and no value that OpenMetrics does not know.
            if !(0.0..=1.0).contains(quantile) || *quantile <= before || (open && *value < 0.0) {
                continue;
            }
            before = *quantile;
            out.push_str(&self.line);
            out.push_str(labels);
            out.push_str(if labels.is_empty() { "quantile=\"" } else { ",quantile=\"" });
            float(out, *quantile);
            out.push_str("\"} ");
            float(out, *value);
        }
        if !(open && (sum.is_nan() || sum < 0.0)) {
            self.begin_suffixed(out, "_sum", labels);
            float(out, sum);
        }
        self.begin_suffixed(out, "_count", labels);
        integer(out, count);
    }
}

/// Whether OpenMetrics allows the unit: the name ends with it.
fn may_have_unit(name: &str, unit: &str) -> bool {
    let fits = unit.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    fits && !unit.is_empty()
        && name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_') && rest.len() > 1)
}

/// `\` and line ends, and in OpenMetrics `"`.
fn escape_help(out: &mut String, help: &str, quotes: bool) {
    for c in help.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}
