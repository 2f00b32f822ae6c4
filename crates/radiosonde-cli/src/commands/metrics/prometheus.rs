//! What a Prometheus answers, drawn as our own figures are.

use std::io::Write;

use jiff::{SignedDuration, Timestamp};

use super::client::{Answered, Client, Refusal, Series};
use super::course::drawn;
use super::say_cut;
use super::table::{Row, Table};
use crate::args::{MetricsArgs, Time};
use crate::commands::print_json;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop};
use crate::render::Screen;
use crate::render::color;
use crate::render::metric::{Kind, number, rate};
use crate::render::spark::Marks;
use crate::render::text::shown;
use crate::render::time::range;
use crate::select::check_range;

pub(super) fn run(
    url: &str,
    args: &MetricsArgs,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<u8, Stop> {
    let select = &args.select;
    let until = select.time.until.unwrap_or_else(Timestamp::now);
    let hour_before = until.checked_sub(SPAN).unwrap_or(Timestamp::MIN);
    let since = select.time.since.unwrap_or(hour_before);
    check_range(Time { since: Some(since), until: Some(until) })?;
    let client = Client::new(url, &args.header)?;
    let columns = (screen.width / 4).clamp(COLUMNS_MIN, COLUMNS_MAX);
    let asked = Asked::new(since, until, columns);
    let most = select.limit.unwrap_or(SERIES_SHOWN);
    let (mut any, mut left, mut cut) = (false, 0, false);
    for query in &args.names {
        let questions = asked.ask(&client, query);
        let questions = match questions {
            Ok(questions) => questions,
            Err(refusal) => {
                out.flush()?;
                return refused(refusal, query);
            }
        };
        for (question, answered) in questions {
            for remark in &answered.remarks {
                eprintln!("radiosonde: {}: {}", shown(url), shown(remark));
            }
            let mut series = answered.series;
            // The order of an answer is nobody's promise.
            series.sort_by(|a, b| a.metric.cmp(&b.metric));
            left += series.len().saturating_sub(most);
            series.truncate(most);
            if series.is_empty() {
                continue;
            }
            if select.show.is_json() {
                series.iter().try_for_each(|one| print_json(&json(&question.text, one), out))?;
            } else {
                let blank = if any { "\n" } else { "" };
                let heading = format!("{} · {}", shown(&question.text), range(since, until));
                let heading = screen.paint.with(color::NAME, &heading);
                writeln!(out, "{blank}{}", screen.fit(&heading, 0))?;
                let marks = Marks::of_environment();
                let rows = series.iter().map(|one| asked.row(one, question.kind, marks));
                cut |= Table { rows: rows.collect() }.print(screen, out)?;
            }
            any = true;
        }
    }
    say_cut(cut, screen.paint, out)?;
    out.flush()?;
    if left > 0 {
        let more = if left == 1 { "1 more".to_owned() } else { format!("{left} more") };
        eprintln!("radiosonde: {more} series: -n N shows more, topk(…) in the query the highest");
    }
    if !any {
        eprintln!(
            "radiosonde: {} has nothing for {} from {}",
            shown(url),
            shown(&args.names.join(" or ")),
            range(since, until)
        );
    }
    Ok(if any { FOUND } else { NOTHING })
}

fn refused(refusal: Refusal, query: &str) -> Result<u8, Stop> {
    match refusal {
        Refusal::Question(what) => Err(Stop::Usage(format!("{}: {what}", shown(query)))),
        Refusal::Server(what) => {
            eprintln!("radiosonde: {what}");
            Ok(PARTIAL)
        }
    }
}

/// The span of time that is asked for.
#[derive(Debug)]
struct Asked {
    from_s: f64,
    to_s: f64,
    step_s: f64,
    columns: usize,
}

/// A query as it is asked.
#[derive(Debug)]
struct Question {
    text: String,
    kind: Kind,
}

impl Asked {
    fn new(since: Timestamp, until: Timestamp, columns: usize) -> Self {
        // Milliseconds are what is asked with, and steps are whole ones: of steps that are rounded up the
        // last lies behind the end, where nobody answers.
        let [from, to] = [since, until].map(Timestamp::as_millisecond);
        let between = i64::try_from(columns - 1).unwrap_or(i64::MAX).max(1);
        let step = ((to - from) / between).max(STEP_MS_MIN);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are kept")]
        let [from_s, to_s, step_s] = [from, to, step].map(|ms| ms as f64 / 1e3);
        Self { from_s, to_s, step_s, columns }
    }

    /// The answers to a query. A name alone is asked as what it is the name of.
    fn ask(&self, client: &Client, query: &str) -> Result<Vec<(Question, Answered)>, Refusal> {
        // Rates need some scrapes, and must not miss what came between two figures.
        let window = (self.step_s.max(RATE_S_MIN)).ceil();
        if is_name(query) && query.ends_with("_total") {
            let text = format!("rate({query}[{window}s])");
            return self.one(client, Question { text, kind: Kind::Counter }).map(|one| vec![one]);
        }
        let own = self.one(client, Question { text: query.to_owned(), kind: Kind::Gauge })?;
        if !is_name(query) || !own.1.series.is_empty() {
            return Ok(vec![own]);
        }
        let mut quantiles = Vec::new();
        for quantile in ["0.5", "0.95", "0.99"] {
            let text = format!(
                "histogram_quantile({quantile}, sum by (le) (rate({query}_bucket[{window}s])))"
            );
            let asked = self.one(client, Question { text, kind: Kind::Gauge })?;
            if asked.1.series.is_empty() {
                break;
            }
            quantiles.push(asked);
        }
        Ok(quantiles)
    }

    fn one(&self, client: &Client, question: Question) -> Result<(Question, Answered), Refusal> {
        let answered = client.range(&question.text, (self.from_s, self.to_s), self.step_s)?;
        Ok((question, answered))
    }

    /// The column of a moment; none where it is before the first or no number.
    fn column(&self, at_s: f64) -> Option<usize> {
        let column = ((at_s - self.from_s) / self.step_s).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is behind the last is behind every column"
        )]
        (column >= 0.0).then_some(column as usize)
    }

    fn row(&self, series: &Series, kind: Kind, marks: Marks) -> Row {
        let mut figures = vec![None; self.columns];
        let mut last = None;
        for (at, value) in &series.values {
            let value: f64 = value.parse().unwrap_or(f64::NAN);
            last = Some(value);
            if let Some(figure) = self.column(*at).and_then(|column| figures.get_mut(column)) {
                *figure = Some(value);
            }
        }
        let (picture, remark) = drawn(&figures, None, kind, None, marks);
        let value = match (kind, last) {
            (_, None) => String::new(),
            (Kind::Counter, Some(last)) if last.is_finite() => rate(last),
            (_, Some(last)) => number(last),
        };
        Row { series: named(series), value, picture, remark }
    }
}

