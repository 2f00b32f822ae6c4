//! Lines of a job or trace, put together: spans in their tree, everything else inside the span it
//! happened in.
//!
//! Lines come from files and may say anything: spans that are their own ancestors, two spans with
//! one id, chains a hundred thousand deep. Nothing here recurses, and every line ends up in the
//! tree exactly once.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use radiosonde_store::line::Line;

mod clocks;
mod critical;
mod fold;
mod links;
mod span;

pub(crate) use clocks::{Apart, Corrections};
pub(crate) use critical::{CriticalPath, Share};
pub(crate) use fold::{Fold, Folded};
pub(crate) use links::{LinkedFrom, Linking, Source, TARGETS_MAX};
use span::is_interrupted;
pub(crate) use span::{INTERRUPTED, KEPT, Link, Moment, Span};

/// A tree of what happened.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) nodes: Vec<Node>,
    pub(crate) roots: Vec<usize>,
    /// When the first thing began.
    pub(crate) start: Timestamp,
    /// When the last ended.
    pub(crate) end: Timestamp,
    /// Which other traces link to its spans.
    pub(crate) linked: Rc<LinkedFrom>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) what: What,
    /// When it happened or began.
    pub(crate) at: Timestamp,
    pub(crate) children: Vec<usize>,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A log line, event or metric change.
    Line(Line),
    /// A span others name as theirs and whose own line is not there.
    Missing {
        trace_id: String,
        span_id: String,
    },
    Span(Span),
    /// Something the line of a span tells of its inside.
    Moment(Moment),
    /// So much more than is shown of that.
    More(usize),
    /// So many more of what stands before it.
    Fold(Fold),
}

/// A span within its trace: their ids.
pub(crate) type Key = (String, String);

impl Story {
    /// Puts lines together. `context` holds spans that were not asked for; the ones around a line
    /// that was are taken in. `None` without lines.
    pub(crate) fn new(lines: Vec<Line>, context: Vec<Line>) -> Option<Self> {
        let start = lines.iter().map(began).min()?;
        let end = lines.iter().map(|line| line.ts).max()?.max(start);
        let mut builder = Builder::default();
        // A span that was called interrupted and has a line of its own was just being closed.
        let (interrupted, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(is_interrupted);
        for line in lines.into_iter().chain(interrupted) {
            builder.add(line, false);
        }
        builder.take_in(context);
        let (nodes, roots) = builder.link();
        Some(Self { nodes, roots, start, end, linked: Rc::default() })
    }

    /// Its spans, those that are missing too.
    pub(crate) fn spans(&self) -> impl Iterator<Item = Key> {
        self.nodes.iter().filter_map(|node| match &node.what {
            What::Span(span) => own_key(&span.line),
            What::Missing { trace_id, span_id } => Some((trace_id.clone(), span_id.clone())),
            What::Line(_) | What::Moment(_) | What::More(_) | What::Fold(_) => None,
        })
    }

    /// Whether spans are named in it that are not there.
    pub(crate) fn has_missing(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.what, What::Missing { .. }))
    }

    /// The nodes from top to bottom, with how they hang together, at most `depth_max` shown.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.nodes.len());
        // The last of the stack comes next. `open` says for each ancestor whether more follow.
        let mut stack: Vec<(usize, usize, bool)> = Vec::new();
        let push = |stack: &mut Vec<_>, children: &[usize], depth: usize| {
            for (number, child) in children.iter().enumerate().rev() {
                stack.push((*child, depth, number + 1 == children.len()));
            }
        };
        push(&mut stack, &self.roots, 0);
        let mut open: Vec<bool> = Vec::new();
        let mut path: Vec<usize> = Vec::new();
        while let Some((node, depth, last)) = stack.pop() {
            open.truncate(depth);
            path.truncate(depth);
            rows.push(Row {
                node,
                parent: path.last().copied(),
                depth,
                last,
                open: open.iter().take(GUIDES_MAX).copied().collect(),
            });
            open.push(!last);
            path.push(node);
            push(&mut stack, &self.nodes[node].children, depth + 1);
        }
        rows
    }
}

/// A node and its place on the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) node: usize,
    /// What it hangs on.
    pub(crate) parent: Option<usize>,
    /// How many ancestors it has.
    pub(crate) depth: usize,
    /// Whether it is the last of its siblings.
    pub(crate) last: bool,
    /// For each ancestor, outermost first, whether it has later siblings.
    pub(crate) open: Vec<bool>,
}

