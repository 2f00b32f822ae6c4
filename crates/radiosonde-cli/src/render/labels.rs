//! What a row of a story says behind the lines of the tree.

use std::borrow::Cow;

use anstyle::Style;
use radiosonde_store::{Level, Line};

use crate::render::Screen;
use crate::render::attributes;
use crate::render::color::{self, Paint};
use crate::render::line::{self, Ids};
use crate::render::text::{columns, fit_middle, many, shown, value};
use crate::render::time::duration;
use crate::story::{Fold, Folded, Link, Linking, Moment, Row, Span, Story, What};

/// What a row of a span says, and whether attributes had no room.
pub(crate) fn span_row(
    span: &Span,
    story: &Story,
    row: &Row,
    ids: Ids,
    (screen, room): (Screen, Option<usize>),
) -> (String, bool) {
    let paint = screen.paint;
    let (trace_id, span_id) = (&span.line.trace_id, &span.line.span_id);
    let linked = story.linked.to(trace_id.as_deref(), span_id.as_deref().unwrap_or_default());
    let mut label = span_label(span, &entered(story, row, ids), linked, (paint, room));
    let no_room = say_attributes(&mut label, span, (screen, room));
    if span.context {
        label.push_str(&format!("  {}", paint.dim("(around it, not part of it)")));
    }
    (label + &own_ids(&span.line, row, ids, paint), no_room)
}

/// What a row of anything else says.
pub(crate) fn label(story: &Story, row: &Row, ids: Ids, paint: Paint) -> String {
    match &story.nodes[row.node].what {
        What::Span(_) => String::new(),
        What::Missing { trace_id, span_id } => {
            let linked = origins(story.linked.to(Some(trace_id), span_id), None);
            let span_id = shown(span_id);
            let mut told =
                format!("(missing span {span_id}: still open, not sampled, or not here)");
            linked.iter().for_each(|origin| told += &format!("  {origin}"));
            paint.dim(&told)
        }
        What::Moment(moment) => moment_label(moment, paint),
        What::More(more) => {
            paint.dim(&format!("({} in this span)", many(*more as u64, "more event")))
        }
        What::Fold(fold) => folded(fold, paint),
        What::Line(line) => {
            line::brief(line, Ids { trace: ids.trace && row.depth == 0, ..ids }, paint)
        }
    }
}

/// `… 997 more GET /x (p50 3.00 ms, max 41.0 ms; 2 errors inside)`
fn folded(fold: &Fold, paint: Paint) -> String {
    let text = shown(&fold.text);
    let failed = match (fold.of == Folded::FailedSpans, text.is_empty()) {
        (true, true) => "  error".to_owned(),
        (true, false) => format!("  error: {text}"),
        (false, true) => String::new(),
        (false, false) => format!("  {text}"),
    };
    let level = (fold.level >= Some(Level::Warning)).then(|| line::level(fold.level, paint));
    let level = level.map(|level| level + " ").unwrap_or_default();
    let took = (fold.of != Folded::Lines)
        .then(|| format!("p50 {}, max {}", duration(fold.p50_us), duration(fold.max_us)));
    let some = |count: u64, noun: &str| (count > 0).then(|| many(count, noun));
    let wrong = [some(fold.errors, "error"), some(fold.warnings, "warning")];
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    let wrong = (!wrong.is_empty()).then(|| format!("{} inside", wrong.join(" and ")));
    let told: Vec<String> = took.into_iter().chain(wrong).collect();
    let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) };
    let what = paint.dim(&format!("{}{failed}{told}", shown(&fold.name)));
    paint.dim(&format!("… {} more ", fold.count)) + &level + &what
}

