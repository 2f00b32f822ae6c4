//! Whether two files of a day hold the same, of which a little is compared with each look: they may be
//! long, and other lines come meanwhile.

use std::io;
use std::path::Path;

use crate::follow::file::Identity;
use crate::foreign::Same;
use crate::names::{DayFile, Form};
use crate::sealed::Beside;

/// The comparison that goes on, one at a time.
#[derive(Debug, Default)]
pub(super) struct Comparisons {
    /// Bytes that may be compared before the next poll.
    pub(super) left: u64,
    current: Option<Comparison>,
    /// Whether somebody still wants to know.
    is_wanted: bool,
}

/// Two files, as they were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) day: DayFile,
    /// The form of the second: a sealed file beside its day file, or what others compressed beside the
    /// sealed one.
    pub(super) form: Form,
    pub(super) files: [Identity; 2],
    /// How long the second is, as it is stored.
    pub(super) length: u64,
}

#[derive(Debug)]
struct Comparison {
    pair: Pair,
    state: State,
}

#[derive(Debug)]
enum State {
    Beside(Beside),
    Same(Box<Same>),
    Known(bool),
}

impl Comparisons {
    /// Whether the second file holds nothing but what is in the first. `None` while that is not known,
    /// and while two others are compared.
    ///
    /// # Errors
    /// Where one of them cannot be opened.
    pub(super) fn ask(&mut self, pair: Pair, paths: [&Path; 2]) -> io::Result<Option<bool>> {
        let is_asked = self.current.as_ref().is_some_and(|current| current.pair == pair);
        if !is_asked && self.is_going_on() {
            return Ok(None);
        }
        if !is_asked {
            let state = State::open(pair.form, paths)?;
            self.current = Some(Comparison { pair, state });
            let _ = self.go_on();
        }
        self.is_wanted = true;
        Ok(self.current.as_ref().and_then(Comparison::known))
    }

    /// Compares as much as there is left to be compared. Whether something is known by that.
    pub(super) fn go_on(&mut self) -> bool {
        let Some(current) = &mut self.current else { return false };
        let known = match &mut current.state {
            State::Beside(beside) => beside.go_on(&mut self.left),
            State::Same(same) => same.go_on(&mut self.left),
            State::Known(_) => return false,
        };
        match known {
            Ok(None) => return false,
            Ok(Some(is_same)) => current.state = State::Known(is_same),
            // Better a line twice than none; what cannot be read is told by whoever reads it.
            Err(_) => current.state = State::Known(false),
        }
        true
    }

    pub(super) fn is_going_on(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.known().is_none())
    }

    /// Before those are asked for who want to know.
    pub(super) fn begin(&mut self) {
        self.is_wanted = false;
    }

    /// Forgets what nobody has asked for since. Whether others may be compared by that.
    pub(super) fn end(&mut self) -> bool {
        let is_free = !self.is_wanted && self.is_going_on();
        if !self.is_wanted {
            self.current = None;
        }
        is_free
    }
}

impl State {
    fn open(form: Form, [first, second]: [&Path; 2]) -> io::Result<Self> {
        Ok(match form {
            Form::Gzip => Self::Same(Box::new(Same::open(first, Form::Sealed, second)?)),
            Form::Plain | Form::Sealed => Self::Beside(Beside::open(first, second)?),
        })
    }
}

impl Comparison {
    fn known(&self) -> Option<bool> {
        match self.state {
            State::Known(is_same) => Some(is_same),
            State::Beside(_) | State::Same(_) => None,
        }
    }
}

/// Of all places, with each poll: some milliseconds.
pub(super) const POLL_BYTES: u64 = if cfg!(test) { 1 << 20 } else { 4 << 20 };
