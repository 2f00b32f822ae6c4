//! The other end of links: spans of other traces that name one of the story.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use radiosonde_store::line::Line;
use serde_json::Value;

use super::{Key, span};
use crate::render::text::{many, shown, start_of};

/// Spans of other traces by what they link to.
#[derive(Debug, Default)]
pub(crate) struct LinkedFrom {
    /// By those spans of the story they link to.
    to: HashMap<Key, Vec<Linking>>,
    /// By their traces, where they link to something else in the traces of the story.
    elsewhere: BTreeMap<String, Linking>,
}

/// The spans of one trace that link to a span, told by the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linking {
    pub(crate) trace_id: String,
    /// As it is shown.
    name: String,
    service: Option<String>,
    /// How many there are besides the first.
    more: u64,
}

/// What is kept of one span that links to others: its line may be one of many megabytes.
#[derive(Debug)]
pub(crate) struct Source {
    linking: Linking,
    targets: BTreeSet<Key>,
    /// Whether it links to spans of the same traces that the story has not.
    has_others: bool,
    /// Whether it links to more than are kept.
    pub(crate) has_more: bool,
}

impl Source {
    /// What a line links to: the spans of a story, and others in the same traces, unless they are
    /// of its own trace. `None` where it links to none of them.
    pub(crate) fn of(line: &Line, traces: &BTreeSet<String>, story: &HashSet<Key>) -> Option<Self> {
        let from = line.trace_id.as_deref()?;
        let linking = Linking {
            trace_id: start_of(from, ID_BYTES_MAX).to_owned(),
            name: name(&span::name(line)),
            service: line.service.as_deref().map(name),
            more: 0,
        };
        let targets = BTreeSet::new();
        let mut source = Self { linking, targets, has_others: false, has_more: false };
        for link in span::links(line) {
            let id = |key: &str| link.get(key).and_then(Value::as_str);
            let Some(trace) = id("trace_id").filter(|id| *id != from && traces.contains(*id))
            else {
                continue;
            };
            let key = (trace.to_owned(), id("span_id").unwrap_or_default().to_owned());
            if !story.contains(&key) {
                source.has_others = true;
            } else if source.targets.len() < TARGETS_MAX || source.targets.contains(&key) {
                // A span that names another one twice is one span.
                let _ = source.targets.insert(key);
            } else {
                source.has_more = true;
            }
        }
        (source.has_others || !source.targets.is_empty()).then_some(source)
    }

    /// How many spans of the story it links to.
    pub(crate) fn targets(&self) -> usize {
        self.targets.len()
    }
}

impl Linking {
    /// `process order in packing, and 2 more spans`; the service where it is another one than this.
    pub(crate) fn told(&self, service: Option<&str>) -> String {
        let mut told = match self.name.as_str() {
            "" => "unnamed".to_owned(),
            name => name.to_owned(),
        };
        let here = service.map(name);
        if let Some(of) = self.service.as_ref().filter(|of| Some(*of) != here.as_ref()) {
            told += &format!(" in {of}");
        }
        if self.more > 0 {
            told += &format!(", and {}", many(self.more, "more span"));
        }
        told
    }
}

impl LinkedFrom {
    /// Adds a span, later than those before.
    pub(crate) fn add(&mut self, source: Source) {
        let Source { linking, targets, has_others, .. } = source;
        for target in targets {
            let known = self.to.entry(target).or_default();
            match known.iter_mut().find(|known| known.trace_id == linking.trace_id) {
                Some(known) => known.more += 1,
                None => known.push(linking.clone()),
            }
        }
        if has_others {
            match self.elsewhere.get_mut(&linking.trace_id) {
                Some(known) => known.more += 1,
                None => drop(self.elsewhere.insert(linking.trace_id.clone(), linking)),
            }
        }
    }

    /// Who links to a span, one for each trace.
    pub(crate) fn to(&self, trace_id: Option<&str>, span_id: &str) -> &[Linking] {
        let Some(trace_id) = trace_id else { return &[] };
        let key = (trace_id.to_owned(), span_id.to_owned());
        self.to.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Who links to spans that are not in these stories: one for each trace, by its id.
    pub(crate) fn elsewhere(&self, shown: &HashSet<Key>) -> Vec<&Linking> {
        let not_shown = self.to.iter().filter(|(target, _)| !shown.contains(*target));
        let not_shown = not_shown.flat_map(|(_, linking)| linking);
        let mut others: Vec<&Linking> = self.elsewhere.values().chain(not_shown).collect();
        others.sort_by(|a, b| a.trace_id.cmp(&b.trace_id).then_with(|| a.name.cmp(&b.name)));
        others.dedup_by(|a, b| a.trace_id == b.trace_id);
        others
    }

    /// Whether somebody links to this span.
    pub(crate) fn has(&self, target: &Key) -> bool {
        self.to.contains_key(target)
    }
}

/// A name of a span or service as it is shown, so long as a name is.
fn name(text: &str) -> String {
    let start = start_of(text, NAME_BYTES_MAX);
    let cut = if start.len() < text.len() { "…" } else { "" };
    shown(start) + cut
}

/// Spans of the story that one span is said to link to: a writer that keeps to the limits of
/// OpenTelemetry has no more links.
pub(crate) const TARGETS_MAX: usize = 128;
/// Of ids and names in bytes, what is kept of each.
const ID_BYTES_MAX: usize = 128;
const NAME_BYTES_MAX: usize = 256;
