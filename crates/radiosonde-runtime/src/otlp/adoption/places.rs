//! Who has a place: which spools are open at once.

use std::cmp::Reverse;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use radiosonde_otlp::{Destinations, Sender};
use radiosonde_spool::Spool;

use crate::otlp::dead::{Dead, Left, State, Sums};

/// Spools that are open at once for the same destinations; what one collector does not take keeps those
/// for others from nothing.
const PLACES: usize = 16;
/// Spools that are open at once in all.
pub(super) const PLACES_IN_ALL: usize = 4 * PLACES;
/// How long nothing becomes of any spool for the same destinations before one of them gives up its place to
/// one for others, where there is none left.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn has_place(state: &State, to: &Destinations) -> bool {
    placed(state).count() < PLACES_IN_ALL && places_of(state, to) < PLACES
}

/// The destinations of spools that have their turn.
fn placed(state: &State) -> impl Iterator<Item = &Destinations> {
    state.spools.values().filter_map(|left| left.to.as_ref())
}

fn places_of(state: &State, to: &Destinations) -> usize {
    placed(state).filter(|known| *known == to).count()
}

impl Dead {
    /// Where all places are taken, somebody whose collector takes nothing gives up one to the first in the
    /// row that has none for its destinations. It then waits behind those that had fewer turns. One at a
    /// time.
    pub(super) fn make_room(&self, sender: &Sender, now: Instant) {
        self.see_what_moves(now);
        let mut state = self.state();
        if state.is_stopping || placed(&state).count() < PLACES_IN_ALL {
            return;
        }
        let leaving = state.spools.values().find(|left| left.is_leaving);
        let served = match leaving {
            // A request of it was under way.
            Some(left) => left.served,
            None => choose(&mut state, now),
        };
        drop(state);
        if let Some(served) = served {
            sender.give_back(served);
        }
    }

    /// Notes of which spools something has become since the last look.
    fn see_what_moves(&self, now: Instant) {
        for (path, spool) in self.sent() {
            let sums = Sums::of(&spool.accounts());
            if let Some(left) = self.state().spools.get_mut(&path)
                && left.moved.1 != sums
            {
                left.moved = (now, sums);
            }
        }
    }

    fn sent(&self) -> Vec<(PathBuf, Spool)> {
        let state = self.state();
        let sent = state.held().filter(|(_, left)| left.is_sent);
        sent.map(|(path, left)| (path.clone(), left.spool.clone())).collect()
    }
}

/// Marks who goes and who comes. What the sender calls the one that goes.
fn choose(state: &mut State, now: Instant) -> Option<radiosonde_otlp::Served> {
    let comes = state.waiting.iter().position(|waiting| {
        let to = waiting.to.as_ref();
        to.is_some_and(|to| !to.is_empty() && places_of(state, to) == 0)
    })?;
    let moves = |left: &Left| now.saturating_duration_since(left.moved.0) < PATIENCE;
    let same =
        |left: &Left| state.spools.values().filter(|other| other.to == left.to).collect::<Vec<_>>();
    let may_go = |left: &Left| left.is_sent && !same(left).into_iter().any(moves);
    let candidates = state.spools.iter().filter(|(_, left)| may_go(left));
    // Of those that have most places the one that has stood still for longest.
    let most = candidates.max_by_key(|(_, left)| (same(left).len(), Reverse(left.moved.0)));
    let goes = most.map(|(path, _)| path.clone())?;
    // The place is for nobody else.
    state.waiting[comes].is_next = true;
    state.sort_waiting();
    let left = state.spools.get_mut(&goes)?;
    left.is_leaving = true;
    left.served
}
