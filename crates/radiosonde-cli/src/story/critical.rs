//! The critical path of a trace: the chain of spans that decided when it ended.
//!
//! It is walked backwards from the span that ends last, as Jaeger's critical path and CRISP (Zhang et
//! al., USENIX ATC 2022) do. At each moment one span has it:
//!
//! - Within a span, its child that finished last before that moment; what lies between the two is the
//!   span's own time. Of children that overlap, the one that finished last has the time they share, and
//!   what ran beside it is not on the path.
//! - At the beginning of a span, the span around it. Where that one had ended by then (the child is
//!   asynchronous: a message, a task), the child of it that was running at that moment, or finished last
//!   before; and otherwise the time in between is waiting.
//! - A span of the trace that a span links to counts as one of its children: a link says what a span is
//!   there because of.
//!
//! So a child that outlives its parent is on the path where it, and not the parent, decided the end, which
//! Jaeger, cutting such children off, does not show. The pieces add up to the whole time of the trace.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::clocks::Corrections;
use super::{Key, Story, What, own_key};

/// The critical path of a story.
#[derive(Debug)]
pub(crate) struct CriticalPath {
    /// For each node whether it is on it.
    on: Vec<bool>,
    /// Where its time went, the most first.
    pub(crate) shares: Vec<Share>,
    /// All of its time, in microseconds.
    pub(crate) total_us: u64,
}

/// The time of one name on the path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// The span that has most of it; of waiting, the one that was waited for.
    pub(crate) node: usize,
    /// Whether nothing was running that the trace knows of.
    pub(crate) is_wait: bool,
    pub(crate) us: u64,
    /// Pieces it consists of.
    pub(crate) times: u64,
}

impl CriticalPath {
    /// `None` where there is nothing to walk: fewer than two spans, or spans of several traces, which
    /// do not wait for each other.
    pub(crate) fn of(story: &Story, corrections: &Corrections) -> Option<Self> {
        Walk::new(story, corrections)?.walk()
    }

    pub(crate) fn has(&self, node: usize) -> bool {
        self.on.get(node).copied().unwrap_or(false)
    }
}

/// A span's time, and what may have been waited for in it.
#[derive(Debug, Default)]
struct Stop {
    start: i64,
    end: i64,
    /// `None` at the top.
    parent: Option<usize>,
    /// By their ends.
    children: Vec<usize>,
    /// So many of them, from the first, are left: the others end too late, or were come by.
    rest: usize,
    /// Spans it links to.
    links: Vec<usize>,
}

impl Stop {
    fn sort(&mut self, ends: &[i64]) {
        self.children.sort_by_key(|child| (ends[*child], *child));
        self.rest = self.children.len();
    }
}

struct Walk<'a> {
    story: &'a Story,
    /// Of each node, where it is a span; the last one stands for what is around all.
    stops: Vec<Option<Stop>>,
    entered: Vec<bool>,
    on: Vec<bool>,
    /// Pieces of time: the span, or the one that was waited for.
    pieces: HashMap<(usize, bool), u64>,
}

impl<'a> Walk<'a> {
    fn new(story: &'a Story, corrections: &Corrections) -> Option<Self> {
        let top = story.nodes.len();
        let mut traces = story.nodes.iter().filter_map(|node| match &node.what {
            What::Span(span) if !span.context => Some(span.line.trace_id.as_deref()),
            _ => None,
        });
        let first = traces.next()?;
        if traces.next()? != first || traces.any(|trace| trace != first) {
            return None;
        }
        let mut walk = Self {
            story,
            stops: (0..=top).map(|_| None).collect(),
            entered: vec![false; top + 1],
            on: vec![false; top],
            pieces: HashMap::new(),
        };
        // What is around all has no time of its own, as a span that is missing.
        walk.stops[top] = Some(Stop { start: i64::MIN, end: i64::MIN, ..Stop::default() });
        walk.collect(corrections);
        Some(walk)
    }

