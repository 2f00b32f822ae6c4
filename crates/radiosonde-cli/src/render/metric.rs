//! Metric lines: the name of a series, what was done to it, what it stands at.

use jiff::Timestamp;
use radiosonde_events::clean_for_terminal as clean;
use radiosonde_runtime::doctor::shown::size;
use radiosonde_store::line::Line;
use serde_json::Value;

use crate::render::text::shown;
use crate::render::time::{clock, day, duration};

/// What a metric line says, as far as its `meta` is in the shape we know.
#[derive(Debug)]
pub(crate) struct Metric<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<&'a str>,
    pub(crate) labels: Vec<(&'a str, String)>,
    pub(crate) value: Option<f64>,
    pub(crate) count: u64,
    pub(crate) sum: f64,
    /// Bounds, and how many values are not above each; without the last one, which has no bound.
    pub(crate) buckets: Vec<(f64, u64)>,
    /// Of a summary, as they were computed.
    quantiles: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    /// Histograms and summaries.
    Distribution,
    Gauge,
}

impl<'a> Metric<'a> {
    pub(crate) fn of(line: &'a Line) -> Option<Self> {
        let meta = &line.meta;
        let labels = meta.value("labels").and_then(Value::as_object);
        Some(Self {
            name: meta.text("name")?,
            kind: match meta.text("type")? {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                _ => Kind::Distribution,
            },
            unit: meta.text("unit").filter(|unit| !unit.is_empty()),
            labels: labels
                .into_iter()
                .flatten()
                .map(|(key, value)| {
                    (key.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                })
                .collect(),
            value: meta.value("value").and_then(float),
            count: meta.value("count").and_then(Value::as_u64).unwrap_or(0),
            sum: meta.value("sum").and_then(float).unwrap_or(0.0),
            buckets: buckets(meta.value("buckets")),
            quantiles: quantiles(meta.value("quantiles")),
        })
    }

    /// `ingestion_runs_total{outcome="retry",provider="acme"}`. A label without a value is the same as
    /// none.
    pub(crate) fn series(&self) -> String {
        let mut series = shown(self.name);
        let labels = || self.labels.iter().filter(|(_, value)| !value.is_empty());
        for (number, (key, value)) in labels().enumerate() {
            series.push(if number == 0 { '{' } else { ',' });
            series.push_str(&clean(key));
            series.push_str(&format!("=\"{}\"", shown(value).replace('"', "\\\"")));
        }
        if labels().next().is_some() {
            series.push('}');
        }
        series
    }

    /// What was done: `+1`, `= 42 rows`, `3 × mean 120 ms, sum 361 ms`.
    pub(crate) fn change(&self) -> String {
        match (self.kind, self.value) {
            (Kind::Counter, Some(by)) => {
                format!("{}{}", if by < 0.0 { "" } else { "+" }, number(by))
            }
            (Kind::Gauge, Some(to)) => format!("= {}", self.with_unit(to)),
            _ if self.count == 1 => self.with_unit(self.sum),
            _ => self.spread(),
        }
    }

    /// What it stands at: `42`, `2025-10-06 11:50:02.000 UTC`,
    /// `12 × mean 310 ms, p50 280 ms, p95 480 ms, p99 > 500 ms`.
    pub(crate) fn standing(&self) -> String {
        match (self.kind, self.value) {
            (Kind::Counter | Kind::Gauge, Some(value)) => {
                self.moment(value).unwrap_or_else(|| self.with_unit(value))
            }
            _ => self.quantiled().unwrap_or_else(|| self.spread()),
        }
    }

    /// `12 × mean 310 ms, p50 280 ms, p95 480 ms, p99 > 500 ms`; `None` where no quantile is known.
    fn quantiled(&self) -> Option<String> {
        let told: Vec<String> = if self.quantiles.is_empty() {
            let each = |quantile: f64| {
                let (value, is_above) = self.quantile(quantile)?;
                let above = if is_above { "> " } else { "" };
                Some(format!("p{} {above}{}", number(quantile * 100.0), self.with_unit(value)))
            };
            [0.5, 0.95, 0.99].into_iter().map(each).collect::<Option<_>>()?
        } else {
            let each = |(quantile, value): &(f64, f64)| {
                format!("p{} {}", number(quantile * 100.0), self.with_unit(*value))
            };
            self.quantiles.iter().take(QUANTILES_MAX).map(each).collect()
        };
        let mean = self.mean().filter(|_| self.count > 0)?;
        Some(format!("{} × mean {}, {}", self.count, self.with_unit(mean), told.join(", ")))
    }

    /// The moment a value means, where the name says that it is one.
    fn moment(&self, value: f64) -> Option<String> {
        let names = ["_time_seconds", "_timestamp_seconds"];
        let named = self.kind == Kind::Gauge && names.iter().any(|end| self.name.ends_with(end));
        if !named || value < MOMENT_S_MIN {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "what is too large is no moment")]
        let moment = Timestamp::from_millisecond((value * 1e3) as i64).ok()?;
        Some(format!("{} {} UTC", day(moment), clock(moment)))
    }

