//! The thread `radiosonde-adopt`: it takes over what processes that have ended left to be sent, which takes
//! the time of a disk. Killed with the process at any moment, it is done again by the next one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use radiosonde_events::Redactions;
use radiosonde_record::{Slot, suppress_thread, survive_size_limit};

use crate::recovery;
use crate::telemetry::Telemetry;

/// Between two looks at spools that are being sent.
const TEND_INTERVAL: Duration = Duration::from_secs(1);

/// Orders for the thread.
#[derive(Debug)]
pub(crate) struct Adopter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// A look at what others have left is wanted.
    look: bool,
    /// With what is in rings before.
    recover: bool,
    stop: bool,
    ended: bool,
}

impl Adopter {
    /// Starts the thread, which waits for orders; `None` where the system gives none.
    pub(crate) fn start(
        telemetry: &Telemetry,
        root: &Path,
        slot: &Slot,
        redactions: &Redactions,
    ) -> Option<Self> {
        let shared = Arc::<Shared>::default();
        let work = Work {
            shared: Arc::clone(&shared),
            telemetry: telemetry.clone(),
            root: root.to_owned(),
            slot: slot.clone(),
            redactions: redactions.clone(),
        };
        let name = "radiosonde-adopt".to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || work.run());
        match thread {
            Ok(_) => Some(Self(shared)),
            Err(error) => {
                telemetry.problems().say(
                    format!("no thread for what earlier processes left to be sent: {error}; it waits"),
                    "raise the limit of threads and restart, or send it with `radiosonde spool drain`",
                );
                None
            }
        }
    }

    /// Has it look at what others have left, with what is in their rings before if need be.
    pub(crate) fn look(&self, telemetry: &Telemetry, recover: bool) {
        telemetry.otlp().set_adopting();
        let mut state = self.0.state();
        state.look = true;
        state.recover |= recover;
        drop(state);
        telemetry.otlp().wake_dead();
    }

    /// Ends it, and waits for that until then.
    pub(crate) fn end(&self, telemetry: &Telemetry, until: Instant) {
        self.0.state().stop = true;
        telemetry.otlp().wake_dead();
        let mut state = self.0.state();
        while !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Work {
    shared: Arc<Shared>,
    telemetry: Telemetry,
    root: PathBuf,
    /// Ours, as long as anything is done here.
    slot: Slot,
    redactions: Redactions,
}

impl Work {
    fn run(self) {
        suppress_thread();
        loop {
            self.telemetry.otlp().await_dead(TEND_INTERVAL);
            let mut state = self.shared.state();
            let State { look, recover, stop, .. } = *state;
            (state.look, state.recover) = (false, false);
            drop(state);
            self.guarded(|| {
                if look && !stop {
                    self.find(recover);
                }
                let otlp = self.telemetry.otlp();
                if stop {
                    otlp.close_dead(self.telemetry.problems());
                } else {
                    otlp.turn_dead(self.telemetry.problems());
                }
            });
            if look {
                // All of it is on its way; whoever waits for that has no time for a disk.
                self.telemetry.otlp().set_adopted();
            }
            if !stop {
                self.guarded(|| self.sync());
            }
            if stop {
                break;
            }
        }
        drop(self.slot);
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
    }

    fn find(&self, recover: bool) {
        let (problems, otlp) = (self.telemetry.problems(), self.telemetry.otlp());
        if recover {
            let number = self.slot.number();
            let found = recovery::run_later(&self.root, number, &self.redactions, problems, otlp);
            self.telemetry.recovered().add(&found);
        }
        otlp.find(&self.root, Some(&self.slot), problems);
    }

    fn sync(&self) {
        if let Err(error) = self.telemetry.otlp().sync_dead() {
            self.telemetry.problems().say(
                format!(
                    "what earlier processes left to be sent could not be brought to the disk: {error}; a \
                     power cut may repeat it"
                ),
                "check the disk",
            );
        }
    }

    fn guarded(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(|| survive_size_limit(work))).is_err() {
            self.telemetry.problems().say(
                "a panic while looking at what other processes have left",
                "report it with the version of radiosonde; `radiosonde spool drain` does the same",
            );
        }
    }
}
