//! What is written: the same names, labels and values for everybody.

/// Upper bounds of every histogram, in seconds.
pub(crate) const BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// The counter with three labels whose values are known when the program is compiled.
pub(crate) const REQUESTS: &str = "requests_total";
/// The labels of [`REQUESTS`].
pub(crate) const REQUEST_LABELS: [&str; 3] = ["method", "outcome", "region"];
/// The counter with two labels whose values are texts.
pub(crate) const CALLS: &str = "calls_total";
/// The histogram with the same two labels.
pub(crate) const DURATIONS: &str = "call_duration_seconds";
/// The labels of [`CALLS`] and of [`DURATIONS`].
pub(crate) const CALL_LABELS: [&str; 2] = ["provider", "model"];
/// The counter with one label that explodes.
pub(crate) const VISITS: &str = "visits_total";
/// The label of [`VISITS`].
pub(crate) const VISITOR: &str = "visitor";

/// Values of the label `provider`.
const PROVIDERS: usize = 20;
/// Values of the label `model`.
const MODELS: usize = 10;
/// Combinations of both: as many series as a metric has unless told otherwise.
pub(crate) const PAIRS: usize = PROVIDERS * MODELS;
/// Length of the sequence in which combinations and values come; a power of two.
const SEQUENCE: usize = 1024;

/// One of the combinations, as texts that are known at run time only.
pub(crate) struct Pair {
    pub(crate) provider: String,
    pub(crate) model: String,
    /// Its place among all of them.
    pub(crate) index: usize,
}

/// Combinations and values in an order that no branch prediction can learn.
pub(crate) struct Values {
    pub(crate) pairs: Vec<Pair>,
    order: Vec<usize>,
    seconds: Vec<f64>,
}

impl Values {
    /// The same every time.
    pub(crate) fn new() -> Values {
        let pair = |index| Pair {
            provider: format!("provider-{}", index / MODELS),
            model: format!("model-{}", index % MODELS),
            index,
        };
        let mut random = Random(0x5eed);
        let order = (0..SEQUENCE).map(|_| random.below(PAIRS as u64) as usize).collect();
        // Between half a millisecond and ten seconds, as many in each decade: every bucket is hit.
        let seconds = (0..SEQUENCE).map(|_| 0.0005 * 20_000_f64.powf(random.share())).collect();
        Values { pairs: (0..PAIRS).map(pair).collect(), order, seconds }
    }

    /// The combination of the call with this number.
    #[inline]
    pub(crate) fn pair(&self, number: usize) -> &Pair {
        &self.pairs[self.index(number)]
    }

    /// The place of the combination of the call with this number.
    #[inline]
    pub(crate) fn index(&self, number: usize) -> usize {
        self.order[number % SEQUENCE]
    }

    /// The value of the call with this number, in seconds.
    #[inline]
    pub(crate) fn seconds(&self, number: usize) -> f64 {
        self.seconds[number % SEQUENCE]
    }
}

/// Numbers without a pattern, the same every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next one.
    pub(crate) fn next(&mut self) -> u64 {
        // The upper bits of the product are those that depend on all bits of the number.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }

    /// The next one, smaller than `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end.max(1)
    }

    /// The next one, from 0 to 1.
    fn share(&mut self) -> f64 {
        self.below(1 << 32) as f64 / f64::from(u32::MAX)
    }
}

/// Labels of the many series of the suites `scrape` and `memory`.
pub(crate) const SERIES_LABELS: [&str; 3] = ["provider", "model", "outcome"];
/// Series of each of the many metrics.
pub(crate) const SERIES: usize = 200;

/// Names of so many metrics.
pub(crate) fn names(kind: Kind, count: usize) -> Vec<String> {
    (0..count).map(|at| kind.name(at)).collect()
}

/// What the many metrics are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Histogram,
}

impl Kind {
    /// The name of one of them.
    fn name(self, at: usize) -> String {
        match self {
            Kind::Counter => format!("jobs_{at}_total"),
            Kind::Histogram => format!("job_{at}_duration_seconds"),
        }
    }
}

/// The label values of one of the [`SERIES`].
pub(crate) fn series(at: usize) -> [String; 3] {
    let outcome = ["success", "failure"][at % 2];
    [format!("provider-{}", at / 20 % 10), format!("model-{}", at / 2 % 10), outcome.into()]
}

/// So many different values of one label, of which none looks like an id.
pub(crate) fn visitor(number: usize) -> String {
    format!("visitor-{number}")
}

/// How many metrics hold so many series.
pub(crate) fn metrics_for(wanted: usize) -> usize {
    wanted.div_ceil(SERIES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_combination_and_every_bucket_occurs() {
        let values = Values::new();
        let pairs: HashSet<usize> = (0..SEQUENCE).map(|at| values.pair(at).index).collect();
        assert!(pairs.len() > PAIRS * 9 / 10, "{}", pairs.len());
        let bucket = |value: f64| BOUNDS.partition_point(|bound| *bound < value);
        let buckets: HashSet<usize> = (0..SEQUENCE).map(|at| bucket(values.seconds(at))).collect();
        assert_eq!(buckets.len(), BOUNDS.len() + 1);
    }

    #[test]
    fn all_series_differ() {
        let all: HashSet<[String; 3]> = (0..SERIES).map(series).collect();
        assert_eq!(all.len(), SERIES);
        assert_eq!(names(Kind::Counter, 3), ["jobs_0_total", "jobs_1_total", "jobs_2_total"]);
    }
}