    fn spread(&self) -> String {
        if self.count == 0 {
            return "0".to_owned();
        }
        let mean = self.mean().unwrap_or(0.0);
        format!("{} × mean {}, sum {}", self.count, self.with_unit(mean), self.with_unit(self.sum))
    }

    fn mean(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
        let count = self.count as f64;
        (self.count > 0).then(|| self.sum / count)
    }

    /// A quantile as `histogram_quantile` of Prometheus has it: values are thought of as evenly spread
    /// over their bucket, the first of which begins at 0. Whether it is above what is told, since it
    /// lies behind the last bound.
    fn quantile(&self, quantile: f64) -> Option<(f64, bool)> {
        let last = self.buckets.last().filter(|_| self.count > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of this size need no exactness")]
        let (rank, float) = (quantile * self.count as f64, |count: u64| count as f64);
        let (mut start, mut below) = (0.0_f64, 0_u64);
        for (index, (bound, up_to)) in self.buckets.iter().enumerate() {
            // Counts of a file may say anything; what they count does not become less.
            let up_to = (*up_to).max(below);
            if float(up_to) >= rank && up_to > below {
                if index == 0 && *bound <= 0.0 {
                    return Some((*bound, false));
                }
                let part = (rank - float(below)) / float(up_to - below);
                return Some((start + (bound - start) * part.clamp(0.0, 1.0), false));
            }
            (start, below) = (*bound, up_to);
        }
        Some((last.0, true))
    }

    fn with_unit(&self, value: f64) -> String {
        quantity(value, self.unit)
    }
}

/// A number with its unit, as people write it: `0.664 s`, `17 MiB`, `42 rows`.
pub(crate) fn quantity(value: f64, unit: Option<&str>) -> String {
    match unit {
        None | Some("" | "1" | "ratio") => number(value),
        Some("s" | "seconds") if (LONG_S..MOMENT_S_MIN).contains(&value) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            let us = (value * 1e6) as u64;
            format!("{} s ({})", number(value), duration(us))
        }
        Some("s" | "seconds") => format!("{} s", number(value)),
        Some("ms" | "milliseconds") => format!("{} ms", number(value)),
        Some("bytes" | "By") => bytes(value),
        Some(unit) => match (number(value), singular(unit)) {
            (one, Some(noun)) if one == "1" => format!("{one} {}", shown(&noun)),
            (number, _) => format!("{number} {}", shown(unit)),
        },
    }
}

/// One of what a unit counts: `run` for `runs`. `None` where that cannot be told from the word.
fn singular(unit: &str) -> Option<String> {
    let is_word = unit.len() > 3 && unit.bytes().all(|byte| byte.is_ascii_lowercase());
    let stem = unit.strip_suffix('s').filter(|_| is_word)?;
    // A few words are the same in both, or no plural at all.
    if stem.ends_with(['s', 'u', 'i']) || unit == "series" {
        return None;
    }
    let es = ["sse", "xe", "she", "tche", "nche", "rche"];
    Some(match stem.strip_suffix('e') {
        Some(stem) if stem.ends_with('i') => format!("{}y", &stem[..stem.len() - 1]),
        Some(shorter) if es.iter().any(|end| stem.ends_with(end)) => shorter.to_owned(),
        _ => stem.to_owned(),
    })
}

/// A number of bytes: `17 MiB`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn bytes(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", size(value.abs() as u64))
}

/// A number to at most four digits behind the point where it is small, none where it is large.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1e15 => return format!("{value:.3e}"),
        size if size >= 1_000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// So many per second, or per minute or hour where they are few.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 1.0 => format!("{}/s", number(rate)),
        rate if rate >= 1.0 / 60.0 => format!("{}/min", number((rate * 600.0).round() / 10.0)),
        rate => format!("{}/h", number((rate * 36_000.0).round() / 10.0)),
    }
}

/// `[[25.0,3],["+Inf",12]]`; the last has no bound to tell and is left out.
fn buckets(value: Option<&Value>) -> Vec<(f64, u64)> {
    let pairs = value.and_then(Value::as_array);
    pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.get(0)?.as_f64()?, pair.get(1)?.as_u64()?)))
        .collect()
}

/// `[[0.5,12.0],…]`
fn quantiles(value: Option<&Value>) -> Vec<(f64, f64)> {
    let pairs = value.and_then(Value::as_array).into_iter().flatten();
    pairs.filter_map(|pair| Some((pair.get(0)?.as_f64()?, pair.get(1)?.as_f64()?))).collect()
}

