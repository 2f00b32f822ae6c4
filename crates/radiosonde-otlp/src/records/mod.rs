//! Records as log records, spans and points.

mod identity;
mod logs;
mod points;
mod spans;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use radiosonde_context::packed::unpack;
use radiosonde_events::Redactions;
use radiosonde_events::shown::Viewer;
use radiosonde_record::{Descriptor, Kind, Record};
use radiosonde_redact::Rules;

use crate::entry::{self, Append, ENTRY_MAX};
use crate::streams::Stream;
use crate::wire::Writer;
use identity::Identity;

/// How many records could not be exported, by reason. Clones share their counts.
///
/// What stands in a day file is not lost by that; what was to be in the spool only is.
#[derive(Clone, Debug, Default)]
pub struct Unexported(Arc<[AtomicU64; Reason::ALL.len()]>);

/// Why a record was not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It is no point of a metric: a line without a name or a value.
    Malformed,
    /// A span that has no ids: no collector takes it.
    NoIds,
    /// It takes more than [`ENTRY_MAX`](crate::ENTRY_MAX) bytes.
    TooLarge,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Malformed, Self::NoIds, Self::TooLarge];

    /// As the value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NoIds => "no_ids",
            Self::TooLarge => "too_large",
        }
    }
}

impl Unexported {
    /// The counts so far.
    pub fn counts(&self) -> [(Reason, u64); Reason::ALL.len()] {
        Reason::ALL.map(|reason| (reason, self.0[reason as usize].load(Ordering::Relaxed)))
    }

    pub(crate) fn add_one(&self, reason: Reason) {
        // Only shown to people, nothing is published through it.
        let _before = self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Encodes the records of one owner.
#[derive(Debug)]
pub(crate) struct Encoder {
    viewer: Viewer,
    identity: Identity,
    unexported: Unexported,
    /// The scope and the item of the record that is being encoded.
    scope: Writer,
    item: Writer,
}

impl Encoder {
    pub(crate) fn new(
        rules: Rules,
        redactions: Redactions,
        machine_id: Option<&str>,
        instance: &str,
        is_dead: bool,
    ) -> Self {
        let viewer = match is_dead {
            true => Viewer::of_dead_process(rules, redactions),
            false => Viewer::new(rules, redactions),
        };
        Self {
            viewer,
            identity: Identity::new(machine_id, instance),
            unexported: Unexported::default(),
            scope: Writer::default(),
            item: Writer::default(),
        }
    }

    /// What could not be encoded.
    pub(crate) fn unexported(&self) -> &Unexported {
        &self.unexported
    }

    /// Encodes a record. What is taken out of it counts as redacted if `counts` says so. In which
    /// stream it is to wait; `None` for what is not exported.
    pub(crate) fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        ring: u32,
        counts: bool,
    ) -> Option<Stream> {
        let context = unpack(record.context);
        let Self { viewer, identity, scope, item, .. } = self;
        let encoded = match record.kind {
            Kind::Event => {
                let mut log = logs::Log::new(record, &context, identity, scope, item);
                viewer.view(record, site, counts, &mut log);
                Ok(log.end(ring, record.sequence))
            }
            Kind::Span => match (context.trace_id, context.span_id, &record.span) {
                (Some(trace), Some(id), Some(part)) => {
                    let ids = (trace, id);
                    let mut span =
                        spans::Span::new(record, part, ids, &context, identity, scope, item);
                    viewer.view(record, site, counts, &mut span);
                    span.end();
                    Ok(Stream::Traces)
                }
                _ => Err(Reason::NoIds),
            },
            // Snapshots are exported as a whole, and what jobs did to a series is in them.
            Kind::Metric if site.source == Descriptor::OWN_METRICS => return None,
            Kind::Metric => {
                let mut point = points::Point::default();
                viewer.view(record, site, counts, &mut point);
                match point.encode(record.timestamp_ns, scope, item) {
                    Some(()) => Ok(Stream::MetricsLines),
                    None => Err(Reason::Malformed),
                }
            }
        };
        let fits = entry::size(self.scope.len(), self.item.len()) <= ENTRY_MAX;
        match encoded.and_then(|stream| if fits { Ok(stream) } else { Err(Reason::TooLarge) }) {
            Ok(stream) => Some(stream),
            Err(reason) => {
                self.unexported.add_one(reason);
                None
            }
        }
    }

    /// Appends the entry of the record that was encoded last.
    pub(crate) fn append(&self, to: &mut impl Append) {
        entry::encode(to, 1, self.scope.as_bytes(), self.item.as_bytes());
    }
}

/// What an SDK says of the scope of a record, as its fields have it, by the name behind this.
const OF_SCOPE: &str = "otel.scope.";

/// Fields of the message `InstrumentationScope`.
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const SCOPE_ATTRIBUTES: u32 = 3;
const SCOPE_DROPPED: u32 = 4;

/// Adds a field of a record to its scope, if it is about that. Whether it was.
#[inline]
fn add_to_scope(scope: &mut Writer, key: &str, value: radiosonde_record::Value<'_>) -> bool {
    use radiosonde_record::Value;
    let Some(name) = key.strip_prefix(OF_SCOPE) else { return false };
    match (name, value) {
        ("name", Value::Str(text)) => scope.text(SCOPE_NAME, text),
        ("version", Value::Str(text)) => scope.text(SCOPE_VERSION, text),
        ("dropped_attributes_count", Value::U64(count)) => scope.unsigned(SCOPE_DROPPED, count),
        (name, value) => crate::value::attribute(scope, SCOPE_ATTRIBUTES, name, value),
    }
    true
}
