//! Events on the console: a line for people, or the JSON line itself.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};
use radiosonde_record::{Descriptor, Level, Value};

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

/// Takes whole lines, on the drain's thread, and must not block. Whether it took them.
pub type WriteLines = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// Where the sink copies events to, batch by batch.
pub struct Console {
    format: ConsoleFormat,
    write: WriteLines,
    buffer: Vec<u8>,
    clock: Clock,
}

impl Console {
    /// A console.
    pub fn new(format: ConsoleFormat, write: WriteLines) -> Self {
        Self { format, write, buffer: Vec::new(), clock: Clock::new(b"") }
    }

    /// Whether people are looking, not a program.
    pub(crate) fn is_pretty(&self) -> bool {
        matches!(self.format, ConsoleFormat::Pretty { .. })
    }

    /// Shows a prepared record, when people are looking.
    pub(crate) fn prepare(&mut self, prepared: &Prepared<'_>, site: &Descriptor) {
        if let ConsoleFormat::Pretty { color } = self.format {
            let time = self.clock.text(prepared.record.timestamp_ns);
            let text = pretty(prepared, site, &time, color);
            self.buffer.extend_from_slice(text.as_bytes());
        }
    }

    /// Shows a line, when a program is looking.
    pub(crate) fn line(&mut self, line: &[u8]) {
        if self.format == ConsoleFormat::Json {
            self.buffer.extend_from_slice(line);
        }
    }

    /// Hands over what was prepared. Whether it was taken.
    pub(crate) fn flush(&mut self) -> bool {
        let taken = self.buffer.is_empty() || (self.write)(&self.buffer);
        self.buffer.clear();
        taken
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("format", &self.format).finish_non_exhaustive()
    }
}

/// `13:43:10.123 ERROR openrouter_error  429 Rate limit  status=429  job=job-123 (source)`
fn pretty(prepared: &Prepared<'_>, site: &Descriptor, time: &str, color: bool) -> String {
    let record = prepared.record;
    let (name, style) = level(record.level);
    let dim = Style::new().dimmed();
    let paint = |style: Style| {
        if color {
            (style.render(), style.render_reset())
        } else {
            (Style::new().render(), Style::new().render_reset())
        }
    };
    let mut out = String::with_capacity(160);
    let time = time.get(11..23).unwrap_or(time);
    let mut part = |style: Style, text: fmt::Arguments<'_>| {
        let (on, off) = paint(style);
        // Writing to a string does not fail; the reset of a plain style is left out.
        let off = if color && style != Style::new() { off.to_string() } else { String::new() };
        let _ = write!(out, "{on}{text}{off}");
    };
    part(dim, format_args!("{time}"));
    part(style, format_args!(" {name:<5} "));
    if site.name != "log" {
        part(Style::new().bold(), format_args!("{} ", Safe(prepared.name)));
    }
    let message = if record.level >= Level::Error { style } else { Style::new() };
    part(message, format_args!("{}", Safe(&prepared.message)));
    for field in &prepared.fields {
        part(dim, format_args!(" {}=", Safe(&field.key)));
        match field.shown() {
            Value::Str(text) if text.contains(' ') => {
                part(Style::new(), format_args!("{text:?}"));
            }
            Value::Str(text) => part(Style::new(), format_args!("{}", Safe(text))),
            other => part(Style::new(), format_args!("{other:?}")),
        }
    }
    let context = &prepared.context;
    for (key, id) in [("job", context.job_id), ("worker", context.worker_id)] {
        if let Some(id) = id {
            part(dim, format_args!(" {key}={id}"));
        }
    }
    part(dim, format_args!(" ({})", Safe(prepared.source)));
    out.push('\n');
    out
}

fn level(level: Level) -> (&'static str, Style) {
    let color = |color: AnsiColor| color.on_default();
    match level {
        Level::Trace => ("TRACE", Style::new().dimmed()),
        Level::Debug => ("DEBUG", color(AnsiColor::Blue)),
        Level::Info => ("INFO", color(AnsiColor::Green)),
        Level::Warning => ("WARN", color(AnsiColor::Yellow)),
        Level::Error => ("ERROR", color(AnsiColor::Red).bold()),
        Level::Critical => {
            ("CRIT", color(AnsiColor::White).bold().bg_color(Some(AnsiColor::Red.into())))
        }
    }
}

/// Text from a record on its way to a terminal: control characters are shown, not sent.
struct Safe<'a>(&'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}
