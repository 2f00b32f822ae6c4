//! Names: the Prometheus grammar, what formats make of them, and guesses at what was meant.

use crate::model::MetricType;

/// Every name that the formats write for a metric. OpenMetrics calls the family of a counter by
/// its name without `_total`.
pub(crate) fn written(name: &str, metric_type: MetricType, is_deprecated: bool) -> Vec<String> {
    let base = match metric_type {
        MetricType::Counter => name.strip_suffix("_total").filter(|base| !base.is_empty()),
        _ => Some(name),
    };
    let suffixes: &[&str] = match metric_type {
        MetricType::Counter if base.is_some() => &["", "_created"],
        MetricType::Counter | MetricType::Gauge => &[],
        MetricType::Histogram => &["_bucket", "_count", "_created", "_sum"],
        MetricType::Summary => &["_count", "_created", "_sum"],
    };
    let made = suffixes.iter().map(|suffix| format!("{}{suffix}", base.unwrap_or(name)));
    let beside = is_deprecated.then(|| format!("{name}_deprecated"));
    std::iter::once(name.to_owned()).chain(made).chain(beside).collect()
}

/// Whether a metric name follows the Prometheus grammar.
pub(crate) fn is_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || b"_:".contains(&first))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
}

/// Whether a label name follows the Prometheus grammar.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

/// The candidate that was probably meant: a third of it may be wrong, but never all of it.
pub(crate) fn closest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    // Keys longer than this are no misspelling, and the distance is quadratic.
    if written.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 64)
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) between two names.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let width = right.len() + 1;
    let mut table = vec![0_usize; (left.len() + 1) * width];
    for row in 0..=left.len() {
        for column in 0..width {
            let here = row * width + column;
            table[here] = if row == 0 || column == 0 {
                row + column
            } else {
                let same = left[row - 1] == right[column - 1];
                let above = here - width;
                let mut best = (table[above - 1] + usize::from(!same))
                    .min(table[above] + 1)
                    .min(table[here - 1] + 1);
                if row > 1
                    && column > 1
                    && left[row - 1] == right[column - 2]
                    && left[row - 2] == right[column - 1]
                {
                    best = best.min(table[above - width - 2] + 1);
                }
                best
            };
        }
    }
    table.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for good in ["a", "_a", "http_2xx_total", "job:rate:5m"] {
            assert!(is_metric_name(good), "{good}");
        }
        for bad in ["", "2xx", "a-b", "a b", "é", "a.b"] {
            assert!(!is_metric_name(bad), "{bad}");
        }
        assert!(is_label_name("provider") && !is_label_name("a:b"));
    }

    #[test]
    fn guesses_are_close_or_absent() {
        let keys = ["labels", "lint_allow", "buckets", "type"];
        let table = [
            ("lables", Some("labels")),
            ("bucket", Some("buckets")),
            ("tpye", Some("type")),
            ("lint_alow", Some("lint_allow")),
            ("colour", None),
            ("", None),
        ];
        for (written, expected) in table {
            assert_eq!(closest(written, keys), expected, "{written}");
        }
        assert_eq!(closest(&"x".repeat(1_000_000), keys), None);
    }
}
