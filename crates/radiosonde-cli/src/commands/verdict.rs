//! What stands between header and timeline: what somebody who has read nothing else wants to know first.
//! What happened, where the time went, what failed, and where to look next.

use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use radiosonde_store::line::Fields;
use radiosonde_store::{Level, Line};

use crate::args::Select;
use crate::outcome::{Stop, again, quoted};
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::fields;
use crate::render::line::field;
use crate::render::places::Places;
use crate::render::text::{self, many, shown};
use crate::render::time::{clock, duration};
use crate::render::waterfall::CRITICAL;
use crate::story::{CriticalPath, INTERRUPTED, Share, Span, Story, What};

/// The lines of it, each with its word.
#[derive(Debug, Default)]
pub(super) struct Verdict(Vec<(&'static str, Vec<String>, &'static str)>);

impl Verdict {
    /// Of a story whose places are named, where it has several.
    pub(super) fn of(
        select: &Select,
        story: &Story,
        path: Option<&CriticalPath>,
        places: Option<&Places>,
    ) -> Self {
        let mut verdict = Self::default();
        verdict.say("from", places.map(Places::told).unwrap_or_default(), ", ");
        let happened = happened(story);
        if happened.len() > 1 {
            verdict.say("events", happened, " → ");
        }
        if let Some(path) = path {
            verdict.say("time", time(story, path), ", ");
        }
        if let Some(failure) = Failure::first(story) {
            verdict.say("error", vec![failure.told()], "");
            verdict.say(NEXT, failure.next(select).into_iter().collect(), "");
        }
        verdict
    }

    fn say(&mut self, word: &'static str, parts: Vec<String>, between: &'static str) {
        if !parts.is_empty() {
            self.0.push((word, parts, between));
        }
    }

    pub(super) fn print(self, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
        for (word, parts, between) in self.0 {
            let style = if word == "error" { color::BAD } else { color::NAME };
            let text = parts.join(between);
            // A command is copied as a whole, which it is where the terminal itself breaks the line.
            let text = if word == NEXT { text } else { screen.wrap(&text, WORD_WIDTH) };
            let pad = " ".repeat(WORD_WIDTH - word.len());
            writeln!(out, "{}{pad}{text}", screen.paint.with(style, word))?;
        }
        Ok(())
    }
}

/// The names of the events, in their order: `job.submitted`, `job.taken`, `job.retried (2)`.
fn happened(story: &Story) -> Vec<String> {
    let mut events: Vec<&Line> = story
        .nodes
        .iter()
        .filter_map(|node| match &node.what {
            What::Line(line) => Some(line),
            _ => None,
        })
        .filter(|line| !line.is_metric() && !line.is_plain())
        .filter(|line| !NO_STEPS.contains(&line.evt.as_str()))
        .collect();
    events.sort_by_key(|line| line.ts);
    let mut names: Vec<(&str, u64)> = Vec::new();
    for line in events {
        match names.last_mut() {
            Some((name, count)) if *name == line.evt => *count += 1,
            _ => names.push((&line.evt, 1)),
        }
    }
    let told = |(name, count): &(&str, u64)| match count {
        1 => shown(name),
        _ => format!("{} ({count})", shown(name)),
    };
    let between = names.len().saturating_sub(EVENTS_FIRST + EVENTS_LAST);
    if between < 2 {
        return names.iter().map(told).collect();
    }
    let first = names[..EVENTS_FIRST].iter().map(told);
    let last = names[names.len() - EVENTS_LAST..].iter().map(told);
    first.chain([format!("… {between} more …")]).chain(last).collect()
}

/// Where the time went: `critical path ◆: ingest → fetch (412 ms, 61 %)`, and whatever else has a part
/// of it that counts.
fn time(story: &Story, path: &CriticalPath) -> Vec<String> {
    let percent = |us: u64| us.saturating_mul(100) / path.total_us.max(1);
    let told = |share: &Share, is_first: bool| {
        let service = service(story, share.node).filter(|_| {
            path.shares.iter().any(|other| {
                other.is_wait == share.is_wait
                    && other.node != share.node
                    && name(story, other.node) == name(story, share.node)
            })
        });
        let service = service.map(|service| format!(" in {service}")).unwrap_or_default();
        let name = match (is_first, share.is_wait) {
            (true, false) => chain(story, path, share.node),
            (_, true) => format!("waiting for {}", name(story, share.node)),
            (false, false) => name(story, share.node),
        };
        let times = if share.times > 1 { format!(" in {}", share.times) } else { String::new() };
        format!("{name}{service} ({}{times}, {} %)", duration(share.us), percent(share.us))
    };
    let counts = |share: &&Share| percent(share.us) >= PERCENT_MIN;
    let mut shares = path.shares.iter().take(SHARES_MAX).filter(counts);
    let Some(first) = shares.next() else { return Vec::new() };
    let first = format!("critical path {CRITICAL}: {}", told(first, true));
    [first].into_iter().chain(shares.map(|share| told(share, false))).collect()
}

