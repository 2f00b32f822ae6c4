//! The values of a family's series: writing them past the short way, and reading them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use radiosonde_context::{has_job, is_forked_child};
use radiosonde_registry::MetricType;

use crate::caller::Caller;
use crate::cells;
use crate::delta::{DeltaValue, Distribution};
use crate::family::Guarded;
use crate::fault::Fault;
use crate::ledger;
use crate::refusal::Reason;
use crate::series::Series;
use crate::snapshot::Value;

/// A gauge nobody has set. Such a one must not show: 0 would be a measurement that nobody made. In the
/// value itself, so that both change at once; no write can leave a NaN there.
pub(crate) const UNSET: u64 = f64::NAN.to_bits();

/// Writes that do not fit the type of the family do nothing: resolution never gives such a handle.
impl Guarded {
    /// The arena that writes of a series with a cell of its own may go to at once: none where more is
    /// to be noted than the value.
    pub(crate) fn direct(&self) -> u64 {
        let life = &self.info.life;
        let is_more = life.pair.is_some() || life.interval_s.is_some();
        match self.info.metric_type {
            MetricType::Counter | MetricType::Histogram if !is_more => self.arena.id(),
            _ => cells::NONE,
        }
    }

    /// The arena and the first cell of a series, for writes of the value alone; see
    /// [`Guarded::direct`].
    pub(crate) fn at_hand(&self, place: usize) -> (u64, u32) {
        let Some(series) = self.series_at(place) else { return (cells::NONE, 0) };
        let arena = if series.folded.is_some() { cells::NONE } else { self.direct() };
        (arena, series.cell)
    }

    /// Which bucket a value belongs to: `le` is inclusive, so the first whose bound is not below it.
    #[inline]
    pub(crate) fn bucket(&self, value: f64) -> u32 {
        self.info.bounds.partition_point(|bound| *bound < value) as u32
    }

    /// How many buckets there are.
    #[inline]
    pub(crate) fn buckets(&self) -> u32 {
        self.info.bounds.len() as u32 + 1
    }

    /// Counts a write of a counter; `counted` says that the value is there already.
    #[inline(never)]
    pub(crate) fn count(self: &Arc<Self>, place: usize, by: u64, counted: bool) {
        // A lock may be held there by a thread that does not exist.
        if is_forked_child() || !self.is_of(MetricType::Counter) {
            return;
        }
        let Some(series) = self.series_at(place) else { return };
        if !counted {
            cells::add(&self.arena, series.cell, by);
        }
        self.note(series, 1);
        if by > 0 {
            self.book(place, || DeltaValue::Counter(by));
            #[expect(clippy::cast_precision_loss, reason = "an example, not a sum")]
            self.beside.offer_exemplar(place, 0, by as f64, 1);
        }
    }

    /// Raises a counter to what was counted elsewhere.
    pub(crate) fn raise(self: &Arc<Self>, place: usize, value: u64) {
        if is_forked_child() || !self.is_of(MetricType::Counter) {
            return;
        }
        let Some(series) = self.series_at(place) else { return };
        let rise = self.arena.raise(series.cell, value);
        self.note(series, 1);
        if rise > 0 {
            self.book(place, || DeltaValue::Counter(rise));
        }
    }