    /// Makes a stop of each span.
    fn collect(&mut self, corrections: &Corrections) {
        let top = self.story.nodes.len();
        let mut by_key: HashMap<Key, usize> = HashMap::new();
        let mut stack: Vec<(usize, usize)> =
            self.story.roots.iter().map(|root| (*root, top)).collect();
        while let Some((index, parent)) = stack.pop() {
            let node = &self.story.nodes[index];
            let inside = match &node.what {
                What::Span(span) if !span.context => {
                    let shift = corrections.shift_us(index);
                    let start = node.at.as_microsecond().saturating_add(shift);
                    let took = i64::try_from(span.duration_us).unwrap_or(i64::MAX);
                    let end = start.saturating_add(took);
                    by_key.extend(own_key(&span.line).map(|key| (key, index)));
                    self.stops[index] =
                        Some(Stop { start, end, parent: Some(parent), ..Stop::default() });
                    if let Some(around) = &mut self.stops[parent] {
                        around.children.push(index);
                    }
                    index
                }
                // Neither has a time: what is in them is in what is around them.
                What::Missing { .. } | What::Span(_) => parent,
                _ => continue,
            };
            stack.extend(node.children.iter().map(|child| (*child, inside)));
        }
        let ends: Vec<i64> =
            self.stops.iter().map(|stop| stop.as_ref().map_or(i64::MIN, |stop| stop.end)).collect();
        for (index, node) in self.story.nodes.iter().enumerate() {
            let Some(stop) = &mut self.stops[index] else { continue };
            stop.sort(&ends);
            let What::Span(span) = &node.what else { continue };
            let of_trace = span
                .links
                .iter()
                .filter(|link| Some(&link.trace_id) == span.line.trace_id.as_ref());
            let keys = of_trace.map(|link| (link.trace_id.clone(), link.span_id.clone()));
            stop.links = keys.filter_map(|key| by_key.get(&key).copied()).collect();
        }
        if let Some(stop) = &mut self.stops[top] {
            stop.sort(&ends);
        }
    }

    fn walk(mut self) -> Option<CriticalPath> {
        let top = self.story.nodes.len();
        let spans = (0..top).filter_map(|index| Some((index, self.stops[index].as_ref()?)));
        // Of those that end together the outermost, which the others are inside of.
        let order =
            |(index, stop): &(usize, &Stop)| (stop.end, Reverse(stop.start), Reverse(*index));
        let (mut at, end) = spans.max_by_key(order).map(|(index, stop)| (index, stop.end))?;
        let mut now = end;
        // Each span is entered once, and left once for each that was entered from it. Only links of
        // hostile files lead through the same deep tree again and again.
        for _ in 0..STEPS_PER_SPAN.saturating_mul(top) {
            self.entered[at] = true;
            self.on[at] = true;
            if let Some(next) = self.before(at, now) {
                let ended = self.stop(next).1.min(now);
                self.spend((at, false), now, ended);
                (at, now) = (next, ended);
                continue;
            }
            let (begun, _) = self.stop(at);
            let begun = begun.min(now);
            self.spend((at, false), now, begun);
            now = begun;
            match self.around(at, now) {
                Some((next, ended)) => (at, now) = (next, ended),
                None => break,
            }
        }
        let total_us = u64::try_from(end.saturating_sub(now)).unwrap_or(0);
        let shares = self.shares();
        Some(CriticalPath { on: self.on, shares, total_us })
    }

    /// Beginning and end of a span.
    fn stop(&self, index: usize) -> (i64, i64) {
        self.stops[index].as_ref().map_or((i64::MIN, i64::MIN), |stop| (stop.start, stop.end))
    }

    /// What a span waited for last before a moment.
    fn before(&mut self, at: usize, now: i64) -> Option<usize> {
        let child = self.finished(at, now);
        let stop = self.stops[at].as_ref()?;
        let is_waited_for = |link: &&usize| {
            let (start, end) = self.stop(**link);
            let is_open = !self.entered[**link] && start < now;
            is_open && end.min(now) > stop.start && !self.is_around(**link, at)
        };
        let ended = |index: usize| self.stop(index).1.min(now);
        let link = stop.links.iter().filter(is_waited_for).copied().max_by_key(|link| ended(*link));
        match (child, link) {
            (Some(child), Some(link)) if ended(child) > ended(link) => Some(child),
            (child, link) => link.or(child),
        }
    }

    /// The child that finished last by then, of those that were not come by.
    fn finished(&mut self, at: usize, now: i64) -> Option<usize> {
        let stop = self.stops[at].as_ref()?;
        let past = stop.children.partition_point(|child| self.stop(*child).1 <= now);
        // Time goes backwards: what was too late before is too late again.
        let mut rest = past.min(stop.rest);
        while rest > 0 && self.entered[stop.children[rest - 1]] {
            rest -= 1;
        }
        let child = rest.checked_sub(1).map(|last| stop.children[last]);
        if let Some(stop) = &mut self.stops[at] {
            stop.rest = rest;
        }
        child
    }

