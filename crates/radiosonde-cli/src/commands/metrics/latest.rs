//! The latest value of each series, and how it went.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use jiff::Timestamp;
use radiosonde_store::Line;
use radiosonde_store::names::Signal;
use radiosonde_store::query::{Found, Query};

use super::course::{Course, Last};
use super::lanes::{Beside, Runs};
use super::table::{Row, Table};
use super::totals::Totals;
use super::{SERIES_MAX, is_named, say_cut, say_refused, unnamed};
use crate::args::MetricsArgs;
use crate::commands::{print_json, slot, unfiled};
use crate::figures::before::{Before, with_before};
use crate::figures::starts::{Asked, Starts};
use crate::figures::timeline::Timeline;
use crate::narrowed;
use crate::outcome::{Stop, conclude_with, show};
use crate::places;
use crate::render::Screen;
use crate::render::color;
use crate::render::metric::{Kind, Metric, number};
use crate::render::spark::Marks;
use crate::render::text::shown;
use crate::render::time::{between, duration, moment};

/// The latest snapshot of each series of each process.
pub(super) fn run(args: &MetricsArgs, screen: Screen, out: &mut dyn Write) -> Result<u8, Stop> {
    let select = &args.select;
    let query = select.query(&[Signal::Metrics])?;
    let mut latest = Latest::new(screen, query.since);
    let mut are_changes = false;
    let mut starts = Starts::default();
    let wider = with_before(&query);
    let mut matched = 0;
    let mut reading = wider.scan(&mut |found| {
        let metric = Metric::of(&found.line).filter(|_| found.line.is_snapshot());
        metric.into_iter().for_each(|metric| starts.take(&found.line, &metric));
        let is_before = latest.before.is_before(found.line.ts);
        matched += u64::from(!is_before);
        if !is_named(&args.names, &found.line) {
            return;
        }
        if is_before {
            return latest.take_before(&found);
        }
        if found.line.is_snapshot() {
            latest.take(found);
        } else {
            are_changes |= is_exported_change(&found.line);
        }
    });
    reading.matched = matched;
    let is_narrowed = !query.conditions.is_empty();
    let asked = Asked {
        since: select.time.since.map(Timestamp::as_microsecond),
        is_narrowed: is_narrowed || latest.before.is_full(),
    };
    let needs_starts = is_narrowed && !latest.of.is_empty();
    if needs_starts || are_changes {
        let why = "`metrics` reads these files several times";
        places::refuse_pipes(&query.dirs, why)?;
    }
    if needs_starts {
        starts = all_starts(&wider);
    }
    latest.rise(&starts, asked);
    latest.join();
    let changes =
        if are_changes { exported_changes(&query, args, &mut latest) } else { Totals::default() };
    if let Some(limit) = select.limit {
        while latest.of.len() > limit {
            let _ = latest.of.pop_last();
        }
    }
    if select.show.is_json() {
        latest.of.values().try_for_each(|series| print_json(&series.raw, out))?;
    } else {
        latest.print(select.time.since, screen, out)?;
        if !changes.is_empty() {
            print_changes(&changes, latest.of.is_empty(), screen, out)?;
        }
    }
    out.flush()?;
    say_refused(latest.refused);
    let any = !latest.of.is_empty() || !changes.is_empty();
    if any && !select.show.is_json() {
        narrowed::say();
    }
    let instead = unnamed(&args.names, reading.matched);
    if !any && reading.matched > 0 && instead.is_none() {
        eprintln!("radiosonde: no snapshot yet: --job JOB shows what a job changed");
    }
    let status = conclude_with(&query, &reading, any, instead.as_deref());
    unfiled::tell(any, &query.dirs, Signal::Metrics);
    Ok(status)
}

fn print_changes(
    changes: &Totals,
    is_first: bool,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let blank = if is_first { "" } else { "\n" };
    let heading = "sums of what was exported as changes";
    writeln!(out, "{blank}{}", screen.paint.with(color::NAME, heading))?;
    let cut = changes.print(screen, out)?;
    say_cut(cut, screen.paint, out)
}