/// The names from the outermost span on the path to this one; what is between the first and the last
/// few is left out.
fn chain(story: &Story, path: &CriticalPath, node: usize) -> String {
    let mut names = Vec::new();
    let mut above = Vec::new();
    for row in story.rows() {
        above.truncate(row.depth);
        above.push(row.node);
        if row.node == node {
            names = above.iter().copied().filter(|node| path.has(*node)).collect();
            break;
        }
    }
    let told =
        |nodes: &[usize]| -> Vec<String> { nodes.iter().map(|node| name(story, *node)).collect() };
    let names = match names.len() {
        ..=CHAIN_MAX => told(&names),
        many => {
            let mut some = told(&names[..1]);
            some.push("…".to_owned());
            some.extend(told(&names[many - (CHAIN_MAX - 2)..]));
            some
        }
    };
    names.join(" → ")
}

fn name(story: &Story, node: usize) -> String {
    match &story.nodes[node].what {
        What::Span(span) => shown(&span.name),
        _ => String::new(),
    }
}

fn service(story: &Story, node: usize) -> Option<String> {
    match &story.nodes[node].what {
        What::Span(span) => span.line.service.as_deref().map(shown),
        _ => None,
    }
}

/// What went wrong first.
struct Failure<'a> {
    line: &'a Line,
    at: Timestamp,
    what: String,
    /// All there are.
    count: u64,
}

impl<'a> Failure<'a> {
    /// The first of all that is an error: spans that failed or were interrupted, and lines. A failure is
    /// passed on outwards, so that the first span to end is the one it began in; a line that says of the
    /// span around it what that says itself is the same error.
    fn first(story: &'a Story) -> Option<Self> {
        let mut found: Vec<Self> = Vec::new();
        // Of each span above a row that failed, how deep it stands and what it says of that.
        let mut around: Vec<(usize, &str)> = Vec::new();
        for row in story.rows() {
            let node = &story.nodes[row.node];
            while around.last().is_some_and(|(depth, _)| *depth >= row.depth) {
                let _ = around.pop();
            }
            match &node.what {
                What::Span(span) if !span.context && (span.failed || span.interrupted) => {
                    around.extend(span.status_message.as_deref().map(|cause| (row.depth, cause)));
                    found.push(Self::of_span(span, node.at));
                }
                What::Line(line) if is_error(line) => {
                    let around = around.iter().rev().take(AROUND_MAX);
                    let causes: Vec<&str> = around.map(|(_, cause)| *cause).collect();
                    if !says(line, &causes) {
                        found.push(Self { line, at: line.ts, what: words(line), count: 0 });
                    }
                }
                _ => {}
            }
        }
        let count = found.len() as u64;
        let first = found.into_iter().min_by_key(|failure| failure.at)?;
        Some(Self { count, ..first })
    }

    fn of_span(span: &'a Span, began: Timestamp) -> Self {
        let open = SignedDuration::from_micros(i64::try_from(span.duration_us).unwrap_or(i64::MAX));
        let message = match (&span.status_message, span.interrupted) {
            (_, true) => ": open when its process died".to_owned(),
            (Some(message), _) => format!(": {}", shown(message)),
            (None, _) => String::new(),
        };
        Self {
            line: &span.line,
            at: began.checked_add(open).unwrap_or(began),
            what: format!("{}{message}", shown(&span.name)),
            count: 0,
        }
    }

    /// `12:53:53.071 in render on machine-worker-2: render: the scene has no camera; 5 more errors`
    fn told(&self) -> String {
        let of = |word: &str, id: &Option<String>| {
            id.as_deref().map(|id| format!(" {word} {}", shown(id))).unwrap_or_default()
        };
        let place = of("in", &self.line.service) + &of("on", &self.line.machine_id);
        let more = match self.count - 1 {
            0 => String::new(),
            more => format!("; {} after it", many(more, "more error")),
        };
        format!("{}{place}: {}{more}", clock(self.at), self.what)
    }

