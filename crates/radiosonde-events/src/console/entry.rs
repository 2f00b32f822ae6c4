//! What people are shown of an event, in which order.

use std::borrow::Cow;
use std::fmt::Write as _;

use radiosonde_record::{Level, Value, base64};

use crate::console::page::{Page, Paper, Plain};
use crate::console::style::{self, DIM, NAME, PLAIN};
use crate::console::text::{clean, columns, split_at_columns};

/// An event, resolved and redacted.
pub(crate) struct Entry<'a> {
    /// `13:43:10.123Z`
    pub(crate) time: &'a str,
    pub(crate) level: Level,
    /// `None` for a plain log line.
    pub(crate) name: Option<&'a str>,
    /// Names of the spans around it, the outermost first.
    pub(crate) path: &'a [&'a str],
    pub(crate) message: &'a str,
    pub(crate) fields: &'a [(&'a str, Value<'a>)],
    /// Key and value of the ids that are shown.
    pub(crate) ids: &'a [(&'a str, &'a str)],
    pub(crate) source: &'a str,
    /// Where all of it is kept: file and id of the line.
    pub(crate) kept: Option<(&'a str, &'a str)>,
}

impl Entry<'_> {
    /// Appends the lines of the event.
    pub(crate) fn write(&self, out: &mut String, paper: Paper) {
        let paper = Paper { may_cut: self.kept.is_some(), ..paper };
        let mut page = Page::new(out, paper, style::mark(self.level));
        let (word, level) = style::level(self.level);
        let message = style::message(self.level);
        page.put(DIM, self.time);
        page.gap(1);
        page.put(level, word);
        page.gap(1 + LEVEL_COLUMNS - word.len());
        if let Some(name) = self.name {
            page.text(NAME, name, MESSAGE_LINES);
            page.gap(2);
        }
        if let Some(path) = path(self.path, paper.width) {
            page.whole(DIM, &path);
            page.gap(1);
        }
        let (first, more) = match self.message.split_once('\n') {
            Some((first, more)) => (first.trim_end(), more.trim_end()),
            None => (self.message.trim_end(), ""),
        };
        page.text(message, first, MESSAGE_LINES);
        let mut blocks = Vec::new();
        for (key, value) in self.fields {
            let text = text(value);
            if self.is_block(key, value, &text) {
                blocks.push((key, text));
                continue;
            }
            page.gap(2);
            let is_quoted = matches!(value, Value::Str(_)) && !is_bare(&text);
            page.field(Some(key), &Plain { text: &text, style: PLAIN, is_quoted });
        }
        for (key, id) in self.ids {
            page.gap(2);
            page.field(Some(key), &Plain { text: id, style: DIM, is_quoted: false });
        }
        if !self.source.is_empty() {
            page.gap(2);
            page.whole(DIM, &format!("({})", self.source));
        }
        if !more.is_empty() {
            page.block(None, more, message);
        }
        for (key, text) in &blocks {
            page.block(Some(key), text, PLAIN);
        }
        if page.is_cut()
            && let Some((file, id)) = self.kept
        {
            page.next_line();
            page.text(DIM, &format!("… whole in {file}, id {id}"), usize::MAX);
        }
        page.end();
    }

    /// Whether a field is shown below the line: what has lines of its own, and what went wrong.
    fn is_block(&self, key: &str, value: &Value<'_>, text: &str) -> bool {
        let is_error = self.level >= Level::Warning && ERROR_KEYS.contains(&key);
        matches!(value, Value::Str(_))
            && (text.trim_end().contains('\n') || (is_error && text.contains(' ')))
    }
}

/// `http.request > load_order:` in at most a third of the line: then the outer ones are left out.
fn path(names: &[&str], width: Option<usize>) -> Option<String> {
    let (last, outer) = names.split_last()?;
    let columns_max = width.map_or(usize::MAX, |width| width / 3);
    let mut path = clean(last).into_owned();
    if columns(&path) > columns_max {
        let (front, _) = split_at_columns(&path, columns_max - 1);
        return Some(format!("{front}…:"));
    }
    for name in outer.iter().rev() {
        let longer = format!("{} > {path}", clean(name));
        if columns(&longer) > columns_max {
            return Some(format!("… > {path}:"));
        }
        path = longer;
    }
    Some(format!("{path}:"))
}

/// A value as text, on one line or several.
fn text<'a>(value: &Value<'a>) -> Cow<'a, str> {
    match *value {
        Value::Str(text) | Value::Json(text) => Cow::Borrowed(text),
        Value::Bytes(bytes) => Cow::Owned(base64::encoded(bytes)),
        ref other => {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = write!(text, "{other:?}");
            Cow::Owned(text)
        }
    }
}

/// Whether text stands without quotes and is not misread.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '"', '='])
}

/// As long as the longest word of a level.
const LEVEL_COLUMNS: usize = 5;
/// Lines of a message on a terminal.
const MESSAGE_LINES: usize = 10;
/// Under which the reason of a failure is found.
const ERROR_KEYS: [&str; 4] = ["cause", "err", "error", "exception"];
