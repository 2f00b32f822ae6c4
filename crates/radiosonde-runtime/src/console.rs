//! The thread that writes to stderr: a terminal that hangs must hold up nothing else.

mod screen;
pub(crate) mod setup;
pub(crate) mod skipped;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use radiosonde_events::Portion;

use crate::console::skipped::{Skipped, Voice};

/// Bytes that wait for a slow terminal; more lines are skipped and counted. What is skipped is
/// skipped until half of it has gone, so that one sentence tells of many lines.
const BUFFER_MAX: usize = 1024 * 1024;
/// Bytes that are written at once, at most: as many as a pipe takes without blocking when it says
/// that it takes any.
const WRITE_MAX: usize = 4096;
/// Before it is tried again to write where nothing could be written.
const PAUSE: Duration = Duration::from_millis(1);

/// A bounded way to stderr. Cheap to clone; clones share the buffer.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleWriter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    dropped: AtomicU64,
    voice: Voice,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Piece>,
    /// Bytes of all that waits.
    bytes: usize,
    /// The thread is writing right now.
    writing: bool,
    skipped: Skipped,
}

/// Whole lines.
#[derive(Debug)]
struct Piece {
    text: Vec<u8>,
    events: u64,
}

/// What is written to.
pub(crate) trait Output: Send {
    /// Waits until something can be written without blocking, for as long as that takes.
    fn wait(&self);

    /// Writes at most so much as fits.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

/// The real one.
struct Stderr;

impl Output for Stderr {
    fn wait(&self) {
        screen::wait_for_room(&io::stderr());
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not locked while a stopped terminal is waited for: the application prints there as well.
        io::stderr().lock().write(bytes)
    }
}

impl ConsoleWriter {
    /// Starts the thread. `None` when the system gives no thread.
    pub(crate) fn start(voice: Voice) -> Option<Self> {
        Self::start_on(voice, Stderr)
    }

    fn start_on(voice: Voice, output: impl Output + 'static) -> Option<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
            voice,
        });
        let writer = Self(Arc::clone(&shared));
        let name = "radiosonde-console".to_owned();
        thread::Builder::new().name(name).spawn(move || shared.run(output)).ok()?;
        Some(writer)
    }

    /// Hands whole lines over. Never blocks. Whether they were taken.
    pub(crate) fn write(&self, portion: &Portion<'_>) -> bool {
        let mut state = self.0.lock();
        if !state.has_room(portion.text.len()) {
            self.0.dropped.fetch_add(portion.events, Ordering::Relaxed);
            state.skipped.add(portion);
            return false;
        }
        self.0.tell_skipped(&mut state);
        state.push(portion.text.to_vec(), portion.events);
        drop(state);
        self.0.changed.notify_all();
        true
    }

    /// Says something of our own, if there is room.
    pub(crate) fn say(&self, line: Vec<u8>) {
        let mut state = self.0.lock();
        if state.bytes + line.len() <= BUFFER_MAX {
            state.push(line, 0);
            drop(state);
            self.0.changed.notify_all();
        }
    }

    /// Events that were not shown, for want of room or of somebody who takes them.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything was written, at most `within`.
    pub(crate) fn flush(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let mut state = self.0.lock();
        while !state.is_idle() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// Whether so much more may wait. A batch larger than the buffer is taken by an empty one.
    fn has_room(&self, length: usize) -> bool {
        if self.skipped.is_some() && self.bytes > BUFFER_MAX / 2 {
            return false;
        }
        self.bytes == 0 || self.bytes + length <= BUFFER_MAX
    }

    fn push(&mut self, text: Vec<u8>, events: u64) {
        self.bytes += text.len();
        self.waiting.push_back(Piece { text, events });
    }

    fn is_idle(&self) -> bool {
        !self.writing && self.waiting.is_empty() && !self.skipped.is_some()
    }
}

impl Shared {
    fn run(&self, mut output: impl Output) {
        radiosonde_record::suppress_thread();
        loop {
            let piece = self.next();
            if write_all(&mut output, &piece.text).is_err() {
                // A closed stderr is no reason to stop: somebody may look at the files.
                self.dropped.fetch_add(piece.events, Ordering::Relaxed);
            }
            let mut state = self.lock();
            state.writing = false;
            state.bytes -= piece.text.len();
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for something to write.
    fn next(&self) -> Piece {
        let mut state = self.lock();
        loop {
            if state.waiting.is_empty() {
                // It goes on, and nothing may follow that would tell.
                self.tell_skipped(&mut state);
            }
            if let Some(piece) = state.waiting.pop_front() {
                state.writing = true;
                return piece;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says in its place what was skipped.
    fn tell_skipped(&self, state: &mut State) {
        if let Some(line) = state.skipped.take(&self.voice) {
            state.push(line, 0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines in pieces of whole ones, so far as they are short, so that what the application
/// prints does not stand in the middle of one.
fn write_all(output: &mut impl Output, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        output.wait();
        let first = &text[..text.len().min(WRITE_MAX)];
        let end = first.iter().rposition(|byte| *byte == b'\n').map_or(first.len(), |at| at + 1);
        match output.write(&first[..end]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Some systems cannot wait for a terminal.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
