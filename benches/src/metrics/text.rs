//! Reading what a scrape shows: to see that nothing is missing.

use std::collections::HashSet;

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

/// What is wrong with the histograms: buckets that fall, a last one that is not the count. Empty when
/// nothing is. Also the number of histograms looked at.
pub(crate) fn inconsistent(text: &str) -> (u64, Vec<String>) {
    let (mut last, mut looked, mut wrong) = (0.0, 0, Vec::new());
    let mut infinite = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((head, figure)) = line.rsplit_once(' ') else { continue };
        let Ok(figure) = figure.parse::<f64>() else { continue };
        let name = head.split('{').next().unwrap_or(head);
        if name.ends_with("_bucket") {
            if infinite.take().is_some() {
                last = 0.0;
            }
            if figure < last {
                wrong.push(format!("{line}: fewer than in the bucket before"));
            }
            last = figure;
            if head.contains("le=\"+Inf\"") {
                infinite = Some(figure);
                looked += 1;
            }
        } else if name.ends_with("_count") {
            if infinite.is_some_and(|infinite| infinite != figure) {
                wrong.push(format!("{line}: the buckets have {last}"));
            }
            last = 0.0;
            infinite = None;
        }
    }
    (looked, wrong)
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
        let histogram = |buckets: [u64; 3], count: u64| {
            let [a, b, c] = buckets;
            format!(
                "h_bucket{{le=\"1\"}} {a}\nh_bucket{{le=\"2\"}} {b}\nh_bucket{{le=\"+Inf\"}} {c}\n\
                 h_sum 5\nh_count {count}\n"
            )
        };
        let right = histogram([1, 2, 2], 2) + &histogram([0, 0, 1], 1);
        assert_eq!(inconsistent(&right), (2, Vec::new()));
        assert_eq!(inconsistent(&histogram([1, 2, 2], 3)).1.len(), 1);
        assert_eq!(inconsistent(&histogram([2, 1, 2], 2)).1.len(), 1);
    }
}
