//! A story as rows: time, bar, duration, and the tree with what happened.

use std::borrow::Cow;

use jiff::Timestamp;
use radiosonde_store::line::Line;

use crate::render::Screen;
use crate::render::attributes;
use crate::render::color::{self, Paint};
use crate::render::labels::{label, span_row};
use crate::render::layout::Layout;
use crate::render::line::Ids;
use crate::render::metric::Metric;
use crate::render::places::Places;
use crate::render::text::{columns, fit, fit_middle, shown};
use crate::render::time::{between, clock, day, duration};
use crate::story::{CriticalPath, Node, Row, Span, Story, What};

/// A row of text.
pub(crate) struct Drawn {
    pub(crate) text: String,
    /// Whether it was too long for the screen.
    pub(crate) cut: bool,
    /// Whether attributes are left out that only a wide row has.
    pub(crate) left_out: bool,
}

/// How rows of a story are drawn.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Which ids are worth a word on each row.
    pub(crate) ids: Ids,
    /// What is marked.
    pub(crate) path: Option<CriticalPath>,
    /// Where each row is from, where that is several places.
    pub(crate) places: Option<Places>,
}

/// The rows from top to bottom.
pub(crate) fn rows<'a>(
    story: &'a Story,
    view: &'a View,
    screen: Screen,
) -> impl ExactSizeIterator<Item = Drawn> + 'a {
    let dated = day(story.start) != day(story.end);
    let rows = story.rows();
    let layout = Layout::of(&rows, dated, view, screen);
    let scale = Scale::new(story, layout.bar);
    rows.into_iter().map(move |row| {
        let node = &story.nodes[row.node];
        let paint = screen.paint;
        let mut at = clock(node.at);
        if dated {
            at = format!("{} {at}", day(node.at));
        }
        let place = view
            .places
            .as_ref()
            .map(|places| format!(" {}", places.name(story, row.node, row.parent, layout.places)));
        let place = place.unwrap_or_default();
        let (bar, took) = match &node.what {
            What::Span(span) if span.interrupted => {
                (scale.bar(node, span, paint), format!(">{}", duration(span.duration_us)))
            }
            What::Span(span) => (scale.bar(node, span, paint), duration(span.duration_us)),
            What::Moment(_) => (scale.mark(node.at, "·"), String::new()),
            What::Missing { .. } | What::More(_) | What::Fold(_) => {
                (" ".repeat(scale.width), String::new())
            }
            What::Line(line) => (scale.point(line, paint), String::new()),
        };
        let pad = " ".repeat(DURATION_WIDTH.saturating_sub(columns(&took)));
        let tree = paint.dim(&layout.guides(&row));
        let mark = mark(view.path.as_ref(), &row, node, paint);
        let left = format!("{}{place} {bar} {pad}{took} {mark}{tree}", paint.dim(&at));
        match &node.what {
            What::Line(line) if line.is_metric() => change(line, &left, screen),
            What::Span(span) => {
                let room = screen.edge().map(|edge| edge.saturating_sub(columns(&left)));
                let (label, no_room) = span_row(span, story, &row, view.ids, (screen, room));
                let left_out = no_room || !screen.wide && attributes::has_minor(span);
                Drawn { left_out, ..Drawn::fitting(&(left + &label), screen) }
            }
            _ => Drawn::fitting(&(left + &label(story, &row, view.ids, paint)), screen),
        }
    })
}

/// What says that a row is on the critical path, or not; nothing where there is none.
fn mark(path: Option<&CriticalPath>, row: &Row, node: &Node, paint: Paint) -> String {
    let Some(path) = path else { return " ".to_owned() };
    let is_on = match &node.what {
        What::Fold(fold) => fold.is_critical,
        _ => path.has(row.node),
    };
    let mark = if is_on { paint.with(color::NAME, CRITICAL) } else { " ".to_owned() };
    format!("{mark} ")
}

impl Drawn {
    fn fitting(row: &str, screen: Screen) -> Self {
        let fitted = screen.fit(row.trim_end(), 0);
        Self { cut: matches!(fitted, Cow::Owned(_)), text: fitted.into_owned(), left_out: false }
    }
}

