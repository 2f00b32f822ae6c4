//! `radiosonde correlate`: everything about one job, trace, session, worker or machine as one
//! timeline.

use std::collections::HashMap;
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
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::places::Places;
use crate::render::text::{many, shown};
use crate::render::waterfall::{self, View};
use crate::runs;
use crate::story::{self, Corrections, CriticalPath, Story};

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
    select.refuse_stdin("correlate")?;
    let mut query = select.query(&[])?;
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
    let around = spans_around(select, &runs, reading)?;
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
    // Without lines there is nothing to print; callers have looked.
    let Some(mut story) = Story::new(lines, context) else { return Ok(()) };
    closing.link(&mut story);
    let corrections = Corrections::of(&story);
    closing.clocks_apart(corrections.apart());
    let path = CriticalPath::of(&story, &corrections).filter(|_| !closing.has_lines_left());
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

/// For each run the spans of its traces, where some are named and not there: a job often begins
/// inside a request that does not belong to it. Of a job, those of all its traces: others may have
/// gone on with it.
fn spans_around(
    select: &Select,
    runs: &[Vec<Line>],
    reading: &mut Reading,
) -> Result<Around, Stop> {
    let mut query = Query::new(select.places()?);
    let mut around = Around {
        of_run: vec![Vec::new(); runs.len()],
        dirs: query.dirs.clone(),
        ..Around::default()
    };
    let (mut run_of, mut of_job) = (HashMap::new(), HashMap::new());
    for (run, lines) in runs.iter().enumerate() {
        // A trace is of one run only.
        run_of.extend(story::missing_spans(lines).into_iter().map(|(trace, _)| (trace, run)));
        let spans = lines.iter().filter(|line| line.is_span() && select.job.is_some());
        of_job.extend(spans.filter_map(|line| Some((line.trace_id.clone()?, run))));
    }
    // Every line is compared with all of them.
    around.has_too_many = of_job.len() > JOB_TRACES_MAX;
    if !around.has_too_many {
        run_of.extend(of_job);
    }
    // A query by trace alone has seen all there is, unless something else narrowed it.
    if run_of.is_empty() {
        return Ok(around);
    }
    query.signals = vec![Signal::Spans];
    query.traces = run_of.keys().cloned().collect();
    query.limit = Some(CONTEXT_SPANS_MAX);
    query.tail = true;
    let mut found = query.run();
    around.is_cut_off = found.reading.matched > found.lines.len() as u64;
    // And those that had no end.
    query.signals = vec![Signal::Events];
    query.evt = vec![story::INTERRUPTED.to_owned()];
    let interrupted = query.run();
    found.lines.extend(interrupted.lines);
    found.reading.merge(interrupted.reading);
    // What is wrong with these files is known by now, except what is wrong with other traces' lines,
    // and with files and frames of sealed ones that hold none of the job's.
    reading.bytes_read += found.reading.bytes_read;
    found.reading.skipped = 0;
    found.reading.skips.clear();
    reading.merge_losses(found.reading);
    for line in found.lines {
        let run = line.trace_id.as_deref().and_then(|trace| run_of.get(trace));
        if let Some(run) = run {
            around.of_run[*run].push(line);
        }
    }
    Ok(around)
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
/// The spans around a story are a detail; a trace of a million spans must not fill the memory for it.
const CONTEXT_SPANS_MAX: usize = 50_000;
/// With more traces than that, what other jobs did below a job is not looked for.
pub(super) const JOB_TRACES_MAX: usize = 100;