/// The ids of spans the lines name, as parent or as the span they happened in, and that are not
/// among the lines.
pub(crate) fn missing_spans(lines: &[Line]) -> HashSet<Key> {
    let there: HashSet<Key> =
        lines.iter().filter(|line| is_of_span(line)).filter_map(own_key).collect();
    lines.iter().filter_map(parent_key).filter(|key| !there.contains(key)).collect()
}

/// The ids of all spans that lines stand for or name, as parent or as the span they happened in.
pub(crate) fn named_spans<'l>(lines: impl Iterator<Item = &'l Line>) -> HashSet<Key> {
    lines.flat_map(|line| [own_key(line), parent_key(line)]).flatten().collect()
}

/// How many spans `others` are of that `lines` have no line of.
pub(crate) fn spans_beside<'l>(lines: &[Line], others: impl Iterator<Item = &'l Line>) -> usize {
    let of_span = |line: &&Line| is_of_span(line);
    let own: HashSet<Key> = lines.iter().filter(of_span).filter_map(own_key).collect();
    let beside: HashSet<Key> = others.filter(of_span).filter_map(own_key).collect();
    beside.difference(&own).count()
}

/// Those of `others` that lie below spans of `lines`, at whatever depth.
pub(crate) fn spans_below<'l>(lines: &[Line], others: &'l [Line]) -> Vec<&'l Line> {
    let mut children: HashMap<Key, Vec<&Line>> = HashMap::new();
    for other in others.iter().filter(|line| is_of_span(line)) {
        if let Some(parent) = parent_key(other) {
            children.entry(parent).or_default().push(other);
        }
    }
    let spans = lines.iter().filter(|line| is_of_span(line));
    let own: HashSet<Key> = spans.filter_map(own_key).collect();
    let mut above: Vec<Key> = own.iter().cloned().collect();
    let mut below = HashMap::new();
    while let Some(key) = above.pop() {
        // Taken out: a circle ends there.
        for child in children.remove(&key).unwrap_or_default() {
            let Some(key) = own_key(child).filter(|key| !own.contains(key)) else { continue };
            above.push(key.clone());
            let _ = below.entry(key).or_insert(child);
        }
    }
    below.into_values().collect()
}

/// Tells which lines stand for spans that have no other line: their process died in them.
pub(crate) struct Interrupted(HashSet<Key>);

impl Interrupted {
    pub(crate) fn among(lines: &[Line]) -> Self {
        Self(lines.iter().filter(|line| line.is_span()).filter_map(own_key).collect())
    }

    /// Whether it is the first line of such a span.
    pub(crate) fn is_first(&mut self, line: &Line) -> bool {
        is_interrupted(line) && own_key(line).is_some_and(|key| self.0.insert(key))
    }
}

/// Where a node belongs.
enum Parent {
    Nobody,
    /// In the span of this key.
    Span(Key),
    Node(usize),
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    parents: Vec<Parent>,
    spans: HashMap<Key, usize>,
}

impl Builder {
    fn add(&mut self, line: Line, context: bool) {
        let index = self.nodes.len();
        let own = own_key(&line).filter(|_| is_of_span(&line));
        let is_known = own.as_ref().is_some_and(|key| self.spans.contains_key(key));
        if is_interrupted(&line) && is_known {
            // Said of a span that did end: an event in it.
            let (at, parent) = (line.ts, own.map_or(Parent::Nobody, Parent::Span));
            return self.push(What::Line(line), at, parent);
        }
        let (at, parent) = (began(&line), parent_key(&line).map_or(Parent::Nobody, Parent::Span));
        if !is_of_span(&line) {
            return self.push(What::Line(line), at, parent);
        }
        if let Some(key) = own {
            let _ = self.spans.entry(key).or_insert(index);
        }
        let span = Span::of(line, context);
        let end = span.line.ts.max(at);
        let (moments, more) = span.moments();
        self.push(What::Span(span), at, parent);
        for (when, moment) in moments {
            // Whatever it says, it was in its span.
            let when = when.map_or(at, |when| when.clamp(at, end));
            self.push(What::Moment(moment), when, Parent::Node(index));
        }
        if more > 0 {
            self.push(What::More(more), end, Parent::Node(index));
        }
    }

    fn push(&mut self, what: What, at: Timestamp, parent: Parent) {
        self.nodes.push(Node { what, at, children: Vec::new() });
        self.parents.push(parent);
    }

    /// Adds those spans of `context` in which something added already happened.
    fn take_in(&mut self, context: Vec<Line>) {
        let mut around: HashMap<Key, Line> =
            context.into_iter().filter_map(|line| Some((own_key(&line)?, line))).collect();
        let span_of = |parent: &Parent| match parent {
            Parent::Span(key) => Some(key.clone()),
            Parent::Nobody | Parent::Node(_) => None,
        };
        let mut wanted: Vec<Key> = self.parents.iter().filter_map(span_of).collect();
        while let Some(key) = wanted.pop() {
            if self.spans.contains_key(&key) {
                continue;
            }
            if let Some(line) = around.remove(&key) {
                wanted.extend(parent_key(&line));
                self.add(line, true);
            }
        }
    }