    /// A command for what else went wrong there at that time, which the story has not.
    fn next(&self, select: &Select) -> Option<String> {
        let machine = self.line.machine_id.as_deref().filter(|_| select.machine.is_none())?;
        let second = |ts: Timestamp| ts.as_second();
        let since = Timestamp::from_second(second(self.at).saturating_sub(AROUND_S)).ok()?;
        let until = Timestamp::from_second(second(self.at).saturating_add(AROUND_S)).ok()?;
        let machine = quoted(&shown(machine));
        let command =
            format!("logs --machine {machine} --level warning --since {since} --until {until}");
        Some(format!("{}  # what else went wrong there then", again(&command, &select.dir)))
    }
}

/// Whether a line is an error of its own. That a span was interrupted is none where the span did end.
fn is_error(line: &Line) -> bool {
    line.level >= Some(Level::Error) && !line.is_metric() && line.evt != INTERRUPTED
}

/// What a line tells, as its row does: its message, or else its name and its fields, with the one first
/// that says what is wrong.
fn words(line: &Line) -> String {
    if let Some(msg) = line.msg.as_deref().filter(|msg| !msg.is_empty()) {
        return shown(msg);
    }
    let plain = Paint { on: false };
    let beside = line.beside();
    let wrong = WRONG.iter().find_map(|key| {
        let value = line.meta.value(key).or_else(|| beside.value(key))?;
        Some(field(key, &text::value(value), plain))
    });
    let wrong = wrong.unwrap_or_default();
    let fields = fields::of(line, plain).replacen(&wrong, "", 1);
    let name = if line.is_plain() { String::new() } else { shown(&line.evt) };
    text::fit(format!("{name}{wrong}{fields}").trim_start(), TEXT_COLUMNS).into_owned()
}

/// Whether a line says why one of the spans around it failed.
fn says(line: &Line, causes: &[&str]) -> bool {
    let is_end = |side: Option<char>| !side.is_some_and(char::is_alphanumeric);
    let is_telling = |text: &str| text.chars().count() >= TELLING_MIN;
    let is_within = |text: &str, part: &str| {
        is_telling(part)
            && text.match_indices(part).any(|(at, _)| {
                is_end(text[..at].chars().next_back())
                    && is_end(text[at + part.len()..].chars().next())
            })
    };
    // A word such as `error` is said of anything; `upload: timeout` says the same as `timeout`.
    let is_same = |text: &str, cause: &str| {
        let before = text.strip_suffix(cause).filter(|_| !cause.is_empty());
        before.is_some_and(|before| before.is_empty() || before.ends_with(": "))
            || is_within(text, cause)
    };
    let is_said = |text: &str| causes.iter().any(|cause| is_same(text, cause));
    let msg = line.msg.as_deref().unwrap_or_default();
    let texts =
        |fields: &Fields| fields.iter().any(|(_, value)| value.as_str().is_some_and(is_said));
    is_said(msg)
        || causes.iter().any(|cause| is_within(cause, msg))
        || texts(&line.meta)
        || !causes.is_empty() && texts(&line.beside())
}

/// Letters from which on a text says enough to be known again within another.
const TELLING_MIN: usize = 12;
/// Fields that say what is wrong, the most telling first.
const WRONG: [&str; 5] = ["error", "err", "exception", "reason", "message"];
/// Columns of a text that is put together from fields.
const TEXT_COLUMNS: usize = 160;
/// Spans around a line that are asked whether they failed of the same.
const AROUND_MAX: usize = 32;
/// Events that are no step of what happened: heartbeats.
const NO_STEPS: [&str; 2] = ["machine.status", "worker.status"];
/// The word before a command.
const NEXT: &str = "next";
/// Columns of the words before the lines.
const WORD_WIDTH: usize = 8;
/// Names of events that are told, from both ends.
const EVENTS_FIRST: usize = 5;
const EVENTS_LAST: usize = 5;
/// Parts of the path that are told, and how large they are at least, in hundredths.
const SHARES_MAX: usize = 3;
const PERCENT_MIN: u64 = 5;
/// Names of a chain.
const CHAIN_MAX: usize = 5;
/// Seconds before and after an error in which it is worth looking around.
const AROUND_S: i64 = 10;
