//! What a family is announced as, so that no two stand for the same line.

use radiosonde_metrics::{Head, MetricType};

use crate::format::Format;
use crate::names::Names;

/// What may stand in the lines of a family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing: the family is left out.
    #[default]
    Nothing,
    /// A number a line.
    Number,
    /// A number a line that OpenMetrics knows to count, with exemplars.
    Count,
    Histogram,
    Summary,
}

/// How a family is announced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim<'a> {
    /// The name of the family, which the lines of OpenMetrics' counters prolong.
    pub(crate) name: &'a str,
    /// The word after `# TYPE name`.
    pub(crate) word: &'static str,
    pub(crate) shape: Shape,
}

/// Takes the names that the family needs; `None` when one of them is taken, so that no reader could
/// tell whose line it is.
///
/// A counter of OpenMetrics is announced without its `_total`. Where it has none, or where the rest
/// is taken (by a gauge `a` beside the counter `a_total`), it is of unknown type under its whole name.
pub(crate) fn claim<'a>(names: &mut Names, format: Format, head: &Head<'a>) -> Option<Claim<'a>> {
    let name = head.name;
    let whole = |word, shape| Claim { name, word, shape };
    let open = format == Format::OpenMetrics;
    let (claim, suffixes): (_, &[&str]) = match (head.metric_type, open) {
        (MetricType::Counter, true) => {
            if let Some(stem) = name.strip_suffix("_total").filter(|stem| !stem.is_empty()) {
                let claim = Claim { name: stem, word: "counter", shape: Shape::Count };
                if take(names, &claim, &["", "_total", "_created"]) {
                    return Some(claim);
                }
            }
            (whole("unknown", Shape::Number), &[""])
        }
        (MetricType::Counter, false) => (whole("counter", Shape::Number), &[""]),
        (MetricType::Gauge, _) => (whole("gauge", Shape::Number), &[""]),
        (MetricType::Histogram, true) => {
            (whole("histogram", Shape::Histogram), &["", "_bucket", "_sum", "_count", "_created"])
        }
        (MetricType::Histogram, false) => {
            (whole("histogram", Shape::Histogram), &["", "_bucket", "_sum", "_count"])
        }
        (MetricType::Summary, true) => {
            (whole("summary", Shape::Summary), &["", "_sum", "_count", "_created"])
        }
        (MetricType::Summary, false) => (whole("summary", Shape::Summary), &["", "_sum", "_count"]),
        (_, true) => (whole("unknown", Shape::Number), &[""]),
        (_, false) => (whole("untyped", Shape::Number), &[""]),
    };
    take(names, &claim, suffixes).then_some(claim)
}

/// Takes all of the names, or none of them.
fn take(names: &mut Names, claim: &Claim<'_>, suffixes: &[&str]) -> bool {
    if suffixes.iter().any(|suffix| names.contains((claim.name, suffix))) {
        return false;
    }
    for suffix in suffixes {
        names.insert((claim.name, suffix));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each family as it is announced, or `-`.
    fn announced(format: Format, families: &[(&str, MetricType)]) -> Vec<String> {
        let mut names = Names::default();
        let claims = families.iter().map(|(name, metric_type)| {
            claim(&mut names, format, &Head::new(name, *metric_type))
                .map_or_else(|| "-".to_owned(), |claim| format!("{} {}", claim.name, claim.word))
        });
        claims.collect()
    }

    #[test]
    fn counters_are_announced_without_total_or_are_unknown() {
        use MetricType::{Counter, Gauge, Histogram, Summary};
        let open = |families: &[_]| announced(Format::OpenMetrics, families);
        assert_eq!(open(&[("a_total", Counter)]), ["a counter"]);
        assert_eq!(open(&[("a", Counter), ("_total", Counter)]), ["a unknown", "_total unknown"]);
        assert_eq!(open(&[("a", Gauge), ("a_total", Counter)]), ["a gauge", "a_total unknown"]);
        assert_eq!(
            open(&[("a_created", Gauge), ("a_total", Counter)]),
            ["a_created gauge", "a_total unknown"]
        );
        assert_eq!(
            open(&[("a_total", Counter), ("a_total_total", Counter)]),
            ["a counter", "a_total_total unknown"]
        );
        assert_eq!(
            open(&[("a", Histogram), ("a_created", Gauge), ("a_total", Counter)]),
            ["a histogram", "-", "a_total unknown"]
        );
        assert_eq!(
            open(&[("a", Summary), ("a_bucket", Gauge), ("a_sum_total", Counter)]),
            ["a summary", "a_bucket gauge", "a_sum_total unknown"]
        );
        assert_eq!(open(&[("a", Gauge), ("a", Gauge)]), ["a gauge", "-"]);
    }

    #[test]
    fn in_the_older_format_only_lines_that_are_written_are_in_the_way() {
        use MetricType::{Counter, Gauge, Histogram, Summary};
        let text = |families: &[_]| announced(Format::Text, families);
        assert_eq!(
            text(&[("a", Gauge), ("a_created", Gauge), ("a_total", Counter)]),
            ["a gauge", "a_created gauge", "a_total counter"]
        );
        assert_eq!(
            text(&[("a", Histogram), ("a_count", Gauge), ("a_created", Gauge)]),
            ["a histogram", "-", "a_created gauge"]
        );
        assert_eq!(
            text(&[("a", Summary), ("a_bucket", Gauge), ("a_sum", Counter)]),
            ["a summary", "a_bucket gauge", "-"]
        );
    }
}
