//! Where on the screen things go: parts side by side as long as there is room, then indented below.

use radiosonde_record::start_of;

use crate::console::style::{DIM, Style};
use crate::console::text::{clean, columns, grouped, split_at_columns};

/// Lines of one event on their way to the console.
pub(crate) struct Page<'o> {
    out: &'o mut String,
    paper: Paper,
    /// What stands at the left edge of each line.
    mark: Option<(&'static str, Style)>,
    /// Columns used of the present line.
    column: usize,
    /// Columns between what stands there and what comes next.
    gap: usize,
    /// Columns before the first part of a line that goes on.
    indent: usize,
    is_cut: bool,
}

/// What the lines are put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paper {
    /// With colours.
    pub(crate) color: bool,
    /// Columns, on a terminal.
    pub(crate) width: Option<usize>,
    /// Whether long text may be cut, because all of it is kept elsewhere.
    pub(crate) may_cut: bool,
}

impl Paper {
    /// Nothing is cut that does not have to fit.
    fn cuts(self) -> bool {
        self.may_cut && self.width.is_some()
    }
}

impl<'o> Page<'o> {
    /// Begins an event, at the start of a line.
    pub(crate) fn new(
        out: &'o mut String,
        paper: Paper,
        mark: Option<(&'static str, Style)>,
    ) -> Self {
        let narrow = paper.width.is_some_and(|width| width < NARROW);
        let indent = if narrow { INDENT_NARROW } else { INDENT };
        let mut page = Self { out, paper, mark, column: 0, gap: 0, indent, is_cut: false };
        page.begin_line(1);
        page
    }

    /// Whether something was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Ends the event.
    pub(crate) fn end(self) {
        self.out.push('\n');
    }

    /// Columns left free before the next part.
    pub(crate) fn gap(&mut self, columns: usize) {
        if !self.is_fresh() {
            self.gap = columns;
        }
    }

    /// Goes on in a new line.
    pub(crate) fn next_line(&mut self) {
        self.out.push('\n');
        self.begin_line(self.indent);
    }

    fn begin_line(&mut self, indent: usize) {
        self.column = 0;
        self.gap = indent;
        if let Some((mark, style)) = self.mark {
            self.gap = 0;
            self.put(style, mark);
            self.gap = indent - 1;
        }
    }

    /// Columns left of the present line.
    fn room(&self) -> usize {
        self.paper.width.map_or(usize::MAX, |width| width.saturating_sub(self.column + self.gap))
    }

    /// Columns of a line that goes on.
    fn line_room(&self) -> usize {
        self.paper.width.map_or(usize::MAX, |width| width.saturating_sub(self.indent))
    }

    /// Whether nothing but the mark stands in the line.
    fn is_fresh(&self) -> bool {
        self.column <= 1
    }

    /// Appends text, wherever it may end.
    pub(crate) fn put(&mut self, style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        // Spaces are put when something follows them: no line ends with one of ours.
        self.out.extend(std::iter::repeat_n(' ', self.gap));
        self.column += self.gap + columns(text);
        self.gap = 0;
        let text = clean(text);
        if self.paper.color {
            style.paint(self.out, &text);
        } else {
            self.out.push_str(&text);
        }
    }

    /// Appends text broken at spaces, in at most so many lines more, and returns what is left.
    fn flow<'t>(&mut self, style: Style, text: &'t str, breaks: &mut usize) -> &'t str {
        let mut rest = text;
        loop {
            let piece = if self.paper.cuts() { start_of(rest, TEXT_BYTES_MAX) } else { rest };
            let front = match self.room() {
                // Not even for text without width: the gap before it has one.
                0 => "",
                room => split_at_columns(piece, room).0,
            };
            let after = &rest[front.len()..];
            if after.is_empty() {
                self.put(style, front);
                return "";
            }
            if *breaks == 0 {
                return rest;
            }
            *breaks -= 1;
            let space = if after.starts_with(' ') { Some(front.len()) } else { front.rfind(' ') };
            let end = match space {
                Some(end) if end > 0 || !self.is_fresh() => end,
                // A word longer than the line. One that would fit into a line gets one.
                _ if self.is_fresh() => front.len(),
                _ => 0,
            };
            self.put(style, &rest[..end]);
            rest = &rest[end..];
            rest = rest.strip_prefix(' ').unwrap_or(rest);
            self.next_line();
        }
    }

    /// Appends text, in as many lines as it needs, or so many if it may be cut.
    pub(crate) fn text(&mut self, style: Style, text: &str, lines_max: usize) {
        let mut breaks = self.breaks(lines_max);
        let rest = self.flow(style, text, &mut breaks);
        if !rest.is_empty() {
            self.cut_text(style, rest, text.len(), "");
        }
    }

    /// Appends the front of a text that goes on, and how long all of it is.
    fn cut_text(&mut self, style: Style, text: &str, bytes: usize, quote: &str) {
        self.is_cut = true;
        let note = format!(" ({} bytes)", grouped(bytes as u64));
        let room = self.room().saturating_sub(columns(&note) + columns(quote) + 1);
        let (front, _) = split_at_columns(start_of(text, TEXT_BYTES_MAX), room);
        self.put(style, front.trim_end());
        self.put(style, &format!("…{quote}"));
        self.put(DIM, &note);
    }

    /// Appends something that stays together: here if there is room, otherwise in the next line,
    /// and cut when that has not enough.
    pub(crate) fn whole(&mut self, style: Style, text: &str) {
        self.field(None, &Plain { text, style, is_quoted: false });
    }

    /// Appends `key=value`, as [`Page::whole`] does.
    pub(crate) fn field(&mut self, key: Option<&str>, value: &Plain<'_>) {
        let quote = if value.is_quoted { "\"" } else { "" };
        let key = key.map(|key| format!("{key}="));
        let key = key.as_deref().unwrap_or_default();
        let text = value.quoted();
        let needed = columns(key) + columns(&text);
        let is_endless = self.paper.cuts() && key.len() + text.len() > TEXT_BYTES_MAX;
        if (needed > self.room() || is_endless) && !self.is_fresh() {
            self.next_line();
        }
        if needed <= self.room() && !is_endless {
            self.put(DIM, key);
            self.put(value.style, &text);
        } else if self.paper.cuts() {
            self.put_key(key);
            let inside = text.strip_suffix(quote).unwrap_or(&text);
            self.cut_text(value.style, inside, value.text.len(), quote);
        } else {
            let mut breaks = usize::MAX;
            self.flow(DIM, key, &mut breaks);
            self.flow(value.style, &text, &mut breaks);
        }
    }

    /// Appends the key of a value that is cut: the key is, as well, where it takes a third of the line.
    fn put_key(&mut self, key: &str) {
        let room = self.line_room() / 3;
        if columns(key) <= room && key.len() <= KEY_BYTES_MAX {
            return self.put(DIM, key);
        }
        let (front, _) = split_at_columns(start_of(key, KEY_BYTES_MAX), room - 2);
        self.put(DIM, front);
        self.put(DIM, "…=");
    }

    /// Appends text of several lines below what stands there, under its key.
    pub(crate) fn block(&mut self, key: Option<&str>, text: &str, style: Style) {
        let bytes = text.len() as u64;
        let text = text.trim_end();
        let is_one_line = !text.contains('\n');
        if let Some(key) = key {
            self.next_line();
            self.text(DIM, &format!("{key}:"), 1);
        }
        self.indent += BLOCK_INDENT;
        let mut breaks = self.breaks(BLOCK_LINES + 1);
        let mut lines = text.lines();
        let mut skipped = 0_u64;
        if is_one_line && key.is_some() {
            self.gap = 1;
        }
        for (at, line) in lines.by_ref().enumerate() {
            if at > 0 || !is_one_line || key.is_none() {
                if breaks == 0 {
                    skipped += 1;
                    break;
                }
                breaks -= 1;
                self.next_line();
            }
            let line = line.replace('\t', "    ");
            let rest = self.flow(style, &line, &mut breaks);
            if !rest.is_empty() {
                self.cut_text(style, rest, line.len(), "");
            }
        }
        skipped += lines.count() as u64;
        if skipped > 0 {
            self.is_cut = true;
            self.next_line();
            let (lines, bytes) = (grouped(skipped), grouped(bytes));
            let plural = if skipped == 1 { "" } else { "s" };
            self.text(DIM, &format!("… {lines} line{plural} more ({bytes} bytes in all)"), 2);
        }
        self.indent -= BLOCK_INDENT;
    }

    /// How often text that may take so many lines is broken.
    fn breaks(&self, lines_max: usize) -> usize {
        if self.paper.cuts() { lines_max.saturating_sub(1) } else { usize::MAX }
    }
}

/// A value of one line.
pub(crate) struct Plain<'a> {
    pub(crate) text: &'a str,
    pub(crate) style: Style,
    pub(crate) is_quoted: bool,
}

impl Plain<'_> {
    fn quoted(&self) -> String {
        if self.is_quoted {
            format!("\"{}\"", self.text.replace('"', "\\\""))
        } else {
            self.text.to_owned()
        }
    }
}

/// Screens narrower than this have no columns to give away.
const NARROW: usize = 80;
/// What goes on stands under the level: so the times have their column to themselves.
const INDENT: usize = 15;
const INDENT_NARROW: usize = 4;
/// Text below its key.
const BLOCK_INDENT: usize = 2;
/// Lines of a block, on a terminal: what follows stands in the file.
const BLOCK_LINES: usize = 40;
/// The most of a key whose value is cut.
const KEY_BYTES_MAX: usize = 512;
/// The most of one text that goes to a terminal in one piece: characters without width have no end.
const TEXT_BYTES_MAX: usize = 4 << 10;
