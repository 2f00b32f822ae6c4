//! Buckets whose bounds are powers of one base.

/// Bounds of a histogram that rise by one factor, 2^(1 / 2^scale), and are powers of it, as those of
/// the exponential histograms of OpenTelemetry are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct ExponentialBuckets {
    /// How fine they are, from -10 to 20: 2^scale bounds for each doubling. 3 makes a bound 9 %
    /// larger than the one before.
    pub scale: i32,
    /// What the first bound is at most, above 0: the nearest power that is not above it.
    pub min: f64,
    /// What the last bound is at least, above `min`: the nearest power that is not below it.
    pub max: f64,
}

impl ExponentialBuckets {
    /// Scales there are in OpenTelemetry.
    pub const SCALES: std::ops::RangeInclusive<i32> = -10..=20;

    /// Most bounds a histogram may have; as many as OpenTelemetry keeps buckets.
    pub const BOUNDS_MAX: usize = 160;

    /// Powers past these ends may not be numbers.
    pub(crate) const ENDS: std::ops::RangeInclusive<f64> = 1e-300..=1e300;

    /// Bounds of that scale from `min` to `max`. What is not allowed has no bounds.
    pub fn new(scale: i32, min: f64, max: f64) -> Self {
        Self { scale, min, max }
    }

    /// The bounds, rising and finite, and which power of the factor the first one is. `None` when
    /// `scale`, `min` or `max` is not allowed, or there would be more than
    /// [`ExponentialBuckets::BOUNDS_MAX`].
    ///
    /// They are the same on every machine.
    ///
    /// ```
    /// use radiosonde_registry::ExponentialBuckets;
    ///
    /// let buckets = ExponentialBuckets::new(0, 0.3, 3.0);
    /// assert_eq!(buckets.bounds(), Some((-2, vec![0.25, 0.5, 1.0, 2.0, 4.0])));
    /// ```
    pub fn bounds(&self) -> Option<(i32, Vec<f64>)> {
        let (first, last) = self.ends()?;
        let fits = self.count()? <= Self::BOUNDS_MAX;
        let bounds = || (first..=last).map(|index| power(self.scale, index)).collect();
        fits.then(|| i32::try_from(first).ok().map(|first| (first, bounds()))).flatten()
    }

    /// How many bounds there are, were it too many; `None` when they have no ends.
    pub(crate) fn count(&self) -> Option<usize> {
        let (first, last) = self.ends()?;
        usize::try_from(last - first + 1).ok()
    }

    /// Which powers of the factor the first and the last bound are.
    fn ends(&self) -> Option<(i64, i64)> {
        let allowed = Self::SCALES.contains(&self.scale)
            && Self::ENDS.contains(&self.min)
            && Self::ENDS.contains(&self.max)
            && self.min < self.max;
        if !allowed {
            return None;
        }
        let first = at_most(self.scale, self.min);
        let mut last = at_most(self.scale, self.max);
        // The last power may be past all numbers: what is above the one before is in `+Inf`.
        if power(self.scale, last) < self.max && power(self.scale, last + 1).is_finite() {
            last += 1;
        }
        Some((first, last))
    }
}

/// Which power is the last that is not above a value.
fn at_most(scale: i32, value: f64) -> i64 {
    // Within one of it; logarithms are not the same everywhere.
    #[expect(clippy::cast_possible_truncation, reason = "below 2^31")]
    let mut index = (value.log2() * f64::from(scale).exp2()).floor() as i64;
    while power(scale, index) > value {
        index -= 1;
    }
    while power(scale, index + 1) <= value {
        index += 1;
    }
    index
}

/// 2^(index / 2^scale), out of square roots and products only, which are rounded in the same way
/// everywhere. Off by a few units of the last place.
fn power(scale: i32, index: i64) -> f64 {
    if scale <= 0 {
        return power_of_two(index << -scale);
    }
    let (mut root, mut product) = (2.0_f64, 1.0);
    for place in (0..scale).rev() {
        root = root.sqrt();
        if index >> place & 1 == 1 {
            product *= root;
        }
    }
    power_of_two(index >> scale) * product
}

/// 2^exponent; 0 or infinite where there is no such number.
fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        ..-1074 => 0.0,
        -1074..-1022 => f64::from_bits(1 << (exponent + 1074)),
        -1022..1024 => f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(scale: i32, min: f64, max: f64) -> Option<(i32, Vec<f64>)> {
        ExponentialBuckets::new(scale, min, max).bounds()
    }

    #[test]
    fn powers_of_two_are_exact() {
        for exponent in -1_080..1_030_i32 {
            let exact = (0..exponent.abs()).fold(1.0, |power, _| match exponent > 0 {
                true => power * 2.0,
                false => power / 2.0,
            });
            assert_eq!(power_of_two(exponent.into()), exact, "{exponent}");
        }
    }

    #[test]
    fn bounds_are_the_powers_that_hold_the_range() {
        for scale in -10..=20 {
            for (min, max) in
                [(0.001, 60.0), (1.0, 2.0), (1e-300, 1e300), (0.999, 1.001), (3.0, 3.1)]
            {
                let buckets = ExponentialBuckets::new(scale, min, max);
                let count = buckets.count().expect("it has ends");
                let Some((offset, bounds)) = buckets.bounds() else {
                    assert!(count > ExponentialBuckets::BOUNDS_MAX, "{buckets:?}");
                    continue;
                };
                assert_eq!(bounds.len(), count);
                assert!(bounds.is_sorted_by(|a, b| a < b), "{buckets:?}: {bounds:?}");
                assert!(bounds.iter().all(|bound| bound.is_finite() && *bound > 0.0));
                let last = bounds[count - 1];
                let ends = power(scale, i64::from(offset) + count as i64) == f64::INFINITY;
                assert!(bounds[0] <= min && (last >= max || ends), "{buckets:?}: {bounds:?}");
                // One more at either end would be too many.
                assert!(count == 1 || (bounds[1] > min && bounds[count - 2] < max), "{buckets:?}");
                for (index, bound) in (offset..).zip(&bounds) {
                    let exact = (f64::from(index) / f64::from(scale).exp2()).exp2();
                    assert!((bound / exact - 1.0).abs() < 1e-12, "{buckets:?}: {bound} {exact}");
                }
            }
        }
    }

    #[test]
    fn every_doubling_has_two_to_the_scale_of_them() {
        let (offset, found) = bounds(3, 1.0, 8.0).expect("allowed");
        assert_eq!((offset, found.len(), found[0], found[8], found[24]), (0, 25, 1.0, 2.0, 8.0));
        assert_eq!(bounds(-1, 0.3, 5.0), Some((-1, vec![0.25, 1.0, 4.0, 16.0])));
        assert_eq!(bounds(-10, 2.0, 3.0), Some((0, vec![1.0])), "the next one is no number");
    }

    #[test]
    fn what_is_not_allowed_has_none() {
        for (scale, min, max) in [
            (21, 1.0, 1.1),
            (-11, 1.0, 2.0),
            (i32::MIN, 1.0, 2.0),
            (i32::MAX, 1.0, 2.0),
            (0, 0.0, 2.0),
            (0, -1.0, 2.0),
            (0, 2.0, 2.0),
            (0, 3.0, 2.0),
            (0, f64::NAN, 2.0),
            (0, 1.0, f64::NAN),
            (0, 1.0, f64::INFINITY),
            (0, f64::MIN_POSITIVE, 1.0),
            (20, 1e-300, 1e300),
            (3, 1e-6, 10.0),
        ] {
            assert_eq!(bounds(scale, min, max), None, "{scale} {min} {max}");
        }
    }
}