/// When processes began, where a condition is about something else than the lines that tell.
fn all_starts(query: &Query) -> Starts {
    let mut query = query.clone();
    query.conditions = Starts::condition().into_iter().collect();
    let mut starts = Starts::default();
    // What is wrong with the files is known from the query itself.
    let _read_before = query.scan(&mut |found| {
        let metric = Metric::of(&found.line).filter(|_| found.line.is_snapshot());
        metric.into_iter().for_each(|metric| starts.take(&found.line, &metric));
    });
    starts
}

/// The sums of what an SDK has exported as changes. Read anew, each line once: a line that a power cut
/// has repeated would count twice.
fn exported_changes(query: &Query, args: &MetricsArgs, latest: &mut Latest) -> Totals {
    let mut changes = Totals::default();
    let _read_before = query.stream(&mut |line| {
        let is_asked = is_exported_change(line) && is_named(&args.names, line);
        if is_asked && !changes.add_within(line, SERIES_MAX) {
            latest.refused += 1;
        }
        ControlFlow::Continue(())
    });
    changes
}

/// Whether it is a change that no snapshot has: what a job, worker or session did is in these as well.
fn is_exported_change(line: &Line) -> bool {
    let ids = [&line.job_id, &line.worker_id, &line.session_id];
    line.meta.text("kind") == Some("delta") && ids.iter().all(|id| id.is_none())
}

/// What was found of each series.
#[derive(Debug)]
struct Latest {
    of: BTreeMap<Place, Series>,
    /// What series stood at before the time that is asked for.
    before: Before<Place, Last>,
    axis: Timeline<u64>,
    /// Columns of a picture.
    columns: usize,
    /// Lines of series past the limit.
    refused: u64,
}

/// A series of one process. A restarted process goes on in its slot, so that only its latest run is
/// shown; processes side by side have slots of their own. A file that is not of one process alone says
/// nothing of slots: there the ids of the lines tell processes apart.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    service: String,
    machine: String,
    dir: PathBuf,
    slot: u32,
    /// Where slots are not known.
    process: Option<String>,
    series: String,
}

#[derive(Debug)]
struct Series {
    /// Of the first snapshot and of the latest.
    from: Timestamp,
    ts: Timestamp,
    /// The latest line, as it is stored.
    raw: String,
    course: Course,
}

impl Latest {
    fn new(screen: Screen, since: Option<Timestamp>) -> Self {
        let columns = (screen.width / 4).clamp(PICTURE_MIN, PICTURE_MAX);
        let (before, axis) = (Before::new(since), Timeline::new(columns));
        Self { of: BTreeMap::new(), before, axis, columns, refused: 0 }
    }

    /// Takes a snapshot from before the time that is asked for. A gauge that stood somewhere is one that
    /// stands there no more.
    fn take_before(&mut self, found: &Found<'_>) {
        let line = &found.line;
        let metric = Metric::of(line).filter(|_| line.is_snapshot());
        if let Some(metric) = metric.filter(|metric| metric.kind != Kind::Gauge) {
            let stood = Last::new(line.ts, line.process().unwrap_or_default(), &metric);
            self.before.take(Place::of(found, &metric), line.ts, stood);
        }
    }

    fn take(&mut self, found: Found<'_>) {
        let Some(metric) = Metric::of(&found.line) else { return };
        let place = Place::of(&found, &metric);
        let ts = found.line.ts;
        *self.axis.at(ts.as_microsecond()) += 1;
        let instance = found.line.process().unwrap_or_default();
        if let Some(series) = self.of.get_mut(&place) {
            series.course.take(ts, instance, &metric);
            series.from = series.from.min(ts);
            if series.ts <= ts {
                (series.ts, series.raw) = (ts, found.line.raw);
            }
            return;
        }
        if self.of.len() >= SERIES_MAX {
            self.refused += 1;
            return;
        }
        // Nobody looks at so many pictures, and each takes memory.
        let picture = (self.of.len() < PICTURES_MAX).then_some(self.columns);
        let before = self.before.of(&place, ts).cloned();
        if let Some((from, _)) = &before {
            // The picture begins there.
            *self.axis.at(from.as_microsecond()) += 1;
        }
        let mut course = Course::new(picture, before.map(|(_, stood)| stood));
        course.take(ts, instance, &metric);
        let _ = self.of.insert(place, Series { from: ts, ts, raw: found.line.raw, course });
    }

