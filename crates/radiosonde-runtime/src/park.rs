//! How the thread `radiosonde-io` waits: on a condition, or, with the listener, in a runtime of
//! its own that serves connections meanwhile.

use std::sync::Arc;
use std::time::Duration;

/// Ends a wait, from any thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unparker(Arc<imp::Signal>);

impl Unparker {
    pub(crate) fn unpark(&self) {
        self.0.notify();
    }

    pub(crate) fn parker(&self) -> std::io::Result<Parker> {
        imp::parker(Arc::clone(&self.0)).map(Parker)
    }
}

/// Waits.
#[derive(Debug)]
pub(crate) struct Parker(imp::Parker);

impl Parker {
    /// Until [`Unparker::unpark`], at most `within`.
    pub(crate) fn park(&self, within: Duration) {
        self.0.park(within);
    }

    /// Runs a future during the waits.
    #[cfg(feature = "prometheus")]
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.spawn(future);
    }
}

#[cfg(not(feature = "prometheus"))]
mod imp {
    use std::io;
    use std::sync::{Arc, Condvar, Mutex, PoisonError};
    use std::time::Duration;

    #[derive(Debug, Default)]
    pub(super) struct Signal {
        raised: Mutex<bool>,
        changed: Condvar,
    }

    impl Signal {
        pub(super) fn notify(&self) {
            *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.changed.notify_all();
        }
    }

    #[derive(Debug)]
    pub(super) struct Parker(Arc<Signal>);

    pub(super) fn parker(signal: Arc<Signal>) -> io::Result<Parker> {
        Ok(Parker(signal))
    }

    impl Parker {
        pub(super) fn park(&self, within: Duration) {
            let raised = self.0.raised.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.0.changed.wait_timeout_while(raised, within, |raised| !*raised);
            *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
        }
    }
}

#[cfg(feature = "prometheus")]
mod imp {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::Notify;
    use tokio::task::LocalSet;

    #[derive(Debug, Default)]
    pub(super) struct Signal(Notify);

    impl Signal {
        pub(super) fn notify(&self) {
            self.0.notify_one();
        }
    }

    #[derive(Debug)]
    pub(super) struct Parker {
        signal: Arc<Signal>,
        tasks: LocalSet,
        runtime: Runtime,
    }

    pub(super) fn parker(signal: Arc<Signal>) -> io::Result<Parker> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Parker { signal, tasks: LocalSet::new(), runtime })
    }

    impl Parker {
        pub(super) fn park(&self, within: Duration) {
            self.tasks.block_on(&self.runtime, async {
                // Both outcomes mean the same: look what there is to do.
                let _ = tokio::time::timeout(within, self.signal.0.notified()).await;
            });
        }

        pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
            self.tasks.spawn_local(future);
        }
    }
}