    fn link(mut self) -> (Vec<Node>, Vec<usize>) {
        let mut parent_of: Vec<Option<usize>> = Vec::with_capacity(self.nodes.len());
        for index in 0..self.parents.len() {
            let parent = std::mem::replace(&mut self.parents[index], Parent::Nobody);
            parent_of.push(match parent {
                Parent::Nobody => None,
                Parent::Span(key) => Some(self.span_or_missing(key, index)),
                Parent::Node(node) => Some(node),
            });
        }
        // The missing ones came last and have no parent.
        parent_of.resize(self.nodes.len(), None);
        cut_circles(&mut parent_of);

        let mut roots = Vec::new();
        for (index, parent) in parent_of.iter().enumerate() {
            match parent {
                Some(parent) => self.nodes[*parent].children.push(index),
                None => roots.push(index),
            }
        }
        let at: Vec<Timestamp> = self.nodes.iter().map(|node| node.at).collect();
        // Stable: what happened in one microsecond stays in the order of the lines.
        for node in &mut self.nodes {
            node.children.sort_by_key(|child| at[*child]);
        }
        roots.sort_by_key(|root| at[*root]);
        (self.nodes, roots)
    }

    fn span_or_missing(&mut self, key: Key, child: usize) -> usize {
        let at = self.nodes[child].at;
        if let Some(&index) = self.spans.get(&key) {
            let node = &mut self.nodes[index];
            if matches!(node.what, What::Missing { .. }) {
                node.at = node.at.min(at);
            }
            return index;
        }
        let index = self.nodes.len();
        let (trace_id, span_id) = key.clone();
        let what = What::Missing { trace_id, span_id };
        self.nodes.push(Node { what, at, children: Vec::new() });
        let _ = self.spans.insert(key, index);
        index
    }
}

/// When a line's matter began: for a span its start, which stands in `meta` or follows from its
/// duration.
pub(crate) fn began(line: &Line) -> Timestamp {
    if !is_of_span(line) {
        return line.ts;
    }
    let start = line.meta.text("start").and_then(|start| start.parse().ok());
    let start = start.or_else(|| {
        let us = line.meta.value("duration_us")?.as_i64()?;
        line.ts.checked_sub(SignedDuration::from_micros(us)).ok()
    });
    start.unwrap_or(line.ts).min(line.ts)
}

/// Whether the line stands for a span, ended or not.
fn is_of_span(line: &Line) -> bool {
    line.is_span() || is_interrupted(line)
}

fn own_key(line: &Line) -> Option<Key> {
    Some((line.trace_id.clone()?, line.span_id.clone()?))
}

/// The span around a line; for a span its parent.
fn parent_key(line: &Line) -> Option<Key> {
    let span = match is_of_span(line) {
        true => line.meta.text("parent_span_id")?.to_owned(),
        false => line.span_id.clone()?,
    };
    Some((line.trace_id.clone()?, span))
}

/// Makes a root of one member of every circle, so that all of it is reached.
fn cut_circles(parent_of: &mut [Option<usize>]) {
    // 0: not seen, otherwise the number of the walk that came by.
    let mut seen = vec![0_usize; parent_of.len()];
    for start in 0..parent_of.len() {
        let walk = start + 1;
        let mut at = start;
        loop {
            seen[at] = walk;
            match parent_of[at] {
                Some(parent) if seen[parent] == walk => {
                    parent_of[at] = None;
                    break;
                }
                Some(parent) if seen[parent] == 0 => at = parent,
                _ => break,
            }
        }
    }
}

