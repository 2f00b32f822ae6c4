//! `radiosonde trace`: spans as a tree with bars, and what went wrong in them.

use std::collections::BTreeSet;
use std::io::Write;

use radiosonde_store::names::Signal;
use radiosonde_store::{Level, Query};

use crate::args::TraceArgs;
use crate::commands::closing::Below;
use crate::commands::{correlate, unfiled};
use crate::narrowed;
use crate::outcome::{Stop, conclude_with};
use crate::places;

pub(crate) fn run(args: &TraceArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut select = args.select.clone();
    if args.id.is_some() {
        select.trace.clone_from(&args.id);
    }
    if select.subjects().is_empty() {
        return Err(Stop::Usage(
            "which trace? give an id or how it begins, or --job, --session, --worker or --machine"
                .to_owned(),
        ));
    }
    // The level is about the events; a span belongs to the tree whatever its level.
    let mut spans = select.query(&[Signal::Spans])?;
    spans.level = None;
    let mut events = select.query(&[Signal::Events])?;
    events.level = select.level.or(Some(Level::Warning));
    places::refuse_pipes(&spans.dirs, "`trace` reads its files several times")?;
    select.level = None;
    correlate::bound(&select, &mut spans);
    correlate::bound(&select, &mut events);
    let mut answer = spans.run();
    let found = events.run();
    answer.lines.extend(found.lines);
    answer.reading.merge(found.reading);
    answer.lines.sort_by_key(|line| line.ts);
    if let Some(limit) = spans.limit {
        let surplus = answer.lines.len().saturating_sub(limit);
        let _ = answer.lines.drain(..surplus);
    }
    one_trace(&spans, answer.lines.iter().filter_map(|line| line.trace_id.as_deref()))?;

    let any = !answer.lines.is_empty();
    // Programs ask for the level they want.
    let below = match any && select.show.is_json() {
        true => None,
        false => Below::of(&events, &mut answer.reading),
    };
    let below = below.as_ref();
    correlate::print(&select, &args.pick, answer.lines, below, &mut answer.reading, out)?;
    out.flush()?;
    let instead = below.map(Below::alone);
    if any && !select.show.is_json() {
        narrowed::say();
    }
    let status = conclude_with(&spans, &answer.reading, any, instead.as_deref());
    unfiled::tell(any, &spans.dirs, Signal::Spans);
    Ok(status)
}

/// The beginning of an id must say which trace is meant.
pub(crate) fn one_trace<'a>(
    query: &Query,
    found: impl Iterator<Item = &'a str>,
) -> Result<(), Stop> {
    let [asked] = query.traces.as_slice() else { return Ok(()) };
    // Others write the same in capitals.
    let found: BTreeSet<String> = found.map(str::to_ascii_lowercase).collect();
    if found.len() < 2 {
        return Ok(());
    }
    let some: Vec<&str> = found.iter().map(String::as_str).take(5).collect();
    let more = if found.len() > some.len() { ", …" } else { "" };
    Err(Stop::Usage(format!(
        "{} traces begin with {asked}: {}{more}; give more digits",
        found.len(),
        some.join(", ")
    )))
}
