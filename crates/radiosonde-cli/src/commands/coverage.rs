//! `radiosonde coverage`: which services and machines reported lately, and which fell silent.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use radiosonde_store::names::Signal;
use radiosonde_store::{Level, Line, Query};
use serde_json::{Value, json};

use crate::args::{CoverageArgs, Expected, Select, Time};
use crate::figures::sequences::Sequences;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, conclude};
use crate::output::Objects;
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::table::{Behind, Narrow, table_giving_way};
use crate::render::text::{many, shown};
use crate::render::time::{between, clock, day, duration};
use crate::select::check_range;
use crate::zone;

pub(crate) fn run(args: &CoverageArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let now = Timestamp::now();
    check_range(Time { since: Some(args.since), until: Some(now) })?;
    let places = Select { dir: args.dir.clone(), ..Select::default() }.places()?;
    let mut query = Query::new(places);
    query.since = Some(args.known.min(args.since));
    let mut heard = Heard::default();
    let reading = query.scan(&mut |found| heard.take(&found.line, found.signal, args, now));
    let rows = heard.rows(&args.expect);
    if args.show.is_for_programs() {
        let mut objects = Objects::new(&args.show, &COLUMNS);
        rows.iter().try_for_each(|row| objects.print(&row.json(), out))?;
        objects.finish(out)?;
        heard.counted.copies().iter().for_each(|told| eprintln!("radiosonde: {told}"));
    } else if !rows.is_empty() {
        let screen = Screen::new(&args.show, false);
        print(&rows, args, now, screen, out)?;
        for told in heard.counted.copies() {
            writeln!(out, "{}", screen.paint.dim(&screen.wrap(&told, 0)))?;
        }
    }
    out.flush()?;
    if heard.unlisted > 0 {
        let lines = many(heard.unlisted, "line");
        eprintln!(
            "radiosonde: {lines} of further services not counted: more than {SERVICES_MAX} are there"
        );
    }
    if heard.ahead > 0 {
        let lines = many(heard.ahead, "line");
        eprintln!(
            "radiosonde: {lines} not counted: of more than {} from now; look at the clocks of who \
             wrote them",
            duration(AHEAD_US)
        );
    }
    let status = conclude(&query, &reading, !rows.is_empty());
    let covered = rows.iter().all(|row| !row.expected || row.reported);
    Ok(match status {
        FOUND if covered && heard.unlisted == 0 => FOUND,
        FOUND => NOTHING,
        PARTIAL => PARTIAL,
        other => other,
    })
}

/// What was heard, by service and machine.
#[derive(Debug, Default)]
struct Heard {
    of: BTreeMap<(String, String), Seen>,
    /// Lines of services past [`SERVICES_MAX`].
    unlisted: u64,
    /// Lines of a time that is still to come.
    ahead: u64,
    /// A line stands in the files twice where a file is copied, or brought over after a crash.
    counted: Sequences,
}

/// What was heard of a service on a machine.
#[derive(Clone, Debug, Default)]
struct Seen {
    last: Option<Timestamp>,
    /// When a process of it last said that it stops.
    stopped: Option<Timestamp>,
    /// Whether it runs for longer than a command does.
    is_lasting: bool,
    /// As long as that is not known, its processes whose lines were seen last.
    runs: Vec<Run>,
    lately: Lately,
}

/// The times of the first and the last line of a process.
#[derive(Clone, Debug)]
struct Run {
    process: String,
    from: Timestamp,
    to: Timestamp,
}

/// What came in the time that was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    events: u64,
    spans: u64,
    metrics: u64,
    errors: u64,
}

/// A row of the answer.
#[derive(Debug)]
struct Row {
    service: String,
    machine: Option<String>,
    seen: Seen,
    reported: bool,
    expected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Nothing is known of it.
    Missing,
    /// It reported once, and not lately.
    Silent,
    /// The last it said is that it stops.
    Stopped,
    /// A program that was done in a short time, and not lately.
    Ended,
    /// It reported lately.
    Reporting,
}

