//! `radiosonde correlate`: everything about one job, trace, session, worker or machine as one
//! timeline.

use std::io::Write;
use std::ops::Range;

use radiosonde_store::names::Signal;
use radiosonde_store::query::Reading;
use radiosonde_store::{Line, Query};

use crate::args::{CorrelateArgs, Pick, Select, trace_arg};
use crate::commands::closing::{Around, Below, Closing};
use crate::commands::linked::Search;
use crate::commands::metrics::Totals;
use crate::commands::summary::Summary;
use crate::commands::verdict::Verdict;
use crate::commands::{print_stored, stored, trace, unfiled};
use crate::narrowed;
use crate::outcome::{Stop, conclude, quoted};
use crate::places;
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::places::Places;
use crate::render::text::{many, shown};
use crate::render::waterfall::{self, View};
use crate::runs;
use crate::story::{Corrections, CriticalPath, Story};

pub(crate) fn run(args: &CorrelateArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let select = &args.select;
    if let Some(id) = &args.id {
        return Err(Stop::Usage(which(id)));
    }
    if select.subjects().is_empty() {
        return Err(Stop::Usage(
            "what is to be correlated? give --job, --trace, --session, --worker or --machine"
                .to_owned(),
        ));
    }
    let mut query = select.query(&[])?;
    if !select.show.is_json() {
        places::refuse_pipes(&query.dirs, "`correlate` reads its files several times")?;
    }
    // They belong to the process, whichever machine it is on, and not to this story.
    query.except_snapshots = !select.show.is_json();
    bound(select, &mut query);
    if select.show.is_json() && query.limit.is_none() {
        return stored::run(select, &args.pick, query, out);
    }
    let mut answer = query.run();
    trace::one_trace(&query, answer.lines.iter().filter_map(|line| line.trace_id.as_deref()))?;

    let any = !answer.lines.is_empty();
    print(select, &args.pick, answer.lines, None, &mut answer.reading, out)?;
    out.flush()?;
    if any && !select.show.is_json() {
        narrowed::say();
    }
    let status = conclude(&query, &answer.reading, any);
    unfiled::tell(any, &query.dirs, Signal::Spans);
    Ok(status)
}

/// Keeps no story in memory that nobody would read: the newest lines of it, unless somebody said how
/// many, and no more bytes than there is room for, unless a program reads them.
pub(super) fn bound(select: &Select, query: &mut Query) {
    if !select.show.is_json() {
        query.limit = query.limit.or(Some(LINES_MAX));
        query.kept_bytes_max = Some(STORY_BYTES_MAX);
    }
}

/// What to write where an id stands alone: it may be of anything.
fn which(id: &str) -> String {
    if let Some(told) = places::meant(id) {
        return told;
    }
    let trace = trace_arg(id).ok().filter(|trace| trace.len() == TRACE_DIGITS);
    let (option, id, others) = match trace {
        Some(trace) => ("--trace", trace, ""),
        None => ("--job", quoted(&shown(id)), ", or --trace, --session, --worker or --machine"),
    };
    format!("say what it is the id of: correlate {option} {id}{others}")
}

/// Prints some lines, by time: as they are stored, or run by run as stories. What is `below` their
/// level is only counted.
pub(crate) fn print(
    select: &Select,
    pick: &Pick,
    lines: Vec<Line>,
    below: Option<&Below>,
    reading: &mut Reading,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let as_stored = select.show.is_json();
    // Whoever wrote -n for a program knows.
    let limit = select.limit.filter(|most| as_stored && reading.matched > *most as u64);
    if let (Some(most), Some(variable)) = (limit, narrowed::limit()) {
        let lines = many(most as u64, "line");
        eprintln!("radiosonde: only the newest {lines}, and there are more: {variable}");
    }
    if lines.is_empty() || as_stored && pick.run.is_none() {
        return lines.iter().try_for_each(|line| print_stored(line, out));
    }
    // Only a job comes back; a worker or machine has one long story.
    let runs = if select.job.is_some() { runs::split(lines) } else { vec![lines] };
    let count = runs.len();
    let shown = pick.of(count).ok_or_else(|| no_such_run(select, pick, count))?;
    let omitted = shown.start;
    let runs: Vec<Vec<Line>> = runs.into_iter().take(shown.end).skip(shown.start).collect();
    if as_stored {
        return runs.iter().flatten().try_for_each(|line| print_stored(line, out));
    }

    let screen = Screen::new(&select.show, pick.wide);
    if count > 1 {
        heading(select, pick, count, omitted, screen.paint, out)?;
    }
    let around = Around::of(select, &runs, reading)?;
    let search = Search::of(around.dirs.clone(), &runs, &around.of_run, reading);
    let mut closing = Closing::default();
    let lines_max = select.limit.unwrap_or(LINES_MAX);
    if reading.matched > lines_max as u64 {
        closing.lines_left(lines_max);
    }
    if reading.has_older {
        closing.bytes_left(STORY_BYTES_MAX);
    }
    closing.below_level(below, &runs, runs.len() == count);
    closing.looked_for_links(search);
    if let Some(job) = &select.job {
        closing.other_jobs(job, &runs, &around);
    }
    for (number, (lines, context)) in runs.into_iter().zip(around.of_run).enumerate() {
        let place = (count > 1).then(|| format!("run {} of {count}", omitted + number + 1));
        if place.is_some() {
            writeln!(out)?;
        }
        let story = (lines, context);
        print_story((select, pick), place.as_deref(), story, screen, &mut closing, out)?;
    }
    closing.narrowed(select);
    closing.missing_spans(&around.dirs);
    closing.print(screen, out)
}