    /// Takes what series stood at in their first snapshots as their rise, where it is known since when.
    fn rise(&mut self, starts: &Starts, asked: Asked) {
        for series in self.of.values_mut() {
            let Some((process, first)) = series.course.first() else { continue };
            if self.before.is_begin(first) {
                continue;
            }
            let first = first.as_microsecond();
            if let Some(from) = starts.rose_from(process, first, asked) {
                // The picture begins there.
                *self.axis.at(from) += 1;
                series.course.rose_from(from);
            }
        }
    }

    /// Makes one series of those whose processes came one after the other where slots are not known, as
    /// if they had had one.
    fn join(&mut self) {
        let mut runs = Runs::default();
        for (place, series) in &self.of {
            if let Some(process) = &place.process {
                runs.take(place.beside(), process, series.from, series.ts);
            }
        }
        if runs.is_empty() {
            return;
        }
        let lanes = runs.lanes();
        let mut all: Vec<(Place, Series)> = std::mem::take(&mut self.of).into_iter().collect();
        all.sort_by_key(|(_, series)| series.from);
        for (mut place, series) in all {
            if let Some(process) = place.process.take() {
                place.process = lanes.get(&(place.beside(), process)).cloned().flatten();
            }
            match self.of.entry(place) {
                Entry::Vacant(entry) => drop(entry.insert(series)),
                Entry::Occupied(entry) => entry.into_mut().go_on(series),
            }
        }
    }

    fn print(
        &self,
        since: Option<Timestamp>,
        screen: Screen,
        out: &mut dyn Write,
    ) -> Result<(), Stop> {
        let (paint, mut cut, mut are_pictures) = (screen.paint, false, false);
        let mut groups: Vec<(String, Vec<(&Place, &Series)>)> = Vec::new();
        for (place, of) in &self.of {
            let heading = place.heading();
            match groups.last_mut() {
                Some((last, series)) if *last == heading => series.push((place, of)),
                _ => groups.push((heading, vec![(place, of)])),
            }
        }
        let marks = Marks::of_environment();
        for (number, (heading, series)) in groups.into_iter().enumerate() {
            // No group is empty.
            let Some(newest) = series.iter().map(|(_, of)| of.ts).max() else { continue };
            let blank = if number == 0 { "" } else { "\n" };
            let heading = format!("{heading} · {}", moment(newest));
            writeln!(out, "{blank}{}", paint.with(color::NAME, &heading))?;
            let rows: Vec<Row> = (series.into_iter())
                .filter_map(|(place, of)| of.row(place, newest, since.is_some(), &self.axis, marks))
                .collect();
            are_pictures |= rows.iter().any(|row| !row.picture.is_empty());
            cut |= Table { rows }.print(screen, out)?;
        }
        if are_pictures {
            self.legend(since.is_some(), screen, out)?;
        }
        if since.is_some() && self.of.values().any(|series| series.course.is_rise_unknown()) {
            writeln!(out, "\n{}", paint.dim(&screen.wrap(RISE_UNKNOWN, 0)))?;
        }
        say_cut(cut, paint, out)
    }

