//! A story as rows: time, bar, duration, and the tree with what happened.

use std::borrow::Cow;

use jiff::Timestamp;
use radiosonde_store::line::Line;

use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::line::{self, Ids};
use crate::render::metric::Metric;
use crate::render::text::{columns, many, shown, value};
use crate::render::time::{between, clock, day, duration};
use crate::story::{Link, Moment, Node, Row, Span, Story, What};

/// A row of text.
pub(crate) struct Drawn {
    pub(crate) text: String,
    /// Whether it was too long for the screen.
    pub(crate) cut: bool,
}

/// The rows from top to bottom.
pub(crate) fn rows(story: &Story, ids: Ids, screen: Screen) -> impl Iterator<Item = Drawn> {
    let scale = Scale::new(story, screen);
    let dated = day(story.start) != day(story.end);
    story.rows().into_iter().map(move |row| {
        let node = &story.nodes[row.node];
        let paint = screen.paint;
        let mut at = clock(node.at);
        if dated {
            at = format!("{} {at}", day(node.at));
        }
        let (bar, took) = match &node.what {
            What::Span(span) if span.interrupted => {
                (scale.bar(node, span, paint), format!(">{}", duration(span.duration_us)))
            }
            What::Span(span) => (scale.bar(node, span, paint), duration(span.duration_us)),
            What::Moment(_) => (scale.mark(node.at, "·"), String::new()),
            What::Missing { .. } | What::More(_) => (" ".repeat(scale.width), String::new()),
            What::Line(line) => (scale.point(line, paint), String::new()),
        };
        let pad = " ".repeat(DURATION_WIDTH.saturating_sub(columns(&took)));
        let tree = paint.dim(&guides(&row));
        let left = format!("{} {bar} {pad}{took}  {tree}", paint.dim(&at));
        match &node.what {
            What::Line(line) if line.is_metric() => change(line, &left, screen),
            _ => Drawn::fitting(&(left + &label(story, &row, ids, paint)), screen),
        }
    })
}

impl Drawn {
    fn fitting(row: &str, screen: Screen) -> Self {
        let fitted = screen.fit(row.trim_end(), 0);
        Self { cut: matches!(fitted, Cow::Owned(_)), text: fitted.into_owned() }
    }
}

/// Where in the story's time something lies.
struct Scale {
    start_us: i64,
    total_us: u64,
    width: usize,
}

impl Scale {
    fn new(story: &Story, screen: Screen) -> Self {
        let width = (screen.width / 4).clamp(BAR_WIDTH_MIN, BAR_WIDTH_MAX);
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

fn label(story: &Story, row: &Row, ids: Ids, paint: Paint) -> String {
    match &story.nodes[row.node].what {
        What::Span(span) => span_label(span, entered(story, row, ids), row, ids, paint),
        What::Missing { span_id } => {
            let span_id = shown(span_id);
            paint.dim(&format!("(missing span {span_id}: still open, not sampled, or not here)"))
        }
        What::Moment(moment) => moment_label(moment, paint),
        What::More(more) => {
            paint.dim(&format!("({} in this span)", many(*more as u64, "more event")))
        }
        What::Line(line) => {
            line::brief(line, Ids { trace: ids.trace && row.depth == 0, ..ids }, paint)
        }
    }
}

/// The service of a span, where it is another than that of the span around it.
fn entered<'s>(story: &'s Story, row: &Row, ids: Ids) -> Option<&'s str> {
    let service = |node: usize| match &story.nodes[node].what {
        What::Span(span) => span.line.service.as_deref(),
        _ => None,
    };
    let own = service(row.node).filter(|_| ids.service)?;
    (row.parent.and_then(service) != Some(own)).then_some(own)
}