impl Pick {
    /// The places of the runs to show, of so many; `None` when the one asked for is not there.
    pub(super) fn of(&self, count: usize) -> Option<Range<usize>> {
        match self.run {
            Some(number) => (number <= count).then(|| number - 1..number),
            None if self.all_runs => Some(0..count),
            None => Some(count.saturating_sub(RUNS_MAX)..count),
        }
    }
}

pub(super) fn no_such_run(select: &Select, pick: &Pick, count: usize) -> Stop {
    let job = select.job.as_deref().unwrap_or_default();
    let run = pick.run.unwrap_or_default();
    Stop::Nothing(format!("no run {run}: {} of job {job} found", many(count as u64, "run")))
}

/// `12 runs of job job-7, the newest last; runs 1 to 9 are not shown: …`
fn heading(
    select: &Select,
    pick: &Pick,
    count: usize,
    omitted: usize,
    paint: Paint,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let job = shown(select.job.as_deref().unwrap_or_default());
    let count = paint.with(color::NAME, &many(count as u64, "run"));
    let remark = match omitted {
        _ if pick.run.is_some() => "; the others: --all-runs".to_owned(),
        0 => ", the newest last".to_owned(),
        1 => ", the newest last; run 1 is not shown: --run 1 or --all-runs".to_owned(),
        _ => format!(
            ", the newest last; runs 1 to {omitted} are not shown: --run N for one, --all-runs for all"
        ),
    };
    writeln!(out, "{count} of job {}{remark}", paint.with(color::NAME, &job))?;
    Ok(())
}

/// Prints header, timeline and sums of some lines, with the spans around them.
fn print_story(
    (select, pick): (&Select, &Pick),
    place: Option<&str>,
    (lines, context): (Vec<Line>, Vec<Line>),
    screen: Screen,
    closing: &mut Closing,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let mut totals = Totals::default();
    lines.iter().for_each(|line| totals.add(line));
    let summary = Summary::of(&lines);
    // A path through half of it would say of time that it was waited, or of the span around.
    let is_cut = closing.spans_left(select, &lines, &context) || closing.has_lines_left();
    // Without lines there is nothing to print; callers have looked.
    let Some(mut story) = Story::new(lines, context) else { return Ok(()) };
    closing.link(&mut story);
    let corrections = Corrections::of(&story);
    closing.clocks_apart(corrections.apart());
    let path = CriticalPath::of(&story, &corrections).filter(|_| !is_cut);
    let places = Places::of(&story).filter(|_| screen.width >= PLACES_WIDTH_MIN);
    let verdict = Verdict::of(select, &story, path.as_ref(), places.as_ref());
    if !pick.all {
        story.fold(path.as_ref());
    }
    summary.print(select, place, &story, (screen, places.is_some()), out)?;
    verdict.print(screen, out)?;
    writeln!(out)?;
    let view = View { ids: summary.ids(places.is_some()), path, places };
    let mut rows = waterfall::rows(&story, &view, screen);
    let rows_max = if pick.all { usize::MAX } else { ROWS_MAX };
    for row in rows.by_ref().take(rows_max) {
        closing.row(&row);
        writeln!(out, "{}", row.text)?;
    }
    closing.rows_left(rows.len() as u64);
    if !totals.is_empty() {
        writeln!(out, "\n{}", screen.paint.with(color::NAME, "metrics, summed"))?;
        closing.cut(totals.print(screen, out)?);
    }
    Ok(())
}

/// Digits of the id of a trace.
pub(super) const TRACE_DIGITS: usize = 32;
/// Of the lines of a story, as they are stored; taken apart they need some times as much memory.
const STORY_BYTES_MAX: u64 = 128 << 20;
/// Runs shown unless more are asked for.
const RUNS_MAX: usize = 3;
/// Lines a story is made of unless somebody says how many.
const LINES_MAX: usize = 50_000;
/// Rows of a story shown unless all are asked for: what is more nobody reads from top to bottom.
const ROWS_MAX: usize = 1_000;
/// Columns of a screen that has one for the places; on a smaller one rows say where they come from where it
/// changes.
const PLACES_WIDTH_MIN: usize = 80;
/// With more traces than that, what other jobs did below a job is not looked for.
pub(super) const JOB_TRACES_MAX: usize = 100;
