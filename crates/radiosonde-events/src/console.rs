//! Events on the console: lines for people, or the JSON line itself.
//!
//! What is seen on a terminal, and why it looks like that, stands in `docs/console.md`.

mod entry;
mod page;
mod style;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use radiosonde_context::SpanId;
use radiosonde_context::packed::unpack;
use radiosonde_record::{Descriptor, Level, Record, Value};

use crate::console::entry::Entry;
use crate::console::page::{Page, Paper};
use crate::console::style::DIM;
use crate::encode::Prepared;
use crate::time::Clock;

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsoleFormat {
    /// The JSON line, as in the day file.
    Json,
    /// Aligned text for people.
    Pretty {
        /// With ANSI colours.
        color: bool,
    },
}

/// Whole lines on their way to a console.
#[derive(Clone, Copy, Debug)]
pub struct Portion<'a> {
    /// The lines, each with its line feed. An event for people may take several.
    pub text: &'a [u8],
    /// Events in it.
    pub events: u64,
    /// Those among them that are errors, or worse.
    pub errors: u64,
    /// The day file that has the same events; `None` when no file has.
    pub file: Option<&'a str>,
}

/// Takes whole lines, on the drain's thread, and must not block. Whether it took them.
pub type WriteLines = Box<dyn FnMut(&Portion<'_>) -> bool + Send>;

/// Knows the names of spans, by their ids: a record has only these.
pub trait SpanNames: Send {
    /// Appends the names of a span and those around it, the outermost first; nothing for a span it
    /// does not know.
    fn path(&mut self, span: SpanId, names: &mut Vec<&'static str>);

    /// The record of a span has come: nothing of it follows.
    fn ended(&mut self, span: SpanId);
}

/// Where the sink copies events to, batch by batch.
pub struct Console {
    format: ConsoleFormat,
    write: WriteLines,
    terminal: Option<Terminal>,
    spans: Option<Box<dyn SpanNames>>,
    has_files: bool,
    /// The instance of the process, with which the ids of lines begin.
    instance: String,
    file: String,
    clock: Clock,
    /// The last day an event was of.
    day: String,
    buffer: Vec<u8>,
    /// The event that is being written: a panic in the middle of it leaves no half in the buffer.
    text: String,
    events: u64,
    errors: u64,
}

/// Tells the columns of a terminal, which people change as they like.
type Terminal = Box<dyn FnMut() -> usize + Send>;

impl Console {
    /// A console that is no terminal: lines for people are as long as they are.
    pub fn new(format: ConsoleFormat, write: WriteLines) -> Self {
        Self {
            format,
            write,
            terminal: None,
            spans: None,
            has_files: true,
            instance: String::new(),
            file: String::new(),
            clock: Clock::new(b""),
            day: String::new(),
            buffer: Vec::new(),
            text: String::new(),
            events: 0,
            errors: 0,
        }
    }

    /// A terminal of so many columns, 40 at least: lines for people fit into it, and JSON lines do
    /// not act on it. `columns` is asked for each event, on the drain's thread, and must not block.
    #[must_use]
    pub fn on_terminal(mut self, columns: impl FnMut() -> usize + Send + 'static) -> Self {
        self.terminal = Some(Box::new(columns));
        self
    }

    /// Shows people in which span an event happened.
    #[must_use]
    pub fn with_spans(mut self, spans: impl SpanNames + 'static) -> Self {
        self.spans = Some(Box::new(spans));
        self
    }

    /// There are no day files: nothing is cut, since nothing else has the rest.
    #[must_use]
    pub fn without_files(mut self) -> Self {
        self.has_files = false;
        self
    }

    pub(crate) fn of_instance(mut self, instance: &str) -> Self {
        instance.clone_into(&mut self.instance);
        self
    }

    /// Events go to this file as well, from now on.
    pub(crate) fn set_file(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    /// Whether people are looking, not a program.
    pub(crate) fn is_pretty(&self) -> bool {
        matches!(self.format, ConsoleFormat::Pretty { .. })
    }

    /// Shows a prepared event, when people are looking.
    pub(crate) fn prepare(&mut self, prepared: &Prepared<'_>, site: &Descriptor, ring: u32) {
        let ConsoleFormat::Pretty { color } = self.format else { return };
        let record = prepared.record;
        let width = self.terminal.as_mut().map(|columns| columns().max(WIDTH_MIN));
        let paper = Paper { color, width, may_cut: self.has_files };
        let time = self.clock.text(record.timestamp_ns);
        self.text.clear();
        self.begin_day(time.get(..10).unwrap_or_default(), paper);
        let time = format!("{}Z", time.get(11..23).unwrap_or(&time));
        let context = &prepared.context;
        let mut names = Vec::new();
        if let (Some(spans), Some(span)) = (&mut self.spans, context.span_id) {
            spans.path(span, &mut names);
        }
        // Counted with the lines of the spans.
        let redacted = |name| prepared.secrets.span_name(name, &mut Vec::new());
        let hidden: Vec<Option<Arc<str>>> = names.iter().copied().map(redacted).collect();
        let path =
            names.iter().zip(&hidden).map(|(name, hidden)| hidden.as_deref().unwrap_or(name));
        let path: Vec<&str> = path.collect();
        let mut fields: Vec<(&str, Value<'_>)> =
            prepared.fields.iter().map(|field| (&*field.key, field.shown())).collect();
        // Their messages say it for people; every minute the rest would push all else away.
        let is_heartbeat = prepared.source == "radiosonde" && HEARTBEATS.contains(&prepared.name);
        if is_heartbeat && self.has_files {
            fields.clear();
        }
        if record.truncated && !fields.iter().any(|(key, _)| *key == "truncated") {
            fields.push(("truncated", Value::Bool(true)));
        }
        let trace = context.trace_id.map(|id| id.to_string());
        let ids: Vec<(&str, &str)> = [
            ("job", context.job_id),
            ("trace", trace.as_deref().and_then(|id| id.get(..SHORT_ID))),
            ("worker", context.worker_id),
        ]
        .into_iter()
        .filter_map(|(key, id)| Some((key, id?)))
        .collect();
        let id = format!("{}.{ring}.{}", self.instance, record.sequence);
        let entry = Entry {
            time: &time,
            level: record.level,
            name: (site.name != "log").then_some(prepared.name),
            path: &path,
            message: &prepared.message,
            fields: &fields,
            ids: &ids,
            source: prepared.source,
            kept: self.has_files.then_some((&self.file, &id)),
        };
        entry.write(&mut self.text, paper);
        self.buffer.extend_from_slice(self.text.as_bytes());
        self.count(record.level);
    }

    /// Times have no date: a day that begins is said once. An event that is late is none.
    fn begin_day(&mut self, day: &str, paper: Paper) {
        if day <= self.day.as_str() {
            return;
        }
        if !self.day.is_empty() {
            let mut page = Page::new(&mut self.text, paper, None);
            page.put(DIM, &format!("{day} (UTC)"));
            page.end();
        }
        day.clone_into(&mut self.day);
    }

    /// Shows the line of an event, when a program is looking.
    pub(crate) fn line(&mut self, line: &[u8], level: Level) {
        if self.format != ConsoleFormat::Json {
            return;
        }
        match (&self.terminal, str::from_utf8(line)) {
            (Some(_), Ok(text)) => {
                self.buffer.extend_from_slice(text::clean_json(text).as_bytes());
            }
            _ => self.buffer.extend_from_slice(line),
        }
        self.count(level);
    }

    /// The record of a span has come.
    pub(crate) fn span_ended(&mut self, span: &Record<'_>) {
        if let Some(spans) = &mut self.spans
            && let Some(id) = unpack(span.context).span_id
        {
            spans.ended(id);
        }
    }

    fn count(&mut self, level: Level) {
        self.events += 1;
        self.errors += u64::from(level >= Level::Error);
    }

    /// Hands over what was prepared. Whether it was taken.
    pub(crate) fn flush(&mut self) -> bool {
        let portion = Portion {
            text: &self.buffer,
            events: self.events,
            errors: self.errors,
            file: self.has_files.then_some(&self.file),
        };
        let taken = self.buffer.is_empty() || (self.write)(&portion);
        self.buffer.clear();
        (self.events, self.errors) = (0, 0);
        taken
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("format", &self.format).finish_non_exhaustive()
    }
}

/// Text that does not act on a terminal, whatever stands in it: control characters, and those that
/// turn the reading direction, are written as `\u{1b}`.
pub fn clean_for_terminal(text: &str) -> Cow<'_, str> {
    text::clean(text)
}

/// Lines of JSON that do not act on a terminal, and still are the same JSON: what is left to escape
/// stands inside strings.
pub fn clean_json_for_terminal(lines: &str) -> Cow<'_, str> {
    text::clean_json(lines)
}

/// Events that tell, again and again, that all is well.
const HEARTBEATS: [&str; 2] = ["machine.status", "worker.status"];
/// Narrower screens are written to as if they had this.
const WIDTH_MIN: usize = 40;
/// Digits of a trace's id, enough to ask for it.
const SHORT_ID: usize = 8;
