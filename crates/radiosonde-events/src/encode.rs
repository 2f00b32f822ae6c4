//! Records to lines.

mod members;

use std::borrow::Cow;

use radiosonde_context::packed::{Unpacked, unpack};
use radiosonde_record::{Descriptor, Kind, Level, Lines, Record, SpanPart, Value};

use crate::digits::hexadecimal;
use crate::extras::{self, ShownExtras};
use crate::fields::{self, Field, How};
use crate::identity::Identity;
use crate::identity::Tails;
use crate::json;
use crate::line::{Line, MARGIN, Piece, Room};
use crate::owner::Owner;
use crate::redactions::{Counter, Redactions, Secrets};
use crate::site::{SiteText, Sites};
use crate::time::Clock;

/// Encodes the records of one owner.
#[derive(Debug)]
pub(crate) struct Encoder {
    secrets: Secrets,
    clock: Clock,
    /// For the start of spans, which is in another second more often than not.
    start_clock: Clock,
    sites: Sites,
    identity: Identity,
    tails: Tails,
    /// What stands as finished JSON in a record was not written by this process.
    checks_json: bool,
}

/// A record as a console shows it.
pub(crate) struct Prepared<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) context: Unpacked<'a>,
    /// Name and source of its call site, and its message, without secrets.
    pub(crate) name: &'a str,
    pub(crate) source: &'a str,
    pub(crate) message: Cow<'a, str>,
    pub(crate) fields: Vec<Field<'a>>,
    /// For the names of the spans around it.
    pub(crate) secrets: &'a Secrets,
}

impl Encoder {
    pub(crate) fn new(owner: Owner, instance: &str, redactions: Redactions) -> Self {
        Self {
            clock: Clock::new(b"{\"ts\":\""),
            start_clock: Clock::new(b",\"start\":\""),
            sites: Sites::default(),
            identity: Identity::new(&owner),
            secrets: Secrets::new(owner.redact, redactions),
            tails: Tails::new(instance),
            checks_json: false,
        }
    }

    /// For records that come from files: nothing in them is taken for JSON without a look.
    pub(crate) fn checking_json(self) -> Self {
        Self { checks_json: true, ..self }
    }

    /// Appends the line of a record, line feed included.
    pub(crate) fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        ring: u32,
        out: &mut Lines,
    ) {
        // What few spans have is always looked at.
        let looks = self.secrets.looks_at_everything() || record.has_extras();
        let suspects_json =
            self.checks_json || record.kind != Kind::Metric || is_foreign_metric(record, site);
        let mut parts = self.parts(record, site, ring);
        if looks {
            return parts.write_looked_at(out);
        }
        let least = parts.constant_max() + variable_max(record);
        let mut room = out.room(least.max(USUAL_MAX));
        let length = match room.first_chunk_mut::<USUAL_MAX>() {
            Some(room) if least <= USUAL_MAX => {
                parts.write(Line::new(room, suspects_json), suspects_json)
            }
            _ => parts.write_long(Line::new(&mut room, suspects_json), suspects_json),
        };
        match length {
            Some(length) => out.take(length),
            None => parts.write_looked_at(out),
        }
    }

    /// As [`Encoder::encode`], and what a console shows of the record. Rules of the user are asked
    /// once for both: they may say something else the next time.
    pub(crate) fn encode_shown<'a>(
        &'a mut self,
        record: &'a Record<'a>,
        site: &'a Descriptor,
        ring: u32,
        out: &mut Lines,
    ) -> Prepared<'a> {
        let asks_once = self.secrets.looks_at_everything();
        if !asks_once {
            self.encode(record, site, ring, out);
        }
        let text = self.sites.text(record, site, &self.secrets);
        let looked = look(record, site, text, &mut self.secrets, self.checks_json);
        if asks_once {
            self.parts(record, site, ring).write_shown(&looked, out);
        }
        let text = self.sites.text(record, site, &self.secrets);
        let (name, source, constant) = match &text.hidden {
            Some(shown) => (&*shown.name, &*shown.source, &*shown.message),
            None => (&*site.name, &*site.source, &*site.message),
        };
        let Looked { fields, message, .. } = looked;
        let message = if record.message_at_site { Cow::Borrowed(constant) } else { message };
        let (context, secrets) = (unpack(record.context), &self.secrets);
        Prepared { record, context, name, source, message, fields, secrets }
    }

    /// What the line of a record is made of.
    #[inline(always)]
    fn parts<'e, 'r>(
        &'e mut self,
        record: &'e Record<'r>,
        site: &'e Descriptor,
        ring: u32,
    ) -> Parts<'e, 'r> {
        Parts {
            record,
            site,
            text: self.sites.text(record, site, &self.secrets),
            origin: self.identity.members(record.context),
            tail: self.tails.of(ring),
            clock: &mut self.clock,
            start_clock: &mut self.start_clock,
            secrets: &mut self.secrets,
            checks_json: self.checks_json,
        }
    }
}

