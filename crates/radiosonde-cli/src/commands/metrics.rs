//! `radiosonde metrics`: the latest value of each series, or what was recorded under one id.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use radiosonde_store::Line;
use radiosonde_store::names::Signal;
use radiosonde_store::query::{Query, Reading};

use crate::args::{MetricsArgs, Select};
use crate::commands::{print_stored, unfiled};
use crate::outcome::{Stop, conclude, show};
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::metric::{Kind, Metric, number, quantity};
use crate::render::text::{columns, many, shown};
use crate::render::time::between;

pub(crate) fn run(args: &MetricsArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let (select, screen) = (&args.select, Screen::new(&args.select.show, args.wide));
    // Snapshots carry no job: an id other than the machine's asks for what happened under it.
    if select.subjects().iter().any(|(word, _)| *word != "machine") {
        changes(select, screen, out)
    } else {
        latest(select, screen, out)
    }
}

/// What was recorded under an id, summed for each series.
fn changes(select: &Select, screen: Screen, out: &mut dyn Write) -> Result<u8, Stop> {
    let query = select.query(&[Signal::Metrics])?;
    let answer = query.run();
    let any = !answer.lines.is_empty();
    if select.show.is_json() {
        answer.lines.iter().try_for_each(|line| print_stored(line, out))?;
    } else {
        let mut totals = Totals::default();
        answer.lines.iter().for_each(|line| totals.add(line));
        let cut = totals.print(screen, out)?;
        say_cut(cut, screen.paint, out)?;
    }
    out.flush()?;
    let status = conclude(&query, &answer.reading, any);
    unfiled::tell(any, &query.dirs, Signal::Metrics);
    Ok(status)
}

/// The latest snapshot of each series of each process.
fn latest(select: &Select, screen: Screen, out: &mut dyn Write) -> Result<u8, Stop> {
    let query = select.query(&[Signal::Metrics])?;
    let mut latest: BTreeMap<Place, Line> = BTreeMap::new();
    let mut refused = 0_u64;
    let mut are_changes = false;
    let reading: Reading = query.scan(&mut |found| {
        if found.line.meta.text("kind") != Some("snapshot") {
            are_changes |= is_exported_change(&found.line);
            return;
        }
        let Some(metric) = Metric::of(&found.line) else { return };
        let place = Place {
            service: found.line.service.clone().unwrap_or_default(),
            machine: found.line.machine_id.clone().unwrap_or_default(),
            dir: found.dir.to_owned(),
            slot: found.file.map_or(0, |file| file.day.slot),
            series: metric.series(),
        };
        let full = latest.len() >= SERIES_MAX && !latest.contains_key(&place);
        if full {
            refused += 1;
        } else if latest.get(&place).is_none_or(|known| known.ts <= found.line.ts) {
            let _ = latest.insert(place, found.line);
        }
    });
    let changes =
        if are_changes { exported_changes(&query, &mut refused) } else { Totals::default() };
    if let Some(limit) = select.limit {
        while latest.len() > limit {
            let _ = latest.pop_last();
        }
    }
    if select.show.is_json() {
        latest.values().try_for_each(|line| print_stored(line, out))?;
    } else {
        print_latest(&latest, screen, out)?;
        if !changes.is_empty() {
            let blank = if latest.is_empty() { "" } else { "\n" };
            let heading = "sums of what was exported as changes";
            writeln!(out, "{blank}{}", screen.paint.with(color::NAME, heading))?;
            let cut = changes.print(screen, out)?;
            say_cut(cut, screen.paint, out)?;
        }
    }
    out.flush()?;
    if refused > 0 {
        let lines = many(refused, "line");
        eprintln!("radiosonde: over {SERIES_MAX} series: {lines} of further ones left out");
    }
    let any = !latest.is_empty() || !changes.is_empty();
    if !any && reading.matched > 0 {
        eprintln!("radiosonde: no snapshot yet: --job JOB shows what a job changed");
    }
    let status = conclude(&query, &reading, any);
    unfiled::tell(any, &query.dirs, Signal::Metrics);
    Ok(status)
}

