//! Records to lines.

use radiosonde_context::packed::{Unpacked, unpack};
use radiosonde_record::{Descriptor, Kind, Level, RawValue, Record, SpanPart, Value};
use radiosonde_redact::REDACTED;

use crate::digits::hexadecimal;
use crate::fields::{Field, Resolver};
use crate::identity::Identity;
use crate::line::{Buffer, Line, Piece};
use crate::owner::Owner;
use crate::redactions::Redactions;
use crate::site::{SiteText, Sites};
use crate::time::Clock;

/// Encodes the records of one owner.
#[derive(Debug)]
pub(crate) struct Encoder {
    owner: Owner,
    redactions: Redactions,
    clock: Clock,
    /// For the start of spans, which is in another second more often than not.
    start_clock: Clock,
    sites: Sites,
    identity: Identity,
    /// `},"id":"….`, up to the ring's number.
    tail: Piece,
    buffer: Buffer,
    /// What stands as finished JSON in a record was not written by this process.
    checks_json: bool,
}

/// A record as a console shows it.
pub(crate) struct Prepared<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) context: Unpacked<'a>,
    pub(crate) fields: Vec<Field<'a>>,
}

impl Encoder {
    pub(crate) fn new(owner: Owner, instance: &str, redactions: Redactions) -> Self {
        Self {
            redactions,
            clock: Clock::default(),
            start_clock: Clock::default(),
            sites: Sites::default(),
            identity: Identity::new(&owner),
            tail: Piece::new(format!("}},\"id\":\"{instance}.").as_bytes()),
            buffer: Buffer::default(),
            checks_json: false,
            owner,
        }
    }

    /// For records that were read from files: what they call JSON is looked at first.
    pub(crate) fn checking_json(self) -> Self {
        Self { checks_json: true, ..self }
    }

    /// Appends the line of a record, line feed included.
    pub(crate) fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        ring: u32,
        out: &mut Vec<u8>,
    ) {
        let (rules, redactions) = (&self.owner.redact, &self.redactions);
        let text = self.sites.text(record, site, rules, redactions);
        let checks_json = self.checks_json;
        let resolver = Resolver { site, text, rules, redactions, checks_json };
        let mut line = Line::new(&mut self.buffer, out);
        line.literal(b"{\"ts\":\"");
        self.clock.write(&mut line, record.timestamp_ns);
        let (level, length) = &LEVELS[record.level as usize];
        line.front(level, *length);
        line.piece(&text.head);
        if record.message_at_site {
            line.piece(&text.message);
        } else if record.kind != Kind::Span {
            line.text(record.message);
        }
        line.piece(self.identity.members(record.context));
        match &record.span {
            Some(span) => {
                let duration_ns = record.timestamp_ns.saturating_sub(span.start_ns);
                span_members(&mut line, &mut self.start_clock, span, duration_ns, text);
                if !record.message.is_empty() {
                    line.literal(b",\"status_message\":\"");
                    line.text(record.message);
                    line.literal(b"\"");
                }
                line.literal(b",\"attributes\":{");
                line = members(line, record, resolver);
                line.literal(b"}");
            }
            None => line = members(line, record, resolver),
        }
        line.piece(&self.tail);
        line.unsigned(u64::from(ring));
        line.literal(b".");
        line.unsigned(record.sequence);
        line.literal(b"\"}\n");
        line.finish();
    }

    /// A record as a console shows it.
    pub(crate) fn prepare<'a>(
        &'a mut self,
        record: &'a Record<'a>,
        site: &'a Descriptor,
    ) -> Prepared<'a> {
        let (rules, redactions) = (&self.owner.redact, &self.redactions);
        let text = self.sites.text(record, site, rules, redactions);
        let checks_json = self.checks_json;
        let fields = Resolver { site, text, rules, redactions, checks_json }.fields(record);
        Prepared { record, context: unpack(record.context), fields }
    }
}

