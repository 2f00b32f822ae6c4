//! Metrics of the application's tokio runtimes, whether built before or after `init!`.

use radiosonde_metrics::Metrics;
use radiosonde_record::Journal;

#[cfg(feature = "tokio")]
pub(crate) use watched::Runtimes;

/// Without the feature there is nothing to watch.
#[cfg(not(feature = "tokio"))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Runtimes {}

#[cfg(not(feature = "tokio"))]
impl Runtimes {
    pub(crate) fn install(&self, _metrics: &Metrics, _journal: &Journal) {}
}

#[cfg(feature = "tokio")]
mod watched {
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use radiosonde_metrics::Snapshot;
    use tokio::runtime::Handle;

    use super::{Journal, Metrics};

    /// Runtimes that are watched; more are not.
    const RUNTIMES_MAX: usize = 16;

    /// The runtimes seen so far.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Runtimes(Arc<Mutex<Vec<Handle>>>);

    impl Runtimes {
        /// Watches the runtime `init!` is called in, and each one whose threads record something.
        pub(crate) fn install(&self, metrics: &Metrics, journal: &Journal) {
            self.watch_current();
            let runtimes = self.clone();
            journal.set_on_attach(Box::new(move || runtimes.watch_current()));
            let runtimes = self.clone();
            metrics.add_collector(Box::new(move |snapshot| runtimes.collect(snapshot)));
        }

        /// Watches one runtime. Watching it again changes nothing.
        pub(crate) fn watch(&self, handle: &Handle) {
            let mut handles = self.handles();
            let known = handles.iter().any(|known| known.id() == handle.id());
            if !known && handles.len() < RUNTIMES_MAX {
                handles.push(handle.clone());
            }
        }

        fn watch_current(&self) {
            if let Ok(handle) = Handle::try_current() {
                self.watch(&handle);
            }
        }

        fn collect(&self, snapshot: &mut Snapshot) {
            for (number, handle) in self.handles().iter().enumerate() {
                let number = number.to_string();
                let label = [("runtime", number.as_str())];
                let metrics = handle.metrics();
                snapshot.gauge("tokio_workers", &label, metrics.num_workers() as f64);
                snapshot.gauge("tokio_alive_tasks", &label, metrics.num_alive_tasks() as f64);
                let depth = metrics.global_queue_depth() as f64;
                snapshot.gauge("tokio_global_queue_depth", &label, depth);
            }
        }

        fn handles(&self) -> MutexGuard<'_, Vec<Handle>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