    /// Where a span came from that began at this moment, and when that was left.
    fn around(&mut self, at: usize, now: i64) -> Option<(usize, i64)> {
        let parent = self.stops[at].as_ref()?.parent?;
        let (_, ended) = self.stop(parent);
        if ended >= now {
            return Some((parent, now));
        }
        // Nothing happens in a span that has ended: somebody it left running has begun this one.
        let stop = self.stops[parent].as_ref()?;
        let past = stop.children.partition_point(|child| self.stop(*child).1 <= now);
        let later = stop.children[past..].iter().take(RUNNING_LOOKED_AT);
        let is_running = |child: &&usize| !self.entered[**child] && self.stop(**child).0 < now;
        if let Some(running) = later.copied().find(|child| is_running(&child)) {
            return Some((running, now));
        }
        let finished = self.finished(parent, now).map(|child| (child, self.stop(child).1));
        let is_top = parent == self.story.nodes.len();
        let back = (!is_top).then_some((parent, ended));
        let (next, left) = finished.filter(|(_, end)| *end > ended).or(back)?;
        self.spend((at, true), now, left);
        Some((next, left))
    }

    /// Whether a span is around another one. So deep a tree that nobody can tell counts as yes.
    fn is_around(&self, outer: usize, inner: usize) -> bool {
        let mut at = inner;
        for _ in 0..DEPTH_LOOKED_AT {
            match self.stops[at].as_ref().and_then(|stop| stop.parent) {
                Some(parent) if parent == outer => return true,
                Some(parent) => at = parent,
                None => return false,
            }
        }
        true
    }

    fn spend(&mut self, piece: (usize, bool), now: i64, until: i64) {
        let us = u64::try_from(now.saturating_sub(until)).unwrap_or(0);
        if us > 0 {
            *self.pieces.entry(piece).or_default() += us;
        }
    }

    /// The pieces, put together by what they are called.
    fn shares(&self) -> Vec<Share> {
        // In the order of the nodes, so that the same lines give the same shares.
        let pieces: BTreeMap<(usize, bool), u64> =
            self.pieces.iter().map(|(piece, us)| (*piece, *us)).collect();
        let mut shares: BTreeMap<(bool, &str, Option<&str>), (Share, u64)> = BTreeMap::new();
        for ((node, is_wait), us) in pieces {
            let What::Span(span) = &self.story.nodes[node].what else { continue };
            let key = (is_wait, span.name.as_str(), span.line.service.as_deref());
            let (share, most) =
                shares.entry(key).or_insert((Share { node, is_wait, us: 0, times: 0 }, 0));
            share.us += us;
            share.times += 1;
            if us > *most {
                (share.node, *most) = (node, us);
            }
        }
        let mut shares: Vec<Share> = shares.into_values().map(|(share, _)| share).collect();
        shares.sort_by_key(|share| (Reverse(share.us), share.node));
        shares
    }
}

