//! Folding: of many alike below one span the first are shown, the others counted.

use std::collections::{BTreeMap, HashMap};

use radiosonde_store::{Level, Line};

use super::critical::CriticalPath;
use super::{Node, Span, Story, What};
use crate::render::text::{pattern, start_of};

/// So many more of the same.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    /// What each is called.
    pub(crate) name: String,
    /// What each says beside that, numbers and ids aside.
    pub(crate) text: String,
    /// How serious each is; of lines alone.
    pub(crate) level: Option<Level>,
    /// Whether they are spans, and then whether they failed.
    pub(crate) of: Folded,
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) first: usize,
    /// The median and the longest of the spans, in microseconds.
    pub(crate) p50_us: u64,
    pub(crate) max_us: u64,
    /// Warnings and errors inside of them, not counting themselves.
    pub(crate) warnings: u64,
    pub(crate) errors: u64,
    /// Whether the critical path leads through them.
    pub(crate) is_critical: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Folded {
    /// Log lines, events or metric changes.
    #[default]
    Lines,
    Spans,
    FailedSpans,
}

/// What is alike: of one kind, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Alike {
    of: Folded,
    name: String,
    text: String,
    service: Option<String>,
    level: Option<Level>,
}

impl Story {
    /// Folds what is alike below each span, but for the first few. What is folded stays in `nodes` and is
    /// in no row.
    pub(crate) fn fold(&mut self, path: Option<&CriticalPath>) {
        let inside = self.wrong_inside();
        let mut parents: Vec<Option<usize>> = vec![None];
        parents.extend((0..self.nodes.len()).map(Some));
        for parent in parents {
            let children = match parent {
                Some(parent) => &self.nodes[parent].children,
                None => &self.roots,
            };
            if children.len() < FOLD_MIN {
                continue;
            }
            let children = self.folded(children.clone(), &inside, path);
            match parent {
                Some(parent) => self.nodes[parent].children = children,
                None => self.roots = children,
            }
        }
    }

    /// The children that stay, with a node in the place of the first of each that do not.
    fn folded(
        &mut self,
        children: Vec<usize>,
        inside: &[(u64, u64)],
        path: Option<&CriticalPath>,
    ) -> Vec<usize> {
        let mut groups: HashMap<Alike, Vec<usize>> = HashMap::new();
        let keys: Vec<Option<Alike>> =
            children.iter().map(|child| alike(&self.nodes[*child])).collect();
        for (child, key) in children.iter().zip(&keys) {
            if let Some(key) = key {
                groups.entry(key.clone()).or_default().push(*child);
            }
        }
        groups.retain(|_, group| group.len() >= FOLD_MIN);
        let mut of_first: BTreeMap<usize, usize> = BTreeMap::new();
        let mut hidden: HashMap<usize, ()> = HashMap::new();
        for (key, group) in groups {
            let rest = &group[SHOWN..];
            let fold = self.fold_of(&key, rest, inside, path);
            let (node, at) = (self.nodes.len(), self.nodes[rest[0]].at);
            self.nodes.push(Node { what: What::Fold(fold), at, children: Vec::new() });
            let _ = of_first.insert(rest[0], node);
            hidden.extend(rest.iter().map(|child| (*child, ())));
        }
        let stays = |child: usize| match of_first.get(&child) {
            Some(fold) => Some(*fold),
            None => (!hidden.contains_key(&child)).then_some(child),
        };
        children.into_iter().filter_map(stays).collect()
    }

    fn fold_of(
        &self,
        alike: &Alike,
        rest: &[usize],
        inside: &[(u64, u64)],
        path: Option<&CriticalPath>,
    ) -> Fold {
        let took = |node: &usize| match &self.nodes[*node].what {
            What::Span(span) => span.duration_us,
            _ => 0,
        };
        let mut took: Vec<u64> = rest.iter().map(took).collect();
        took.sort_unstable();
        Fold {
            name: alike.name.clone(),
            text: alike.text.clone(),
            level: alike.level,
            of: alike.of,
            count: rest.len() as u64,
            first: rest[0],
            p50_us: took[(took.len() - 1) / 2],
            max_us: took.last().copied().unwrap_or_default(),
            warnings: rest.iter().map(|node| inside[*node].0).sum(),
            errors: rest.iter().map(|node| inside[*node].1).sum(),
            is_critical: rest.iter().any(|node| path.is_some_and(|path| path.has(*node))),
        }
    }