/// Deeper than this the tree is drawn no further to the right.
pub(crate) const GUIDES_MAX: usize = 24;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A span: id, parent (empty for none), begin and end in milliseconds. Its name is the id up to `#`.
    pub(crate) type Told<'a> = (&'a str, &'a str, i64, i64);

    /// The lines of spans.
    pub(crate) fn told(spans: &[Told<'_>]) -> Vec<Line> {
        let line = |(id, parent, start, end): &Told<'_>| {
            let at = |ms: i64| Timestamp::from_millisecond(1_759_744_800_000 + ms).unwrap();
            let name = id.split('#').next().unwrap();
            let text = format!(
                r#"{{"ts":"{}","evt":"span","msg":"{name}","trace_id":"t","span_id":"{id}","meta":{{"name":"{name}","parent_span_id":"{parent}","start":"{}","duration_us":{}}}}}"#,
                at(*end),
                at(*start),
                (end - start) * 1_000,
            );
            let text = text.replace(r#""parent_span_id":"","#, "");
            Line::parse(text.as_bytes()).unwrap()
        };
        spans.iter().map(line).collect()
    }

    fn span(id: &str, parent: Option<&str>, start_s: u32, us: u64) -> Line {
        let parent = parent.map(|id| format!(r#""parent_span_id":"{id}","#)).unwrap_or_default();
        let text = format!(
            r#"{{"ts":"2025-10-06T10:59:00Z","evt":"span","msg":"{id}","trace_id":"t","span_id":"{id}","meta":{{"name":"{id}",{parent}"start":"2025-10-06T10:00:{start_s:02}Z","duration_us":{us}}}}}"#
        );
        Line::parse(text.as_bytes()).unwrap()
    }

    fn log(span: &str, at_s: u32) -> Line {
        let text = format!(
            r#"{{"ts":"2025-10-06T10:00:{at_s:02}Z","evt":"log","msg":"log{at_s}","trace_id":"t","span_id":"{span}"}}"#
        );
        Line::parse(text.as_bytes()).unwrap()
    }

    /// The tree as text: two spaces for each level, `!` before what is missing, `~` before context.
    fn drawn(lines: Vec<Line>, context: Vec<Line>) -> Vec<String> {
        let story = Story::new(lines, context).unwrap();
        let rows = story.rows();
        assert_eq!(rows.len(), story.nodes.len(), "every node once");
        rows.iter()
            .map(|row| {
                let name = match &story.nodes[row.node].what {
                    What::Line(line) => line.msg.clone().unwrap_or_default(),
                    What::Missing { span_id, .. } => format!("!{span_id}"),
                    What::Span(span) if span.context => format!("~{}", span.name),
                    What::Span(span) if span.interrupted => format!("{}…", span.name),
                    What::Moment(moment) => format!("@{}", moment.name),
                    What::More(more) => format!("+{more}"),
                    What::Fold(fold) => format!("+{} {}", fold.count, fold.name),
                    What::Span(span) => span.name.clone(),
                };
                format!("{}{name}", "  ".repeat(row.depth))
            })
            .collect()
    }

    #[test]
    fn everything_stands_in_its_span_by_time() {
        let lines = vec![
            log("b", 4),
            span("c", Some("a"), 5, 1),
            span("b", Some("a"), 3, 9),
            log("a", 2),
            span("a", None, 1, 9),
        ];
        assert_eq!(drawn(lines, vec![]), ["a", "  log2", "  b", "    log4", "  c"]);
    }

    #[test]
    fn what_is_not_there_is_shown_as_missing_or_taken_from_around() {
        let lines = || vec![span("b", Some("a"), 3, 9), log("x", 4), log("b", 5)];
        assert_eq!(drawn(lines(), vec![]), ["!a", "  b", "    log5", "!x", "  log4"]);
        assert_eq!(missing_spans(&lines()).len(), 2);
        let around =
            vec![span("a", Some("r"), 2, 9), span("r", None, 1, 9), span("other", None, 1, 1)];
        assert_eq!(drawn(lines(), around), ["~r", "  ~a", "    b", "      log5", "!x", "  log4"]);
    }

    #[test]
    fn circles_and_doubles_are_shown_once_each() {
        let lines = vec![
            span("a", Some("b"), 1, 1),
            span("b", Some("a"), 2, 1),
            span("c", Some("c"), 3, 1),
        ];
        assert_eq!(drawn(lines, vec![]).len(), 3);
        let lines = vec![span("a", None, 1, 1), span("a", None, 2, 1), log("a", 3)];
        assert_eq!(drawn(lines, vec![]), ["a", "  log3", "a"]);
    }

    #[test]
    fn a_chain_of_fifty_thousand_spans_is_drawn() {
        let lines: Vec<Line> = (0..50_000_u32)
            .map(|n| span(&format!("s{n}"), Some(&format!("s{}", n + 1)), 1, 1))
            .collect();
        let story = Story::new(lines, vec![]).unwrap();
        let rows = story.rows();
        assert_eq!(rows.len(), 50_001);
        assert!(rows.iter().all(|row| row.open.len() <= GUIDES_MAX));
    }

    #[test]
    fn a_start_after_the_end_is_no_start() {
        let mut line = span("a", None, 1, 1);
        line.ts = "2025-10-06T09:00:00Z".parse().unwrap();
        let story = Story::new(vec![line], vec![]).unwrap();
        assert_eq!(story.start, story.end);
    }
}
