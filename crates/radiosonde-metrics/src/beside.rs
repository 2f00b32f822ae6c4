//! What a family keeps beside its values: exemplars, and the windows that quantiles come from. Made
//! when they are first needed.

use std::sync::OnceLock;

use radiosonde_context::has_trace;
use radiosonde_registry::MetricType;

use crate::clock::Clock;
use crate::exemplars::Exemplars;
use crate::exposition::Exemplar;
use crate::segmented::Segmented;
use crate::window::Window;

#[derive(Debug)]
pub(crate) struct Beside {
    clock: Clock,
    exemplars: OnceLock<Box<Exemplars>>,
    windows: OnceLock<Box<Segmented<Window>>>,
}

impl Beside {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, exemplars: OnceLock::new(), windows: OnceLock::new() }
    }

    /// Keeps a write as an exemplar if it is made inside a trace; of a series with so many buckets.
    pub(crate) fn offer_exemplar(&self, place: usize, bucket: usize, value: f64, buckets: usize) {
        if has_trace() {
            let make = || Box::new(Exemplars::new(self.clock.clone()));
            self.exemplars.get_or_init(make).offer(place, bucket, value, buckets);
        }
    }

    /// The exemplars of a series, by rising bucket, in place of what is in the list.
    pub(crate) fn read_exemplars(&self, place: usize, to: &mut Vec<Exemplar>) {
        match self.exemplars.get() {
            Some(exemplars) => exemplars.read(place, to),
            None => to.clear(),
        }
    }

    /// A scrape has shown the exemplars there are: newer ones may take their places.
    pub(crate) fn note_scrape(&self) {
        if let Some(exemplars) = self.exemplars.get() {
            exemplars.advance();
        }
    }

    /// Takes a value of a summary into the last minutes.
    pub(crate) fn record_quantile(&self, place: usize, value: f64, writes: u64) {
        let windows = self.windows.get_or_init(Box::default);
        if let Some(window) = windows.get_or_init(place, Window::default) {
            window.record(value, writes, self.clock.millis());
        }
    }

    /// Lets go of the values of a summary that quantiles would come from.
    pub(crate) fn forget_quantiles(&self, place: usize) {
        if let Some(window) = self.windows.get().and_then(|windows| windows.get(place)) {
            window.forget();
        }
    }

    /// Values of the first so many series that quantiles are without.
    pub(crate) fn missed(&self, series: usize) -> u64 {
        let Some(windows) = self.windows.get() else { return 0 };
        (0..series).filter_map(|place| windows.get(place)).map(Window::missed).sum()
    }

    /// The quantiles of a summary over the last minutes; none where nothing was written in them.
    pub(crate) fn quantiles(&self, place: usize, metric_type: MetricType) -> Vec<(f64, f64)> {
        if metric_type != MetricType::Summary {
            return Vec::new();
        }
        let window = self.windows.get().and_then(|windows| windows.get(place));
        let quantiles = window.map(|window| window.quantiles(self.clock.millis()));
        let known = quantiles.into_iter().flatten();
        known.filter_map(|(quantile, value)| Some((quantile, value?))).collect()
    }
}
