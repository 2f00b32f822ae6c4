//! The guard in front of another recorder, which gets what the guard has let through.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Label, Metadata,
    SharedString, Unit,
};
use radiosonde_context::is_forked_child;
use radiosonde_registry::MetricType;

use crate::family::{Place, Resolved};
use crate::handle::Handle;
use crate::recorder::Recorder;
use crate::refusal::Entry;
use crate::snapshot::Labels;
use crate::sync::lock;

/// Metrics whose descriptions are handed on: as many as are observed, and as many again that a
/// registry may have. Who keeps descriptions keeps them for ever.
const DESCRIBED_MAX: usize = 4_000;

/// A [`Recorder`] with another one behind it: both get every write that is let through, theirs under
/// the name and labels that ours has admitted. [`Recorder::in_front_of`] makes it.
pub struct Front<R> {
    ours: Recorder,
    theirs: R,
    /// Whose descriptions were handed on.
    described: Mutex<HashSet<KeyName>>,
}

impl Recorder {
    /// Puts the guard in front of another recorder, such as that of `metrics-exporter-prometheus`.
    ///
    /// Theirs sees of each metric as many label sets as fit its cap, and the overflow sets: with values
    /// redacted, free labels of an overflow set as `_other`, names in the characters of Prometheus, and
    /// without constant labels, which exporters have settings for. It does not learn of
    /// [`Metrics::retire`](crate::Metrics::retire): whoever never forgets a label set can come to have as
    /// many more after each call. A retired series that is folded with us stays one of its own there.
    /// Writes that are refused, also for their value, do not reach it; they are in our counts alone; a
    /// gauge's handle may be made there all the same. Descriptions go to both, theirs gets
    /// those of 4,000 metrics. In a forked child neither gets anything.
    ///
    /// A call of a macro costs what both cost; a handle that is kept costs one indirection more.
    ///
    /// ```
    /// use metrics::{NoopRecorder, counter};
    /// use radiosonde_metrics::Metrics;
    ///
    /// let metrics = Metrics::default();
    /// let both = metrics.recorder().in_front_of(NoopRecorder); // yours in place of this one
    /// metrics::with_local_recorder(&both, || counter!("runs_total").increment(1));
    /// assert_eq!(metrics.series_count(), 1);
    /// ```
    pub fn in_front_of<R>(self, theirs: R) -> Front<R>
    where
        R: metrics::Recorder + Send + Sync + 'static,
    {
        Front { ours: self, theirs, described: Mutex::default() }
    }

    /// The series a write goes to, with what it is known by; or where the write is counted instead.
    fn admitted(&self, key: &Key, metadata: &Metadata<'_>, wanted: MetricType) -> Admitted {
        match self.resolve(key, metadata, wanted) {
            Resolved::Refused(entry) => Admitted::Refused(entry),
            Resolved::Series(family, Place { place, .. }) => {
                let name = family.info.name.clone();
                let series = family.series_at(place);
                let labels = series.map(|series| family.labels_of(series)).unwrap_or_default();
                Admitted::Series { handle: Handle::new(family, place), name, labels }
            }
        }
    }
}

/// What our side says to a write.
enum Admitted {
    Series { handle: Handle, name: Arc<str>, labels: Labels },
    Refused(Arc<Entry>),
}

/// What theirs knows an admitted series by.
fn their_key(name: Arc<str>, labels: Labels) -> Key {
    let labels = labels.into_iter().map(|(name, value)| {
        Label::new(SharedString::from_shared(name), SharedString::from_shared(value))
    });
    Key::from_parts(SharedString::from_shared(name), labels.collect::<Vec<_>>())
}

impl<R> Front<R> {
    fn may_describe(&self, key: &KeyName) -> bool {
        let mut described = lock(&self.described);
        let is_known = described.contains(key);
        if !is_known && described.len() < DESCRIBED_MAX {
            return described.insert(key.to_retained());
        }
        is_known
    }
}

impl<R: metrics::Recorder> metrics::Recorder for Front<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        if !is_forked_child() {
            self.ours.describe_counter(key.clone(), unit, description.clone());
            if self.may_describe(&key) {
                self.theirs.describe_counter(key, unit, description);
            }
        }
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        if !is_forked_child() {
            self.ours.describe_gauge(key.clone(), unit, description.clone());
            if self.may_describe(&key) {
                self.theirs.describe_gauge(key, unit, description);
            }
        }
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        if !is_forked_child() {
            self.ours.describe_histogram(key.clone(), unit, description.clone());
            if self.may_describe(&key) {
                self.theirs.describe_histogram(key, unit, description);
            }
        }
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        if is_forked_child() {
            return Counter::noop();
        }
        match self.ours.admitted(key, metadata, MetricType::Counter) {
            Admitted::Refused(entry) => Counter::from_arc(entry),
            Admitted::Series { handle: ours, name, labels } => {
                let theirs = self.theirs.register_counter(&their_key(name, labels), metadata);
                Counter::from_arc(Arc::new(Both { ours, theirs }))
            }
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        if is_forked_child() {
            return Gauge::noop();
        }
        match self.ours.admitted(key, metadata, MetricType::Gauge) {
            Admitted::Refused(entry) => Gauge::from_arc(entry),
            Admitted::Series { handle: ours, name, labels } => {
                let theirs = self.theirs.register_gauge(&their_key(name, labels), metadata);
                Gauge::from_arc(Arc::new(Both { ours, theirs }))
            }
        }
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        if is_forked_child() {
            return Histogram::noop();
        }
        match self.ours.admitted(key, metadata, MetricType::Histogram) {
            Admitted::Refused(entry) => Histogram::from_arc(entry),
            Admitted::Series { handle: ours, name, labels } => {
                let theirs = self.theirs.register_histogram(&their_key(name, labels), metadata);
                Histogram::from_arc(Arc::new(Both { ours, theirs }))
            }
        }
    }
}

/// A series of ours and the handle of theirs.
struct Both<T> {
    ours: Handle,
    theirs: T,
}

impl<T> Both<T> {
    /// Theirs, for a value that ours takes; what ours refuses, it counts.
    fn theirs_for(&self, value: f64) -> Option<&T> {
        (value.is_finite() && !is_forked_child()).then_some(&self.theirs)
    }
}

impl CounterFn for Both<Counter> {
    fn increment(&self, value: u64) {
        CounterFn::increment(&self.ours, value);
        if !is_forked_child() {
            self.theirs.increment(value);
        }
    }

    fn absolute(&self, value: u64) {
        CounterFn::absolute(&self.ours, value);
        if !is_forked_child() {
            self.theirs.absolute(value);
        }
    }
}

impl GaugeFn for Both<Gauge> {
    fn increment(&self, value: f64) {
        if self.ours.write().change_gauge(value, |before| before + value) {
            self.theirs.increment(value);
        }
    }

    fn decrement(&self, value: f64) {
        if self.ours.write().change_gauge(value, |before| before - value) {
            self.theirs.decrement(value);
        }
    }

    fn set(&self, value: f64) {
        if self.ours.write().change_gauge(value, |_| value) {
            self.theirs.set(value);
        }
    }
}

impl HistogramFn for Both<Histogram> {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        HistogramFn::record_many(&self.ours, value, count);
        if count > 0
            && let Some(theirs) = self.theirs_for(value)
        {
            theirs.record_many(value, count);
        }
    }
}

impl<R> fmt::Debug for Front<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("ours", &self.ours).finish_non_exhaustive()
    }
}
