//! Segments in their turn, read ahead by other threads where there are several frames.
//!
//! Of few frames, as those that hold a job, one other thread takes its share from the start. Of many,
//! the first are read when they are asked for, since a page may be all that is wanted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use crate::query::entry::Entry;
use crate::query::judge::Judges;
use crate::query::reading::Reading;
use crate::query::segment::{Loader, Segment, What};
use crate::query::source::Source;

/// Segments, each of which is taken once, in their order.
pub(super) struct Supply<'a> {
    judges: &'a Judges<'a>,
    sources: &'a [Source],
    segments: &'a [Segment],
    threads: usize,
    /// So many segments are read in their turn before any is read ahead.
    at_first: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many were begun, by whomever.
    begun: usize,
    /// How many were taken.
    taken: usize,
    /// What was read and not taken yet.
    loaded: BTreeMap<usize, Loaded>,
    /// Nothing more is wanted.
    is_over: bool,
}

/// What a segment holds.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) entries: Vec<Entry>,
    pub(super) reading: Reading,
}

/// Ends the work of other threads, whatever happens.
pub(super) struct End<'a>(pub(super) &'a Supply<'a>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.changed.notify_all();
    }
}

/// Where a thread panics, nobody waits for it.
struct Fallen<'a>(&'a Supply<'a>);

impl Drop for Fallen<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            drop(End(self.0));
        }
    }
}

impl<'a> Supply<'a> {
    pub(super) fn new(
        judges: &'a Judges<'a>,
        sources: &'a [Source],
        segments: &'a [Segment],
        threads_max: usize,
    ) -> Self {
        // Stretches of day files cost little but for what is done with their lines afterwards: two
        // threads were no faster than one there.
        let frames = segments.iter().filter(|segment| matches!(segment.what, What::Frame { .. }));
        let (threads, at_first) = match frames.take(MANY).count() {
            0 | 1 => (0, 0),
            // To ask for the cores opens files, which costs as much as a second thread where there
            // is only one.
            2..MANY => (1, 0),
            MANY.. => match thread::available_parallelism().map_or(1, usize::from) {
                1 => (0, 0),
                cores => (cores, AT_FIRST),
            },
        };
        let (threads, state, changed) =
            (threads.min(threads_max), Mutex::default(), Condvar::new());
        Self { judges, sources, segments, threads, at_first, state, changed }
    }

    /// Lets other threads read ahead, if there is enough for them.
    pub(super) fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        for _ in 0..self.threads {
            let name = thread::Builder::new().name("radiosonde-query".to_owned());
            // Without it, everything is read when its turn comes.
            let _ = name.spawn_scoped(scope, || self.work());
        }
    }

    pub(super) fn loader(&self) -> Loader<'a> {
        Loader::new(self.judges, self.sources)
    }

    /// What is earliest in the next segment.
    pub(super) fn earliest(&self, turn: usize) -> Option<i64> {
        self.segments.get(turn).map(|segment| segment.earliest)
    }

    /// The segment whose turn it is, read here where nobody did.
    pub(super) fn take(&self, turn: usize, loader: &mut Loader<'_>) -> Loaded {
        let mut state = self.state();
        state.taken = turn + 1;
        if state.begun <= turn {
            state.begun = turn + 1;
            drop(state);
            self.changed.notify_all();
            return self.load(turn, loader);
        }
        self.changed.notify_all();
        loop {
            if let Some(loaded) = state.loaded.remove(&turn) {
                return loaded;
            }
            if state.is_over {
                // Whoever began it does not go on.
                drop(state);
                return self.load(turn, loader);
            }
            state = match self.begin_next(&mut state) {
                // Better than to wait for another one.
                Some(number) => {
                    drop(state);
                    let loaded = self.load(number, loader);
                    let mut state = self.state();
                    let _ = state.loaded.insert(number, loaded);
                    state
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// What was read in vain, by its number, once all threads are at their end.
    pub(super) fn rest(self) -> (Range<usize>, BTreeMap<usize, Loaded>) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.taken..self.segments.len(), state.loaded)
    }

    fn work(&self) {
        let _fallen = Fallen(self);
        let mut loader = self.loader();
        while let Some(number) = self.begin() {
            let loaded = self.load(number, &mut loader);
            let _ = self.state().loaded.insert(number, loaded);
            self.changed.notify_all();
        }
    }

    /// Begins the next segment, when it is near enough to its turn.
    fn begin(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if state.is_over || state.begun == self.segments.len() {
                return None;
            }
            if let Some(number) = self.begin_next(&mut state) {
                return Some(number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next segment, when it is near enough to its turn; whoever asked reads it.
    fn begin_next(&self, state: &mut State) -> Option<usize> {
        let ahead = if state.taken < self.at_first { 0 } else { 2 * self.threads };
        let number = state.begun;
        let is_near = number < self.segments.len().min(state.taken + ahead);
        is_near.then(|| {
            state.begun += 1;
            number
        })
    }

    fn load(&self, number: usize, loader: &mut Loader<'_>) -> Loaded {
        let Loaded { mut entries, mut reading } = Loaded::default();
        if let Some(segment) = self.segments.get(number) {
            loader.load(segment, i64::MIN, &mut reading, &mut |entry, _| entries.push(entry));
        }
        Loaded { entries, reading }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From so many frames on, there is a thread for each core.
const MANY: usize = 16;
/// For a page of many.
const AT_FIRST: usize = 4;