/// Where a trace enters another service or machine than those of the span around it:
/// `in packing on web-1`.
fn entered(story: &Story, row: &Row, ids: Ids) -> String {
    let line = |node: usize| match &story.nodes[node].what {
        What::Span(span) => Some(&span.line),
        _ => None,
    };
    let (own, around) = (line(row.node), row.parent.and_then(line));
    let changed = |wanted: bool, of: fn(&Line) -> Option<&str>| {
        let own = own.and_then(of).filter(|_| wanted)?;
        (around.and_then(of) != Some(own)).then(|| shown(own))
    };
    let service = changed(ids.service, |line| line.service.as_deref());
    let machine = changed(ids.machine, |line| line.machine_id.as_deref());
    let words = [service.map(|name| format!("in {name}")), machine.map(|id| format!("on {id}"))];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What a span is: its name, how it ended, and what it has to do with.
fn span_label(
    span: &Span,
    entered: &str,
    linked: &[Linking],
    (paint, room): (Paint, Option<usize>),
) -> String {
    let (outcome, outcome_style) = outcome(span);
    let name = if span.name.is_empty() { "(unnamed)" } else { span.name.as_str() };
    let name = shown(name);
    // How it ended has some of the room, as far as it needs that.
    let name = match room {
        // A place for the sign that more follows.
        Some(room) if outcome.is_empty() => fit_middle(&name, room.saturating_sub(1)),
        Some(room) => {
            fit_middle(&name, room.saturating_sub(2 + columns(&outcome)).max(room * 3 / 5))
        }
        None => Cow::Borrowed(name.as_str()),
    };
    let style = if span.context { color::DIM } else { color::NAME };
    let mut label = paint.with(style, &name);
    let mut say = |style: Style, text: &str| {
        label.push_str(&format!("  {}", paint.with(style, text)));
    };
    if !outcome.is_empty() {
        say(outcome_style, &outcome);
    }
    if span.interrupted {
        say(color::BAD, "open when its process died");
    }
    if !entered.is_empty() {
        say(color::DIM, entered);
    }
    let kind = shown(&span.kind);
    // What the last columns have of it says nothing.
    let has_room = room.is_none_or(|room| columns(&label) + 2 + columns(&kind) <= room);
    let mut say = |style: Style, text: &str| {
        label.push_str(&format!("  {}", paint.with(style, text)));
    };
    if !kind.is_empty() && has_room {
        say(color::DIM, &kind);
    }
    if let Some(kept) = &span.kept {
        say(color::DIM, &format!("kept: {}", shown(kept)));
    }
    for link in &span.links {
        say(color::DIM, &target(link, span));
    }
    if span.links_more > 0 {
        say(color::DIM, &format!("and {}", many(span.links_more as u64, "more link")));
    }
    for origin in origins(linked, span.line.service.as_deref()) {
        say(color::DIM, &origin);
    }
    label
}

/// Adds the attributes of a span to its row, of which so many columns are on the screen: one that
/// would be there without a value is left out. Whether there was one.
fn say_attributes(
    label: &mut String,
    span: &Span,
    (screen, room): (Screen, Option<usize>),
) -> bool {
    let mut no_room = false;
    for (key, val) in attributes::of(span, screen.wide) {
        let short = attributes::short(span, key, val).filter(|_| room.is_some());
        let text = short.unwrap_or_else(|| value(val));
        let field = line::field(key, &text, screen.paint);
        let hidden = columns(&text).saturating_sub(VALUE_WIDTH_MIN);
        let least = columns(label) + columns(&field) - hidden;
        match room {
            Some(room) if least > room => no_room = true,
            _ => label.push_str(&field),
        }
    }
    no_room
}

/// How a span ended, with the status code it answered or was answered with: `error 503: no room`,
/// `202`; nothing where that is all there is to it.
fn outcome(span: &Span) -> (String, Style) {
    let code = attributes::code(span).map(|code| shown(&code));
    if span.failed {
        let message = span.status_message.as_deref().map(shown);
        // Which may say it already, as `503 Service Unavailable` does.
        let code = code.filter(|code| !message.as_ref().is_some_and(|said| said.contains(code)));
        let code = code.map(|code| format!(" {code}")).unwrap_or_default();
        let message = message.map(|message| format!(": {message}")).unwrap_or_default();
        return (format!("error{code}{message}"), color::BAD);
    }
    let (word, style) = match () {
        () if attributes::is_cancelled(span) => ("cancelled", color::WARNING),
        () if span.ok => ("ok", color::GOOD),
        () => ("", color::PLAIN),
    };
    let words = [word, code.as_deref().unwrap_or_default()];
    (words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "), style)
}

/// The ids of a span that are not those of the whole story.
fn own_ids(own: &Line, row: &Row, ids: Ids, paint: Paint) -> String {
    let trace = own.trace_id.as_deref().map(line::short).filter(|_| ids.trace && row.depth == 0);
    let job = own.job_id.as_deref().filter(|_| ids.job);
    let worker = own.worker_id.as_deref().filter(|_| ids.worker);
    [("job", job), ("trace", trace), ("worker", worker)]
        .into_iter()
        .filter_map(|(key, id)| Some(line::field(key, &paint.dim(&shown(id?)), paint)))
        .collect()
}

/// `→ trace 0edadbc0`, or, within the trace, `→ span 00f067aa0ba902b7`.
fn target(link: &Link, span: &Span) -> String {
    if span.line.trace_id.as_ref() == Some(&link.trace_id) {
        format!("→ span {}", shown(&link.span_id))
    } else {
        format!("→ trace {}", shown(line::short(&link.trace_id)))
    }
}

/// `← linked from trace 4bf92f35 (process order in packing)` for each trace that links to a span of
/// this service, as far as they are shown.
fn origins(linked: &[Linking], service: Option<&str>) -> Vec<String> {
    let mut origins: Vec<String> = linked
        .iter()
        .take(LINKED_MAX)
        .map(|linking| {
            let trace = shown(line::short(&linking.trace_id));
            format!("← linked from trace {trace} ({})", linking.told(service))
        })
        .collect();
    let more = linked.len().saturating_sub(LINKED_MAX);
    origins.extend((more > 0).then(|| format!("← and {}", many(more as u64, "more trace"))));
    origins
}

/// What a span's line tells of its inside: an exception is what went wrong there, `exception
/// Timeout: too late`.
fn moment_label(moment: &Moment, paint: Paint) -> String {
    let is_exception = moment.name == "exception";
    let style = if is_exception { color::BAD } else { color::PLAIN };
    let text = |key: &str| {
        let found = moment.attributes.iter().find(|(name, _)| name == key && is_exception);
        found.and_then(|(_, value)| value.as_str()).filter(|text| !text.is_empty()).map(shown)
    };
    let told = SAID_OF_EXCEPTION.map(text).into_iter().flatten().collect::<Vec<_>>().join(": ");
    let mut label = paint.with(style, format!("{}  {told}", shown(&moment.name)).trim_end());
    for (key, val) in &moment.attributes {
        let is_told = SAID_OF_EXCEPTION.contains(&key.as_str()) && text(key).is_some();
        // Its lines would be a page of its own; `-o json` has them.
        if !is_told && key != "exception.stacktrace" {
            label.push_str(&line::field(key, &value(val), paint));
        }
    }
    label
}

/// What stands behind the name of an exception, without its keys.
const SAID_OF_EXCEPTION: [&str; 2] = ["exception.type", "exception.message"];
/// Traces that are named where they link to one span; more are counted.
const LINKED_MAX: usize = 4;
/// So much of a value is worth a place at the edge.
const VALUE_WIDTH_MIN: usize = 6;
