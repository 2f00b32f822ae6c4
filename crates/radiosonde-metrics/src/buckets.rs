//! Upper bounds of histograms.

use std::sync::Arc;

use radiosonde_registry::units_per_second;

/// Bounds for durations in seconds when the registry has none: 5 ms to 60 s.
pub const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0];

/// Bounds for everything else, milliseconds among it, when the registry has none.
pub const OTHERWISE: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

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