    /// Warnings and errors below each node.
    fn wrong_inside(&self) -> Vec<(u64, u64)> {
        let mut inside = vec![(0, 0); self.nodes.len()];
        // Backwards, each node stands before the one it hangs on.
        for row in self.rows().iter().rev() {
            let Some(parent) = row.parent else { continue };
            let (warnings, errors) = inside[row.node];
            let (warning, error) = wrong(&self.nodes[row.node]);
            inside[parent].0 += warnings + u64::from(warning);
            inside[parent].1 += errors + u64::from(error);
        }
        inside
    }
}

/// Whether a node is a warning, or an error.
fn wrong(node: &Node) -> (bool, bool) {
    match &node.what {
        What::Line(line) => (line.level == Some(Level::Warning), line.level >= Some(Level::Error)),
        What::Span(span) => (false, span.failed || span.interrupted),
        _ => (false, false),
    }
}

/// What a node may be folded with: spans that are missing or had no end are each worth a row.
fn alike(node: &Node) -> Option<Alike> {
    match &node.what {
        What::Span(Span { interrupted: true, .. } | Span { context: true, .. }) => None,
        What::Span(span) => {
            let of = if span.failed { Folded::FailedSpans } else { Folded::Spans };
            // Why they failed is what one looks for.
            let mut text = String::new();
            if let Some(why) = span.status_message.as_deref().filter(|_| span.failed) {
                pattern(why, &mut text);
            }
            let (name, service) = (span.name.clone(), span.line.service.clone());
            Some(Alike { of, name, text, service, level: None })
        }
        What::Line(line) => {
            let (name, text) = match line.is_metric() {
                true => (format!("metric {}", line.meta.text("name")?), String::new()),
                false if line.is_plain() => (line.msg.clone()?, String::new()),
                false => (line.evt.clone(), said(line)),
            };
            let (of, service) = (Folded::Lines, line.service.clone());
            Some(Alike { of, name, text, service, level: line.level })
        }
        _ => None,
    }
}

/// What an event says beside its name: numbers and ids aside, but for errors, of which each may be
/// another, and the state that a heartbeat tells.
fn said(line: &Line) -> String {
    let msg = line.msg.as_deref().unwrap_or_default();
    let mut said = String::new();
    match line.level >= Some(Level::Error) {
        true => said.push_str(start_of(msg, TEXT_BYTES_MAX)),
        false => pattern(msg, &mut said),
    }
    if let Some(state) = line.meta.text("state") {
        said.push_str(if said.is_empty() { "" } else { " " });
        said.push_str(start_of(state, TEXT_BYTES_MAX));
    }
    said
}

