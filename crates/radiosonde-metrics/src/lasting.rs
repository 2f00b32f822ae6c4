//! Handles that are kept from one write to the next by others than threads and catalogues.

use std::cell::Cell;
use std::fmt;

use metrics::{Counter, Gauge, Histogram, Key, Metadata};

use crate::recorder::Recorder;

thread_local! {
    /// Who gave the handle that was asked for last, and would give the same one again; else 0.
    static GIVER: Cell<usize> = const { Cell::new(0) };
}

/// A handle that is kept from one write to the next, for a library that writes the same series again
/// and again.
///
/// A handle by itself goes on writing where it wrote when it was made, whatever becomes of the current
/// recorder and of the room in its metric; so the macros of the `metrics` crate ask for one with each
/// write. This one is used only while they would be given the same.
///
/// ```
/// use metrics::{Histogram, Key, Level, Metadata};
/// use radiosonde_metrics::Lasting;
///
/// static METADATA: Metadata<'static> = Metadata::new("shop", Level::INFO, None);
///
/// struct Durations {
///     key: Key,
///     kept: std::cell::OnceCell<Lasting<Histogram>>,
/// }
///
/// impl Durations {
///     fn record(&self, seconds: f64) {
///         if let Some(histogram) = self.kept.get().and_then(Lasting::current) {
///             return histogram.record(seconds);
///         }
///         match Lasting::histogram(&self.key, &METADATA) {
///             Ok(lasting) => self.kept.get_or_init(|| lasting).handle().record(seconds),
///             Err(histogram) => histogram.record(seconds),
///         }
///     }
/// }
/// # let durations = Durations { key: Key::from_name("seconds"), kept: Default::default() };
/// # durations.record(1.0);
/// # let metrics = radiosonde_metrics::Metrics::default();
/// # metrics::with_local_recorder(&metrics.recorder(), || durations.record(1.0));
/// # assert_eq!(metrics.series_count(), 1);
/// ```
#[derive(Clone)]
pub struct Lasting<H> {
    handle: H,
    /// Where the recorder is that gave it: that of the process, which is there for good.
    giver: usize,
}

impl<H> Lasting<H> {
    /// The handle, as long as the current recorder is the one that gave it: none inside of
    /// [`metrics::with_local_recorder`].
    #[inline(always)]
    pub fn current(&self) -> Option<&H> {
        is_current(self.giver).then_some(&self.handle)
    }

    /// The handle, whatever the current recorder is.
    pub fn handle(&self) -> &H {
        &self.handle
    }

    fn ask(register: impl FnOnce(&dyn metrics::Recorder) -> H) -> Result<Self, H> {
        GIVER.set(0);
        let handle = metrics::with_recorder(register);
        let giver = GIVER.replace(0);
        // A recorder that stands around ours may ask it about another series.
        if is_current(giver) { Ok(Self { handle, giver }) } else { Err(handle) }
    }
}

impl Lasting<Counter> {
    /// Asks the current recorder for a counter.
    ///
    /// # Errors
    /// A handle for this one write: the recorder is not one that [`Recorder::install`] has installed,
    /// the series is new, or the next write may have to go elsewhere, as that of what is refused,
    /// folded or redacted.
    pub fn counter(key: &Key, metadata: &Metadata<'_>) -> Result<Self, Counter> {
        Self::ask(|recorder| recorder.register_counter(key, metadata))
    }
}

impl Lasting<Gauge> {
    /// As [`Lasting::counter`], for a gauge.
    ///
    /// # Errors
    /// As there.
    pub fn gauge(key: &Key, metadata: &Metadata<'_>) -> Result<Self, Gauge> {
        Self::ask(|recorder| recorder.register_gauge(key, metadata))
    }
}

impl Lasting<Histogram> {
    /// As [`Lasting::counter`], for a histogram.
    ///
    /// # Errors
    /// As there.
    pub fn histogram(key: &Key, metadata: &Metadata<'_>) -> Result<Self, Histogram> {
        Self::ask(|recorder| recorder.register_histogram(key, metadata))
    }
}

impl<H> fmt::Debug for Lasting<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lasting")
    }
}

/// Says that this recorder gives the handle that is asked for, and would do so again.
#[inline(always)]
pub(crate) fn given_by(recorder: &Recorder) {
    GIVER.set(std::ptr::from_ref(recorder).addr());
}

/// Whether the current recorder is the one at that address. The recorder of the process is never moved
/// or dropped, so that no other can be there.
#[inline(always)]
pub(crate) fn is_current(address: usize) -> bool {
    metrics::with_recorder(|current| std::ptr::from_ref(current).addr() == address)
}
