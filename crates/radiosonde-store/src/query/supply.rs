//! Segments in their turn, read ahead by other threads where there are many.
//!
//! The first few are read when they are asked for: for a page, or for the few frames that hold a job,
//! no other thread does anything.

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
        let are_many = frames.take(MANY).count() == MANY;
        // To ask for the cores opens files, which is noticed where there is little else to do.
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let threads = match are_many.then(cores) {
            Some(cores) if cores > 1 => cores.min(threads_max),
            _ => 0,
        };
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { judges, sources, segments, threads, state, changed }
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
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
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
            let ahead = if state.taken < AT_FIRST { 0 } else { 2 * self.threads };
            if state.begun < state.taken + ahead {
                state.begun += 1;
                return Some(state.begun - 1);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
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

/// From so many frames on, threads are started.
const MANY: usize = 16;
/// So many segments are read in their turn before any is read ahead.
const AT_FIRST: usize = 4;