/// Of each level `","level":"…","evt":"`, from behind the time to the inside of `evt`, and its
/// length.
static LEVELS: [([u8; 32], usize); Level::ALL.len()] = {
    let mut levels = [([0; 32], 0); Level::ALL.len()];
    let mut at = 0;
    while at < levels.len() {
        let parts = [b"\",\"level\":\"", Level::ALL[at].as_str().as_bytes(), b"\",\"evt\":\""];
        let (bytes, length) = &mut levels[at];
        let mut part = 0;
        while part < parts.len() {
            let mut byte = 0;
            while byte < parts[part].len() {
                bytes[*length] = parts[part][byte];
                *length += 1;
                byte += 1;
            }
            part += 1;
        }
        at += 1;
    }
    levels
};

/// Appends what only spans have, up to their status.
#[inline(always)]
fn span_members(
    line: &mut Line<'_>,
    clock: &mut Clock,
    span: &SpanPart,
    duration_ns: u64,
    text: &SiteText,
) {
    line.piece(&text.span_name);
    if span.parent != 0 {
        line.literal(b",\"parent_span_id\":\"");
        line.literal::<16>(&hexadecimal(span.parent.to_be_bytes()));
        line.literal(b"\"");
    }
    line.literal(b",\"start\":\"");
    clock.write(line, span.start_ns);
    line.literal(b"\",\"duration_us\":");
    line.unsigned(duration_ns / 1_000);
    match span.kind {
        2 => line.literal(b",\"kind\":\"server\""),
        3 => line.literal(b",\"kind\":\"client\""),
        4 => line.literal(b",\"kind\":\"producer\""),
        5 => line.literal(b",\"kind\":\"consumer\""),
        _ => line.literal(b",\"kind\":\"internal\""),
    }
    match span.status {
        0 => line.literal(b",\"status\":\"unset\""),
        1 => line.literal(b",\"status\":\"ok\""),
        _ => line.literal(b",\"status\":\"error\""),
    }
}

/// Appends the fields of a record as members of an object.
#[inline(always)]
fn members<'l>(mut line: Line<'l>, record: &Record<'_>, resolver: Resolver<'_>) -> Line<'l> {
    let start = line.position();
    if listed_members(&mut line, record, resolver) {
        return line;
    }
    line.rewind(start);
    resolved_members(line, record, resolver)
}

/// Appends the fields when each stands at its place in the call site's list, as those of `event!`
/// do: then no key comes twice, and all of them are encoded already. `false` when they do not;
/// then some may have been appended.
#[inline(always)]
fn listed_members(line: &mut Line<'_>, record: &Record<'_>, resolver: Resolver<'_>) -> bool {
    if record.truncated || !resolver.text.is_distinct {
        return false;
    }
    let mut next = 0;
    let mut is_redacted = false;
    let mut fields = record.raw_fields();
    for (index, value) in &mut fields {
        let Some(key) = resolver.text.keys.get(index).filter(|_| index >= next) else {
            return false;
        };
        if resolver.checks_json && matches!(value, RawValue::Json(_)) {
            return false;
        }
        next = index + 1;
        line.piece(&key.text);
        if key.redacted.is_some() && value != RawValue::Null {
            is_redacted = true;
            line.value(&Value::Str(REDACTED));
        } else {
            line.raw_value(value);
        }
    }
    if !fields.is_indexed() {
        return false;
    }
    if next > 0 {
        line.take_back_one();
    }
    if is_redacted {
        resolver.count_redacted(record);
    }
    true
}

/// Appends the fields of any record.
#[inline(never)]
fn resolved_members<'l>(
    mut line: Line<'l>,
    record: &Record<'_>,
    resolver: Resolver<'_>,
) -> Line<'l> {
    let fields = resolver.fields(record);
    for field in &fields {
        line.literal(b"\"");
        line.text(field.key);
        line.literal(b"\":");
        line.value(&field.value);
    }
    let is_said = fields.iter().any(|field| field.key == "truncated");
    if record.truncated && !is_said {
        line.literal(b"\"truncated\":true");
    } else if !fields.is_empty() {
        line.take_back_one();
    }
    resolver.count_redacted(record);
    line
}
