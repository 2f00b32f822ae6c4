//! The door of the `metrics` crate's macros.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use radiosonde_context::is_forked_child;
use radiosonde_registry::MetricType;

use crate::caller::Caller;
use crate::family::{Guarded, Resolved};
use crate::handle::Handle;
use crate::hub::Hub;
use crate::kept::{self, Wanted};
use crate::lasting;
use crate::refusal::Entry;
use crate::typed::link;

/// Guards what the macros of the `metrics` crate write. Cheap to clone.
///
/// A handle of a refused write does nothing but count each write made through it. A handle that
/// was taken when the metric was full keeps writing to the overflow set. In a forked child, where a
/// lock may be held by a thread that does not exist, new handles do nothing.
pub struct Recorder {
    hub: Arc<Hub>,
    /// Whether it is the process's, which is never dropped: what threads and catalogues keep of it
    /// stays true.
    stays: bool,
    /// Says that it is in use.
    used: Option<Arc<AtomicBool>>,
}

/// Why [`Recorder::install`] did nothing: the process has a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlreadyInstalled;

impl fmt::Display for AlreadyInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process has a metrics recorder already")
    }
}

impl std::error::Error for AlreadyInstalled {}

/// Where a write goes, as a handle of the `metrics` crate wants it.
enum Found {
    Series(Arc<Handle>),
    Refused(Arc<Entry>),
}

impl Recorder {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, stays: false, used: None }
    }

    /// Sets this as soon as it is in use: installed by [`Recorder::install`], or asked for a handle.
    #[must_use]
    pub fn telling(self, used: Arc<AtomicBool>) -> Self {
        Self { used: Some(used), ..self }
    }

    fn tell(&self) {
        if let Some(used) = &self.used
            && !used.load(Ordering::Relaxed)
        {
            used.store(true, Ordering::Relaxed);
        }
    }

    /// Makes it the recorder of the process, for good. Writes are then several times cheaper than
    /// through [`metrics::set_global_recorder`]: threads keep the series they write by name, and
    /// catalogues theirs.
    ///
    /// # Errors
    /// When the process has a recorder, which stays.
    pub fn install(self) -> Result<(), AlreadyInstalled> {
        let used = self.used.clone();
        metrics::set_global_recorder(Self { stays: true, ..self }).map_err(|_| AlreadyInstalled)?;
        used.into_iter().for_each(|used| used.store(true, Ordering::Relaxed));
        Ok(())
    }

    /// `wanted` is the handle's type; a summary in the registry is written as a histogram.
    pub(crate) fn resolve(
        &self,
        key: &Key,
        metadata: &Metadata<'_>,
        wanted: MetricType,
    ) -> Resolved {
        self.tell();
        let caller = Caller::of(metadata);
        match self.hub.catalogue.family(key.name(), wanted, caller, &self.hub.told) {
            Err(entry) => {
                entry.want(wanted, key);
                Resolved::Refused(entry)
            }
            Ok(family) => family.resolve(accepts(&family, wanted), key, &self.hub.redactor, caller),
        }
    }

    /// The handle of a key: one that the thread keeps, or a new one.
    fn find(&self, key: &Key, metadata: &Metadata<'_>, wanted: MetricType) -> Found {
        let asked = Wanted { key, metric_type: wanted };
        if self.stays
            && let Some(handle) = kept::find(&asked)
        {
            lasting::given_by(self);
            return Found::Series(handle);
        }
        match self.resolve(key, metadata, wanted) {
            Resolved::Series(family, found) => {
                if self.stays && family.is_overflow(found.place) {
                    return Found::Series(kept::folded(&family, found.place));
                }
                let stays = self.stays && found.is_own;
                let is_for_all = self.hub.catalogue.is_for_all(&family);
                let handle = Arc::new(Handle::new(family, found.place));
                if stays {
                    // Whoever asked asks for himself alone; a thread's code is of many crates.
                    lasting::given_by(self);
                    if is_for_all {
                        kept::keep(&asked, &handle);
                    }
                }
                Found::Series(handle)
            }
            Resolved::Refused(entry) => Found::Refused(entry),
        }
    }

    /// Tells a catalogue that asks about its metric.
    fn link(&self, key: &Key) {
        if self.stays && link::is_asked() {
            let family = self.hub.catalogue.registered(key.name());
            link::answer(self, family, &self.hub.redactor);
        }
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>, help: &str, metric_type: MetricType) {
        if is_forked_child() {
            return;
        }
        let unit = unit.map(|unit| unit.as_str());
        self.hub.catalogue.describe(name.as_str(), metric_type, unit, help, &self.hub.told);
    }
}

/// Whether a handle of that type writes the metric.
pub(crate) fn accepts(family: &Guarded, wanted: MetricType) -> bool {
    match family.info.metric_type {
        MetricType::Summary => wanted == MetricType::Histogram,
        metric_type => wanted == metric_type,
    }
}

impl Clone for Recorder {
    fn clone(&self) -> Self {
        // Only the one that is installed stays.
        Self { hub: self.hub.clone(), stays: false, used: self.used.clone() }
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description, MetricType::Counter);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description, MetricType::Gauge);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description, MetricType::Histogram);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        if is_forked_child() {
            return Counter::noop();
        }
        self.link(key);
        match self.find(key, metadata, MetricType::Counter) {
            Found::Series(handle) => Counter::from_arc(handle),
            Found::Refused(entry) => Counter::from_arc(entry),
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        if is_forked_child() {
            return Gauge::noop();
        }
        match self.find(key, metadata, MetricType::Gauge) {
            Found::Series(handle) => Gauge::from_arc(handle),
            Found::Refused(entry) => Gauge::from_arc(entry),
        }
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        if is_forked_child() {
            return Histogram::noop();
        }
        self.link(key);
        match self.find(key, metadata, MetricType::Histogram) {
            Found::Series(handle) => Histogram::from_arc(handle),
            Found::Refused(entry) => Histogram::from_arc(entry),
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}
