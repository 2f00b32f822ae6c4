//! `radiosonde correlate`: everything about one job, trace, session, worker or machine as one
//! timeline.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::ops::Range;

use radiosonde_store::names::Signal;
use radiosonde_store::query::Reading;
use radiosonde_store::{Level, Line, Query};

use crate::args::{CorrelateArgs, Output, Pick, Select};
use crate::commands::metrics::Totals;
use crate::commands::{print_stored, trace};
use crate::outcome::{Stop, conclude};
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::line::Ids;
use crate::render::text::{many, shown};
use crate::render::{time, waterfall};
use crate::runs;
use crate::story::{self, Story};

pub(crate) fn run(args: &CorrelateArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let select = &args.select;
    if select.subjects().is_empty() {
        return Err(Stop::Usage(
            "what is to be correlated? give --job, --trace, --session, --worker or --machine"
                .to_owned(),
        ));
    }
    let query = select.query(&[])?;
    let mut answer = query.run();
    trace::one_trace(&query, answer.lines.iter().filter_map(|line| line.trace_id.as_deref()))?;
    // Snapshots belong to the process, whichever machine it is on, and not to this story.
    answer.lines.retain(|line| !is_snapshot(line) || select.show.output == Output::Json);

    let any = !answer.lines.is_empty();
    print(select, &args.pick, answer.lines, &mut answer.reading, out)?;
    out.flush()?;
    Ok(conclude(&query, &answer.reading, any))
}

/// Prints some lines, by time: as they are stored, or run by run as stories.
pub(crate) fn print(
    select: &Select,
    pick: &Pick,
    lines: Vec<Line>,
    reading: &mut Reading,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let as_stored = select.show.output == Output::Json;
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
    let context = spans_around(select, &runs, reading)?;
    let mut cut = false;
    for (number, (lines, context)) in runs.into_iter().zip(context).enumerate() {
        let place = (count > 1).then(|| format!("run {} of {count}", omitted + number + 1));
        if place.is_some() {
            writeln!(out)?;
        }
        cut |= print_story(select, place.as_deref(), lines, context, screen, out)?;
    }
    if cut {
        writeln!(
            out,
            "\n{}",
            screen
                .paint
                .dim("lines that end with … go on past the edge of the terminal: --wide shows all")
        )?;
    }
    Ok(())
}

impl Pick {
    /// The places of the runs to show, of so many; `None` when the one asked for is not there.
    fn of(&self, count: usize) -> Option<Range<usize>> {
        match self.run {
            Some(number) => (number <= count).then(|| number - 1..number),
            None if self.all_runs => Some(0..count),
            None => Some(count.saturating_sub(RUNS_MAX)..count),
        }
    }
}

