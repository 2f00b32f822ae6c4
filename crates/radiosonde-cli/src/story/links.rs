//! The other end of links: spans of other traces that name one of the story.

use std::collections::{BTreeSet, HashMap, HashSet};

use radiosonde_store::line::Line;
use serde_json::Value;

use super::{Key, span};
use crate::render::text::{many, shown};

/// Spans of other traces by what they link to.
#[derive(Debug, Default)]
pub(crate) struct LinkedFrom(HashMap<Key, Vec<Linking>>);

/// The spans of one trace that link to a span, told by the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linking {
    pub(crate) trace_id: String,
    pub(crate) name: String,
    pub(crate) service: Option<String>,
    /// How many there are besides the first.
    pub(crate) more: u64,
}

impl Linking {
    /// `process order in packing, and 2 more spans`; the service where it is another one than this.
    pub(crate) fn told(&self, service: Option<&str>) -> String {
        let mut told = match self.name.as_str() {
            "" => "unnamed".to_owned(),
            name => shown(name),
        };
        if let Some(of) = self.service.as_deref().filter(|of| Some(*of) != service) {
            told += &format!(" in {}", shown(of));
        }
        if self.more > 0 {
            told += &format!(", and {}", many(self.more, "more span"));
        }
        told
    }
}

impl LinkedFrom {
    /// What a line links to in these traces, unless it is of the same trace.
    pub(crate) fn add(&mut self, line: &Line, traces: &BTreeSet<String>) {
        let Some(from) = &line.trace_id else { return };
        let asked = |link: &Value| {
            let id = |key: &str| Some(link.get(key)?.as_str()?.to_owned());
            let trace = id("trace_id").filter(|trace| trace != from && traces.contains(trace))?;
            Some((trace, id("span_id").unwrap_or_default()))
        };
        // A span that names another one twice is one span.
        let targets: BTreeSet<Key> = span::links(line).iter().filter_map(asked).collect();
        for target in targets {
            let known = self.0.entry(target).or_default();
            match known.iter_mut().find(|linking| linking.trace_id == *from) {
                Some(linking) => linking.more += 1,
                None => known.push(Linking {
                    trace_id: from.clone(),
                    name: span::name(line),
                    service: line.service.clone(),
                    more: 0,
                }),
            }
        }
    }

    /// Who links to a span, one for each trace.
    pub(crate) fn to(&self, trace_id: Option<&str>, span_id: &str) -> &[Linking] {
        let Some(trace_id) = trace_id else { return &[] };
        let key = (trace_id.to_owned(), span_id.to_owned());
        self.0.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Who links to spans that are not in these stories: one for each trace, by its id.
    pub(crate) fn elsewhere(&self, shown: &HashSet<Key>) -> Vec<&Linking> {
        let others = self.0.iter().filter(|(target, _)| !shown.contains(*target));
        let mut others: Vec<&Linking> = others.flat_map(|(_, linking)| linking).collect();
        others.sort_by(|a, b| a.trace_id.cmp(&b.trace_id).then_with(|| a.name.cmp(&b.name)));
        others.dedup_by(|a, b| a.trace_id == b.trace_id);
        others
    }

    /// Whether somebody links to this span.
    pub(crate) fn has(&self, target: &Key) -> bool {
        self.0.contains_key(target)
    }
}
