//! `radiosonde top`: what there is most of. Noisy call sites, slow spans, exploding labels, losses.

mod apart;
mod callsites;
mod growth;
mod labels;
mod losses;
mod section;
mod spans;

use std::io::Write;

use jiff::Timestamp;
use radiosonde_store::names::Signal;
use radiosonde_store::query::Found;

use self::callsites::Sites;
use self::growth::{Growth, Sum};
use self::labels::Labels;
use self::losses::Losses;
use self::section::Section;
use self::spans::Spans;
use crate::args::{By, Time, TopArgs};
use crate::commands::{print_json, slot, unfiled};
use crate::figures::before::with_before;
use crate::figures::sequences::Sequences;
use crate::narrowed;
use crate::outcome::{Stop, conclude_with};
use crate::render::Screen;
use crate::render::color;
use crate::render::metric::Metric;
use crate::render::text::{many, shown};
use crate::render::time::{between, range};

pub(crate) fn run(args: &TopArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut query = args.select.query(signals(args.by))?;
    query.limit = None;
    let since = query.since;
    let mut top = Top { growth: Growth::new(since), ..Top::default() };
    let wants_growth = matches!(args.by, None | Some(By::Labels | By::Losses));
    let wider = if wants_growth { with_before(&query) } else { query.clone() };
    let mut reading = wider.scan(&mut |found| top.take(&found, args.by));
    reading.matched = top.lines;
    reading.duplicates += top.seen.twice();
    let screen = Screen::new(&args.select.show, args.wide);
    let rows = args.select.limit.unwrap_or(if args.by.is_some() { ROWS_ALONE } else { ROWS });
    let (growth, is_unknown) = top.growth.sums(since, !query.conditions.is_empty());
    let sections = top.sections(args.by, args.select.time, &growth, rows);
    let any = sections.iter().any(Section::has_rows);
    if args.select.show.is_json() {
        for object in sections.iter().flat_map(|section| &section.objects) {
            print_json(&object.to_string(), out)?;
        }
        out.flush()?;
        top.seen.copies().iter().for_each(|told| eprintln!("radiosonde: {told}"));
    } else if any {
        top.head(screen, out)?;
        for section in sections {
            section.print(screen, out)?;
        }
    }
    out.flush()?;
    // Not that there is nothing: only none of what was asked for.
    let instead =
        (reading.matched > 0).then(|| format!("none of that in {}", many(reading.matched, "line")));
    if any && !args.select.show.is_json() {
        narrowed::say();
    }
    if wants_growth && is_unknown {
        eprintln!("radiosonde: {RISE_UNKNOWN}");
    }
    let status = conclude_with(&query, &reading, any, instead.as_deref());
    match args.by {
        Some(By::Spans) => unfiled::tell(any, &query.dirs, Signal::Spans),
        Some(By::Labels) => unfiled::tell(any, &query.dirs, Signal::Metrics),
        _ => {}
    }
    Ok(status)
}

/// The signals that are needed for it.
const fn signals(by: Option<By>) -> &'static [Signal] {
    match by {
        Some(By::Labels) => &[Signal::Metrics],
        Some(By::Losses) => &[Signal::Events, Signal::Metrics],
        Some(By::Spans) => &[Signal::Spans],
        _ => &[],
    }
}

/// Everything that is ranked.
#[derive(Debug, Default)]
struct Top {
    time: Option<(Timestamp, Timestamp)>,
    lines: u64,
    /// A line stands in the files twice where a file is copied, or brought over after a crash.
    seen: Sequences,
    sites: Sites,
    spans: Spans,
    labels: Labels,
    losses: Losses,
    growth: Growth,
}

impl Top {
    fn take(&mut self, found: &Found<'_>, by: Option<By>) {
        let line = &found.line;
        if self.growth.is_before(line.ts) {
            return self.before(found);
        }
        if !self.seen.add(line.id.as_deref()) {
            return;
        }
        self.lines += 1;
        self.time = Some(match self.time {
            Some((from, to)) => (from.min(line.ts), to.max(line.ts)),
            None => (line.ts, line.ts),
        });
        let wants = |what| by.is_none_or(|by| by == what);
        if wants(By::Callsites) {
            self.sites.take(line);
        }
        if wants(By::Spans) && line.is_span() {
            self.spans.take(line);
        }
        if wants(By::Losses) && !line.is_metric() {
            self.losses.event(line);
        }
        let is_asked = wants(By::Labels) || wants(By::Losses);
        if let Some(metric) = Metric::of(line).filter(|_| is_asked && line.is_snapshot()) {
            self.snapshot(found, &metric, wants(By::Labels));
        }
    }

    fn snapshot(&mut self, found: &Found<'_>, metric: &Metric<'_>, are_labels_asked: bool) {
        if are_labels_asked {
            self.labels.take(metric);
        }
        self.count(found, metric);
        if metric.name.starts_with(OWN) {
            self.losses.gauge(&found.line, metric);
        }
    }

    /// Of a line before the time that is asked for, what a counter begins with.
    fn before(&mut self, found: &Found<'_>) {
        if let Some(metric) = Metric::of(&found.line).filter(|_| found.line.is_snapshot()) {
            self.count(found, &metric);
        }
    }

    fn count(&mut self, found: &Found<'_>, metric: &Metric<'_>) {
        self.growth.take_start(&found.line, metric);
        if metric.name.starts_with(OWN) {
            let place = format!("{}\0{}", found.dir.display(), slot(found));
            self.growth.take(&found.line, metric, &place);
        }
    }

    fn head(&self, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
        let Some((from, to)) = self.time else { return Ok(()) };
        let mut told = vec![many(self.lines, "line"), range(from, to)];
        told.extend(self.seen.copies());
        let told = screen.fold(&told, " · ");
        writeln!(out, "{}", screen.paint.with(color::NAME, &told))?;
        Ok(())
    }

    /// The time that rates are of: that of the lines, or the part of the one that was asked for behind the
    /// first of them and before now.
    fn span_us(&self, asked: Time) -> u64 {
        let (first, last) = self.time.unwrap_or_default();
        let Some((since, until)) = asked.since.zip(asked.until) else {
            return between(first, last);
        };
        between(since.max(first), until.min(Timestamp::now()).max(last))
    }

    fn sections(&self, by: Option<By>, time: Time, growth: &[Sum], rows: usize) -> Vec<Section> {
        let all = [By::Callsites, By::Spans, By::Labels, By::Losses];
        let asked = all.into_iter().filter(|one| by.is_none_or(|by| by == *one));
        asked
            .map(|one| match one {
                By::Callsites => self.sites.section(self.span_us(time), rows),
                By::Spans => self.spans.section(rows),
                By::Labels => self.labels.section(growth, rows),
                By::Losses => self.losses.section(growth, rows),
            })
            .collect()
    }
}

/// `in shop`; nothing for a line that names no service.
fn in_service(service: &str) -> String {
    if service.is_empty() { String::new() } else { format!("in {}", shown(service)) }
}

/// `12.5 %`
fn share(part: u64, all: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let percent = part as f64 * 100.0 / all.max(1) as f64;
    if percent >= 10.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// What is said where a span of time holds one snapshot, and what was before it is not known.
const RISE_UNKNOWN: &str = "of counters with one snapshot in this span of time, and none in the minutes \
     before it, it is not known what they rose by: ask for a longer one";
/// What the names of our own metrics begin with.
const OWN: &str = "radiosonde_";
/// Rows of each section where all four are shown, and of one that is shown alone.
const ROWS: usize = 5;
const ROWS_ALONE: usize = 20;