/// Where in the story's time something lies.
struct Scale {
    start_us: i64,
    total_us: u64,
    width: usize,
}

impl Scale {
    fn new(story: &Story, width: usize) -> Self {
        let total_us = between(story.start, story.end).max(1);
        Self { start_us: story.start.as_microsecond(), total_us, width }
    }

    /// The bar of a span: whole cells, at least one mark however short it was. What lies outside
    /// the story's time, as a span around a job may, is cut off.
    fn bar(&self, node: &Node, span: &Span, paint: Paint) -> String {
        let from = node.at.as_microsecond();
        let to = from.saturating_add(i64::try_from(span.duration_us).unwrap_or(i64::MAX));
        let first = self.eighth(from).min(self.width * 8 - 1);
        let last = self.eighth(to).max(first + 1);
        // The first cell is drawn whole, there being no marks for right halves.
        let (cell, eighths) = (first / 8, last - first / 8 * 8);
        let mut bar = "█".repeat(eighths / 8);
        if span.interrupted {
            // Without an end.
            bar = "▒".repeat((eighths / 8).max(1));
        } else if !eighths.is_multiple_of(8) {
            bar.push(EIGHTHS[eighths % 8]);
        }
        let after = self.width.saturating_sub(cell + columns(&bar));
        let style = match (span.failed, span.context) {
            (true, _) => color::BAR_BAD,
            (_, false) if span.interrupted => color::BAR_BAD,
            (_, true) => color::DIM,
            _ => color::BAR,
        };
        format!("{}{}{}", " ".repeat(cell), paint.with(style, &bar), " ".repeat(after))
    }

    fn point(&self, line: &Line, paint: Paint) -> String {
        let (mark, style) = match line.level {
            _ if line.is_metric() => ("+", color::METRIC),
            Some(level) => ("•", color::level(level)),
            None => ("•", color::PLAIN),
        };
        self.mark(line.ts, &paint.with(style, mark))
    }

    /// A mark of one column at its time.
    fn mark(&self, at: Timestamp, mark: &str) -> String {
        let cell = (self.eighth(at.as_microsecond()) / 8).min(self.width - 1);
        format!("{}{mark}{}", " ".repeat(cell), " ".repeat(self.width - cell - 1))
    }

    /// The place of a moment, in eighths of a cell.
    fn eighth(&self, us: i64) -> usize {
        let since = u128::from(u64::try_from(us.saturating_sub(self.start_us)).unwrap_or(0));
        let cells = self.width * 8;
        let at = since.saturating_mul(cells as u128) / u128::from(self.total_us);
        usize::try_from(at).unwrap_or(cells).min(cells)
    }
}

/// `metric ingestion_runs_total{provider="acme"} +1`. Where that is too long the labels give way,
/// then the name, not the number.
fn change(line: &Line, left: &str, screen: Screen) -> Drawn {
    let left = format!("{left}{} ", screen.paint.with(color::METRIC, "metric"));
    let Some(metric) = Metric::of(line) else {
        let msg = shown(line.msg.as_deref().unwrap_or_default());
        return Drawn::fitting(&(left + &msg), screen);
    };
    let (change, whole) = (format!(" {}", metric.change()), metric.series());
    let room = |edge: usize| edge.saturating_sub(columns(&left) + columns(&change));
    let name = shown(metric.name);
    let series = match screen.edge().map(room) {
        // Its labels give way first.
        Some(room) if columns(&name) < room => fit(&whole, room),
        Some(room) => fit_middle(&name, room),
        None => Cow::Borrowed(whole.as_str()),
    };
    let cut = series != whole;
    let drawn = Drawn::fitting(&format!("{left}{series}{change}"), screen);
    Drawn { cut: cut || drawn.cut, ..drawn }
}

/// What stands before a row on the critical path: a sign, as a colour may not be seen.
pub(crate) const CRITICAL: &str = "◆";
/// Columns of a duration.
pub(crate) const DURATION_WIDTH: usize = 7;
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