impl Heard {
    fn take(&mut self, line: &Line, signal: Signal, args: &CoverageArgs, now: Timestamp) {
        let service = line.service.as_deref().unwrap_or_default();
        let machine = line.machine_id.as_deref().unwrap_or_default();
        // Who is not asked about takes no place.
        if !args.expect.is_empty() && !args.expect.iter().any(|one| one.fits(service, machine)) {
            return;
        }
        let key = (service.to_owned(), machine.to_owned());
        if self.of.len() >= SERVICES_MAX && !self.of.contains_key(&key) {
            self.unlisted += 1;
            return;
        }
        let seen = self.of.entry(key).or_default();
        if between(now, line.ts) > AHEAD_US {
            // It would stand for all the time until then.
            self.ahead += 1;
            return;
        }
        seen.hear(line);
        if line.ts < args.since || !self.counted.add(line.id.as_deref()) {
            return;
        }
        let lately = &mut seen.lately;
        *match signal {
            Signal::Spans => &mut lately.spans,
            Signal::Metrics => &mut lately.metrics,
            _ => &mut lately.events,
        } += 1;
        let failed = match signal {
            Signal::Spans => line.meta.text("status") == Some("error"),
            Signal::Metrics => false,
            _ => line.level >= Some(Level::Error),
        };
        lately.errors += u64::from(failed);
    }

    /// Who is missing first, who reports last.
    fn rows(&self, expect: &[Expected]) -> Vec<Row> {
        let mut rows: Vec<Row> = (self.of.iter())
            .map(|((service, machine), seen)| Row {
                service: service.clone(),
                machine: Some(machine.clone()).filter(|machine| !machine.is_empty()),
                reported: seen.lately.lines() > 0,
                seen: seen.clone(),
                expected: seen.is_expected() || !expect.is_empty(),
            })
            .collect();
        for one in expect.iter().filter(|one| one.machine.is_none()) {
            let of = |row: &Row| row.service == one.service;
            // On any machine: one that reports is enough.
            if rows.iter().any(|row| of(row) && row.reported) {
                rows.iter_mut().filter(|row| of(row)).for_each(|row| row.expected = row.reported);
            }
        }
        for one in expect {
            let mut found = false;
            for row in rows.iter_mut().filter(|row| one.is(row)) {
                // A machine that is named has to be there, whatever is said of its service.
                row.expected |= one.machine.is_some();
                found = true;
            }
            if !found {
                let (service, machine) = (one.service.clone(), one.machine.clone());
                let seen = Seen::default();
                rows.push(Row { service, machine, seen, reported: false, expected: true });
            }
        }
        rows.sort_by(|a, b| a.place().cmp(&b.place()));
        rows
    }
}

impl Seen {
    /// Whether it is missed where nobody says who is expected. Who has a clock that is ahead is.
    const fn is_expected(&self) -> bool {
        self.is_lasting || self.lately.lines() > 0 || self.last.is_none()
    }

    fn hear(&mut self, line: &Line) {
        self.last = self.last.max(Some(line.ts));
        if line.evt == "machine.status" {
            self.is_lasting = true;
            if line.meta.text("state") == Some("stopped") {
                self.stopped = self.stopped.max(Some(line.ts));
            }
        }
        let process = line.process().unwrap_or_default();
        self.is_lasting = self.is_lasting || self.run(process, line.ts) >= SHORT_US;
        if self.is_lasting {
            self.runs = Vec::new();
        }
    }

    /// How long a process has run by what was seen of it. Lines of several may stand by turns in a file.
    fn run(&mut self, process: &str, ts: Timestamp) -> u64 {
        let known = self.runs.iter().rposition(|run| run.process == process);
        let run = match known {
            Some(at) => {
                let Run { process, from, to } = self.runs.remove(at);
                Run { process, from: from.min(ts), to: to.max(ts) }
            }
            None => Run { process: process.to_owned(), from: ts, to: ts },
        };
        let mut lasted = between(run.from, run.to);
        if self.runs.len() >= RUNS_MAX {
            // So many by turns are no short runs; nobody knows how long this one would have gone on.
            let forgotten = self.runs.remove(0);
            lasted = lasted.max(if between(forgotten.to, ts) < SHORT_US { SHORT_US } else { 0 });
        }
        self.runs.push(run);
        lasted
    }
}

impl Expected {
    fn fits(&self, service: &str, machine: &str) -> bool {
        self.service == service && self.machine.as_ref().is_none_or(|at| at == machine)
    }

    /// Whether a row is of it.
    fn is(&self, row: &Row) -> bool {
        row.service == self.service && (self.machine.is_none() || row.machine == self.machine)
    }
}

impl Lately {
    const fn lines(self) -> u64 {
        self.events + self.spans + self.metrics
    }
}

impl Row {
    fn state(&self) -> State {
        let Some(last) = self.seen.last else { return State::Missing };
        // The last metrics may come after the goodbye.
        let said_so = |stopped| between(stopped, last) <= GOODBYE_US;
        match self.seen.stopped {
            Some(stopped) if said_so(stopped) => State::Stopped,
            _ if self.reported => State::Reporting,
            _ if !self.expected && !self.seen.is_lasting => State::Ended,
            _ => State::Silent,
        }
    }

