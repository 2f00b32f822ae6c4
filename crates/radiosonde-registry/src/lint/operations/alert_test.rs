//! Cases that show when an alert fires: whether `promtool` will take them.

use super::text;
use crate::{locate::Path, model::AlertTest, names, report::Report};

/// Values one series may have: a hundred thousand minutes are more than two months.
const VALUES_MAX: u64 = 100_000;

pub(super) fn all(cases: &[AlertTest], path: &Path, report: &mut Report<'_>) {
    for (index, case) in cases.iter().enumerate() {
        let path = path.then(index);
        text::said(&case.name, &path.then("name"), "what the case shows", report);
        let _interval =
            text::some_duration(case.interval.as_deref(), &path.then("interval"), report);
        // The first value of a series stands at 0, so that is a time one can ask about.
        if case.at != "0" && case.at != "0m" && case.at != "0s" {
            let _at = text::duration(&case.at, &path.then("at"), report);
        }
        for (index, series) in case.series.iter().enumerate() {
            let path = path.then("series").then(index);
            if !is_series(&series.series) {
                let what = format!("`{}` is not a series", series.series);
                let fix = "write it as `name{label=\"value\"}`";
                report.wrong(&path.then("series"), what, fix);
            }
            values(&series.values, &path.then("values"), report);
        }
    }
}

fn values(written: &str, path: &Path, report: &mut Report<'_>) {
    let mut sum = 0_u64;
    for token in written.split_whitespace() {
        let Some(count) = count(token) else {
            let what = format!("`{token}` is not a value of a series");
            report.wrong(path, what, "write numbers, `0+10x5`, `_` for none or `stale`");
            return;
        };
        sum = sum.saturating_add(count);
    }
    if sum > VALUES_MAX {
        let what = format!("{sum} values, {VALUES_MAX} allowed");
        report.wrong(path, what, "shorten it, or choose a longer interval");
    } else if sum == 0 {
        report.wrong(path, "no value".to_owned(), "write numbers, or delete the series");
    }
}

/// How many values a token stands for; `None` when it is none.
fn count(token: &str) -> Option<u64> {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match token.rsplit_once('x') {
        Some((step, times)) => {
            let times = times.parse::<u64>().ok()?;
            let stepped = step.rmatch_indices(['+', '-']).any(|(at, _)| {
                let (from, by) = step.split_at(at);
                is_number(from) && is_number(by)
            });
            // `5x3` is the value and three repetitions.
            let first = u64::from(step != "_");
            let known = step == "_" || is_number(step) || stepped;
            known.then(|| times.saturating_add(first))
        }
        None => (token == "_" || token == "stale" || is_number(token)).then_some(1),
    }
}

/// A metric name, with labels in braces or without.
fn is_series(text: &str) -> bool {
    let (name, labels) = match text.split_once('{') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    names::is_metric_name(name) && labels.is_none_or(|rest| closes(rest).is_some())
}

/// Labels up to the closing brace, with nothing behind it.
fn closes(mut rest: &str) -> Option<()> {
    loop {
        rest = rest.trim_start();
        if let Some(end) = rest.strip_prefix('}') {
            return end.trim().is_empty().then_some(());
        }
        let (label, value) = rest.split_once('=')?;
        if !names::is_label_name(label.trim()) {
            return None;
        }
        rest = after_string(value.trim_start().strip_prefix('"')?)?.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// What follows the closing quote.
fn after_string(text: &str) -> Option<&str> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    text.get(end + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series() {
        for good in ["up", "a:b", "x{}", r#"x{a="1"}"#, r#"x{a="}", b = "\"" ,}"#] {
            assert!(is_series(good), "{good}");
        }
        for bad in ["", "{a=\"1\"}", "x{", "x{a}", "x{a=1}", r#"x{a="1}"#, r#"x{a="1"}y"#, "x y"] {
            assert!(!is_series(bad), "{bad}");
        }
    }

    #[test]
    fn tokens() {
        let table = [
            ("1", Some(1)),
            ("-1.5e3", Some(1)),
            ("_", Some(1)),
            ("stale", Some(1)),
            ("_x4", Some(4)),
            ("5x3", Some(4)),
            ("0+10x5", Some(6)),
            ("1e-3-1e-4x2", Some(3)),
            ("-1-1x2", Some(3)),
            ("NaN", Some(1)),
            ("1+2", None),
            ("x", None),
            ("1x", None),
            ("1x-2", None),
            ("a+1x2", None),
            ("{{schema:1}}", None),
            ("1x99999999999999999999", None),
        ];
        for (token, expected) in table {
            assert_eq!(count(token), expected, "{token}");
        }
    }
}