/// Of a text that two errors have in common.
const TEXT_BYTES_MAX: usize = 200;
/// So many of those that are alike are shown.
const SHOWN: usize = 3;
/// And so many there are at least where the others are not: one or two would take as much room as the row
/// that counts them.
const FOLD_MIN: usize = SHOWN + 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::tests::{Told, told};

    /// A story of one span with so many below it of each name, folded.
    fn story(below: &[(&str, usize)]) -> Story {
        let names: Vec<String> = below
            .iter()
            .flat_map(|(name, count)| (0..*count).map(move |nth| format!("{name}#{nth}")))
            .collect();
        let mut spans: Vec<Told<'_>> = vec![("root", "", 0, 1_000_000)];
        for (nth, name) in names.iter().enumerate() {
            spans.push((name, "root", nth as i64, 2 * nth as i64 + 1));
        }
        let mut story = Story::new(told(&spans), vec![]).unwrap();
        story.fold(None);
        story
    }

    /// Its rows: `name` for a span, `+count name p50 max` for a fold, in milliseconds.
    fn rows(story: &Story) -> Vec<String> {
        let row = |node: usize| match &story.nodes[node].what {
            What::Span(span) => span.name.clone(),
            What::Fold(fold) => format!(
                "+{} {} {} {}",
                fold.count,
                fold.name,
                fold.p50_us / 1_000,
                fold.max_us / 1_000
            ),
            other => panic!("{other:?}"),
        };
        story.rows().iter().map(|shown| row(shown.node)).collect()
    }

    #[test]
    fn of_many_that_are_alike_the_first_are_shown_and_the_others_told_in_one_row() {
        assert_eq!(rows(&story(&[("get", 5)])), ["root", "get", "get", "get", "get", "get"]);
        // The nth span takes n + 1 ms.
        assert_eq!(rows(&story(&[("get", 6)])), ["root", "get", "get", "get", "+3 get 5 6"]);
        let rows = rows(&story(&[("get", 10_000), ("put", 2)]));
        assert_eq!(rows, ["root", "get", "get", "get", "+9997 get 5002 10000", "put", "put"]);
    }

    #[test]
    fn what_went_wrong_inside_of_what_is_folded_is_counted() {
        let mut story = story(&[]);
        let lines = (0..9).flat_map(|nth| {
            let span = format!("get#{nth}");
            let mut lines = told(&[(&*span, "root", nth, nth + 1)]);
            let log = format!(
                r#"{{"ts":"2025-10-06T10:00:00Z","level":"error","evt":"log","msg":"no","trace_id":"t","span_id":"{span}"}}"#
            );
            lines.push(radiosonde_store::Line::parse(log.as_bytes()).unwrap());
            lines
        });
        let all = told(&[("root", "", 0, 100)]).into_iter().chain(lines).collect();
        story = Story::new(all, vec![]).unwrap_or(story);
        story.fold(None);
        let folds: Vec<&Fold> = story
            .nodes
            .iter()
            .filter_map(|node| match &node.what {
                What::Fold(fold) => Some(fold),
                _ => None,
            })
            .collect();
        let [fold] = folds[..] else { panic!("{folds:?}") };
        assert_eq!((fold.count, fold.warnings, fold.errors), (6, 0, 6));
        assert_eq!(story.rows().len(), 1 + 3 * 2 + 1);
    }

    /// Lines of a level, an event and a text each, folded.
    fn lines(of: &[(&str, &str, String)]) -> Vec<String> {
        let line = |(nth, (level, evt, msg)): (usize, &(&str, &str, String))| {
            let text = format!(
                r#"{{"ts":"2025-10-06T10:00:00.{nth:06}Z","level":"{level}","evt":"{evt}","msg":"{msg}","job_id":"j"}}"#
            );
            radiosonde_store::Line::parse(text.as_bytes()).unwrap()
        };
        let lines = of.iter().enumerate().map(line).collect();
        let mut story = Story::new(lines, vec![]).unwrap();
        story.fold(None);
        let row = |node: usize| match &story.nodes[node].what {
            What::Line(line) => line.msg.clone().unwrap(),
            What::Fold(fold) => format!("+{} {} {}", fold.count, fold.name, fold.text),
            other => panic!("{other:?}"),
        };
        story.rows().iter().map(|shown| row(shown.node)).collect()
    }

    #[test]
    fn lines_that_say_another_thing_are_not_folded() {
        let of = |level, evt, texts: &[&str]| -> Vec<_> {
            texts.iter().map(|text| (level, evt, (*text).to_owned())).collect()
        };
        let words = ["a", "b", "c", "d", "e", "f", "g"];
        for (level, evt) in [("info", ""), ("error", "log"), ("info", "step"), ("error", "step")] {
            assert_eq!(lines(&of(level, evt, &words)), words, "{level} {evt}");
        }
        // Numbers tell events apart where they are errors.
        let numbered = ["up 1 min", "up 2 min", "up 3 min", "up 4 min", "up 5 min", "up 6 min"];
        let folded = ["up 1 min", "up 2 min", "up 3 min", "+3 status up # min"];
        assert_eq!(lines(&of("info", "status", &numbered)), folded);
        assert_eq!(lines(&of("error", "status", &numbered)), numbered);
        let alike = lines(&of("error", "step", &["no"; 9]));
        assert_eq!(alike, ["no", "no", "no", "+6 step no"]);
    }

    #[test]
    fn spans_that_failed_for_another_reason_are_not_folded() {
        let span = |nth: usize, why: &str| {
            let text = format!(
                r#"{{"ts":"2025-10-06T10:00:00.{nth:06}Z","level":"info","evt":"span","trace_id":"t","span_id":"{nth}","meta":{{"name":"call","duration_us":5,"status":"error","status_message":"{why}"}}}}"#
            );
            radiosonde_store::Line::parse(text.as_bytes()).unwrap()
        };
        let why = ["timeout", "timeout", "timeout", "timeout", "DISK FULL", "timeout", "timeout"];
        let lines = why.iter().enumerate().map(|(nth, why)| span(nth, why)).collect();
        let mut story = Story::new(lines, vec![]).unwrap();
        story.fold(None);
        let row = |node: usize| match &story.nodes[node].what {
            What::Span(span) => span.status_message.clone().unwrap(),
            What::Fold(fold) => format!("+{} {}", fold.count, fold.text),
            other => panic!("{other:?}"),
        };
        let rows: Vec<String> = story.rows().iter().map(|shown| row(shown.node)).collect();
        assert_eq!(rows, ["timeout", "timeout", "timeout", "+3 timeout", "DISK FULL"]);
    }
}
