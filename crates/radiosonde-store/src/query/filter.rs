//! Which lines fit, and which bytes a fitting line must hold.

use serde_json::Value;

use crate::line::Line;
use crate::query::{Condition, Query};

impl Query {
    /// Whether a line fulfils every condition. The signal is the file's matter.
    #[must_use]
    pub fn matches(&self, line: &Line) -> bool {
        same(self.job.as_deref(), line.job_id.as_deref())
            && same(self.machine.as_deref(), line.machine_id.as_deref())
            && same(self.worker.as_deref(), line.worker_id.as_deref())
            && same(self.session.as_deref(), line.session_id.as_deref())
            && same(self.service.as_deref(), line.service.as_deref())
            && self.fits_trace(line)
            && self.fits_links(line)
            && self.level.is_none_or(|least| line.level.is_some_and(|level| level >= least))
            && (self.evt.is_empty() || self.evt.contains(&line.evt))
            && !self.except_evt.contains(&line.evt)
            && !(self.except_snapshots && line.is_snapshot())
            && self.conditions.iter().all(|condition| condition.matches(line))
            && self.since.is_none_or(|since| line.ts >= since)
            && self.until.is_none_or(|until| line.ts < until)
    }

    fn fits_trace(&self, line: &Line) -> bool {
        self.traces.is_empty()
            || line
                .trace_id
                .as_deref()
                .is_some_and(|id| self.traces.iter().any(|trace| begins(id.as_bytes(), trace)))
    }

    fn fits_links(&self, line: &Line) -> bool {
        let own = line.trace_id.as_deref();
        let is_own = |trace: &str| own.is_some_and(|own| own.eq_ignore_ascii_case(trace));
        let is_named = |trace: &str| {
            self.links_to.contains(trace) || self.links_to.contains(&trace.to_ascii_lowercase())
        };
        let is_asked = |trace: &str| is_named(trace) && !is_own(trace);
        self.links_to.is_empty()
            || line.is_span() && links(line).iter().filter_map(linked_trace).any(is_asked)
    }
}

/// The links of a span line; none where there is no list of them.
fn links(line: &Line) -> &[Value] {
    line.meta.value("links").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn linked_trace(link: &Value) -> Option<&str> {
    link.get("trace_id")?.as_str()
}

impl Query {
    /// What every matching line holds in its bytes, by which the others are passed over unparsed; the id
    /// of a trace in either case. A stretch that is no line is told only where it holds them.
    ///
    /// The longest of the ids asked for, which few lines hold; else of the words that conditions need,
    /// the event and the service among them; else the key of links. `None` when there is none of these, or when they
    /// hold characters a JSON writer may spell in more than one way.
    #[must_use]
    pub fn needle(&self) -> Option<&str> {
        self.sought().map(|(text, _)| text)
    }

    /// The same, and whether it is in either case.
    pub(super) fn sought(&self) -> Option<(&str, bool)> {
        let trace = self.traces.first().filter(|_| self.traces.len() == 1);
        let linked = self.links_to.first().filter(|_| self.links_to.len() == 1);
        let id = [&self.job, &self.session, &self.worker, &self.machine]
            .into_iter()
            .flatten()
            .map(|id| (id.as_str(), false))
            .chain(trace.map(|id| (id.as_str(), true)))
            .chain(linked.map(|id| (id.as_str(), true)))
            .chain(self.conditions.iter().filter_map(Condition::sought_id))
            .filter(|(id, _)| check_id(id).is_ok())
            .max_by_key(|(id, _)| id.len());
        let evt = match self.evt.as_slice() {
            [one] => Some(one.as_str()).filter(|evt| check_id(evt).is_ok()),
            _ => None,
        };
        let service = self.service.as_deref().filter(|service| check_id(service).is_ok());
        let links = (!self.links_to.is_empty()).then_some(LINKS);
        let exact = evt.into_iter().chain(service).chain(links).map(|word| (word, false));
        let words = self.conditions.iter().filter_map(Condition::sought);
        id.or_else(|| words.chain(exact).max_by_key(|(word, _)| word.len()))
    }
}

/// Whether an id is that of a trace, or begins as it does, in either case: others have capitals.
pub(super) fn begins(id: &[u8], trace: &str) -> bool {
    id.get(..trace.len()).is_some_and(|start| start.eq_ignore_ascii_case(trace.as_bytes()))
}

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// A correlation id with other characters, empty or too long.
    #[error("ids are 1 to 128 letters, digits, `.`, `_`, `:` or `-`")]
    Correlation,
    /// A trace that is not given in hex digits.
    #[error("a trace is given by its id, 32 hex digits, or the first few of them")]
    Trace,
}

/// Checks a job, machine, worker or session id: `[A-Za-z0-9._:-]{1,128}`, as writers do.
///
/// # Errors
/// [`InvalidId::Correlation`] for everything else; no line can carry it.
pub fn check_id(id: &str) -> Result<(), InvalidId> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    if (1..=128).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(())
    } else {
        Err(InvalidId::Correlation)
    }
}

/// A trace id, or how one begins, as lines of ours spell it: lower case.
///
/// # Errors
/// [`InvalidId::Trace`] for everything that is not 1 to 32 hex digits.
pub fn trace_prefix(text: &str) -> Result<String, InvalidId> {
    if (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(InvalidId::Trace)
    }
}

/// What a line with links holds.
const LINKS: &str = "\"links\"";

fn same(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none() || wanted == found
}
