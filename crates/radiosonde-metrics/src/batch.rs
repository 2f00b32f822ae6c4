//! Gauges of batch jobs: their values outlive the process, by way of whoever keeps a file of them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Key, Label};
use radiosonde_context::is_forked_child;

use crate::clock::millis;
use crate::fault::quoted;
use crate::hub::Metrics;

/// Metrics that are named one by one when values of theirs are dropped.
const NAMED_MAX: usize = 64;

/// How far ahead, in milliseconds, a time may be that is taken for now: clocks are set back a bit
/// by those who keep them. What is further ahead was computed under a clock that was wrong.
const AHEAD_MAX: u64 = 5 * 60 * 1000;

/// The value of one series of a batch gauge, and when it was computed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BatchValue {
    /// The metric: a gauge whose `source` in the registry is `batch`.
    pub metric: String,
    /// The labels, without the constant ones.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
    /// When it was computed, to the millisecond.
    pub computed_at: SystemTime,
}

impl BatchValue {
    /// The value of one series, without the constant labels.
    pub fn new(
        metric: impl Into<String>,
        labels: impl IntoIterator<Item = (String, String)>,
        value: f64,
        computed_at: SystemTime,
    ) -> Self {
        let labels = labels.into_iter().collect();
        Self { metric: metric.into(), labels, value, computed_at }
    }

    /// Whether it claims to be computed more than five minutes after `now`: under a clock that was
    /// wrong, or somebody has changed it.
    pub fn is_ahead_of(&self, now: SystemTime) -> bool {
        is_ahead(millis(self.computed_at), millis(now))
    }
}

/// What became of values of earlier processes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Restored {
    /// Values that were taken up.
    pub taken: usize,
    /// Values that no longer fit, each with why.
    pub dropped: Vec<(BatchValue, String)>,
}

impl Restored {
    /// Those of the dropped values that `counts` says: the metric, how many, and why the first of
    /// them; of at most 64 metrics, the rest under `_other`. Names are cut and safe to show.
    pub fn dropped_by_metric(
        &self,
        counts: impl Fn(&BatchValue) -> bool,
    ) -> Vec<(String, u64, String)> {
        let mut by_metric = BTreeMap::new();
        for (value, why) in self.dropped.iter().filter(|(value, _)| counts(value)) {
            let metric = quoted(&value.metric);
            let named = by_metric.contains_key(&metric) || by_metric.len() < NAMED_MAX;
            let metric = if named { metric } else { "_other".to_owned() };
            by_metric.entry(metric).or_insert((0_u64, why.clone())).0 += 1;
        }
        by_metric.into_iter().map(|(metric, (count, why))| (metric, count, why)).collect()
    }
}

impl Metrics {
    /// All values of batch gauges that were computed, by this process or an earlier one, in a
    /// stable order; none of [retired] series, and none in a forked child.
    ///
    /// [retired]: Metrics::retire
    pub fn batch_values(&self) -> Vec<BatchValue> {
        let mut values = Vec::new();
        if is_forked_child() {
            return values;
        }
        for family in self.0.catalogue.batch() {
            for (_, series) in family.standing().series(family) {
                let Some((value, at)) = family.computed(series) else { continue };
                values.push(BatchValue {
                    metric: family.info.name.to_string(),
                    labels: family
                        .pairs_of(series)
                        .map(|(n, v)| (n.to_owned(), v.into_owned()))
                        .collect(),
                    value,
                    computed_at: UNIX_EPOCH + Duration::from_millis(at),
                });
            }
        }
        values.sort_by(|a, b| (&a.metric, &a.labels).cmp(&(&b.metric, &b.labels)));
        values
    }

    /// Whether a batch gauge was written since the last call. Whoever keeps the values asks first,
    /// and then for [`Metrics::batch_values`]: so nothing written in between is missed.
    pub fn take_batch_changes(&self) -> bool {
        let now = self.0.clock.millis();
        self.0.catalogue.batch().fold(false, |any, family| family.take_written(now) | any)
    }

    /// Takes up values that earlier processes have computed; of several for one series the newest.
    /// To be called before anything is written.
    ///
    /// Each is checked like a write: what is no batch gauge in the registry any more, or has labels
    /// that no longer fit, is dropped. They count towards the cap, the newest first. A time up to five
    /// minutes ahead is taken for now. What is further ahead has no time that could be believed: it
    /// comes after everything else, and counts as computed in 1970 when nothing else is there, so
    /// that it is missed at once.
    pub fn restore_batch(&self, mut values: Vec<BatchValue>) -> Restored {
        let now = self.0.clock.millis();
        let age = |value: &BatchValue| {
            let at = millis(value.computed_at);
            (is_ahead(at, now), std::cmp::Reverse(at))
        };
        values.sort_by_key(age);
        let mut restored = Restored::default();
        for value in values {
            match self.restore(&value) {
                Ok(true) => restored.taken += 1,
                // A newer one is there.
                Ok(false) => {}
                Err(why) => restored.dropped.push((value, why)),
            }
        }
        restored
    }

    fn restore(&self, old: &BatchValue) -> Result<bool, String> {
        let Some(family) = self.0.catalogue.registered(&old.metric) else {
            return Err("it is not in the registry".to_owned());
        };
        if family.info.life.computed_by.is_none() {
            return Err("it is no gauge with the source `batch` in the registry".to_owned());
        }
        if !old.value.is_finite() {
            return Err(format!("the value {}", old.value));
        }
        let labels = old.labels.iter().map(|(name, value)| Label::new(name.clone(), value.clone()));
        let key = Key::from_parts(old.metric.clone(), labels.collect::<Vec<_>>());
        let place = family.find_or_create(&key, &self.0.redactor)?;
        let (at, now) = (millis(old.computed_at), self.0.clock.millis());
        let at = if is_ahead(at, now) { 0 } else { at.min(now) };
        Ok(family.restore(place, old.value, at.max(1)))
    }
}

/// Whether a time is too far ahead to be true; both in milliseconds since 1970.
fn is_ahead(at: u64, now: u64) -> bool {
    at > now.saturating_add(AHEAD_MAX)
}
