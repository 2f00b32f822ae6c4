//! Upper bounds of histograms.

use std::sync::Arc;

use radiosonde_registry::{MetricSpec, units_per_second};

use crate::snapshot::Exponential;

/// Bounds for durations in seconds when the registry has none: 5 ms to 60 s.
pub const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0];

/// Bounds for everything else, milliseconds among it, when the registry has none.
pub const OTHERWISE: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

/// The bounds of a histogram of the registry, and how they were made if they are powers of one base.
pub(crate) fn of(spec: &MetricSpec) -> (Arc<[f64]>, Option<Exponential>) {
    if !spec.buckets.is_empty() {
        return (usable(&spec.buckets), None);
    }
    // A registry that was read holds what is allowed; one that was put together may not.
    let buckets = spec.exponential_buckets.and_then(|b| Some((b.bounds()?, b.scale)));
    if let Some(((offset, bounds), scale)) = buckets
        && let Ok(scale) = i8::try_from(scale)
    {
        return (bounds.into(), Some(Exponential { scale, offset }));
    }
    (default_for(&spec.name, spec.unit.as_deref()), None)
}

/// [`SECONDS`] when the unit is seconds or, without a unit, the name ends in `_seconds`.
pub(crate) fn default_for(name: &str, unit: Option<&str>) -> Arc<[f64]> {
    let seconds = match unit {
        Some(unit) => units_per_second(unit) == Some(1.0),
        None => name.ends_with("_seconds"),
    };
    if seconds { Arc::from(SECONDS) } else { Arc::from(OTHERWISE) }
}

/// Finite, rising, each once: a search and a text format can rely on it.
pub(crate) fn usable(bounds: &[f64]) -> Arc<[f64]> {
    let mut bounds: Vec<f64> = bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds.into()
}

#[cfg(test)]
mod tests {
    use radiosonde_registry::{ExponentialBuckets, MetricType};

    use super::*;

    #[test]
    fn a_registry_gives_bounds_in_either_form_or_none() {
        let mut spec = MetricSpec::new("took_seconds", MetricType::Histogram);
        assert_eq!(of(&spec), (Arc::from(SECONDS), None));
        spec.exponential_buckets = Some(ExponentialBuckets::new(1, 0.5, 2.0));
        let root = 2.0_f64.sqrt();
        let bounds = [0.5, root / 2.0, 1.0, root, 2.0];
        assert_eq!(of(&spec), (Arc::from(bounds), Some(Exponential { scale: 1, offset: -2 })));
        spec.exponential_buckets = Some(ExponentialBuckets::new(99, 0.5, 2.0));
        assert_eq!(of(&spec), (Arc::from(SECONDS), None));
        spec.buckets = vec![1.0, 3.0, 2.0, 3.0, f64::INFINITY];
        spec.exponential_buckets = Some(ExponentialBuckets::new(1, 0.5, 2.0));
        assert_eq!(of(&spec), (Arc::from([1.0, 2.0, 3.0]), None));
    }

    #[test]
    fn values_at_bounds_are_in_the_bucket_that_opentelemetry_puts_them_in() {
        // There the bucket with the index i holds values above 2^(i / 2^scale), up to the next power.
        let mut spec = MetricSpec::new("took_seconds", MetricType::Histogram);
        spec.exponential_buckets = Some(ExponentialBuckets::new(0, 0.25, 8.0));
        let (bounds, exponential) = of(&spec);
        let offset = exponential.map(|e| e.offset);
        assert_eq!(offset, Some(-2));
        for (value, index) in [(0.26, -2), (0.5, -2), (0.51, -1), (1.0, -1), (1.5, 0), (8.0, 2)] {
            let bucket = bounds.partition_point(|bound| *bound < value);
            assert_eq!(bucket as i32 - 1 + offset.unwrap_or_default(), index, "{value}");
        }
    }
}
