//! A process that has ended, held against its lines.
//!
//! For each process `offered = delivered + rejected + dropped + pending` must hold, from witnesses
//! that know nothing of each other: the producers' own numbers in shared memory, the headers of the
//! rings as they were found after the death (or what an orderly end left in writing), and the lines
//! in day files when everything is recovered. `rejected` and `pending` must be nothing then.

mod spans;

use std::collections::BTreeMap;

use drill::acks::{Reached, Spans};
use drill::order::Order;
use radiosonde_record::Kind;

use crate::life::Ended;
use crate::lines::{Call, Written};

/// What came of one process, in numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Calls that returned.
    pub(crate) acknowledged: u64,
    /// Of these, calls that were dropped and counted.
    pub(crate) dropped: u64,
    /// Of these, calls that left nothing.
    pub(crate) lost: u64,
    /// Lines that stand more than once.
    pub(crate) twice: u64,
    /// Spans that were open at its death, and have a line.
    pub(crate) interrupted: u64,
    /// Its rings were gone before they could be looked at: of the books only the sequence numbers
    /// are left.
    pub(crate) unseen: bool,
    /// What does not add up, in words.
    pub(crate) faults: Vec<String>,
}

/// What the process itself had counted.
struct Counted {
    accepted: [u64; 3],
    dropped: u64,
    /// Calls that were under way: each may be in these numbers or not, and be a line or not.
    underway: u64,
    /// Lines of metrics that telemetry made itself: a shutdown that runs out of time drops them.
    own: u64,
}

pub(crate) fn verify(ended: &Ended, written: &mut Written) -> Verdict {
    let mut verdict = Verdict::default();
    if written.instances.len() > 1 {
        verdict.faults.push(format!("lines of several instances: {:?}", written.instances));
    }
    let panicked = matches!(ended.order, Some(Order::PanicInMain | Order::PanicInWorker));
    if written.panics != u64::from(panicked) {
        let expected = u64::from(panicked);
        verdict.faults.push(format!("{expected} panics, {} in the files", written.panics));
    }
    check_sequence(written, &mut verdict);
    let missing = check_producers(ended, written, &mut verdict);
    match counted(ended, &mut verdict.faults) {
        Some(counted) => check_books(&counted, written, missing, &mut verdict),
        // It died before it had a ring, or somebody else was faster.
        None => verdict.unseen = verdict.acknowledged > 0,
    }
    spans::check(ended, written, &mut verdict);
    verdict.dropped = missing.saturating_sub(verdict.lost);
    if verdict.lost > 0 {
        verdict.faults.push(format!("{} accepted records are lost", verdict.lost));
    }
    if verdict.twice > 0 {
        verdict.faults.push(format!("{} lines stand twice", verdict.twice));
    }
    verdict
}

/// No id twice; and since a drop takes a sequence number too, the ids of a producer's lines in a
/// ring are as far apart as its calls.
fn check_sequence(written: &mut Written, verdict: &mut Verdict) {
    written.calls.sort_unstable();
    let ids = written.calls.iter().map(|call| (call.ring, call.sequence));
    let mut ids: Vec<_> = ids.chain(written.others.iter().copied()).collect();
    ids.sort_unstable();
    verdict.twice = ids.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    let same_ring = |a: &Call, b: &Call| (a.ring, a.producer) == (b.ring, b.producer);
    let distances =
        |a: &Call, b: &Call| (b.sequence.wrapping_sub(a.sequence), b.number.wrapping_sub(a.number));
    let misfit = written.calls.windows(2).find(|pair| {
        let (by_sequence, by_number) = distances(&pair[0], &pair[1]);
        same_ring(&pair[0], &pair[1]) && by_sequence != by_number
    });
    if let Some(pair) = misfit {
        verdict.faults.push(format!("ids and calls do not fit: {pair:?}"));
    }
}

/// Which calls left no line; of a paced producer there may be none. Their number.
fn check_producers(ended: &Ended, written: &Written, verdict: &mut Verdict) -> u64 {
    let mut numbers: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for call in &written.calls {
        numbers.entry(call.producer).or_default().push(call.number);
    }
    let mut missing = 0;
    for (producer, reached) in (0_u32..).zip(&ended.reached) {
        let mut found = numbers.remove(&producer).unwrap_or_default();
        found.sort_unstable();
        let all = found.len();
        found.dedup();
        // Also under different ids.
        verdict.twice = verdict.twice.max((all - found.len()) as u64);
        let Reached { begun, returned, .. } = *reached;
        if found.last().is_some_and(|last| *last > begun) || found.first() == Some(&0) {
            let text = format!("producer {producer} never made call {:?}", found.last());
            verdict.faults.push(text);
        }
        let there = found.partition_point(|number| *number <= returned) as u64;
        missing += returned - there;
        verdict.acknowledged += returned;
        if (producer as usize) < ended.plan.paced {
            // After a shutdown calls are dropped: then all to the end.
            let orderly = ended.order.is_some_and(Order::is_orderly);
            let gaps = found.iter().zip(1..).filter(|(number, place)| **number != *place).count();
            let lost = if orderly { gaps as u64 } else { returned - there };
            verdict.lost += lost;
        }
    }
    if let Some((producer, _)) = numbers.first_key_value() {
        verdict.faults.push(format!("there is no producer {producer}"));
    }
    missing
}

