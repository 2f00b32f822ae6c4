//! Stats for people and for programs.

use std::io::Write;

use jiff::Timestamp;
use radiosonde_runtime::doctor::shown::size;
use radiosonde_store::names::Signal;
use serde_json::{Value, json};

use super::count::{Cell, LEVELS, Lines};
use super::{Row, Stats};
use crate::commands::print_json;
use crate::figures::sequences::OfRing;
use crate::figures::tally::Tally;
use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::color;
use crate::render::spark::{Base, Marks};
use crate::render::table::{Behind, Narrow, table_giving_way};
use crate::render::text::{many, shown};
use crate::render::time::{clock, day, duration};
use crate::zone;

/// One screen.
pub(super) fn text(stats: &Stats, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
    let paint = screen.paint;
    let all = stats.all();
    let sizes = format!(
        "{}, {} of text in {} on disk",
        many(all.lines, "line"),
        size(all.raw),
        size(all.stored)
    );
    writeln!(out, "{}", paint.with(color::NAME, &sizes))?;
    let heading =
        ["day", "signal", "files", "writers", "lines", "text", "on disk", "first", "last"];
    let mut rows = vec![heading.map(|word| paint.dim(word))];
    let mut newest: Vec<_> = stats.rows.iter().collect();
    newest.sort_by(|((a, of_a), _), ((b, of_b), _)| of_b.cmp(of_a).then(a.cmp(b)));
    let more = newest.len().saturating_sub(ROWS_MAX);
    let cells = |((signal, date), row): (&(_, jiff::civil::Date), &Row)| {
        let signal: radiosonde_store::names::Signal = *signal;
        row.cells(&signal.to_string(), &date.to_string())
    };
    rows.extend(newest.into_iter().take(ROWS_MAX).map(cells));
    let narrow = Narrow { gives: 2, least: FILES_LEAST, goes: &[3, 5], behind: Behind::Stays };
    let left_out = table_giving_way(&rows, &[3, 4, 5, 6], narrow, screen, out)?;
    if !left_out.is_empty() {
        let columns: Vec<_> = left_out.iter().map(|column| heading[*column]).collect();
        let told = format!("without {}: -o json has them", columns.join(" and "));
        writeln!(out, "{}", paint.dim(&told))?;
    }
    if more > 0 {
        let more = many(more as u64, "older row");
        writeln!(out, "{}", paint.dim(&format!("{more} left out: -o json has them")))?;
    }
    picture(stats, screen, out)?;
    names(stats, screen, out)?;
    books(stats, screen, out)
}

/// When the lines were written.
fn picture(stats: &Stats, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
    let times = &stats.counted.times;
    let Some((from, to)) = times.covers() else { return Ok(()) };
    let (marks, paint) = (Marks::of_environment(), screen.paint);
    let width = duration(u64::try_from(times.width_us()).unwrap_or(0));
    let at = |us: i64| {
        let at = Timestamp::from_microsecond(us).unwrap_or_default();
        // Seconds say something where cells are that narrow.
        let digits = if times.width_us() < MINUTE_US { "hh:mm:ss" } else { "hh:mm" };
        format!("{} {}", day(at), &clock(at)[..digits.len()])
    };
    let [zone_from, zone] =
        [from, to].map(|us| zone::name(Timestamp::from_microsecond(us).unwrap_or_default()));
    let zone_from = if zone_from == zone { String::new() } else { format!(" {zone_from}") };
    let heading = format!("lines from {}{zone_from} to {} {zone}, {width} each", at(from), at(to));
    writeln!(out, "\n{}", paint.with(color::NAME, &heading))?;
    let row = |figure: &dyn Fn(&Cell) -> f64| -> (String, f64) {
        let figures: Vec<f64> = times.cells().iter().map(figure).collect();
        let some: Vec<_> = figures.iter().copied().map(Some).collect();
        (marks.row(&some, Base::Zero), figures.iter().copied().fold(0.0, f64::max))
    };
    #[expect(clippy::cast_precision_loss, reason = "for a picture")]
    let rows = [
        ("lines", color::BAR, row(&|cell| cell.lines)),
        ("warnings", color::WARNING, row(&|cell| cell.warnings as f64)),
        ("errors", color::BAD, row(&|cell| cell.errors as f64)),
    ];
    for (word, style, (row, most)) in rows {
        if most > 0.0 {
            let bar = paint.with(style, &row);
            let line = format!("  {word:<8}  {bar}  {}", paint.dim(&format!("at most {most:.0}")));
            writeln!(out, "{}", screen.fit(&line, 0))?;
        }
    }
    Ok(())
}