/// `runs_total{outcome="failure"}`, as a query would name it.
fn named(series: &Series) -> String {
    let name = series.metric.get("__name__").map(|name| shown(name)).unwrap_or_default();
    let labels: Vec<String> = (series.metric.iter())
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{}=\"{}\"", shown(label), shown(value).replace('"', "\\\"")))
        .collect();
    match (name.is_empty(), labels.is_empty()) {
        (true, true) => "{}".to_owned(),
        (_, true) => name,
        _ => format!("{name}{{{}}}", labels.join(",")),
    }
}

fn json(query: &str, series: &Series) -> String {
    serde_json::json!({"query": query, "metric": series.metric, "values": series.values})
        .to_string()
}

/// Whether it is the name of a metric and nothing else.
fn is_name(query: &str) -> bool {
    let begins = query.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':');
    begins && query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
}

/// How far back, where nobody says.
const SPAN: SignedDuration = SignedDuration::from_hours(1);
const COLUMNS_MIN: usize = 10;
const COLUMNS_MAX: usize = 60;
const STEP_MS_MIN: i64 = 1_000;
/// Four scrapes, where they are a minute apart, as they are unless somebody says otherwise.
const RATE_S_MIN: f64 = 240.0;
/// Series of one query on the screen.
const SERIES_SHOWN: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_before_the_first_column_has_none() {
        let asked = Asked { from_s: 1_000.0, to_s: 1_090.0, step_s: 10.0, columns: 10 };
        for (at, expect) in [
            (1_000.0, Some(0)),
            (996.0, Some(0)),
            (1_014.0, Some(1)),
            (1_090.0, Some(9)),
            (990.0, None),
            (-1e300, None),
            (f64::NAN, None),
        ] {
            assert_eq!(asked.column(at), expect, "{at}");
        }
        // Nothing of it is drawn: the picture is the one of no value at all.
        let picture = |at: f64| {
            let values = vec![(at, "7".to_owned()), (1_050.0, "1".to_owned())];
            let series = Series { values, ..Series::default() };
            asked.row(&series, Kind::Gauge, Marks::of_environment()).picture
        };
        assert_eq!(picture(900.0), picture(f64::NAN));
        assert_ne!(picture(900.0), picture(1_000.0));
    }

    #[test]
    fn the_last_column_is_asked_for_and_so_is_the_end() {
        let until: Timestamp = "2025-10-06T12:00:00.000999Z".parse().unwrap();
        for columns in COLUMNS_MIN..=COLUMNS_MAX {
            for seconds in [60, 100, 600, 3_600, 3_601, 86_400, 259_200] {
                let since = until.checked_sub(SignedDuration::from_secs(seconds)).unwrap();
                let asked = Asked::new(since, until, columns);
                // As a server goes through them, from the texts that it is sent.
                let ms = |seconds: f64| -> i64 {
                    format!("{seconds:.3}").replace('.', "").parse().unwrap()
                };
                let [from, to, step] = [asked.from_s, asked.to_s, asked.step_s].map(ms);
                let times = (to - from) / step + 1;
                let last = from + (times - 1) * step;
                assert!(to - last < step, "{columns} {seconds}");
                if step > STEP_MS_MIN {
                    assert_eq!(times, columns as i64, "{columns} {seconds}");
                    assert!(to - last < columns as i64, "{columns} {seconds}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_told_from_a_query() {
        for (query, expect) in [
            ("up", true),
            ("job:a_total", true),
            ("", false),
            ("1a", false),
            ("up{}", false),
            ("a*b", false),
        ] {
            assert_eq!(is_name(query), expect, "{query}");
        }
    }
}
