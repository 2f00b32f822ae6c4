//! Reading what a scrape shows: to see that nothing is missing.

use std::collections::{HashMap, HashSet};

/// How many writes a text shows of a metric: the sum of a counter's series, or of the counts of a
/// histogram's.
pub(crate) fn shown(text: &str, name: &str) -> u64 {
    sum(text, name) + sum(text, &format!("{name}_count"))
}

/// The same of many metrics, in one pass.
pub(crate) fn shown_all(text: &str, names: &[String]) -> u64 {
    let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
    let of = |line: &str| {
        let name = line.split(['{', ' ']).next()?;
        let metric = name.strip_suffix("_count").unwrap_or(name);
        wanted.contains(metric).then(|| value(line, name)).flatten()
    };
    text.lines().filter_map(of).map(|value| value as u64).sum()
}

/// The sum of all series of one name.
fn sum(text: &str, name: &str) -> u64 {
    let lines = text.lines().filter_map(|line| value(line, name));
    lines.map(|value| value as u64).sum()
}

/// How many series of that name there are.
pub(crate) fn series(text: &str, name: &str) -> u64 {
    text.lines().filter_map(|line| value(line, name)).count() as u64
}

/// The value on a line, if it is one of that name.
fn value(line: &str, name: &str) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    if !rest.starts_with(['{', ' ']) {
        return None;
    }
    // No label value here has a brace, and an exemplar would follow a `#`.
    let rest = rest.split('#').next()?;
    let value = rest.rsplit_once('}').map_or(rest, |(_, value)| value);
    value.split_whitespace().next()?.parse().ok()
}

/// Histograms whose buckets fall, or whose last one is not the count.
pub(crate) fn inconsistent(text: &str) -> Vec<String> {
    let mut histograms: HashMap<(&str, String), Histogram> = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let line = line.split(" #").next().unwrap_or(line);
        let Some((head, figure)) = line.rsplit_once(' ') else { continue };
        let Ok(figure) = figure.parse::<f64>() else { continue };
        let (name, labels) = head.split_once('{').unwrap_or((head, ""));
        let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
        if let Some(name) = name.strip_suffix("_bucket") {
            let (le, own): (Vec<&str>, Vec<&str>) = labels.partition(|l| l.starts_with("le="));
            let histogram = histograms.entry((name, own.join(","))).or_default();
            histogram.falls |= figure < histogram.last;
            histogram.last = figure;
            if le == ["le=\"+Inf\""] {
                histogram.all = Some(figure);
            }
        } else if let Some(name) = name.strip_suffix("_count") {
            let labels: Vec<&str> = labels.collect();
            histograms.entry((name, labels.join(","))).or_default().count = Some(figure);
        }
    }
    let wrong = histograms
        .iter()
        .filter(|(_, histogram)| histogram.falls || histogram.all != histogram.count);
    wrong.map(|((name, labels), _)| format!("{name}{{{labels}}}")).collect()
}

/// What the lines of one histogram say.
#[derive(Default)]
struct Histogram {
    /// The bucket that came last.
    last: f64,
    /// The bucket without a bound.
    all: Option<f64>,
    count: Option<f64>,
    /// Whether a bucket had fewer than the one before.
    falls: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE a counter\na{x=\"1\"} 2\na{x=\"2\"} 3.0 # {trace_id=\"1\"} 1\n\
                        a_total 9\nab{x=\"1\"} 100\n";

    #[test]
    fn series_of_one_name_are_added() {
        assert_eq!((sum(TEXT, "a"), series(TEXT, "a")), (5, 2));
        assert_eq!((sum(TEXT, "a_total"), sum(TEXT, "b")), (9, 0));
    }

    #[test]
    fn a_count_has_to_be_that_of_the_buckets() {
        let histogram = |name: &str, buckets: [u64; 3], count: u64| {
            let [a, b, c] = buckets;
            let count = format!("h_sum{{a=\"{name}\"}} 5\nh_count{{a=\"{name}\"}} {count}\n");
            let bucket = |le, count| format!("h_bucket{{a=\"{name}\",le=\"{le}\"}} {count}\n");
            (bucket("1.0", a) + &bucket("2.0", b) + &bucket("+Inf", c), count)
        };
        let ((one, its), (other, others)) =
            (histogram("1", [1, 2, 2], 2), histogram("2", [0, 0, 1], 1));
        // The count stands behind the buckets or before them.
        for right in [format!("{one}{its}{other}{others}"), format!("{its}{one}{others}{other}")] {
            assert_eq!(inconsistent(&right), Vec::<String>::new());
        }
        let ((one, _), (_, its)) = (histogram("1", [1, 2, 2], 2), histogram("1", [1, 2, 2], 3));
        assert_eq!(inconsistent(&format!("{one}{its}")), ["h{a=\"1\"}"]);
        let (falls, its) = histogram("1", [2, 1, 2], 2);
        assert_eq!(inconsistent(&format!("{falls}{its}")).len(), 1);
    }
}
