//! The spans that were open at a death, held against what the producers had noted of them.

use std::collections::BTreeMap;

use drill::acks::Spans;
use drill::order::Order;

use super::Verdict;
use crate::life::Ended;
use crate::lines::Written;

/// Every span that was open has one line, no span has one that had closed, and none has two. A span
/// that was just being opened or closed may have one.
pub(super) fn check(ended: &Ended, written: &Written, verdict: &mut Verdict) {
    let mut found: BTreeMap<(u32, u64), u64> = BTreeMap::new();
    written.held.iter().for_each(|span| *found.entry(*span).or_default() += 1);
    verdict.interrupted = written.held.len() as u64 + written.steps;
    verdict.twice += found.values().map(|count| count - 1).sum::<u64>();
    // Who ends in order has closed all of them in the end.
    let orderly = ended.order.is_some_and(Order::is_orderly);
    let mut steps = (0, 0);
    for (producer, reached) in (0_u32..).zip(&ended.reached) {
        let held = reached.spans[Spans::Held as usize];
        let missing = held.open().filter(|number| !found.contains_key(&(producer, *number)));
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            let text = format!("held spans {missing:?} of producer {producer} have no line");
            verdict.faults.push(text);
        }
        let perhaps = held.perhaps_open();
        found.retain(|(of, number), _| *of != producer || !perhaps.contains(number));
        let step = reached.spans[Spans::Steps as usize];
        steps.0 += step.open().count() as u64;
        steps.1 += step.perhaps_open().count() as u64;
        if orderly && !held.perhaps_open().is_empty() {
            verdict.faults.push(format!("producer {producer} has not closed all: {held:?}"));
        }
    }
    if !found.is_empty() {
        verdict.faults.push(format!("not open, and have a line: {:?}", found.keys()));
    }
    if !(steps.0..=steps.1).contains(&written.steps) {
        let text =
            format!("{} lines of steps, {} to {} were open", written.steps, steps.0, steps.1);
        verdict.faults.push(text);
    }
    if let Some(left) = &ended.left
        && left.open_spans != verdict.interrupted
    {
        let text = format!("{} spans were left, {} lines", left.open_spans, verdict.interrupted);
        verdict.faults.push(text);
    }
}

#[cfg(test)]
mod tests {
    use drill::acks::{Reached, SpansReached};

    use super::super::tests::ended;
    use super::*;
    use radiosonde_record::recovery::Left;

    #[test]
    fn a_span_without_its_line_and_a_line_without_its_span_are_found() {
        // Two to five were open, six perhaps; one was perhaps closed.
        let held = SpansReached { opened: [6, 5], closed: [1, 0] };
        let step = SpansReached { opened: [9, 9], closed: [8, 8] };
        for (numbers, steps, left, twice, faults) in [
            (&[2, 3, 4, 5][..], 1, 5, 0, 0),
            (&[1, 2, 3, 4, 5, 6], 1, 7, 0, 0),
            (&[2, 4, 5], 1, 4, 0, 1),
            (&[2, 3, 4, 5, 7], 1, 6, 0, 1),
            (&[2, 3, 4, 4, 5], 1, 6, 1, 0),
            (&[2, 3, 4, 5], 0, 4, 0, 1),
            (&[2, 3, 4, 5], 1, 4, 0, 1),
        ] {
            let mut of = ended(Left::default());
            of.reached = vec![Reached { spans: [held, step], ..Reached::default() }];
            of.left.as_mut().unwrap().open_spans = left;
            let held = numbers.iter().map(|number| (0, *number)).collect();
            let written = Written { held, steps, ..Written::default() };
            let mut verdict = Verdict::default();
            check(&of, &written, &mut verdict);
            let found = (verdict.twice, verdict.faults.len());
            assert_eq!(found, (twice, faults), "{numbers:?}: {:?}", verdict.faults);
        }
    }
}
