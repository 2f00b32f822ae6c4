//! Buckets of histograms as lines have them: `[[25.0,3],…,["+Inf",12]]`, cumulative.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

/// Buckets with bounds. `Some(None)` when the histogram has none; `None` when bounds and counts do not
/// fit together.
#[expect(clippy::option_option, reason = "no buckets are not wrong ones")]
pub(super) fn explicit(bounds: &[f64], counts: &[u64]) -> Option<Option<String>> {
    if bounds.is_empty() && counts.is_empty() {
        return Some(None);
    }
    let ascends = bounds.is_sorted_by(|one, next| one < next) && !bounds.iter().any(|b| b.is_nan());
    if counts.len() != bounds.len() + 1 || !ascends {
        return None;
    }
    let mut list = List::default();
    for (at, count) in counts.iter().enumerate() {
        list.add(bounds.get(at).copied().unwrap_or(f64::INFINITY), *count);
    }
    Some(Some(list.end()))
}

/// Buckets of a base: each of those that hold something, with its upper bound, 2 to the power of
/// `(index + 1) / 2^scale`. What no number can be a bound of is in the last one.
pub(super) fn exponential(point: &ExponentialHistogramDataPoint) -> String {
    // Finite, so that a bucket at 0 has a bound at any scale.
    let width = (-f64::from(point.scale)).exp2().min(f64::MAX);
    // The lower bound of a bucket is the upper bound of the one before.
    let bound = |index: i64| (index as f64 * width).exp2();
    let mut list = List::default();
    if let Some(negative) = &point.negative {
        for (index, count) in held(negative).rev() {
            list.add(-bound(index), count);
        }
    }
    if point.zero_count > 0 {
        list.add(
            if point.zero_threshold > 0.0 { point.zero_threshold } else { 0.0 },
            point.zero_count,
        );
    }
    if let Some(positive) = &point.positive {
        for (index, count) in held(positive) {
            list.add(bound(index + 1), count);
        }
    }
    list.add(f64::INFINITY, 0);
    list.end()
}

/// The buckets that hold something, with their index.
fn held(buckets: &Buckets) -> impl DoubleEndedIterator<Item = (i64, u64)> {
    let first = i64::from(buckets.offset);
    let indexed = buckets.bucket_counts.iter().enumerate();
    indexed.filter(|(_, count)| **count > 0).map(move |(at, count)| (first + at as i64, *count))
}

/// `[[0.5,12.0],[0.99,80.0]]`
pub(super) fn pairs(pairs: impl Iterator<Item = (f64, f64)>) -> String {
    let mut text = String::from("[");
    for (at, (key, value)) in pairs.enumerate() {
        let separator = if at == 0 { "" } else { "," };
        let _ = write!(text, "{separator}[{},{}]", number(key), number(value));
    }
    text.push(']');
    text
}

#[derive(Default)]
struct List {
    text: String,
    total: u64,
    /// The last bound.
    bound: Option<f64>,
    /// Where its entry begins.
    start: usize,
}

impl List {
    fn add(&mut self, bound: f64, count: u64) {
        self.total = self.total.saturating_add(count);
        match self.bound {
            // Two buckets that no number lies between are one.
            Some(last) if bound <= last => self.text.truncate(self.start),
            _ => {
                self.start = self.text.len();
                self.bound = Some(bound);
            }
        }
        let bound = self.bound.unwrap_or(bound);
        let separator = if self.start == 0 { '[' } else { ',' };
        // Writing to a string does not fail.
        let _ = write!(self.text, "{separator}[{},{}]", number(bound), self.total);
    }

    fn end(mut self) -> String {
        self.text.push(']');
        self.text
    }
}

/// A number as lines have it: what JSON has no number for is text.
fn number(number: f64) -> String {
    match number {
        finite if finite.is_finite() => format!("{finite:?}"),
        nan if nan.is_nan() => "\"NaN\"".to_owned(),
        positive if positive > 0.0 => "\"+Inf\"".to_owned(),
        _ => "\"-Inf\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (&'static [f64], &'static [u64], Option<Option<String>>);

    #[test]
    fn explicit_buckets_add_up_or_are_refused() {
        let text = |text: &str| Some(Some(text.to_owned()));
        let cases: [Case; 8] = [
            (&[], &[], Some(None)),
            (&[], &[4], text(r#"[["+Inf",4]]"#)),
            (&[0.5, 25.0], &[1, 0, 2], text(r#"[[0.5,1],[25.0,1],["+Inf",3]]"#)),
            (
                &[1.0],
                &[u64::MAX, 5],
                text(r#"[[1.0,18446744073709551615],["+Inf",18446744073709551615]]"#),
            ),
            (&[1.0], &[1], None),
            (&[1.0], &[1, 2, 3], None),
            (&[2.0, 1.0], &[1, 2, 3], None),
            (&[f64::NAN], &[1, 2], None),
        ];
        for (bounds, counts, expected) in cases {
            assert_eq!(explicit(bounds, counts), expected, "{bounds:?} {counts:?}");
        }
    }

    fn point(scale: i32, offset: i32, positive: &[u64]) -> ExponentialHistogramDataPoint {
        let buckets = Buckets { offset, bucket_counts: positive.to_vec() };
        ExponentialHistogramDataPoint { scale, positive: Some(buckets), ..Default::default() }
    }

    #[test]
    fn exponential_buckets_have_the_bounds_of_their_base() {
        // Base 2: (1, 2], (2, 4], (4, 8].
        assert_eq!(exponential(&point(0, 0, &[3, 0, 1])), r#"[[2.0,3],[8.0,4],["+Inf",4]]"#);
        // Base 16: (1/16, 1], (1, 16].
        assert_eq!(exponential(&point(-2, -1, &[1, 1])), r#"[[1.0,1],[16.0,2],["+Inf",2]]"#);
        // Base the square root of 2: four steps are a factor of four.
        assert_eq!(exponential(&point(1, 3, &[7])), r#"[[4.0,7],["+Inf",7]]"#);
        let both = ExponentialHistogramDataPoint {
            zero_count: 2,
            zero_threshold: 0.25,
            negative: Some(Buckets { offset: 0, bucket_counts: vec![1, 4] }),
            ..point(0, 0, &[8])
        };
        // [-4, -2) and [-2, -1): the larger amount comes first.
        assert_eq!(exponential(&both), r#"[[-2.0,4],[-1.0,5],[0.25,7],[2.0,15],["+Inf",15]]"#);
        assert_eq!(exponential(&ExponentialHistogramDataPoint::default()), r#"[["+Inf",0]]"#);
    }

    #[test]
    fn hostile_scales_and_offsets_leave_a_list_that_can_be_read() {
        for scale in [i32::MIN, -11, 0, 20, i32::MAX] {
            for offset in [i32::MIN, -1, 0, i32::MAX] {
                let mut hostile = point(scale, offset, &[1, 1, 1]);
                hostile.negative.clone_from(&hostile.positive);
                hostile.zero_count = 1;
                let text = exponential(&hostile);
                let list: Vec<(serde_json::Value, u64)> = serde_json::from_str(&text).expect(&text);
                assert_eq!(list.last().map(|(_, total)| *total), Some(7), "{text}");
                let bounds = list.iter().filter_map(|(bound, _)| bound.as_f64());
                assert!(bounds.is_sorted_by(|one, next| one < next), "{text}");
            }
        }
    }
}