    /// Whether the write was taken.
    pub(crate) fn change_gauge(
        self: &Arc<Self>,
        place: usize,
        operand: f64,
        change: impl Fn(f64) -> f64,
    ) -> bool {
        if is_forked_child() || !self.is_of(MetricType::Gauge) {
            return false;
        }
        let Some(series) = self.series_at(place) else { return false };
        let Some(bits) = self.arena.shared(series.cell) else { return false };
        if !operand.is_finite() {
            self.refuse_value(operand, 1);
            return false;
        }
        if self.retired.count() > 0
            && let Err(fault) = self.take_back_gauge(place)
        {
            self.refuse_gauge(&fault);
            return false;
        }
        let mut refused = 0.0;
        let change = |before| change(set_value(before).unwrap_or(0.0));
        let result = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            let after = change(before);
            refused = after;
            after.is_finite().then(|| after.to_bits())
        });
        match result {
            Ok(before) => {
                self.note(series, 1);
                self.book(place, || DeltaValue::Gauge(change(before)));
            }
            Err(_) => self.refuse_value(refused, 1),
        }
        result.is_ok()
    }

    /// Does what is left to do of a value of a histogram that is in the thread's own cells, as only
    /// values of which nothing is to be noted are. The bucket is known by then.
    #[inline(never)]
    pub(crate) fn recorded(self: &Arc<Self>, place: usize, bucket: u32, value: f64) {
        self.beside.offer_exemplar(place, bucket as usize, value, self.buckets() as usize);
        self.book(place, || {
            DeltaValue::Distribution(Distribution { count: 1, sum: value, min: value, max: value })
        });
    }

    /// Counts values of a histogram or summary.
    #[inline(never)]
    pub(crate) fn record(self: &Arc<Self>, place: usize, value: f64, writes: u64) {
        if is_forked_child() {
            return;
        }
        if !value.is_finite() {
            return self.refuse_value(value, writes);
        }
        let Some(series) = self.series_at(place) else { return };
        let (count, sum) = match self.info.metric_type {
            MetricType::Histogram => (self.bucket(value), self.buckets()),
            MetricType::Summary => (0, 1),
            _ => return,
        };
        #[expect(clippy::cast_precision_loss, reason = "2^53 values at once do not happen")]
        let added = (value * writes as f64).clamp(f64::MIN, f64::MAX);
        cells::add(&self.arena, series.cell + count, writes);
        cells::add_f64(&self.arena, series.cell + sum, added);
        self.note(series, writes);
        match self.info.metric_type {
            MetricType::Histogram => {
                let buckets = self.buckets() as usize;
                self.beside.offer_exemplar(place, count as usize, value, buckets);
            }
            _ => self.beside.record_quantile(place, value, writes),
        }
        self.book(place, || {
            let step = Distribution { count: writes, sum: added, min: value, max: value };
            DeltaValue::Distribution(step)
        });
    }

    /// What stands beside a write that was taken.
    fn note(&self, series: &Series, writes: u64) {
        let life = &self.info.life;
        if let Some(folded) = series.folded {
            self.info.refusals.entry(folded.reason()).count(writes);
        }
        if let Some(pair) = &life.pair {
            let more = |count: u64| Some(count.saturating_add(writes));
            let _ = pair.writes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
        if let Some(clock) = &life.computed_by
            && let Some(at) = self.arena.shared(series.cell + 1)
        {
            at.store(clock.millis().max(1), Ordering::Release);
        }
        // Read first: all threads share it.
        if life.is_watched() && !life.written.load(Ordering::Relaxed) {
            life.written.store(true, Ordering::Release);
        }
    }

    /// Books a write to the job that is current, if there is one.
    fn book(self: &Arc<Self>, place: usize, value: impl FnOnce() -> DeltaValue) {
        if has_job() && self.info.wants_deltas() {
            ledger::add(self, place, value());
        }
    }

    fn refuse_value(&self, value: f64, writes: u64) {
        // The module that writes is not known here, and the one that made the series may be another.
        let entry = self.info.refusals.entry(Reason::Value);
        entry.describe(|| format!("the value {value}"), Caller::default());
        entry.count(writes);
    }

    /// A retired gauge was written, and there is no room for it.
    fn refuse_gauge(&self, fault: &Fault<'_>) {
        let entry = self.info.refusals.entry(fault.reason());
        entry.set_full_label(fault.full_label());
        entry.describe(|| fault.to_string(), Caller::default());
        entry.count(1);
    }

    fn is_of(&self, metric_type: MetricType) -> bool {
        self.info.metric_type == metric_type
    }

    /// The value; none of a gauge that was never set. Counters and histograms begin at 0, which is
    /// what they have counted.
    pub(crate) fn value(&self, place: usize, series: &Series) -> Option<Value> {
        Some(match self.info.metric_type {
            MetricType::Gauge => Value::Gauge(self.gauge(series)?),
            MetricType::Histogram => {
                let mut counts = vec![0; self.info.bounds.len() + 1];
                self.arena.sums(series.cell, &mut counts);
                let count = counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
                let sum = self.arena.sum_f64(series.cell + self.buckets());
                Value::Histogram {
                    bounds: self.info.bounds.clone(),
                    counts,
                    sum,
                    count,
                    exponential: self.info.exponential,
                }
            }
            MetricType::Summary => Value::Summary {
                count: self.arena.sum(series.cell),
                sum: self.arena.sum_f64(series.cell + 1),
                quantiles: self.beside.quantiles(place, self.info.metric_type),
            },
            _ => Value::Counter(self.arena.sum(series.cell)),
        })
    }

    /// The value, if it is a gauge and was set.
    pub(crate) fn gauge_if_set(&self, series: &Series) -> Option<f64> {
        self.is_of(MetricType::Gauge).then(|| self.gauge(series))?
    }

    /// The value of a gauge, if it was set.
    pub(crate) fn gauge(&self, series: &Series) -> Option<f64> {
        set_value(self.arena.shared(series.cell)?.load(Ordering::Relaxed))
    }

    /// The value of a batch gauge and when it was computed, in milliseconds since 1970.
    pub(crate) fn computed(&self, series: &Series) -> Option<(f64, u64)> {
        self.info.life.computed_by.as_ref()?;
        // The time first: a value that comes in between has one of its own, and is looked at again.
        let at = self.arena.shared(series.cell + 1)?.load(Ordering::Acquire);
        (at > 0).then(|| self.gauge(series).map(|value| (value, at)))?
    }

    /// Takes up a value of an earlier process, unless there is a newer one. Before anybody writes.
    pub(crate) fn restore(&self, place: usize, value: f64, at: u64) -> bool {
        let Some(series) = self.series_at(place) else { return false };
        let cells = (self.arena.shared(series.cell), self.arena.shared(series.cell + 1));
        let ((Some(bits), Some(computed)), Some(_)) = (cells, &self.info.life.computed_by) else {
            return false;
        };
        if computed.load(Ordering::Acquire) >= at {
            return false;
        }
        bits.store(value.to_bits(), Ordering::Relaxed);
        computed.store(at, Ordering::Release);
        true
    }

    /// When the newest of its values was computed, in milliseconds since 1970; of batch gauges.
    pub(crate) fn last_computed(&self) -> Option<u64> {
        self.info.life.computed_by.as_ref()?;
        self.all_series().filter_map(|series| self.computed(series)).map(|(_, at)| at).max()
    }

    /// Whether a series was written since the last call; then this is when the metric was seen. What
    /// was written before is seen afterwards.
    pub(crate) fn take_written(&self, now: u64) -> bool {
        let life = &self.info.life;
        let written =
            life.written.load(Ordering::Relaxed) && life.written.swap(false, Ordering::Acquire);
        if written {
            life.seen.store(now, Ordering::Relaxed);
        }
        written
    }
}

/// What a series of that family is before the first write.
pub(crate) fn zero(family: &Guarded) -> Value {
    match family.info.metric_type {
        MetricType::Gauge => Value::Gauge(0.0),
        MetricType::Histogram => Value::Histogram {
            bounds: family.info.bounds.clone(),
            counts: vec![0; family.info.bounds.len() + 1],
            sum: 0.0,
            count: 0,
            exponential: family.info.exponential,
        },
        MetricType::Summary => Value::Summary { count: 0, sum: 0.0, quantiles: Vec::new() },
        _ => Value::Counter(0),
    }
}

/// The value of a gauge, if it has one.
fn set_value(bits: u64) -> Option<f64> {
    (bits != UNSET).then(|| f64::from_bits(bits))
}
