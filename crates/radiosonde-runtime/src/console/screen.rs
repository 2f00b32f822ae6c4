//! The terminal behind stderr: how wide it is, and whether it takes anything.

use std::io;
use std::time::{Duration, Instant};

/// Where nobody says how wide it is.
const WIDTH: usize = 100;
/// The window is asked again at most this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Tells the columns of stderr: those of `COLUMNS` if it says any, otherwise those of the window,
/// looked at again each second, otherwise 100.
pub(crate) fn columns(fixed: Option<usize>) -> impl FnMut() -> usize + Send {
    let mut window = Window::default();
    move || fixed.unwrap_or_else(|| window.columns(Instant::now(), || of_window(&io::stderr())))
}

/// The width of a window, as it was when it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Window(Option<(Instant, usize)>);

impl Window {
    pub(crate) fn columns(&mut self, now: Instant, look: impl FnOnce() -> Option<usize>) -> usize {
        match self.0 {
            Some((at, columns)) if now.duration_since(at) < LOOK_INTERVAL => columns,
            _ => self.0.insert((now, look().unwrap_or(WIDTH))).1,
        }
    }
}

#[cfg(unix)]
pub(crate) fn of_window(terminal: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

#[cfg(not(unix))]
pub(crate) fn of_window<T>(_: &T) -> Option<usize> {
    None
}

/// Waits until something can be written, also where a write would not wait by itself: somebody may
/// have set the file to that, for all who have it.
#[cfg(unix)]
pub(crate) fn wait_for_room(output: &impl std::os::fd::AsFd) {
    use rustix::event::{PollFd, PollFlags, poll};

    // An error shows in the write that follows.
    let _ = poll(&mut [PollFd::new(output, PollFlags::OUT)], None);
}

#[cfg(not(unix))]
pub(crate) fn wait_for_room<T>(_: &T) {}