/// Whether it is a metric line whose labels nobody has looked at so far.
pub(crate) fn is_foreign_metric(record: &Record<'_>, site: &Descriptor) -> bool {
    record.kind == Kind::Metric && site.source != Descriptor::OWN_METRICS
}

/// What may be shown of a record, and which rules have taken something out.
pub(crate) struct Looked<'a> {
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) message: Cow<'a, str>,
    /// What few spans have.
    pub(crate) extras: Option<ShownExtras<'a>>,
    pub(crate) hits: Vec<Counter>,
}

/// Looks at everything a record says.
pub(crate) fn look<'a>(
    record: &Record<'a>,
    site: &'a Descriptor,
    text: &SiteText,
    secrets: &mut Secrets,
    checks_json: bool,
) -> Looked<'a> {
    let how = How { checks_json, looks: true };
    let (fields, mut hits) = fields::resolve(record, site, text, secrets, how);
    let message = message(record, secrets, &mut hits);
    let extras = record.has_extras().then(|| extras::look(record, secrets, &mut hits));
    Looked { fields, message, extras, hits }
}

/// The message of a record, or the status of a span, without secrets.
fn message<'r>(record: &Record<'r>, secrets: &Secrets, hits: &mut Vec<Counter>) -> Cow<'r, str> {
    let path = if record.kind == Kind::Span { "status_message" } else { "msg" };
    let asks = record.kind != Kind::Metric && !record.message.is_empty();
    let redacted = secrets.redact(asks.then_some(path), record.message, hits);
    redacted.map_or(Cow::Borrowed(record.message), Cow::Owned)
}

/// What a line is made of.
struct Parts<'e, 'r> {
    record: &'e Record<'r>,
    site: &'e Descriptor,
    text: &'e SiteText,
    origin: &'e Piece,
    tail: &'e Piece,
    clock: &'e mut Clock,
    start_clock: &'e mut Clock,
    secrets: &'e mut Secrets,
    checks_json: bool,
}

/// What a line says that is not known beforehand.
struct Variable<'v> {
    message: &'v str,
    /// Members of a span.
    extras: &'v str,
    /// Missing when the fields can go to the line as they are.
    fields: Option<&'v [Field<'v>]>,
}

impl Parts<'_, '_> {
    /// The most that does not depend on what the record itself says.
    #[inline(always)]
    fn constant_max(&self) -> usize {
        CONSTANT_MAX + self.text.length + self.origin.length() + self.tail.length()
    }

    /// Writes a line of any length.
    #[inline(never)]
    fn write_long(&mut self, line: Line<'_, impl Room>, suspects_json: bool) -> Option<usize> {
        self.write(line, suspects_json)
    }

    /// Writes the line as it is, and returns its length; `None` when there is a secret in it.
    #[inline(always)]
    fn write(&mut self, mut line: Line<'_, impl Room>, suspects_json: bool) -> Option<usize> {
        let variable = Variable { message: self.record.message, extras: "", fields: None };
        let is_redacted;
        (line, is_redacted) = self.write_with(line, &variable);
        if line.is_suspect() && self.secrets.are_in(self.record, suspects_json) {
            return None;
        }
        if is_redacted {
            fields::count_redacted(self.record, self.text, self.secrets);
        }
        self.count_constant();
        Some(line.length())
    }

    /// Writes the line after a look at everything in it.
    #[cold]
    #[inline(never)]
    fn write_looked_at(&mut self, out: &mut Lines) {
        let looked = look(self.record, self.site, self.text, self.secrets, self.checks_json);
        self.write_shown(&looked, out);
    }

