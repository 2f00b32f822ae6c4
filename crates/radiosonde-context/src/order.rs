//! In which order the changes of a thread's context are taken back.
//!
//! Mostly in reverse, which costs a thread-local number on the way in and on the way out: how many
//! changes are in force, and in its upper half how often one was taken back out of order. Who finds
//! another number at the end than its own looks closer.

use std::cell::{Cell, RefCell};

use crate::Context;

/// Contexts that wait for a later change to be taken back. Past them what came later is given up: a
/// program that forgets guards, again and again, does not collect them.
const PARKED_MAX: usize = 64;
/// Notes of changes that have ended with an earlier one, where each lies further in than the one
/// before: as deep as closures that leave guards behind lie in one another. Past them the oldest goes.
const ENDED_MAX: usize = 64;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    static DISORDER: RefCell<Disorder> =
        const { RefCell::new(Disorder { parked: Vec::new(), ended: Vec::new() }) };
}

/// The place of a change among those of its thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u64);

/// What becomes of later changes when one is taken back before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    /// They end with it.
    End,
    /// They stay in force, and the last of them brings back what was before this one.
    Stay,
}

/// What was taken back out of order.
struct Disorder {
    /// By depth, the lowest first: what the changes replaced that were taken back before later ones.
    parked: Vec<(u32, Context)>,
    /// Changes of an earlier epoch than this and below this depth have ended already.
    ended: Vec<(u32, u32)>,
}

impl Place {
    /// The place of a change that is made now.
    #[inline(always)]
    pub(crate) fn next() -> Self {
        let next = NOW.get() + 1;
        NOW.set(next);
        Self(next)
    }