/// What the lines are, and whose.
fn names(stats: &Stats, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
    let counted = &stats.counted;
    if counted.lines == 0 {
        return Ok(());
    }
    let paint = screen.paint;
    let heading = match stats.outlined {
        0 => "in all lines".to_owned(),
        sealed => format!(
            "in the {} read ({} read by index only: --full reads all)",
            many(counted.lines, "line"),
            many(sealed, "sealed file")
        ),
    };
    writeln!(out, "\n{}", paint.with(color::NAME, &heading))?;
    let levels = LEVELS.iter().zip(counted.levels).rev().filter(|(_, count)| *count > 0);
    let levels: Vec<_> = levels
        .map(|(level, count)| paint.with(color::level(*level), &format!("{level} {count}")))
        .collect();
    for (word, told) in [
        ("levels", levels.join("  ")),
        ("events", most(&counted.names)),
        ("services", most(&counted.services)),
        ("machines", most(&counted.machines)),
    ] {
        if !told.is_empty() {
            writeln!(out, "{}", screen.fit(&format!("  {word:<8}  {told}"), 0))?;
        }
    }
    Ok(())
}

/// What is missing, and what should not be there.
fn books(stats: &Stats, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
    let paint = screen.paint;
    writeln!(out, "\n{}", paint.with(color::NAME, "the books"))?;
    for (style, told) in sentences(stats) {
        let told = paint.with(style, &screen.wrap(&told, 2));
        writeln!(out, "  {told}")?;
    }
    Ok(())
}

fn sentences(stats: &Stats) -> Vec<(anstyle::Style, String)> {
    let counted = &stats.counted;
    let mut told = Vec::new();
    let rings = counted.sequences.rings();
    let missing = rings.iter().filter(|ring| ring.missing > 0);
    let (whole, partly): (Vec<&OfRing>, Vec<_>) = missing.partition(|ring| ring.unseen.is_empty());
    let processes = counted.sequences.processes();
    if !stats.is_whole() {
        told.push((
            color::PLAIN,
            "gaps in the numbers of lines: not looked for, as not every line was read (--full)"
                .to_owned(),
        ));
    } else if !counted.sequences.is_whole() {
        told.push((color::PLAIN, "gaps in the numbers of lines: too many numbers to tell".into()));
    } else if whole.is_empty() && partly.is_empty() {
        let noun = if processes == 1 { "process" } else { "processes" };
        let told_of = format!("no gap in the numbers of the lines of {processes} {noun}");
        told.push((color::PLAIN, told_of));
    } else {
        for (style, rings) in [(color::BAD, whole), (color::WARNING, partly)] {
            if !rings.is_empty() {
                told.push((style, lost(stats, &rings)));
            }
        }
    }
    let removed = stats.removed;
    if removed.files > 0 {
        let (files, lines) = (many(removed.files, "file"), many(removed.lines, "line"));
        told.push((color::PLAIN, format!("removed by retention: {lines} in {files}")));
    }
    for (count, what) in [(counted.sequences.twice(), TWICE), (counted.junk, JUNK)] {
        if count > 0 {
            told.push((
                color::WARNING,
                format!("{} {}", many(count, "line"), what[usize::from(count > 1)]),
            ));
        }
    }
    told
}

/// `12 lines missing, lost: 9 of k3f9q2xw.1 from number 4 on, …`, of rings whose processes have lines of
/// all signals here, or of others.
fn lost(stats: &Stats, missing: &[&OfRing]) -> String {
    let count = missing.iter().fold(0_u64, |sum, ring| sum.saturating_add(ring.missing));
    let mut worst = missing.to_vec();
    worst.sort_by(|a, b| b.missing.cmp(&a.missing).then_with(|| a.name.cmp(&b.name)));
    let one = |ring: &&OfRing| {
        let from = ring.missing_from.map(|from| format!(" from number {from} on"));
        format!("{} of {}{}", ring.missing, shown(&ring.name), from.unwrap_or_default())
    };
    let mut named: Vec<String> = worst.iter().take(RINGS_SHOWN).map(one).collect();
    if worst.len() > RINGS_SHOWN {
        named.push(format!("and {} more rings", worst.len() - RINGS_SHOWN));
    }
    let is_unseen = |signal: &Signal| missing.iter().any(|ring| ring.unseen.contains(signal));
    let unseen: Vec<&str> = Signal::ALL
        .iter()
        .filter(|signal| is_unseen(signal))
        .map(|signal| signal.as_str())
        .collect();
    let removed = match stats.removed.lines {
        0 => "lost",
        _ => "lost, or among those that retention removed",
    };
    let why = match unseen.is_empty() {
        true => removed.to_owned(),
        false => {
            format!("of {} that were sent and have no file here, or {removed}", unseen.join(" or "))
        }
    };
    let growing =
        if stats.is_growing { "; programs are writing: some may be on their way" } else { "" };
    format!("{} missing, {why}: {}{growing}", many(count, "line"), named.join(", "))
}

