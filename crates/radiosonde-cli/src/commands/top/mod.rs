//! `radiosonde top`: what there is most of. Noisy call sites, slow spans, exploding labels, losses.

mod callsites;
mod growth;
mod labels;
mod losses;
mod spans;

use std::io::Write;

use jiff::Timestamp;
use radiosonde_store::names::Signal;
use radiosonde_store::query::Found;
use serde_json::Value;

use self::callsites::Sites;
use self::growth::Growth;
use self::labels::Labels;
use self::losses::Losses;
use self::spans::Spans;
use crate::args::{By, TopArgs};
use crate::commands::{print_json, slot, unfiled};
use crate::outcome::{Stop, conclude_with};
use crate::render::Screen;
use crate::render::color;
use crate::render::metric::Metric;
use crate::render::table::table_within;
use crate::render::text::many;
use crate::render::time::range;

pub(crate) fn run(args: &TopArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut query = args.select.query(signals(args.by))?;
    query.limit = None;
    let mut top = Top::default();
    let reading = query.scan(&mut |found| top.take(&found, args.by));
    let screen = Screen::new(&args.select.show, args.wide);
    let rows = args.select.limit.unwrap_or(if args.by.is_some() { ROWS_ALONE } else { ROWS });
    let sections = top.sections(args.by, args.select.since, rows);
    let any = sections.iter().any(Section::has_rows);
    if args.select.show.is_json() {
        for object in sections.iter().flat_map(|section| &section.objects) {
            print_json(&object.to_string(), out)?;
        }
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
    sites: Sites,
    spans: Spans,
    labels: Labels,
    losses: Losses,
    growth: Growth,
}

/// One of the four, ready to be printed.
struct Section {
    title: String,
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Columns that are flush right.
    right: &'static [usize],
    /// What is said below.
    rest: Option<String>,
    /// The rows for programs.
    objects: Vec<Value>,
}

impl Top {
    fn take(&mut self, found: &Found<'_>, by: Option<By>) {
        let line = &found.line;
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
        if metric.name.starts_with(OWN) {
            let place = format!("{}\0{}", found.dir.display(), slot(found));
            self.growth.take(&found.line, metric, &place);
            self.losses.gauge(&found.line, metric);
        }
    }

    fn head(&self, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
        let Some((from, to)) = self.time else { return Ok(()) };
        let told = format!("{} · {}", many(self.lines, "line"), range(from, to));
        writeln!(out, "{}", screen.fit(&screen.paint.with(color::NAME, &told), 0))?;
        Ok(())
    }

    fn sections(&self, by: Option<By>, since: Option<Timestamp>, rows: usize) -> Vec<Section> {
        let all = [By::Callsites, By::Spans, By::Labels, By::Losses];
        let asked = all.into_iter().filter(|one| by.is_none_or(|by| by == *one));
        let growth = self.growth.sums(since);
        asked
            .map(|one| match one {
                By::Callsites => self.sites.section(rows),
                By::Spans => self.spans.section(rows),
                By::Labels => self.labels.section(&growth, rows),
                By::Losses => self.losses.section(&growth, rows),
            })
            .collect()
    }
}

impl Section {
    fn has_rows(&self) -> bool {
        !self.objects.is_empty()
    }

    fn print(self, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
        let paint = screen.paint;
        writeln!(out, "\n{}", paint.with(color::NAME, &self.title))?;
        if self.rows.is_empty() {
            writeln!(out, "  {}", paint.dim("none"))?;
        } else {
            let mut rows = vec![columns(self.heading.iter().map(|word| paint.dim(word)))];
            rows.extend(self.rows.into_iter().map(columns));
            table_within(&rows, self.right, screen, out)?;
        }
        if let Some(rest) = self.rest {
            writeln!(out, "  {}", screen.fit(&paint.dim(&rest), 2))?;
        }
        Ok(())
    }
}

/// Cells of a row, behind a margin.
fn columns(cells: impl IntoIterator<Item = String>) -> [String; COLUMNS] {
    let mut row: [String; COLUMNS] = Default::default();
    for (place, cell) in row.iter_mut().zip(cells) {
        *place = cell;
    }
    row[0].insert_str(0, "  ");
    row
}

/// `12.5 %`
fn share(part: u64, all: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let percent = part as f64 * 100.0 / all.max(1) as f64;
    if percent >= 10.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// Columns of the widest section.
const COLUMNS: usize = 9;
/// What the names of our own metrics begin with.
const OWN: &str = "radiosonde_";
/// Rows of each section where all four are shown, and of one that is shown alone.
const ROWS: usize = 5;
const ROWS_ALONE: usize = 20;
