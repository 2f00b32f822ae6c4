//! Clocks of machines that differ, as the spans of a trace betray it.
//!
//! A span that begins before the one around it, on another machine, says by how much at least; so does
//! the answer to a call that ends after the call. Nothing is moved in what is shown: bars stand where the
//! lines say. Only the critical path reckons with it, as the order of things is all it has.

use std::collections::{BTreeMap, HashMap};

use super::{Span, Story, What};

/// How far what is on a machine has to be moved to fit what is around it.
#[derive(Debug, Default)]
pub(crate) struct Corrections {
    /// By node, in microseconds; of the others 0.
    shifts: HashMap<usize, i64>,
    /// By the two machines, that of the outer span first.
    apart: BTreeMap<(String, String), i64>,
}

/// Two machines whose clocks are so much apart at least.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Apart {
    pub(crate) machine: String,
    pub(crate) behind: String,
    pub(crate) us: u64,
}

impl Corrections {
    pub(crate) fn of(story: &Story) -> Self {
        let mut found = Self::default();
        // A node, the span around it, and how far that one was moved.
        let mut stack: Vec<(usize, Option<usize>, i64)> =
            story.roots.iter().map(|root| (*root, None, 0)).collect();
        while let Some((index, parent, moved)) = stack.pop() {
            let mut shift = moved;
            if let What::Span(span) = &story.nodes[index].what {
                if let Some((by, machines)) = parent.and_then(|parent| apart(story, parent, index))
                {
                    // As far from zero as any of them says.
                    let known = found.apart.entry(machines).or_default();
                    if by.unsigned_abs() > known.unsigned_abs() {
                        *known = by;
                    }
                    shift = moved.saturating_add(correction(story, parent, index, span, by));
                }
                if shift != 0 {
                    let _ = found.shifts.insert(index, shift);
                }
            }
            let around = match story.nodes[index].what {
                What::Span(_) => Some(index),
                _ => None,
            };
            stack.extend(story.nodes[index].children.iter().map(|child| (*child, around, shift)));
        }
        found
    }

    pub(crate) fn shift_us(&self, node: usize) -> i64 {
        self.shifts.get(&node).copied().unwrap_or(0)
    }

    /// The machines, those furthest apart first.
    pub(crate) fn apart(&self) -> Vec<Apart> {
        let of = |((outer, inner), us): (&(String, String), &i64)| {
            // To be moved forward, the inner one shows too early a time.
            let (machine, behind) = if *us > 0 { (outer, inner) } else { (inner, outer) };
            Apart { machine: machine.clone(), behind: behind.clone(), us: us.unsigned_abs() }
        };
        let mut apart: Vec<Apart> = self.apart.iter().map(of).collect();
        apart.sort_by_key(|apart| std::cmp::Reverse(apart.us));
        apart
    }
}

/// By how much a span has to be moved at least to fit the one around it, which is of another machine.
fn apart(story: &Story, outer: usize, inner: usize) -> Option<(i64, (String, String))> {
    let (around, own) = (span(story, outer)?, span(story, inner)?);
    let machines = (around.line.machine_id.clone()?, own.line.machine_id.clone()?);
    if machines.0 == machines.1 || around.context || own.context {
        return None;
    }
    let ((begun, ended), (own_begun, own_ended)) = (time(story, outer), time(story, inner));
    let early = begun.saturating_sub(own_begun).max(0);
    // What a call has asked for is over before the call is, where it is not longer than that.
    let is_call = around.kind == "client" && own.kind == "server";
    let late = match is_call && own.duration_us <= around.duration_us {
        true => own_ended.saturating_sub(ended).max(0),
        false => 0,
    };
    let by = if early >= late { early } else { -late };
    (by.abs() >= APART_US_MIN).then_some((by, machines))
}

/// How far a span is moved: into the middle of the call it answers, where it is one, and otherwise no
/// further than it has to be.
fn correction(story: &Story, outer: Option<usize>, inner: usize, own: &Span, least: i64) -> i64 {
    let Some(outer) = outer else { return least };
    let Some(around) = span(story, outer) else { return least };
    let is_call = around.kind == "client" && own.kind == "server";
    match around.duration_us.checked_sub(own.duration_us).filter(|_| is_call) {
        Some(room) => {
            let begun = time(story, outer).0.saturating_add_unsigned(room / 2);
            begun.saturating_sub(time(story, inner).0)
        }
        None => least,
    }
}

fn span(story: &Story, node: usize) -> Option<&Span> {
    match &story.nodes[node].what {
        What::Span(span) => Some(span),
        _ => None,
    }
}

fn time(story: &Story, node: usize) -> (i64, i64) {
    let begun = story.nodes[node].at.as_microsecond();
    (begun, begun.saturating_add_unsigned(span(story, node).map_or(0, |span| span.duration_us)))
}

/// Clocks of machines that are kept together differ by less, mostly; less is not worth a word.
const APART_US_MIN: i64 = 1_000;

#[cfg(test)]
mod tests {
    use radiosonde_store::Line;

    use super::*;
    use crate::story::tests::told;

    /// One span on `web` with one below it on `db`.
    fn found(outer: (&str, i64, i64), inner: (&str, i64, i64)) -> (Vec<Apart>, i64) {
        let mut lines = told(&[("a", "", outer.1, outer.2), ("b", "a", inner.1, inner.2)]);
        for (line, machine, kind) in [(0, "web", outer.0), (1, "db", inner.0)] {
            let text = lines[line].raw.replace(
                r#""meta":{"#,
                &format!(r#""machine_id":"{machine}","meta":{{"kind":"{kind}","#),
            );
            lines[line] = Line::parse(text.as_bytes()).unwrap();
        }
        let story = Story::new(lines, vec![]).unwrap();
        let corrections = Corrections::of(&story);
        let inner = (0..story.nodes.len())
            .find(|node| span(&story, *node).is_some_and(|span| span.name == "b"));
        (corrections.apart(), corrections.shift_us(inner.unwrap()))
    }

    #[test]
    fn what_begins_before_its_cause_or_ends_after_its_call_is_of_another_clock() {
        let is = |machine: &str, behind: &str, ms: u64| Apart {
            machine: machine.to_owned(),
            behind: behind.to_owned(),
            us: ms * 1_000,
        };
        for (what, outer, inner, apart, shift_ms) in [
            ("inside", ("client", 0, 100), ("server", 10, 90), vec![], 0),
            (
                "early",
                ("client", 5_000, 5_100),
                ("server", 10, 90),
                vec![is("web", "db", 4_990)],
                5_000,
            ),
            ("late", ("client", 0, 100), ("server", 60, 120), vec![is("db", "web", 20)], -40),
            ("a message may be late", ("producer", 0, 1), ("consumer", 60, 120), vec![], 0),
            (
                "but not early",
                ("producer", 70, 71),
                ("consumer", 60, 120),
                vec![is("web", "db", 10)],
                10,
            ),
            ("a call that was given up", ("client", 0, 100), ("server", 10, 900), vec![], 0),
        ] {
            let (found, shift) = found(outer, inner);
            assert_eq!(found, apart, "{what}");
            assert_eq!(shift, shift_ms * 1_000, "{what}");
        }
    }
}