/// The names that come most often.
fn most(names: &Tally<Lines>) -> String {
    let (sorted, others) = names.sorted();
    let name = |name: &str| if name.is_empty() { "(none)".to_owned() } else { shown(name) };
    // Where there is no name at all there is nothing to tell.
    if sorted.iter().all(|(name, _)| name.is_empty()) {
        return String::new();
    }
    let mut told: Vec<String> = (sorted.iter().take(NAMES_SHOWN))
        .map(|(of, lines)| format!("{} {}", name(of), lines.0))
        .collect();
    let more = sorted.len().saturating_sub(NAMES_SHOWN) as u64 + others.names;
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told.join("  ")
}

impl Row {
    fn cells(&self, signal: &str, date: &str) -> [String; 9] {
        let files = match (self.plain, self.sealed) {
            (plain, 0) => format!("{plain} live"),
            (0, sealed) => format!("{sealed} sealed"),
            (plain, sealed) => format!("{plain} live, {sealed} sealed"),
        };
        let time = |ts: Option<Timestamp>| ts.map(|ts| short(ts, date)).unwrap_or_default();
        [
            date.to_owned(),
            signal.to_owned(),
            files,
            self.slots.len().to_string(),
            self.lines.to_string(),
            size(self.raw),
            size(self.stored),
            time(self.time.map(|time| time.0)),
            time(self.time.map(|time| time.1)),
        ]
    }
}

impl Stats {
    fn all(&self) -> Row {
        let mut all = Row::default();
        for row in self.rows.values() {
            all.lines += row.lines;
            all.raw += row.raw;
            all.stored += row.stored;
        }
        all
    }
}

/// A time, with its day where that is another than the file's.
fn short(ts: Timestamp, date: &str) -> String {
    let time = clock(ts)[.."hh:mm:ss".len()].to_owned();
    let own = day(ts).to_string();
    if own == date { time } else { format!("{own} {time}") }
}

/// An object for each signal and day, and one for all of it.
pub(super) fn json(stats: &Stats, out: &mut dyn Write) -> Result<(), Stop> {
    for ((signal, date), row) in &stats.rows {
        let ts = |ts: Option<Timestamp>| ts.map(|ts| format!("{ts:.6}"));
        let object = json!({
            "signal": signal.as_str(), "day": date.to_string(), "files": row.plain + row.sealed,
            "files_sealed": row.sealed, "writers": row.slots.len(), "lines": row.lines,
            "bytes_raw": row.raw, "bytes_stored": row.stored,
            "first_ts": ts(row.time.map(|time| time.0)), "last_ts": ts(row.time.map(|time| time.1)),
        });
        print_json(&object.to_string(), out)?;
    }
    let counted = &stats.counted;
    let levels = LEVELS.iter().zip(counted.levels);
    let levels: serde_json::Map<String, Value> =
        levels.map(|(level, count)| (level.to_string(), count.into())).collect();
    let names = |names: &Tally<Lines>| -> serde_json::Map<String, Value> {
        let (sorted, _) = names.sorted();
        let first = sorted.into_iter().take(NAMES_JSON);
        first.map(|(name, lines)| (name.to_owned(), lines.0.into())).collect()
    };
    let is_known = stats.is_whole() && counted.sequences.is_whole();
    let rings = counted.sequences.rings();
    let gaps: Vec<Value> = (rings.iter().filter(|ring| is_known && ring.missing > 0))
        .take(NAMES_JSON)
        .map(|ring| json!({"ring": ring.name, "lines": ring.count, "missing": ring.missing, "from": ring.missing_from, "unseen": ring.unseen.iter().map(|signal| signal.as_str()).collect::<Vec<_>>()}))
        .collect();
    let missing = rings.iter().fold(0_u64, |sum, ring| sum.saturating_add(ring.missing));
    let removed = stats.removed;
    let object = json!({
        "lines_read": counted.lines, "files_read_by_index": stats.outlined,
        "levels": levels, "without_level": counted.levels[LEVELS.len()],
        "events": names(&counted.names), "services": names(&counted.services),
        "machines": names(&counted.machines), "processes": counted.sequences.processes(),
        "missing": is_known.then_some(missing), "gaps": gaps,
        "is_growing": stats.is_growing, "twice": counted.sequences.twice(),
        "without_id": counted.sequences.without(), "junk": counted.junk,
        "removed": {"files": removed.files, "lines": removed.lines, "bytes": removed.bytes},
    });
    print_json(&object.to_string(), out)
}

/// Columns of what files there are, on a screen that is too narrow.
const FILES_LEAST: usize = 16;
/// What is said of one line, and of several.
const TWICE: [&str; 2] = [
    "stands in the files twice; queries show it once",
    "stand in the files twice; queries show them once",
];
const JUNK: [&str; 2] =
    ["is no line of ours, and is passed over", "are no lines of ours, and are passed over"];
const MINUTE_US: i64 = 60_000_000;
/// Signals and days on the screen, the newest.
const ROWS_MAX: usize = 12;
const NAMES_SHOWN: usize = 5;
const NAMES_JSON: usize = 100;
const RINGS_SHOWN: usize = 3;
