//! The thread that writes to stderr: a terminal that hangs must hold up nothing else.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that wait for a slow terminal; more lines are dropped and counted.
const BUFFER_MAX: usize = 1024 * 1024;

/// A bounded way to stderr. Cheap to clone; clones share the buffer.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Bytes the thread is writing right now.
    writing: bool,
}

impl ConsoleWriter {
    /// Starts the thread. `None` when the system gives no thread.
    pub(crate) fn start() -> Option<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Self(Arc::clone(&shared));
        let name = "radiosonde-console".to_owned();
        thread::Builder::new().name(name).spawn(move || shared.run()).ok()?;
        Some(writer)
    }

    /// Hands whole lines over. Never blocks. Whether they were taken.
    pub(crate) fn write(&self, lines: &[u8]) -> bool {
        let mut state = self.0.lock();
        if state.waiting.len() + lines.len() > BUFFER_MAX {
            let count = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.0.dropped.fetch_add(count, Ordering::Relaxed);
            return false;
        }
        state.waiting.extend_from_slice(lines);
        drop(state);
        self.0.changed.notify_all();
        true
    }

    /// Lines the terminal was too slow for.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything was written, at most `within`.
    pub(crate) fn flush(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let mut state = self.0.lock();
        while state.writing || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn run(&self) {
        radiosonde_record::suppress_thread();
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let bytes = std::mem::take(&mut state.waiting);
            state.writing = true;
            drop(state);
            // A closed stderr is no reason to stop: somebody may look at the files.
            let _ = std::io::stderr().lock().write_all(&bytes);
            self.lock().writing = false;
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
