//! A word on stderr while there is nothing to show yet, where somebody waits for it.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The word, until this is dropped.
pub(crate) struct Progress {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to wait; from the first second on, a terminal is told. `None` where stderr is none, or
    /// where no thread can be had.
    pub(crate) fn start() -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let (done, is_done) = channel::<()>();
        let began = Instant::now();
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let mut is_shown = false;
            while is_done.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                eprint!("\r{CLEAR}radiosonde: reading for {} s", began.elapsed().as_secs());
                let _ = std::io::stderr().flush();
                is_shown = true;
            }
            if is_shown {
                eprint!("\r{CLEAR}");
            }
        });
        Some(Self { done: Some(done), thread: Some(thread.ok()?) })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            // It does nothing that could fail.
            let _ = thread.join();
        }
    }
}

/// Between two words, and before the first.
const INTERVAL: Duration = Duration::from_secs(1);
/// Removes what stands on the line.
const CLEAR: &str = "\x1b[K";
