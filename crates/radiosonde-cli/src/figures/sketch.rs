//! Quantiles of durations, within a few percent.

use std::collections::BTreeMap;

use crate::figures::Merge;

/// Durations in classes that are 1/16 of a power of two wide, so that a quantile is at most 1/16 too
/// high. At most a thousand classes, whatever comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    classes: BTreeMap<u16, u64>,
    count: u64,
}

impl Sketch {
    pub(crate) fn add(&mut self, value: u64) {
        *self.classes.entry(class(value)).or_default() += 1;
        self.count += 1;
    }

    /// The value that this part of all is not above; 0 when there are none.
    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "counts of this size need no exactness"
        )]
        let rank = ((self.count as f64 * quantile).ceil() as u64).max(1);
        let mut below = 0;
        for (class, count) in &self.classes {
            below += count;
            if below >= rank {
                return highest(*class);
            }
        }
        0
    }
}

impl Merge for Sketch {
    fn merge(&mut self, other: &Self) {
        for (class, count) in &other.classes {
            *self.classes.entry(*class).or_default() += count;
        }
        self.count += other.count;
    }
}

/// The power of two, and the four bits behind its first.
fn class(value: u64) -> u16 {
    if value < 16 {
        return u16::try_from(value).unwrap_or(0);
    }
    let power = value.ilog2();
    let behind = (value >> (power - 4)) & 15;
    u16::try_from(u64::from(power - 3) * 16 + behind).unwrap_or(u16::MAX)
}

/// The highest value of a class.
fn highest(class: u16) -> u64 {
    if class < 16 {
        return u64::from(class);
    }
    let (power, behind) = (u32::from(class / 16) + 3, u64::from(class % 16));
    let width = 1_u64 << (power - 4);
    ((16 + behind) * width).saturating_add(width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_its_class_and_at_most_a_sixteenth_below_its_end() {
        let values = (0..64).flat_map(|power| {
            let one = 1_u64 << power;
            [one - 1, one, one + one / 3, one + (one - 1)]
        });
        for value in values.chain([u64::MAX]) {
            let end = highest(class(value));
            assert!(end >= value && end - value <= value / 16, "{value} in a class up to {end}");
        }
    }

    #[test]
    fn quantiles_are_near_the_exact_ones() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), 0);
        (1..=10_000).for_each(|value| sketch.add(value));
        for (quantile, exact) in
            [(0.0, 1), (0.5, 5_000), (0.95, 9_500), (0.99, 9_900), (1.0, 10_000)]
        {
            let found = sketch.quantile(quantile);
            assert!(found >= exact && found <= exact + exact / 16, "{quantile}: {found}");
        }
    }
}