/// The sums of what an SDK has exported as changes. Read anew, each line once: a line that a power cut
/// has repeated would count twice.
fn exported_changes(query: &Query, refused: &mut u64) -> Totals {
    let mut changes = Totals::default();
    let _read_before = query.stream(&mut |line| {
        if is_exported_change(line) && !changes.add_within(line, SERIES_MAX) {
            *refused += 1;
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

/// A series of one process. A restarted process goes on in its slot, so that only its latest run is
/// shown; processes side by side have slots of their own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    service: String,
    machine: String,
    dir: PathBuf,
    slot: u32,
    series: String,
}

fn print_latest(
    latest: &BTreeMap<Place, Line>,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let (paint, mut cut) = (screen.paint, false);
    let mut groups: Vec<(String, Vec<(&Place, &Line)>)> = Vec::new();
    for (place, line) in latest {
        let heading = place.heading();
        match groups.last_mut() {
            Some((last, series)) if *last == heading => series.push((place, line)),
            _ => groups.push((heading, vec![(place, line)])),
        }
    }
    for (number, (heading, series)) in groups.into_iter().enumerate() {
        let at = |line: &Line| crate::render::time::moment(line.ts);
        // No group is empty.
        let Some(newest) = series.iter().map(|(_, line)| *line).max_by_key(|line| line.ts) else {
            continue;
        };
        let blank = if number == 0 { "" } else { "\n" };
        writeln!(
            out,
            "{blank}{}",
            paint.with(color::NAME, &format!("{heading} · {}", at(newest)))
        )?;
        let rows = series.into_iter().filter_map(|(place, line)| {
            // The time stands in the heading; what is older than that snapshot says so.
            let old = between(line.ts, newest.ts) > SNAPSHOT_US_MAX;
            let remark = if old { at(line) } else { String::new() };
            Some((place.series.clone(), Metric::of(line)?.standing(), remark))
        });
        cut |= Table { rows: rows.collect() }.print(screen, out)?;
    }
    say_cut(cut, paint, out)
}

/// What is said below tables in which names were cut.
fn say_cut(cut: bool, paint: Paint, out: &mut dyn Write) -> Result<(), Stop> {
    if cut {
        writeln!(out, "\n{}", paint.dim("names with … are longer: --wide shows all"))?;
    }
    Ok(())
}

impl Place {
    /// `usage-ingestion · web-1 · /var/lib/svc/telemetry`
    fn heading(&self) -> String {
        let slot = if self.slot == 0 { String::new() } else { format!("slot {}", self.slot) };
        [shown(&self.service), shown(&self.machine), show(&self.dir), slot]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · ")
    }
}

/// Sums of metric changes, for each series.
#[derive(Debug, Default)]
pub(crate) struct Totals(BTreeMap<String, Total>);

#[derive(Debug)]
struct Total {
    kind: Kind,
    unit: Option<String>,
    changes: u64,
    /// Of a counter the sum, of a gauge the last value.
    value: f64,
    count: u64,
    sum: f64,
}

impl Totals {
    /// Adds a line, if it is about a change. Lines must come by time, as a gauge's last one counts.
    pub(crate) fn add(&mut self, line: &Line) {
        if !line.is_metric() || line.meta.text("kind") != Some("delta") {
            return;
        }
        let Some(metric) = Metric::of(line) else { return };
        let total = self.0.entry(metric.series()).or_insert_with(|| Total {
            kind: metric.kind,
            unit: metric.unit.map(str::to_owned),
            changes: 0,
            value: 0.0,
            count: 0,
            sum: 0.0,
        });
        total.changes += 1;
        total.count = total.count.saturating_add(metric.count);
        total.sum += metric.sum;
        match (metric.kind, metric.value) {
            (Kind::Counter, Some(by)) => total.value += by,
            (Kind::Gauge, Some(to)) => total.value = to,
            _ => {}
        }
    }

    /// As [`Totals::add`], unless it would be one more series than that. Whether it was not.
    fn add_within(&mut self, line: &Line, most: usize) -> bool {
        let is_known =
            || Metric::of(line).is_none_or(|metric| self.0.contains_key(&metric.series()));
        let fits = self.0.len() < most || is_known();
        if fits {
            self.add(line);
        }
        fits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something had to be cut.
    pub(crate) fn print(&self, screen: Screen, out: &mut dyn Write) -> Result<bool, Stop> {
        let rows = self.0.iter().map(|(series, total)| {
            let times = match total.changes {
                1 => String::new(),
                changes => format!("in {changes} changes"),
            };
            (series.clone(), total.told(), times)
        });
        Table { rows: rows.collect() }.print(screen, out)
    }
}

impl Total {
    fn told(&self) -> String {
        let unit = self.unit.as_deref();
        match self.kind {
            Kind::Counter => format!("+{}", number(self.value)),
            Kind::Gauge => format!("= {}", quantity(self.value, unit)),
            Kind::Distribution if self.count == 0 => "0".to_owned(),
            Kind::Distribution if self.count == 1 => quantity(self.sum, unit),
            Kind::Distribution => {
                #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
                let mean = quantity(self.sum / self.count as f64, unit);
                format!("{} × mean {mean}, sum {}", self.count, quantity(self.sum, unit))
            }
        }
    }
}

/// Series, value, remark, in columns.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<(String, String, String)>,
}

impl Table {
    /// Whether something had to be cut. Where a name has no room beside its value the value has a line
    /// of its own: the end of a name is what tells it from the next.
    fn print(self, screen: Screen, out: &mut dyn Write) -> Result<bool, Stop> {
        let most = screen.edge().map_or(COLUMN_MAX, |edge| COLUMN_MAX.min(edge / 2));
        let widest = |column: fn(&(String, String, String)) -> &String| {
            let widths = self.rows.iter().map(|row| columns(column(row)));
            widths.filter(|width| *width <= most).max().unwrap_or(0)
        };
        let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(columns(text)));
        let (first, second) = (widest(|row| &row.0), widest(|row| &row.1));
        let mut cut = false;
        for (series, value, remark) in &self.rows {
            let remark = screen.paint.dim(remark);
            let rest = format!("  {value}{}  {remark}", pad(value, second));
            let rest = rest.trim_end();
            let room = screen.edge().map(|edge| edge.saturating_sub(2 + columns(rest)));
            let first = first.min(room.unwrap_or(first));
            let mut name = series.as_str();
            if room.is_some_and(|room| columns(name) > room) {
                let alone = format!("  {name}");
                let alone = screen.fit(&alone, 0);
                cut |= matches!(alone, Cow::Owned(_));
                writeln!(out, "{alone}")?;
                name = "";
            }
            let row = format!("  {name}{}{rest}", pad(name, first));
            let row = screen.fit(&row, 0);
            cut |= matches!(row, Cow::Owned(_));
            writeln!(out, "{row}")?;
        }
        Ok(cut)
    }
}

/// A wider text stands out of its column: one endless label value must not push everybody's values
/// off the screen.
const COLUMN_MAX: usize = 90;
/// The lines of one snapshot are written within this time, in microseconds.
const SNAPSHOT_US_MAX: u64 = 1_000_000;
/// Bounds the memory over files that hold more series than any guard would let through.
const SERIES_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(rows: &[(&str, &str)], screen: Screen) -> (String, bool) {
        let row = |(series, value): &(&str, &str)| {
            ((*series).to_owned(), (*value).to_owned(), String::new())
        };
        let mut out = Vec::new();
        let table = Table { rows: rows.iter().map(row).collect() };
        let Ok(cut) = table.print(screen, &mut out) else { panic!() };
        (String::from_utf8(out).unwrap(), cut)
    }

    #[test]
    fn a_text_too_wide_for_its_column_moves_no_other() {
        let endless = "x".repeat(COLUMN_MAX + 1);
        let rows = [("runs_total", "3"), (&endless, "4"), ("rows", "5")];
        let expected = format!("  runs_total  3\n  {endless}  4\n  rows        5\n");
        assert_eq!(printed(&rows, Screen::of_width(80, true)), (expected, false));
    }

    #[test]
    fn on_a_terminal_a_name_without_room_beside_its_value_stands_above_it() {
        let long = "a_rather_long_name_of_a_series{with=\"labels\"}";
        let rows = [("runs_total", "3"), (long, "12 × mean 310 ms"), ("rows", "5")];
        let (text, cut) = printed(&rows, Screen::of_width(50, false));
        let expected = format!(
            "  runs_total  3\n\
             \x20 {long}\n\
             \x20             12 × mean 310 ms\n\
             \x20 rows        5\n"
        );
        assert_eq!((text.as_str(), cut), (&*expected, false));
        // What has no room at all.
        for (name, value) in [(long, &*"9".repeat(60)), (&"x".repeat(60), "9")] {
            let (text, cut) = printed(&[(name, value)], Screen::of_width(50, false));
            assert!(cut && text.contains('…'), "{text}");
            assert!(text.lines().all(|line| columns(line) <= 50), "{text}");
        }
    }
}
