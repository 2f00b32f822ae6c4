//! Records to lines.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use radiosonde_context::packed::{Unpacked, unpack};
use radiosonde_record::{Descriptor, Kind, Record, SpanPart};

use crate::json;
use crate::line::{self, Field, Keys};
use crate::owner::Owner;
use crate::time::Clock;

/// How many values were redacted, by rule. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct Redactions(Arc<Mutex<BTreeMap<String, u64>>>);

impl Redactions {
    /// The counts so far.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, rule: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(rule) {
            Some(count) => *count += 1,
            // The rules are a bounded set, and so are their counts.
            None => drop(counts.insert(rule.to_owned(), 1)),
        }
    }
}

/// Encodes the records of one owner.
#[derive(Debug)]
pub(crate) struct Encoder {
    owner: Owner,
    instance: String,
    redactions: Redactions,
    clock: Clock,
    sites: HashMap<u32, Arc<SiteText>>,
}

/// What is the same for every line of a call site.
#[derive(Debug)]
struct SiteText {
    /// `","evt":"…","source":"…","msg":`
    head: Vec<u8>,
    keys: Keys,
}

/// A record on its way to a line or the console.
pub(crate) struct Prepared<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) context: Unpacked<'a>,
    pub(crate) fields: Vec<Field<'a>>,
}

impl Encoder {
    pub(crate) fn new(owner: Owner, instance: &str, redactions: Redactions) -> Self {
        let instance = instance.to_owned();
        let (clock, sites) = (Clock::default(), HashMap::new());
        Self { owner, instance, redactions, clock, sites }
    }

    /// Appends the line of a record, line feed included, and hands the prepared record to `then`.
    pub(crate) fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        ring: u32,
        out: &mut Vec<u8>,
        then: impl FnOnce(&Prepared<'_>),
    ) {
        let text = self.site_text(record, site);
        let count = |rule: &str| self.redactions.add(rule);
        let fields = line::fields(record, &text.keys, &self.owner.redact, count);
        let prepared = Prepared { record, context: unpack(record.context), fields };
        out.extend_from_slice(b"{\"ts\":\"");
        self.clock.write(out, record.timestamp_ns);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(record.level.as_str().as_bytes());
        out.extend_from_slice(&text.head);
        match record.kind {
            // A span's line is named after the span.
            Kind::Span => json::string(out, &site.name),
            _ => json::string(out, record.message),
        }
        self.ids(out, &prepared.context);
        out.extend_from_slice(b",\"meta\":{");
        match &record.span {
            Some(span) => self.span(out, span, site, &prepared),
            None => members(out, &prepared.fields, record.truncated),
        }
        out.extend_from_slice(b"},\"id\":\"");
        out.extend_from_slice(self.instance.as_bytes());
        out.push(b'.');
        json::integer(out, ring);
        out.push(b'.');
        json::integer(out, record.sequence);
        out.extend_from_slice(b"\"}\n");
        then(&prepared);
    }

    fn site_text(&mut self, record: &Record<'_>, site: &Descriptor) -> Arc<SiteText> {
        if let Some(text) = self.sites.get(&record.site).filter(|_| record.site != 0) {
            return Arc::clone(text);
        }
        let mut head = b"\",\"evt\":".to_vec();
        json::string(&mut head, if record.kind == Kind::Span { "span" } else { &site.name });
        head.extend_from_slice(b",\"source\":");
        json::string(&mut head, &site.source);
        head.extend_from_slice(b",\"msg\":");
        let text = Arc::new(SiteText { head, keys: Keys::new(site, &self.owner.redact) });
        if record.site != 0 {
            self.sites.insert(record.site, Arc::clone(&text));
        }
        text
    }

    fn ids(&self, out: &mut Vec<u8>, context: &Unpacked<'_>) {
        out.extend_from_slice(b",\"service\":");
        json::string(out, &self.owner.service);
        let mut id = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(key.as_bytes());
                out.extend_from_slice(b"\":");
                json::string(out, value);
            }
        };
        id("trace_id", context.trace_id.map(|id| id.to_string()).as_deref());
        id("span_id", context.span_id.map(|id| id.to_string()).as_deref());
        id("job_id", context.job_id);
        id("machine_id", self.owner.machine_id.as_deref());
        id("worker_id", context.worker_id);
        id("session_id", context.session_id);
    }

    fn span(
        &mut self,
        out: &mut Vec<u8>,
        span: &SpanPart,
        site: &Descriptor,
        prepared: &Prepared<'_>,
    ) {
        out.extend_from_slice(b"\"name\":");
        json::string(out, &site.name);
        if span.parent != 0 {
            out.extend_from_slice(
                format!(",\"parent_span_id\":\"{:016x}\"", span.parent).as_bytes(),
            );
        }
        out.extend_from_slice(b",\"start\":\"");
        self.clock.write(out, span.start_ns);
        out.extend_from_slice(b"\",\"duration_us\":");
        json::integer(out, prepared.record.timestamp_ns.saturating_sub(span.start_ns) / 1_000);
        out.extend_from_slice(b",\"kind\":\"");
        let kind = match span.kind {
            2 => "server",
            3 => "client",
            4 => "producer",
            5 => "consumer",
            _ => "internal",
        };
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"status\":\"");
        out.extend_from_slice(["unset", "ok", "error"][usize::from(span.status.min(2))].as_bytes());
        out.push(b'"');
        if !prepared.record.message.is_empty() {
            out.extend_from_slice(b",\"status_message\":");
            json::string(out, prepared.record.message);
        }
        out.extend_from_slice(b",\"attributes\":{");
        members(out, &prepared.fields, prepared.record.truncated);
        out.push(b'}');
    }
}

fn members(out: &mut Vec<u8>, fields: &[Field<'_>], truncated: bool) {
    let mut separator: &[u8] = b"";
    for field in fields {
        out.extend_from_slice(separator);
        json::string(out, field.key);
        out.push(b':');
        json::value(out, &field.value);
        separator = b",";
    }
    let said = fields.iter().any(|field| field.key == "truncated");
    if truncated && !said {
        out.extend_from_slice(separator);
        out.extend_from_slice(b"\"truncated\":true");
    }
}