    /// Writes the line of what may be shown.
    fn write_shown(&mut self, looked: &Looked<'_>, out: &mut Lines) {
        let Looked { fields, message, extras, hits } = looked;
        let extras = extras.as_ref().map(extras::members).unwrap_or_default();
        let size = |field: &Field<'_>| match field.shown() {
            Value::Str(text) | Value::Json(text) | Value::Marked(text) => {
                field.key.len() + text.len()
            }
            Value::Bytes(bytes) => field.key.len() + bytes.len(),
            _ => field.key.len(),
        };
        let variable: usize = fields.iter().map(size).sum::<usize>() + message.len();
        let variable = json::LONGEST * variable + extras.len();
        let least = self.constant_max() + variable + 48 * (fields.len() + 1);
        let mut room = out.room(least);
        let variable = Variable { message, extras: &extras, fields: Some(fields) };
        let (line, _) = self.write_with(Line::new(&mut room, false), &variable);
        let length = line.length();
        out.take(length);
        hits.iter().for_each(Counter::add_one);
        self.count_constant();
    }

    /// Counts what of the call site is hidden.
    #[inline(always)]
    fn count_constant(&self) {
        if let Some(hidden) = &self.text.hidden {
            hidden.count();
        }
    }

    /// Writes the line, and tells whether a value was hidden for its key.
    #[inline(always)]
    fn write_with<'l, R: Room>(
        &mut self,
        mut line: Line<'l, R>,
        variable: &Variable<'_>,
    ) -> (Line<'l, R>, bool) {
        let (record, text) = (self.record, self.text);
        self.clock.write(&mut line, record.timestamp_ns);
        let (level, length) = &LEVELS[record.level as usize];
        line.front(level, *length);
        line.piece(&text.head);
        if record.message_at_site {
            line.piece(&text.message);
        } else if record.kind != Kind::Span {
            line.text(variable.message, b"");
        }
        line.piece(self.origin);
        if let Some(span) = &record.span {
            self.span_members(&mut line, span, variable);
        }
        let is_redacted;
        (line, is_redacted) = match variable.fields {
            None => self.members(line),
            Some(fields) => (self.shown_members(line, fields), false),
        };
        if record.span.is_some() {
            line.literal(b"}");
        }
        line.piece(self.tail);
        line.unsigned(record.sequence);
        line.literal(b"\"}\n");
        (line, is_redacted)
    }

    /// Appends what only spans have, up to their attributes.
    #[inline(always)]
    fn span_members(
        &mut self,
        line: &mut Line<'_, impl Room>,
        span: &SpanPart,
        variable: &Variable<'_>,
    ) {
        let record = self.record;
        line.piece(&self.text.span_name);
        if span.parent != 0 {
            line.literal(b",\"parent_span_id\":\"");
            line.literal::<16>(&hexadecimal(span.parent.to_be_bytes()));
            line.literal(b"\"");
        }
        self.start_clock.write(line, span.start_ns);
        line.literal(b"\",\"duration_us\":");
        line.unsigned(record.timestamp_ns.saturating_sub(span.start_ns) / 1_000);
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
        if !variable.message.is_empty() {
            line.literal(b",\"status_message\":\"");
            line.text(variable.message, b"\"");
        }
        match span.kept {
            0 => {}
            1 => line.literal(b",\"kept\":\"error\""),
            _ => line.literal(b",\"kept\":\"slow\""),
        }
        if !variable.extras.is_empty() {
            line.verbatim(variable.extras.as_bytes());
        }
        line.literal(b",\"attributes\":{");
    }
}

/// Room that nearly all lines fit into.
const USUAL_MAX: usize = 4096;

/// What a line has of times, levels, ids and punctuation, at most.
const CONSTANT_MAX: usize = 512 + MARGIN;

/// The longest that what a record itself says can become.
#[inline(always)]
fn variable_max(record: &Record<'_>) -> usize {
    let (count, size) = record.fields_size();
    // A number of 24 characters, or what stands for a secret, under a key that was lost.
    json::LONGEST * (record.message.len() + size) + 48 * count
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