fn counted(ended: &Ended, faults: &mut Vec<String>) -> Option<Counted> {
    let orderly = ended.order.is_some_and(Order::is_orderly);
    if orderly {
        let Some(books) = &ended.books else {
            faults.push("it left no books".to_owned());
            return None;
        };
        if books.iter().any(|signal| signal.rejected > 0) {
            faults.push(format!("rejected: {books:?}"));
        }
        let accepted = books.map(|signal| signal.delivered + signal.pending);
        let dropped = books.iter().map(|signal| signal.dropped).sum();
        let own = books[Kind::Metric as usize].offered.saturating_sub(metric_calls(&ended.reached));
        return Some(Counted { accepted, dropped, underway: 0, own });
    }
    let left = ended.left.as_ref()?;
    let dropped = left.dropped.iter().map(|(.., count)| count).sum();
    let producers = ended.reached.iter().filter(|reached| reached.begun > reached.returned).count();
    // One more for the threads of telemetry itself, whose calls nobody acknowledges.
    Some(Counted { accepted: left.accepted, dropped, underway: producers as u64 + 1, own: 0 })
}

/// Calls of producers that have come to their end which went to a metric: all but the three of each
/// step, and those that closed a span.
fn metric_calls(reached: &[Reached]) -> u64 {
    let of = |reached: &Reached| {
        let closed = |spans: Spans| reached.spans[spans as usize].closed[1];
        reached.returned.saturating_sub(3 * closed(Spans::Steps) + closed(Spans::Held))
    };
    reached.iter().map(of).sum()
}

fn check_books(counted: &Counted, written: &Written, missing: u64, verdict: &mut Verdict) {
    let Counted { accepted, dropped, underway, own } = counted;
    let mut surplus = 0;
    for (accepted, lines) in accepted.iter().zip(written.lines) {
        match accepted.checked_sub(lines) {
            Some(more) => surplus += more,
            None => verdict.faults.push(format!("{lines} lines of {accepted} accepted records")),
        }
    }
    // The same loss shows in both.
    let uncounted = missing.saturating_sub(*dropped);
    verdict.lost = verdict.lost.max(surplus.saturating_sub(*underway)).max(uncounted);
    if *dropped > missing + underway + own {
        verdict.faults.push(format!("{dropped} counted as dropped, {missing} are missing"));
    }
}

#[cfg(test)]
mod tests {
    use radiosonde_record::recovery::Left;
    use radiosonde_record::{DropReason, Level};

    use super::*;
    use crate::plan::{Plan, Random};

    /// A process with one eager producer of which ten calls had returned.
    pub(super) fn ended(left: Left) -> Ended {
        let plan = Plan { paced: 0, eager: 1, ..Plan::draw(&mut Random(1), "drill".into(), 0) };
        let reached = vec![Reached { begun: 10, returned: 10, ..Reached::default() }];
        let (inherited, sealing) = (Vec::new(), Vec::new());
        Ended { plan, reached, left: Some(left), books: None, inherited, sealing, order: None }
    }

    fn counted(accepted: u64, dropped: u64) -> Left {
        let mut left = Left::default();
        left.accepted[Kind::Event as usize] = accepted;
        left.dropped = vec![(Kind::Event, DropReason::RingFull, Level::Info, dropped)];
        left
    }

    /// Lines with these numbers, each with the sequence number it belongs to.
    fn written(numbers: &[u64]) -> Written {
        let call = |number: &u64| Call { ring: 1, sequence: *number, producer: 0, number: *number };
        let calls: Vec<Call> = numbers.iter().map(call).collect();
        Written { lines: [calls.len() as u64, 0, 0], calls, ..Written::default() }
    }

    #[test]
    fn what_is_lost_or_there_twice_or_badly_counted_is_found() {
        let all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        let but_four = [1, 2, 3, 5, 6, 7, 8, 9, 10];
        let twice_four = [1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10];
        for (numbers, accepted, dropped, lost, twice, faults) in [
            (&all[..], 10, 0, 0, 0, 0),
            (&but_four, 9, 1, 0, 0, 0),
            // Nobody has counted it.
            (&but_four, 9, 0, 1, 0, 1),
            (&all[..5], 10, 0, 5, 0, 1),
            (&twice_four, 10, 0, 0, 1, 2),
            // Counted as dropped, and there; one may have been under way.
            (&all, 10, 2, 0, 0, 1),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 11], 10, 1, 0, 0, 1),
        ] {
            let verdict = verify(&ended(counted(accepted, dropped)), &mut written(numbers));
            let found = (verdict.lost, verdict.twice, verdict.faults.len());
            assert_eq!(found, (lost, twice, faults), "{numbers:?}: {:?}", verdict.faults);
        }
    }

    #[test]
    fn a_drop_takes_a_sequence_number() {
        let mut lines = written(&[1, 2, 3, 5, 6, 7, 8, 9, 10]);
        lines.calls[3..].iter_mut().for_each(|call| call.sequence -= 1);
        let verdict = verify(&ended(counted(9, 1)), &mut lines);
        assert_eq!((verdict.lost, verdict.faults.len()), (0, 1), "{:?}", verdict.faults);
    }
}
