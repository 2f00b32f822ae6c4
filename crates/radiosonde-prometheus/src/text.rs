//! The text exposition format, version 0.0.4.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use radiosonde_metrics::{Family, Labels, MetricType, Snapshot, Value};

/// The media type of what [`render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The snapshot as text. Families come in the order of their names, each with `# HELP` (where
/// there is one) and `# TYPE` once.
///
/// Whatever the snapshot holds, the result is well formed: characters that names may not have
/// become `_`, labels that Prometheus reserves (`__…`, `le` of a histogram, `quantile` of a summary)
/// or that come twice are left out, families whose names then fall together are written as one when their types agree
/// and else the later is left out, and NUL, which Prometheus takes for the end of its input,
/// becomes U+FFFD. No `_created` lines are written. A summary has no quantiles.
pub fn render(snapshot: &Snapshot) -> String {
    let mut out = String::with_capacity(4096);
    for group in grouped(snapshot) {
        let Some(first) = group.families.first() else { continue };
        head(&mut out, &group.name, first);
        for family in &group.families {
            for series in &family.series {
                sample(&mut out, &group.name, &series.labels, &series.value);
            }
        }
    }
    out
}

/// Families that are written under one name.
struct Group<'a> {
    name: Cow<'a, str>,
    families: Vec<&'a Family>,
}

/// The families sorted by the name they are written under.
fn grouped(snapshot: &Snapshot) -> Vec<Group<'_>> {
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

fn head(out: &mut String, name: &str, family: &Family) {
    if !family.help.is_empty() {
        out.push_str("# HELP ");
        out.push_str(name);
        out.push(' ');
        escape(out, &family.help, false);
        out.push('\n');
    }
    let kind = match family.metric_type {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
        MetricType::Summary => "summary",
        _ => "untyped",
    };
    out.push_str("# TYPE ");
    out.push_str(name);
    out.push(' ');
    out.push_str(kind);
    out.push('\n');
}

fn sample(out: &mut String, name: &str, labels: &Labels, value: &Value) {
    let reserved = match value {
        Value::Histogram { .. } => "le",
        Value::Summary { .. } => "quantile",
        _ => "",
    };
    let labels = label_text(labels, reserved);
    let mut line = Lines { out, name, labels: &labels };
    match value {
        Value::Counter(n) => line.integer("", None, *n),
        Value::FloatCounter(v) | Value::Gauge(v) => line.float("", *v),
        Value::Histogram { bounds, counts, sum, .. } => {
            let mut total = 0_u64;
            for (i, count) in counts.iter().enumerate() {
                total = total.saturating_add(*count);
                let bound = bounds.get(i).copied().filter(|bound| bound.is_finite());
                // A second `+Inf` would be a repeated sample: only the last bucket has it.
                if bound.is_some() || i + 1 == counts.len() {
                    line.integer("_bucket", Some(bound.unwrap_or(f64::INFINITY)), total);
                }
            }
            line.float("_sum", *sum);
            // Not the field: `_count` and the last bucket must be the same number.
            line.integer("_count", None, total);
        }
        Value::Summary { count, sum, .. } => {
            line.float("_sum", *sum);
            line.integer("_count", None, *count);
        }
        _ => {}
    }
}

/// `a="1",b="2"`, escaped; without reserved names, each name once.
fn label_text(labels: &Labels, reserved: &str) -> String {
    let mut text = String::new();
    for (i, (label, value)) in labels.iter().enumerate() {
        let name = fit(label, false);
        let repeated = labels.iter().take(i).any(|(before, _)| fit(before, false) == name);
        if repeated || name == reserved || name.starts_with("__") {
            continue;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&name);
        text.push_str("=\"");
        escape(&mut text, value, true);
        text.push('"');
    }
    text
}

/// Writes the lines of one series.
struct Lines<'a> {
    out: &'a mut String,
    name: &'a str,
    labels: &'a str,
}

impl Lines<'_> {
    fn integer(&mut self, suffix: &str, le: Option<f64>, value: u64) {
        self.series(suffix, le);
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{value}");
    }

    fn float(&mut self, suffix: &str, value: f64) {
        self.series(suffix, None);
        number(self.out, value);
        self.out.push('\n');
    }

    /// `name_suffix{label="value",le="25.0"} `, with the space.
    fn series(&mut self, suffix: &str, le: Option<f64>) {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        if !self.labels.is_empty() || le.is_some() {
            self.out.push('{');
            self.out.push_str(self.labels);
            if let Some(bound) = le {
                self.out.push_str(if self.labels.is_empty() { "le=\"" } else { ",le=\"" });
                number(self.out, bound);
                self.out.push('"');
            }
            self.out.push('}');
        }
        self.out.push(' ');
    }
}

/// Finite numbers always have a point or an exponent (`25.0`): a bound is then the same text in
/// every format, and with it the series.
fn number(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "{value:?}");
    }
}

/// `\` and line ends, and in a label value `"`, as the format has it.
fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// A name in the characters of the format; colons are for metrics only.
pub(crate) fn fit(name: &str, metric: bool) -> Cow<'_, str> {
    let fits = |c: char| c == '_' || c.is_ascii_alphanumeric() || (metric && c == ':');
    let begins = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    if begins && name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    let fitted = name.chars().map(|c| if fits(c) { c } else { '_' });
    Cow::Owned((!begins).then_some('_').into_iter().chain(fitted).collect())
}