    /// What the pictures show.
    fn legend(&self, is_span: bool, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
        let Some((from, to)) = self.axis.covers() else { return Ok(()) };
        let at = |us| moment(Timestamp::from_microsecond(us).unwrap_or_default());
        let width = duration(u64::try_from(self.axis.width_us()).unwrap_or(0));
        let span = if is_span { " In brackets, and of distributions: since then." } else { "" };
        let has_before = self.of.values().any(|series| series.course.before().is_some());
        let before = if has_before && !is_span {
            " Before: it is not known when, not in the picture."
        } else {
            ""
        };
        let text = format!(
            "pictures from {} to {}, {width} each: of counters the rate, of distributions the mean.{span}{before}",
            at(from),
            at(to)
        );
        writeln!(out, "\n{}", screen.paint.dim(&screen.wrap(&text, 0)))?;
        Ok(())
    }
}

impl Series {
    /// Goes on with that of a process that came after it.
    fn go_on(&mut self, later: Self) {
        self.course.go_on(later.course, later.from);
        (self.ts, self.raw) = (later.ts, later.raw);
    }

    fn row(
        &self,
        place: &Place,
        newest: Timestamp,
        is_span: bool,
        axis: &Timeline<u64>,
        marks: Marks,
    ) -> Option<Row> {
        // It was one when it was found.
        let line = Line::parse(self.raw.as_bytes()).ok()?;
        let mut metric = Metric::of(&line)?;
        let (picture, between_what) = self.course.drawn(axis, &metric, marks);
        let value = match metric.kind {
            _ if self.course.is_rise_unknown() => metric.standing(),
            Kind::Counter if is_span => {
                format!("{} (+{})", metric.standing(), number(self.course.grown.value))
            }
            Kind::Distribution if is_span && self.course.grown.count > 0 => {
                let grown = &self.course.grown;
                (metric.count, metric.sum) = (grown.count, grown.sum);
                metric.buckets.clone_from(&grown.buckets);
                format!("+{}", metric.standing())
            }
            // What it has is from before.
            Kind::Distribution if is_span && metric.count > 0 => "+0".to_owned(),
            _ => metric.standing(),
        };
        // The time stands in the heading; what is older than that snapshot says so.
        let old = between(self.ts, newest) > SNAPSHOT_US_MAX;
        let mut remark = vec![];
        if !picture.is_empty() {
            remark.push(between_what);
            let before = self.course.before().filter(|_| !is_span && metric.kind == Kind::Counter);
            remark.extend(before.map(|before| format!("{before} before")));
        }
        if old {
            remark.push(moment(self.ts));
        }
        let remark = remark.join(" · ");
        Some(Row { series: place.series.clone(), value, picture, remark })
    }
}

impl Place {
    fn of(found: &Found<'_>, metric: &Metric<'_>) -> Self {
        let process = found.line.process().unwrap_or_default();
        Self {
            service: found.line.service.clone().unwrap_or_default(),
            machine: found.line.machine_id.clone().unwrap_or_default(),
            dir: found.dir.to_owned(),
            slot: slot(found),
            process: found.file.is_none().then(|| process.to_owned()),
            series: metric.series(),
        }
    }

    /// All that processes in one file have in common.
    fn beside(&self) -> Beside {
        (self.service.clone(), self.machine.clone(), self.dir.clone())
    }

    /// `usage-ingestion · web-1 · /var/lib/svc/telemetry`
    fn heading(&self) -> String {
        let slot = if self.slot == 0 { String::new() } else { format!("slot {}", self.slot) };
        let process = self.process.as_ref().filter(|process| !process.is_empty());
        let process = process.map_or_else(String::new, |name| format!("process {}", shown(name)));
        [shown(&self.service), shown(&self.machine), show(&self.dir), slot, process]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · ")
    }
}

/// The lines of one snapshot are written within this time, in microseconds.
const SNAPSHOT_US_MAX: u64 = 1_000_000;
/// What is said below where there is no rise to show.
const RISE_UNKNOWN: &str = "Of series with one snapshot since then it is not known what they grew by: they show all \
     that they have counted.";
/// Series with a picture.
const PICTURES_MAX: usize = 20_000;
/// Columns of a picture.
const PICTURE_MIN: usize = 10;
const PICTURE_MAX: usize = 40;
