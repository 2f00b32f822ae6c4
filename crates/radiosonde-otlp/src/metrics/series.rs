//! What is known of series from one snapshot to the next.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use radiosonde_metrics::{MetricType, Series, Value as Point, fitted};

/// A series, by its name and labels: two hashes of them, so that two series that are taken for one are
/// not to be expected in the life of a universe.
pub(super) type Id = [u64; 2];

pub(super) fn id(name: &str, series: &Series, metric_type: MetricType) -> Id {
    let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
    hashers[1].write_u8(1);
    for hasher in &mut hashers {
        name.hash(hasher);
        for label in fitted::labels(series, metric_type) {
            label.hash(hasher);
        }
    }
    hashers.map(|hasher| hasher.finish())
}

/// What a series has counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values {
    /// Of a counter one; of a histogram by bucket, mended ones; none of a summary or float counter.
    counts: Vec<u64>,
    sum: f64,
}

impl Values {
    /// `None` for what counts nothing.
    pub(super) fn of(value: &Point) -> Option<Self> {
        Some(match value {
            Point::Counter(count) => Self { counts: vec![*count], sum: 0.0 },
            Point::FloatCounter(sum) => Self { counts: Vec::new(), sum: *sum },
            Point::Histogram { bounds, counts, sum, .. } => {
                let mended = fitted::mended_buckets(bounds, counts);
                let counts = mended.map_or_else(|| counts.clone(), |(_, counts)| counts);
                Self { counts, sum: *sum }
            }
            Point::Summary { count, sum, .. } => Self { counts: vec![*count], sum: *sum },
            _ => return None,
        })
    }

    /// What came since: nothing was before a series that has begun anew.
    pub(super) fn minus(&self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self.clone() };
        let counts = self.counts.iter().zip(&before.counts);
        Self {
            counts: counts.map(|(now, before)| now.saturating_sub(*before)).collect(),
            sum: self.sum - before.sum,
        }
    }

    /// Whether these cannot come after those: the series has begun anew in between.
    fn is_before(&self, later: &Self) -> bool {
        let falls = |(before, now): (&u64, &u64)| now < before;
        let is_counted = !self.counts.is_empty();
        self.counts.len() != later.counts.len()
            || self.counts.iter().zip(&later.counts).any(falls)
            // The sum of a histogram may fall: there are negative values.
            || (!is_counted && later.sum < self.sum)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.counts.iter().all(|count| *count == 0) && self.sum == 0.0
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.first().copied().unwrap_or_default()
    }

    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum
    }
}

/// A series of the last snapshot.
#[derive(Debug)]
struct Kept {
    began_ns: u64,
    values: Values,
    is_new: bool,
}

/// The series of the last snapshot.
#[derive(Debug, Default)]
pub(super) struct Known {
    series: HashMap<Id, Kept>,
}

/// What a point of a series is counted from.
#[derive(Debug)]
pub(super) struct Since<'a> {
    /// When the series began: it stood at 0.
    pub(super) began_ns: u64,
    /// When its last point was, or it began.
    pub(super) before_ns: u64,
    /// What was sent of it, as far as it is still in its values.
    pub(super) sent: Option<&'a Values>,
}

impl Known {
    /// What the values of a series are counted from. One that was not there at the last snapshot, or has
    /// fallen since, began after that.
    pub(super) fn since(
        &self,
        id: Id,
        values: &Values,
        process_ns: u64,
        before_ns: Option<u64>,
    ) -> Since<'_> {
        let before_ns = before_ns.unwrap_or(process_ns);
        match self.series.get(&id).filter(|kept| !kept.values.is_before(values)) {
            Some(kept) => Since { began_ns: kept.began_ns, before_ns, sent: Some(&kept.values) },
            None => Since { began_ns: before_ns, before_ns, sent: None },
        }
    }

    /// Whether the last snapshot had it.
    pub(super) fn is_known(&self, id: Id) -> bool {
        self.series.contains_key(&id)
    }

    /// The values of a series were sent.
    pub(super) fn note(&mut self, id: Id, values: Values, times: (u64, Option<u64>)) {
        let (process_ns, before_ns) = times;
        let began_ns = self.since(id, &values, process_ns, before_ns).began_ns;
        let _before = self.series.insert(id, Kept { began_ns, values, is_new: true });
    }

    /// Forgets what was not in the snapshot.
    pub(super) fn end_of_snapshot(&mut self) {
        self.series.retain(|_, kept| std::mem::take(&mut kept.is_new));
    }
}
