//! Medians and percentiles.

/// The middle of the samples; of an even number of them the mean of the two in the middle. None when
/// there are no samples or one of them is not a number.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let sorted = sorted(samples)?;
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return Some(sorted[half]);
    }
    Some(f64::midpoint(sorted[half - 1], sorted[half]))
}

/// The smallest sample that at least `share` of the samples do not exceed (nearest rank): always a
/// value that was measured. None as for [`median`].
pub(crate) fn quantile(samples: &[f64], share: f64) -> Option<f64> {
    let sorted = sorted(samples)?;
    let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    Some(sorted[rank.clamp(1, sorted.len()) - 1])
}

fn sorted(samples: &[f64]) -> Option<Vec<f64>> {
    if samples.is_empty() || samples.iter().any(|sample| sample.is_nan()) {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        for (samples, expected) in [
            (&[][..], None),
            (&[7.0], Some(7.0)),
            (&[3.0, 1.0], Some(2.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[4.0, 1.0, 1e9, 2.0], Some(3.0)),
            (&[1.0, f64::NAN], None),
        ] {
            assert_eq!(median(samples), expected, "{samples:?}");
        }
    }

    #[test]
    fn a_quantile_is_a_sample_by_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        for (samples, share, expected) in [
            (&[][..], 0.99, None),
            (&[5.0], 0.99, Some(5.0)),
            (&hundred, 0.99, Some(99.0)),
            (&hundred, 0.5, Some(50.0)),
            (&hundred, 0.0, Some(1.0)),
            (&hundred, 1.0, Some(100.0)),
            (&hundred, 7.0, Some(100.0)),
            (&ten, 0.99, Some(10.0)),
        ] {
            assert_eq!(quantile(samples, share), expected, "{share} of {}", samples.len());
        }
    }
}