/// Steps of the walk, for each node of the story.
const STEPS_PER_SPAN: usize = 4;
/// Children of a span that has ended among which the one is looked for that was running.
const RUNNING_LOOKED_AT: usize = 16;
/// Spans around one that are looked at.
const DEPTH_LOOKED_AT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::tests::{Told, told};

    /// What it is, spans, the names on the path, and its shares.
    type Case<'a> = (&'a str, &'a [Told<'a>], &'a [&'a str], &'a [&'a str]);
    /// What it is, the parent of each span, and its time.
    type Shape = (&'static str, fn(usize) -> Option<usize>, fn(i64) -> (i64, i64));

    /// The names on the path from top to bottom, and its shares: `name ms`, waiting as `…name ms`.
    fn path(spans: &[Told<'_>]) -> (Vec<String>, Vec<String>) {
        let story = Story::new(told(spans), vec![]).unwrap();
        let corrections = Corrections::of(&story);
        let Some(path) = CriticalPath::of(&story, &corrections) else { return Default::default() };
        let name = |node: usize| match &story.nodes[node].what {
            What::Span(span) => span.name.clone(),
            _ => String::new(),
        };
        let rows = story.rows();
        let on = rows.iter().filter(|row| path.has(row.node)).map(|row| name(row.node)).collect();
        let share = |share: &Share| {
            let wait = if share.is_wait { "…" } else { "" };
            format!("{wait}{} {}", name(share.node), share.us / 1_000)
        };
        assert_eq!(
            path.shares.iter().map(|share| share.us).sum::<u64>(),
            path.total_us,
            "all of it"
        );
        (on, path.shares.iter().map(share).collect())
    }

    #[test]
    fn the_path_is_the_chain_that_decided_the_end() {
        // Name, parent, begin and end in milliseconds.
        let cases: &[Case<'_>] = &[
            (
                "one after the other",
                &[("a", "", 0, 100), ("b", "a", 10, 30), ("c", "a", 40, 90)],
                &["a", "b", "c"],
                &["c 50", "a 30", "b 20"],
            ),
            (
                "side by side: the shorter one is not on it",
                &[("a", "", 0, 100), ("b", "a", 10, 60), ("c", "a", 10, 90)],
                &["a", "c"],
                &["c 80", "a 20"],
            ),
            (
                "overlapping: the time they share is of the one that finished last",
                &[("a", "", 0, 100), ("b", "a", 10, 60), ("c", "a", 50, 90)],
                &["a", "c"],
                &["a 60", "c 40"],
            ),
            (
                "a child that outlives its parent, and nobody waits for",
                &[("a", "", 0, 100), ("b", "a", 10, 30), ("late", "a", 50, 130)],
                &["a", "b", "late"],
                &["late 80", "a 30", "b 20"],
            ),
            (
                "a message: the sender has ended, and the queue is waiting",
                &[("send", "", 0, 10), ("take", "send", 40, 100)],
                &["send", "take"],
                &["take 60", "…take 30", "send 10"],
            ),
            (
                "a second attempt is begun by the first one, not by what scheduled both",
                &[
                    ("s", "", 0, 10),
                    ("first", "s", 20, 52),
                    ("again", "s", 50, 51),
                    ("second", "again", 60, 90),
                ],
                &["s", "first", "again", "second"],
                &["first 30", "second 30", "s 10", "…first 10", "…second 9", "again 1"],
            ),
            (
                "what is missing has no time of its own",
                &[("b", "gone", 0, 40), ("c", "gone", 50, 100)],
                &["b", "c"],
                &["c 50", "b 40", "…c 10"],
            ),
            ("a span alone", &[("a", "", 0, 100)], &[], &[]),
            (
                "its own parent",
                &[("a", "a", 0, 100), ("b", "a", 10, 20)],
                &["a", "b"],
                &["a 90", "b 10"],
            ),
            ("a circle", &[("a", "b", 0, 100), ("b", "a", 10, 60)], &["b", "a"], &["a 100"]),
        ];
        for (what, spans, on, shares) in cases {
            let (found_on, found_shares) = path(spans);
            assert_eq!(found_on, *on, "{what}");
            assert_eq!(found_shares, *shares, "{what}");
        }
    }

    #[test]
    fn what_a_span_links_to_is_what_it_waited_for() {
        // A client asks whether the work is done: of those two the work decides the end.
        let spans: &[Told<'_>] = &[
            ("client", "", 0, 100),
            ("send", "client", 0, 10),
            ("work", "send", 15, 95),
            ("ask", "client", 12, 99),
        ];
        let (on, shares) = path(spans);
        assert_eq!((on.len(), &*shares[0]), (3, "ask 87"), "no link, nobody knows: {on:?}");
        let mut lines = told(spans);
        let ask = lines.iter_mut().find(|line| line.span_id.as_deref() == Some("ask")).unwrap();
        let text = ask.raw.replace(
            r#""meta":{"#,
            r#""meta":{"links":[{"trace_id":"t","span_id":"work"},{"trace_id":"t","span_id":"client"}],"#,
        );
        *ask = radiosonde_store::Line::parse(text.as_bytes()).unwrap();
        let story = Story::new(lines, vec![]).unwrap();
        let path = CriticalPath::of(&story, &Corrections::default()).unwrap();
        let us: Vec<u64> = path.shares.iter().map(|share| share.us).collect();
        assert_eq!(us, [80_000, 10_000, 5_000, 4_000, 1_000], "work, send, waiting, ask, client");
    }

    #[test]
    fn spans_of_several_traces_have_none() {
        let mut lines = told(&[("a", "", 0, 100), ("b", "", 10, 20)]);
        lines[1].trace_id = Some("other".to_owned());
        let story = Story::new(lines, vec![]).unwrap();
        assert!(CriticalPath::of(&story, &Corrections::default()).is_none());
    }

    #[test]
    fn a_trace_of_many_spans_is_walked_however_it_hangs_together() {
        let name = |nth: usize| format!("s{nth}");
        let names: Vec<String> = (0..20_000).map(name).collect();
        let shapes: [Shape; 4] = [
            ("a chain", |nth| nth.checked_sub(1), |_| (0, 1_000)),
            ("one after the other", |nth| (nth > 0).then_some(0), |nth| (nth, nth + 1)),
            ("all at one moment", |nth| (nth > 0).then_some(0), |_| (5, 5)),
            (
                "messages of a sender that has ended",
                |nth| (nth > 0).then_some(0),
                |nth| (nth * 2, nth * 2 + 1),
            ),
        ];
        for (what, parent, time) in shapes {
            let spans: Vec<Told<'_>> = names
                .iter()
                .enumerate()
                .map(|(nth, name)| {
                    let (start, end) = time(nth as i64);
                    (&**name, parent(nth).map_or("", |nth| &*names[nth]), start, end)
                })
                .collect();
            let story = Story::new(told(&spans), vec![]).unwrap();
            let path = CriticalPath::of(&story, &Corrections::default()).unwrap();
            assert!(path.has(0), "{what}");
        }
    }
}