    /// Where it stands: who is missed first, and who is not last.
    fn place(&self) -> (bool, bool, State, &str, Option<&str>) {
        let missed = self.expected && !self.reported;
        (!missed, self.reported, self.state(), &self.service, self.machine.as_deref())
    }

    fn cells(&self, now: Timestamp, paint: Paint) -> [String; 7] {
        let ago = |at: Timestamp| format!("{} ago", duration(between(at, now)));
        let state = match self.state() {
            State::Missing => paint.with(color::BAD, "never reported"),
            State::Silent => paint.with(color::BAD, "silent"),
            State::Stopped => paint.with(color::WARNING, "stopped"),
            State::Ended => paint.dim("ended"),
            State::Reporting => "reporting".to_owned(),
        };
        let count = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
        let Lately { events, spans, metrics, errors } = self.seen.lately;
        let seen = self.seen.last.map_or(String::new(), ago);
        let errors = match errors {
            0 => "-".to_owned(),
            some => paint.with(color::BAD, &some.to_string()),
        };
        let service = if self.service.is_empty() { "(no name)" } else { &self.service };
        let who = format!("{}{}", shown(service), at(self.machine.as_deref()));
        [who, state, seen, count(events), count(spans), count(metrics), errors]
    }

    fn json(&self) -> Value {
        let Lately { events, spans, metrics, errors } = self.seen.lately;
        let state = match self.state() {
            State::Missing => "missing",
            State::Silent => "silent",
            State::Stopped => "stopped",
            State::Ended => "ended",
            State::Reporting => "reporting",
        };
        json!({
            "service": self.service, "machine_id": self.machine, "state": state,
            "reported": self.reported, "expected": self.expected, "last_ts": self.seen.last.map(|at| at.to_string()),
            "events": events, "spans": spans, "metrics": metrics, "errors": errors,
        })
    }
}

fn print(
    rows: &[Row],
    args: &CoverageArgs,
    now: Timestamp,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let paint = screen.paint;
    let expected: Vec<&Row> = rows.iter().filter(|row| row.expected).collect();
    let there = expected.iter().filter(|row| row.reported).count();
    let since = format!(
        "since {} {} {}",
        day(args.since),
        &clock(args.since)[.."hh:mm:ss".len()],
        zone::name(args.since)
    );
    let all = expected.len();
    let percent = there * 100 / all.max(1);
    let told = format!("{there} of {all} reported {since} ({percent} %)");
    let tone = if there == all { color::NAME } else { color::BAD };
    writeln!(out, "{}", paint.with(tone, &screen.wrap(&told, 2)))?;
    let heading = ["service@machine", "", "last line", "events", "spans", "metrics", "errors"];
    let mut cells = vec![heading.map(|word| paint.dim(word))];
    cells.extend(rows.iter().map(|row| row.cells(now, paint)));
    // What is wrong stays: who, how long, and errors.
    let narrow = Narrow { gives: 0, least: WHO_LEAST, goes: &[5, 4, 3, 2], behind: Behind::Stays };
    let left_out = table_giving_way(&cells, &[3, 4, 5, 6], narrow, screen, out)?;
    if !left_out.is_empty() {
        let left_out: Vec<&str> = left_out.iter().map(|column| heading[*column]).collect();
        let told = format!("without {}: -o csv has all", left_out.join(", "));
        writeln!(out, "{}", screen.fit(&paint.dim(&told), 0))?;
    }
    Ok(())
}

fn at(machine: Option<&str>) -> String {
    machine.map(|machine| format!("@{}", shown(machine))).unwrap_or_default()
}

/// Columns of a service and its machine that tell them from others.
const WHO_LEAST: usize = 30;
/// What runs for less is no service that could fall silent, in microseconds.
const SHORT_US: u64 = 120_000_000;
/// Processes of a service on a machine that are told apart until one has run for that long.
const RUNS_MAX: usize = 512;
/// How long a service takes to end after it said so, in microseconds.
const GOODBYE_US: u64 = 5_000_000;
/// How far ahead of ours the clock of a machine may be, in microseconds.
const AHEAD_US: u64 = 300_000_000;
/// Services and machines that are told apart: a line may say anything.
const SERVICES_MAX: usize = 10_000;
/// Of `--output csv`.
const COLUMNS: [&str; 10] = [
    "service",
    "machine_id",
    "state",
    "reported",
    "expected",
    "last_ts",
    "events",
    "spans",
    "metrics",
    "errors",
];