    /// Takes the change back that replaced this context.
    #[inline(always)]
    pub(crate) fn leave(self, mut previous: Context, later: Later) {
        if NOW.get() == self.0 {
            NOW.set(self.0 - 1);
            previous.swap_current();
        } else {
            self.leave_out_of_order(previous, later);
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_out_of_order(self, previous: Context, later: Later) {
        let found = DISORDER.try_with(|disorder| {
            let mut disorder = disorder.try_borrow_mut().ok()?;
            Some(disorder.leave(self, previous.clone(), later))
        });
        match found.ok().flatten() {
            Some(Some(previous)) => drop(previous.replace_current()),
            Some(None) => {}
            // The thread ends, or an allocator came in between.
            None => drop(previous.replace_current()),
        }
    }

    fn depth(self) -> u32 {
        self.0 as u32
    }

    fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl Disorder {
    /// The context to be brought back, if there is one.
    fn leave(&mut self, place: Place, previous: Context, later: Later) -> Option<Context> {
        let now = Place(NOW.get());
        let (epoch, depth) = (now.epoch().wrapping_add(1), place.depth());
        if epoch == 0 {
            // After four billion of them the numbers begin anew, of which older notes say nothing.
            self.ended.clear();
        }
        if self.has_ended(place) {
            return None;
        }
        let is_last = now.depth() == depth;
        if !is_last && later == Later::Stay && self.parked.len() < PARKED_MAX {
            let at = self.parked.partition_point(|(other, _)| *other < depth);
            self.parked.insert(at, (depth, previous));
            set(epoch, now.depth());
            return None;
        }
        self.parked.retain(|(other, _)| *other < depth);
        let (mut previous, mut below) = (previous, depth - 1);
        while let Some((_, before)) = self.parked.pop_if(|(other, _)| *other == below) {
            (previous, below) = (before, below - 1);
        }
        if is_last {
            set(now.epoch(), below);
        } else {
            // Those that are still there are older, and what they say holds from further out.
            self.ended.retain(|(_, other)| *other < below);
            if self.ended.len() >= ENDED_MAX {
                self.ended.remove(0);
            }
            self.ended.push((epoch, below));
            set(epoch, below);
        }
        Some(previous)
    }

    /// Whether it has ended with an earlier change.
    fn has_ended(&self, place: Place) -> bool {
        self.ended.iter().any(|(epoch, depth)| place.epoch() < *epoch && place.depth() > *depth)
    }
}

fn set(epoch: u32, depth: u32) {
    NOW.set(u64::from(epoch) << 32 | u64::from(depth));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Attached, scope};

    fn job() -> Option<String> {
        Context::current().job_id().map(str::to_owned)
    }

    fn enter(job: &str) -> Attached {
        scope().job(job).enter()
    }

    #[test]
    fn a_guard_dropped_before_a_later_one_hands_its_context_on() {
        let outer = enter("outer");
        let inner = enter("inner");
        drop(outer);
        assert_eq!(job().as_deref(), Some("inner"), "it is in place until it is dropped");
        scope().job("within").run(|| assert_eq!(job().as_deref(), Some("within")));
        assert_eq!(job().as_deref(), Some("inner"));
        drop(inner);
        assert_eq!(job(), None);
        assert_eq!(DISORDER.with_borrow(|disorder| disorder.parked.len()), 0);
    }

    #[test]
    fn what_is_left_behind_in_a_poll_or_a_closure_ends_with_it() {
        let mut left = None;
        scope().job("around").run(|| left = Some(enter("left")));
        assert_eq!(job(), None);
        let _next = enter("next");
        drop(left);
        assert_eq!(job().as_deref(), Some("next"));
    }

    #[test]
    fn guards_that_are_forgotten_are_not_collected() {
        for _ in 0..10 * PARKED_MAX {
            let outer = enter("outer");
            #[expect(clippy::mem_forget, reason = "what is tested")]
            std::mem::forget(enter("forgotten"));
            drop(outer);
            #[expect(clippy::mem_forget, reason = "what is tested")]
            std::mem::forget(enter("forgotten"));
            drop(scope().job("around").run(|| enter("left behind")));
        }
        let (parked, ended) =
            DISORDER.with_borrow(|disorder| (disorder.parked.len(), disorder.ended.len()));
        assert!(parked <= PARKED_MAX && ended <= ENDED_MAX, "{parked} {ended}");
        scope().job("inside").run(|| assert_eq!(job().as_deref(), Some("inside")));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Attach,
        Drop(usize, Later),
    }

    fn step() -> impl Strategy<Value = Step> {
        let later = prop_oneof![Just(Later::Stay), Just(Later::End)];
        prop_oneof![
            Just(Step::Attach),
            (0..12_usize, later).prop_map(|(at, later)| Step::Drop(at, later)),
        ]
    }

    proptest! {
        /// The current context is that of the last change that is in force.
        #[test]
        fn any_order_ends_where_it_began(steps in prop::collection::vec(step(), 0..60)) {
            let begun = Context::current();
            // Guards that are there, and the numbers of those in force.
            let (mut guards, mut in_force) = (Vec::new(), Vec::<usize>::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Attach if guards.len() < 12 => {
                        let context = scope().job(number.to_string()).run(Context::current);
                        guards.push((number, Place::next(), context.replace_current()));
                        in_force.push(number);
                    }
                    Step::Drop(at, later) if !guards.is_empty() => {
                        let (number, place, previous) = guards.remove(at % guards.len());
                        place.leave(previous, later);
                        if let Some(at) = in_force.iter().position(|other| *other == number) {
                            match later {
                                Later::Stay => drop(in_force.remove(at)),
                                Later::End => in_force.truncate(at),
                            }
                        }
                    }
                    _ => {}
                }
                prop_assert_eq!(job(), in_force.last().map(ToString::to_string));
            }
            while let Some((_, place, previous)) = guards.pop() {
                place.leave(previous, Later::Stay);
            }
            prop_assert!(*Context::current().packed() == *begun.packed());
            DISORDER.with_borrow(|disorder| assert!(disorder.parked.is_empty()));
        }
    }
}
