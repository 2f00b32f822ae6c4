//! Writes through handles that were made before, on a thread whose metrics are others for the moment.
//!
//! A handle in a static was made with whatever recorder was there when it was first used. A test that
//! has metrics of its own wants to see what is written through it all the same. Only with the feature
//! `testing`; without it nothing is asked, and a write is what it was.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, Label, Level, Metadata};
use radiosonde_registry::MetricType;

use crate::family::{Guarded, Resolved};
use crate::handle::Handle;
use crate::hub::{Hub, Metrics};
use crate::recorder::Recorder;
use crate::refusal::Entry;

/// Whether a thread ever had metrics of its own.
static USED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static HERE: RefCell<Option<Arc<Hub>>> = const { RefCell::new(None) };
}

/// The modules of those who made the handles are not known.
static METADATA: Metadata<'static> = Metadata::new("radiosonde", Level::INFO, None);

impl Metrics {
    /// Runs `f` with these as the metrics of the thread: for the macros of the `metrics` crate and the
    /// functions of catalogues, and with the feature `testing` also for handles of any [`Metrics`]
    /// that were made before and are kept somewhere. What such a handle was refused stays refused
    /// where it was made.
    pub fn on_this_thread<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore(Option<Arc<Hub>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let ours = HERE.try_with(|here| here.replace(self.0.take()));
                // Not while the cell is borrowed.
                drop(ours);
            }
        }
        USED.store(true, Ordering::Relaxed);
        let before = HERE.try_with(|here| here.replace(Some(Arc::clone(&self.0))));
        let _restore = Restore(before.unwrap_or_default());
        metrics::with_local_recorder(&self.recorder(), f)
    }

    /// Those of the thread, inside of [`Metrics::on_this_thread`].
    pub fn of_this_thread() -> Option<Self> {
        here().map(Self)
    }
}

fn here() -> Option<Arc<Hub>> {
    HERE.try_with(|here| here.try_borrow().ok()?.clone()).ok().flatten()
}

/// Where a write to a series goes instead.
pub(crate) enum Elsewhere {
    Series(Box<Handle>),
    Refused(Arc<Entry>),
}

/// Where a write to that series goes instead, if the thread has metrics of its own, and it is not one
/// of theirs.
#[inline(always)]
pub(crate) fn elsewhere(family: &Arc<Guarded>, place: usize) -> Option<Elsewhere> {
    if !cfg!(feature = "testing") || !USED.load(Ordering::Relaxed) {
        return None;
    }
    look(family, place)
}

#[cold]
#[inline(never)]
fn look(family: &Arc<Guarded>, place: usize) -> Option<Elsewhere> {
    let here = here()?;
    if here.has(family) {
        return None;
    }
    let series = family.series_at(place)?;
    let labels = family.labels_of(series);
    let label =
        |(name, value): &(Arc<str>, Arc<str>)| Label::new(name.to_string(), value.to_string());
    let key =
        Key::from_parts(family.info.name.to_string(), labels.iter().map(label).collect::<Vec<_>>());
    let wanted = match family.info.metric_type {
        MetricType::Summary => MetricType::Histogram,
        metric_type => metric_type,
    };
    Some(match Recorder::new(here).resolve(&key, &METADATA, wanted) {
        Resolved::Series(family, found) => {
            Elsewhere::Series(Box::new(Handle::new(family, found.place)))
        }
        Resolved::Refused(entry) => Elsewhere::Refused(entry),
    })
}

impl Elsewhere {
    pub(crate) fn counter(&self) -> &dyn CounterFn {
        match self {
            Self::Series(handle) => &**handle,
            Self::Refused(entry) => &**entry,
        }
    }

    /// Whether the write was taken.
    pub(crate) fn change_gauge(&self, operand: f64, change: impl Fn(f64) -> f64) -> bool {
        match self {
            Self::Series(handle) => handle.write().change_gauge(operand, change),
            Self::Refused(entry) => {
                GaugeFn::set(&**entry, operand);
                false
            }
        }
    }

    pub(crate) fn histogram(&self) -> &dyn HistogramFn {
        match self {
            Self::Series(handle) => &**handle,
            Self::Refused(entry) => &**entry,
        }
    }
}