fn span_label(span: &Span, service: Option<&str>, row: &Row, ids: Ids, paint: Paint) -> String {
    let style = if span.context { color::DIM } else { color::NAME };
    let name = if span.name.is_empty() { "(unnamed)" } else { span.name.as_str() };
    let mut label = paint.with(style, &shown(name));
    if let Some(service) = service {
        label.push_str(&format!("  {}", paint.dim(&format!("in {}", shown(service)))));
    }
    if span.failed {
        let message = span.status_message.as_deref().map(|message| format!(": {}", shown(message)));
        let error = format!("error{}", message.unwrap_or_default());
        label.push_str(&format!("  {}", paint.with(color::BAD, &error)));
    } else if span.ok {
        label.push_str(&format!("  {}", paint.with(color::GOOD, "ok")));
    }
    if span.interrupted {
        label.push_str(&format!("  {}", paint.with(color::BAD, "open when its process died")));
    }
    if !span.kind.is_empty() {
        label.push_str(&format!("  {}", paint.dim(&shown(&span.kind))));
    }
    for (key, val) in &span.attributes {
        label.push_str(&line::field(key, &value(val), paint));
    }
    for link in &span.links {
        label.push_str(&format!("  {}", paint.dim(&target(link, span))));
    }
    if span.links_more > 0 {
        let more = format!("and {}", many(span.links_more as u64, "more link"));
        label.push_str(&format!("  {}", paint.dim(&more)));
    }
    if span.context {
        label.push_str(&format!("  {}", paint.dim("(around it, not part of it)")));
    }
    let own = &span.line;
    let trace = own.trace_id.as_deref().map(line::short).filter(|_| ids.trace && row.depth == 0);
    let job = own.job_id.as_deref().filter(|_| ids.job);
    let worker = own.worker_id.as_deref().filter(|_| ids.worker);
    for (key, id) in [("job", job), ("trace", trace), ("worker", worker)] {
        if let Some(id) = id {
            label.push_str(&line::field(key, &paint.dim(&shown(id)), paint));
        }
    }
    label
}

/// `→ trace 0edadbc0`, or, within the trace, `→ span 00f067aa0ba902b7`.
fn target(link: &Link, span: &Span) -> String {
    if span.line.trace_id.as_ref() == Some(&link.trace_id) {
        format!("→ span {}", shown(&link.span_id))
    } else {
        format!("→ trace {}", shown(line::short(&link.trace_id)))
    }
}

/// What a span's line tells of its inside: an exception is what went wrong there.
fn moment_label(moment: &Moment, paint: Paint) -> String {
    let style = if moment.name == "exception" { color::BAD } else { color::PLAIN };
    let mut label = paint.with(style, &shown(&moment.name));
    for (key, val) in &moment.attributes {
        // Its lines would be a page of its own; `-o json` has them.
        if key != "exception.stacktrace" {
            label.push_str(&line::field(key, &value(val), paint));
        }
    }
    label
}

/// `metric ingestion_runs_total{provider="acme"} +1`. Where that is too long the name gives way,
/// not the number.
fn change(line: &Line, left: &str, screen: Screen) -> Drawn {
    let left = format!("{left}{} ", screen.paint.with(color::METRIC, "metric"));
    let Some(metric) = Metric::of(line) else {
        let msg = shown(line.msg.as_deref().unwrap_or_default());
        return Drawn::fitting(&(left + &msg), screen);
    };
    let change = format!(" {}", metric.change());
    let whole = left + &metric.series();
    let fitted = screen.fit(&whole, columns(&change));
    Drawn { cut: matches!(fitted, Cow::Owned(_)), text: fitted.into_owned() + &change }
}

/// The lines of the tree left of a row.
fn guides(row: &Row) -> String {
    let mut guides = String::new();
    // Roots have nothing to hang on.
    for open in row.open.iter().skip(1) {
        guides.push_str(if *open { "│  " } else { "   " });
    }
    if row.depth > 0 {
        guides.push_str(if row.last { "└─ " } else { "├─ " });
    }
    guides
}

const BAR_WIDTH_MIN: usize = 10;
const BAR_WIDTH_MAX: usize = 40;
const DURATION_WIDTH: usize = 7;
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