/// A number, also one for which JSON has only a text: `NaN`, `+Inf`, `-Inf`.
fn float(value: &Value) -> Option<f64> {
    let text = |text: &str| match text {
        "NaN" => Some(f64::NAN),
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    value.as_f64().or_else(|| value.as_str().and_then(text))
}

/// Quantiles of a summary that are told.
const QUANTILES_MAX: usize = 4;
/// From here on seconds are told as minutes and more as well.
const LONG_S: f64 = 120.0;
/// Year 2001: what is less is a duration under a name that sounds like a moment's.
const MOMENT_S_MIN: f64 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(meta: &str) -> Line {
        let text = format!(r#"{{"ts":"2025-10-06T10:00:00Z","evt":"metric","meta":{meta}}}"#);
        Line::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn changes_and_standings_are_told_with_their_units() {
        for (meta, change, standing) in [
            (r#"{"name":"a","type":"counter","value":3}"#, "+3", "3"),
            (
                r#"{"name":"a","type":"gauge","unit":"rows","value":42.50}"#,
                "= 42.5 rows",
                "42.5 rows",
            ),
            (
                r#"{"name":"a","type":"histogram","unit":"ms","count":2,"sum":100.5,"buckets":[[25.0,1],[100.0,2],["+Inf",2]]}"#,
                "2 × mean 50.2 ms, sum 100.5 ms",
                "2 × mean 50.2 ms, p50 25 ms, p95 92.5 ms, p99 98.5 ms",
            ),
            (
                r#"{"name":"a","type":"histogram","unit":"ms","count":1,"sum":7}"#,
                "7 ms",
                "1 × mean 7 ms, sum 7 ms",
            ),
            (r#"{"name":"a","type":"summary"}"#, "0", "0"),
            (
                r#"{"name":"a","type":"gauge","unit":"seconds","value":86400}"#,
                "= 86400 s (1d 0h)",
                "86400 s (1d 0h)",
            ),
            (
                r#"{"name":"process_start_time_seconds","type":"gauge","unit":"s","value":1759751402.113}"#,
                "= 1759751402 s",
                "2025-10-06 11:50:02.113 UTC",
            ),
            (
                r#"{"name":"a","type":"gauge","unit":"bytes","value":17387520}"#,
                "= 17 MiB",
                "17 MiB",
            ),
            (r#"{"name":"a","type":"gauge","unit":"By","value":-1536}"#, "= -1.5 KiB", "-1.5 KiB"),
            (
                r#"{"name":"a","type":"gauge","unit":"seconds","value":0.66371}"#,
                "= 0.6637 s",
                "0.6637 s",
            ),
            (r#"{"name":"a","type":"gauge","unit":"ratio","value":-0.5}"#, "= -0.5", "-0.5"),
            (r#"{"name":"a","type":"counter","value":1e300}"#, "+1.000e300", "1.000e300"),
            (r#"{"name":"a","type":"counter","value":"many"}"#, "0", "0"),
            (r#"{"name":"a","type":"gauge","value":"NaN"}"#, "= NaN", "NaN"),
            (r#"{"name":"a","type":"gauge","value":"-Inf"}"#, "= -inf", "-inf"),
            (
                r#"{"name":"a","type":"summary","count":4,"sum":8,"quantiles":[[0.5,2.0],[0.999,3]]}"#,
                "4 × mean 2, sum 8",
                "4 × mean 2, p50 2, p99.9 3",
            ),
            // More values than buckets tell, a first bound below 0, counts that fall.
            (
                r#"{"name":"a","type":"histogram","count":9,"sum":9,"buckets":[[-1.0,5],[2.0,4],["+Inf",9]]}"#,
                "9 × mean 1, sum 9",
                "9 × mean 1, p50 -1, p95 > 2, p99 > 2",
            ),
        ] {
            let line = line(meta);
            let metric = Metric::of(&line).unwrap();
            assert_eq!((metric.change().as_str(), metric.standing().as_str()), (change, standing));
        }
    }

    #[test]
    fn one_of_something_is_told_in_the_singular() {
        for (unit, expect) in [
            ("runs", "1 run"),
            ("rows", "1 row"),
            ("lines", "1 line"),
            ("batches", "1 batch"),
            ("processes", "1 process"),
            ("caches", "1 cache"),
            ("retries", "1 retry"),
            ("series", "1 series"),
            ("celsius", "1 celsius"),
            ("status", "1 status"),
            ("class", "1 class"),
            ("usd", "1 usd"),
            ("ops", "1 ops"),
            ("Rows", "1 Rows"),
        ] {
            assert_eq!(quantity(1.0, Some(unit)), expect);
            assert_eq!(quantity(2.0, Some(unit)), format!("2 {unit}"));
            assert_eq!(quantity(1.5, Some(unit)), format!("1.5 {unit}"));
        }
    }

    #[test]
    fn a_series_is_named_as_in_a_query() {
        for (labels, expect) in [
            (r#"{"outcome":"a\"b\u001b","n":1}"#, r#"runs_total{n="1",outcome="a\"b\u{1b}"}"#),
            (r#"{"a":"","b":"1","c":""}"#, r#"runs_total{b="1"}"#),
            (r#"{"a":""}"#, "runs_total"),
            ("{}", "runs_total"),
        ] {
            let meta = format!(r#"{{"name":"runs_total","type":"counter","labels":{labels}}}"#);
            assert_eq!(Metric::of(&line(&meta)).unwrap().series(), expect);
        }
    }

    #[test]
    fn rates_are_told_in_a_unit_in_which_they_say_something() {
        for (rate_of, expect) in
            [(1234.5, "1234/s"), (1.0, "1/s"), (0.5, "30/min"), (0.01, "36/h"), (0.0, "0/h")]
        {
            assert_eq!(rate(rate_of), expect);
        }
    }
}