fn no_such_run(select: &Select, pick: &Pick, count: usize) -> Stop {
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

/// Prints header, timeline and sums of some lines. Tells whether a line was too long.
fn print_story(
    select: &Select,
    place: Option<&str>,
    lines: Vec<Line>,
    context: Vec<Line>,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<bool, Stop> {
    let mut totals = Totals::default();
    lines.iter().for_each(|line| totals.add(line));
    let summary = Summary::of(&lines);
    // Without lines there is nothing to print; callers have looked.
    let Some(story) = Story::new(lines, context) else { return Ok(false) };
    summary.print(select, place, &story, screen.paint, out)?;
    writeln!(out)?;
    let mut cut = false;
    for row in waterfall::rows(&story, summary.ids(), screen) {
        cut |= row.cut;
        writeln!(out, "{}", row.text)?;
    }
    if !totals.is_empty() {
        writeln!(out, "\n{}", screen.paint.with(color::NAME, "metrics, summed"))?;
        totals.print(screen.paint, out)?;
    }
    Ok(cut)
}

/// For each run the spans of its traces, where some are named and not there: a job often begins
/// inside a request that does not belong to it.
fn spans_around(
    select: &Select,
    runs: &[Vec<Line>],
    reading: &mut Reading,
) -> Result<Vec<Vec<Line>>, Stop> {
    let mut around = vec![Vec::new(); runs.len()];
    let mut run_of: HashMap<String, usize> = HashMap::new();
    for (run, lines) in runs.iter().enumerate() {
        // A trace is of one run only.
        run_of.extend(story::missing_spans(lines).into_iter().map(|(trace, _)| (trace, run)));
    }
    // A query by trace alone has seen all there is, unless something else narrowed it.
    if run_of.is_empty() {
        return Ok(around);
    }
    let mut query = Query::new(select.places()?);
    query.signals = vec![Signal::Spans];
    query.traces = run_of.keys().cloned().collect();
    query.limit = Some(CONTEXT_SPANS_MAX);
    query.tail = true;
    let mut found = query.run();
    // And those that had no end.
    query.signals = vec![Signal::Events];
    query.evt = vec![story::INTERRUPTED.to_owned()];
    let interrupted = query.run();
    found.lines.extend(interrupted.lines);
    found.reading.merge(interrupted.reading);
    // What is wrong with these files is known by now, except what is wrong with other traces' lines
    // and with frames of sealed files that hold none of the job's.
    reading.bytes_read += found.reading.bytes_read;
    reading.merge_damage(&found.reading);
    for line in found.lines {
        let run = line.trace_id.as_deref().and_then(|trace| run_of.get(trace));
        if let Some(run) = run {
            around[*run].push(line);
        }
    }
    Ok(around)
}

fn is_snapshot(line: &Line) -> bool {
    line.is_metric() && line.meta.text("kind") == Some("snapshot")
}

/// What the header tells.
#[derive(Debug, Default)]
struct Summary {
    spans: Count,
    logs: Count,
    events: Count,
    metric_changes: u64,
    services: BTreeSet<String>,
    /// Every value of each id, by its word.
    ids: BTreeMap<&'static str, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Count {
    all: u64,
    warnings: u64,
    errors: u64,
}

impl Summary {
    fn of(lines: &[Line]) -> Self {
        let mut summary = Self::default();
        for line in lines {
            let error = match line.is_span() {
                true => line.meta.text("status") == Some("error"),
                false => line.level >= Some(Level::Error),
            };
            let warning = !line.is_span() && line.level == Some(Level::Warning);
            let count = match line.evt.as_str() {
                "metric" => {
                    summary.metric_changes += 1;
                    &mut Count::default()
                }
                "span" => &mut summary.spans,
                "log" => &mut summary.logs,
                _ => &mut summary.events,
            };
            count.all += 1;
            count.errors += u64::from(error);
            count.warnings += u64::from(warning);
            summary.services.extend(line.service.clone());
            for (word, id) in [
                ("job", &line.job_id),
                ("machine", &line.machine_id),
                ("session", &line.session_id),
                ("trace", &line.trace_id),
                ("worker", &line.worker_id),
            ] {
                if let Some(id) = id {
                    let _ = summary.ids.entry(word).or_default().insert(id.clone());
                }
            }
        }
        summary
    }

    /// Ids that differ between the lines are worth a word on each.
    fn ids(&self) -> Ids {
        let several = |word| self.ids.get(word).is_some_and(|ids| ids.len() > 1);
        Ids {
            job: several("job"),
            machine: several("machine"),
            service: self.services.len() > 1,
            session: several("session"),
            trace: several("trace"),
            worker: several("worker"),
        }
    }

    fn print(
        &self,
        select: &Select,
        place: Option<&str>,
        story: &Story,
        paint: Paint,
        out: &mut dyn Write,
    ) -> Result<(), Stop> {
        let mut title = Vec::new();
        let subjects = select.subjects();
        title.extend(place.map(|place| paint.with(color::NAME, place)));
        for (word, asked) in &subjects {
            // The job of several runs stands above them all.
            if place.is_some() && *word == "job" {
                continue;
            }
            // The whole id where its beginning was asked for.
            let id = match self.ids.get(word).map(BTreeSet::len) {
                Some(1) => self.ids[word].first().map_or(*asked, String::as_str),
                _ => asked,
            };
            title.push(format!("{word} {}", paint.with(color::NAME, &shown(id))));
        }
        title.extend(some(&self.services));
        title.push(time::range(story.start, story.end));
        writeln!(out, "{}", title.join(" · "))?;

        let traces = self.ids.get("trace").map_or(0, BTreeSet::len) as u64;
        let counts = [
            (traces > 0).then(|| many(traces, "trace")),
            self.spans.told("span", paint),
            self.logs.told("log", paint),
            self.events.told("event", paint),
            (self.metric_changes > 0).then(|| many(self.metric_changes, "metric change")),
        ];
        writeln!(out, "{}", counts.into_iter().flatten().collect::<Vec<_>>().join(", "))?;

        let asked: Vec<&str> = subjects.iter().map(|(word, _)| *word).collect();
        let rest: Vec<String> = ["job", "trace", "session", "worker", "machine"]
            .into_iter()
            .filter(|word| !asked.contains(word))
            .filter_map(|word| Some(format!("{word} {}", some(self.ids.get(word)?)?)))
            .collect();
        if !rest.is_empty() {
            writeln!(out, "{}", paint.dim(&rest.join("  ")))?;
        }
        Ok(())
    }
}

impl Count {
    /// `9 logs (2 warnings, 1 error)`
    fn told(&self, noun: &str, paint: Paint) -> Option<String> {
        let mut wrong = Vec::new();
        if self.warnings > 0 {
            wrong.push(paint.with(color::WARNING, &many(self.warnings, "warning")));
        }
        if self.errors > 0 {
            wrong.push(paint.with(color::BAD, &many(self.errors, "error")));
        }
        let wrong = match wrong.is_empty() {
            true => String::new(),
            false => format!(" ({})", wrong.join(", ")),
        };
        (self.all > 0).then(|| format!("{}{wrong}", many(self.all, noun)))
    }
}

/// The first few of some names.
fn some(names: &BTreeSet<String>) -> Option<String> {
    let few: Vec<String> = names.iter().take(NAMES_MAX).map(|name| shown(name)).collect();
    let more = names.len() - few.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!few.is_empty()).then(|| format!("{}{more}", few.join(", ")))
}

/// Runs shown unless more are asked for.
const RUNS_MAX: usize = 3;
const NAMES_MAX: usize = 4;
/// The spans around a story are a detail; a trace of a million spans must not fill the memory for it.
const CONTEXT_SPANS_MAX: usize = 50_000;
