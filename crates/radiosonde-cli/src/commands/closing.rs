//! What is said below a timeline of what is not in it, and how to see it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use radiosonde_store::names::Signal;
use radiosonde_store::query::Reading;
use radiosonde_store::{Level, Line, Query};

use crate::args::Select;
use crate::commands::around;
use crate::commands::correlate::JOB_TRACES_MAX;
use crate::commands::linked::{BYTES_MAX, LINKING_MAX, Search, TooMany};
use crate::commands::summary::some;
use crate::commands::unfiled;
use crate::figures::sequences::Sequences;
use crate::narrowed;
use crate::outcome::{Stop, again, quoted};
use crate::render::Screen;
use crate::render::line::short;
use crate::render::text::{many, shown};
use crate::render::time::duration;
use crate::render::waterfall::Drawn;
use crate::story::{self, Apart, Key, LinkedFrom, Story};

/// Log lines and events that fit in everything but their level.
#[derive(Debug)]
pub(super) struct Below {
    least: Level,
    count: u64,
    /// How many there are of each trace, and of none.
    of_trace: HashMap<Option<String>, u64>,
    /// Whether there were more traces than have room.
    has_more_traces: bool,
    /// What was brought over after a crash may stand there twice.
    known: Sequences,
}

impl Below {
    /// Counts what a query leaves out because of its level. `None` where it leaves out nothing.
    pub(super) fn of(query: &Query, reading: &mut Reading) -> Option<Self> {
        let least = query.level?;
        let mut all = query.clone();
        all.level = None;
        let mut below = Self::new(least);
        let read = all.scan(&mut |found| below.add(found.line));
        // The files, and what is wrong with them, are known from the query itself.
        reading.bytes_read += read.bytes_read;
        (below.count > 0).then_some(below)
    }

    fn new(least: Level) -> Self {
        let (of_trace, known) = (HashMap::new(), Sequences::default());
        Self { least, count: 0, of_trace, has_more_traces: false, known }
    }

    fn add(&mut self, line: Line) {
        let is_below = line.level.is_some_and(|level| level < self.least);
        if !is_below || !self.known.add(line.id.as_deref()) {
            return;
        }
        self.count += 1;
        let has_room = self.of_trace.len() < TRACES_MAX
            && line.trace_id.as_ref().is_none_or(|trace| trace.len() <= TRACE_BYTES_MAX);
        match self.of_trace.get_mut(&line.trace_id) {
            Some(count) => *count += 1,
            None if has_room => self.of_trace.extend([(line.trace_id, 1)]),
            None => self.has_more_traces = true,
        }
    }

    /// What is said where nothing else was found.
    pub(super) fn alone(&self) -> String {
        let (about, lines, least) = (self.about(), lines(self.count, "line"), self.least);
        format!("no span and nothing from {least} up; {about}{lines} below it: --level trace")
    }

    /// `4 more lines are below warning: --level trace`, of all runs or of some of them.
    fn told(&self, runs: &[Vec<Line>], all: bool) -> Option<String> {
        let shown = || runs.iter().flatten().filter_map(|line| line.trace_id.clone());
        let count: u64 = match all {
            true => self.count,
            false => {
                let traces: HashSet<Option<String>> = shown().map(Some).collect();
                traces.iter().filter_map(|trace| self.of_trace.get(trace)).sum()
            }
        };
        let about = if self.has_more_traces && !all { "at least " } else { self.about() };
        let lines = lines(count, "more line");
        (count > 0).then(|| format!("{about}{lines} below {}: --level trace", self.least))
    }

    /// What is said before a number that may count copies.
    const fn about(&self) -> &'static str {
        if self.known.is_whole() { "" } else { "about " }
    }
}

/// What a timeline leaves out.
#[derive(Debug, Default)]
pub(super) struct Closing {
    sayings: Vec<String>,
    links: Links,
    cut: bool,
    left_out: bool,
    has_missing: bool,
    has_lines_left: bool,
    spans_left: u64,
}

impl Closing {
    /// Of the runs shown, which may be `all` there are.
    pub(super) fn below_level(&mut self, below: Option<&Below>, runs: &[Vec<Line>], all: bool) {
        self.sayings.extend(below.and_then(|below| below.told(runs, all)));
    }

    /// Of a job's runs, which spans of these around them lie below its own and are not of it.
    pub(super) fn other_jobs(&mut self, job: &str, runs: &[Vec<Line>], around: &Around) {
        let (mut count, mut of_none) = (0, false);
        let (mut jobs, mut traces) = (BTreeSet::new(), BTreeSet::new());
        for (lines, others) in runs.iter().zip(&around.of_run) {
            let below = story::spans_below(lines, others);
            for line in below.into_iter().filter(|line| line.job_id.as_deref() != Some(job)) {
                count += 1;
                of_none |= line.job_id.is_none();
                jobs.extend(line.job_id.clone());
                traces.extend(line.trace_id.as_deref());
            }
        }
        if around.has_too_many {
            self.sayings.push(format!(
                "spans of other jobs below these were not looked for: there are more than \
                 {JOB_TRACES_MAX} traces"
            ));
            return;
        }
        if around.is_cut_off {
            self.sayings.push(format!(
                "the trace goes on: only {} of it were looked at for spans of other jobs",
                many(around.of_run.iter().map(|lines| lines.len() as u64).sum(), "span")
            ));
        }
        let Some(first) = traces.first() else { return };
        let named = some(&jobs).unwrap_or_default();
        let whose = match (jobs.len(), of_none) {
            (0, _) => "no job".to_owned(),
            (1, false) => format!("another job ({named})"),
            (1, true) => format!("another job ({named}) or of none"),
            (_, false) => format!("other jobs ({named})"),
            (_, true) => format!("other jobs ({named}) or of none"),
        };
        let are = if count == 1 { "is" } else { "are" };
        let command = again(&format!("trace {}", quoted(&shown(short(first)))), &around.dirs);
        let more = match traces.len() - 1 {
            0 => String::new(),
            more => format!(", and {}", many(more as u64, "more trace")),
        };
        self.sayings
            .push(format!("{} below {are} of {whose}: {command}{more}", many(count, "span")));
    }

    /// Of spans of other traces that link to these.
    pub(super) fn looked_for_links(&mut self, search: Search) {
        self.links.from = Rc::new(search.found);
        self.links.reach = match (search.too_many, search.is_cut_off) {
            (Some(TooMany::Spans), _) => Some(format!(
                "more than {LINKING_MAX} spans of other traces link to these: the first are shown"
            )),
            (Some(TooMany::Links), _) => Some(
                "spans of other traces have more links to these than are looked at: the first are \
                 shown"
                    .to_owned(),
            ),
            (None, true) => Some(format!(
                "links from other traces were looked for in {} MiB of spans only",
                BYTES_MAX >> 20
            )),
            (None, false) => None,
        };
    }

    /// Tells a story who links to it.
    pub(super) fn link(&mut self, story: &mut Story) {
        story.linked = Rc::clone(&self.links.from);
        let shown = story.spans().filter(|span| story.linked.has(span));
        self.links.shown.extend(shown);
        self.has_missing |= story.has_missing();
    }

    /// Of spans that are named in the stories and stand in no file of these directories.
    pub(super) fn missing_spans(&mut self, dirs: &[PathBuf]) {
        if self.has_missing {
            let elsewhere = || {
                "spans are missing: what another machine wrote may be in another directory, and --dir \
                 can be repeated"
                    .to_owned()
            };
            self.sayings.push(unfiled::hint(dirs, Signal::Spans).unwrap_or_else(elsewhere));
        }
    }

    /// Of machines whose clocks do not agree.
    pub(super) fn clocks_apart(&mut self, apart: Vec<Apart>) {
        let more = apart.len().saturating_sub(APART_MAX) as u64;
        self.sayings.extend(apart.into_iter().take(APART_MAX).map(|apart| {
            let (behind, machine) = (shown(&apart.behind), shown(&apart.machine));
            format!(
                "the clock of {behind} is at least {} behind that of {machine}: spans there begin before \
                 what caused them, or end after it; rows stand where their lines say",
                duration(apart.us)
            )
        }));
        self.sayings.extend((more > 0).then(|| format!("and of {}", many(more, "more pair"))));
    }

    /// Whether the story is too long, so that a path through it would be one through half of it.
    pub(super) fn has_lines_left(&self) -> bool {
        self.has_lines_left
    }

    /// Of a story that is too long.
    pub(super) fn lines_left(&mut self, shown: usize) {
        self.has_lines_left = true;
        let why = narrowed::limit().map(|variable| format!(" ({variable})")).unwrap_or_default();
        let (lines, are) = (many(shown as u64, "line"), if shown == 1 { "is" } else { "are" });
        self.sayings.push(format!(
            "only the newest {lines} {are} here, and there are more{why}: -n for another number"
        ));
    }

    /// Of a story whose traces have spans that other options than ids left out. Whether there are any.
    pub(super) fn spans_left(&mut self, select: &Select, lines: &[Line], around: &[Line]) -> bool {
        let count = match around::narrowing(select).is_empty() {
            true => 0,
            false => around::left_out(select, lines, around),
        };
        self.spans_left += count as u64;
        count > 0
    }

    /// By which options they were. Of a story that is too long that is not known.
    pub(super) fn narrowed(&mut self, select: &Select) {
        if self.spans_left > 0 && !self.has_lines_left {
            let spans = many(self.spans_left, "span");
            let (do_not, they) = match self.spans_left {
                1 => ("does not", "it is left out, unless something else lies in it"),
                _ => ("do not", "they are left out, but for those around others"),
            };
            let options = around::narrowing(select).join(" and ");
            self.sayings.push(format!(
                "{spans} of these traces {do_not} fit {options}: {they}, and where the time went is \
                 not told"
            ));
        }
    }

    /// Of a story whose lines take too much memory.
    pub(super) fn bytes_left(&mut self, most: u64) {
        self.has_lines_left = true;
        self.sayings.push(format!(
            "older lines are left out, as all take more than {} MiB: --until for these",
            most >> 20
        ));
    }

    /// Of rows that were not printed.
    pub(super) fn rows_left(&mut self, count: u64) {
        let saying = || format!("{} not shown: --all shows them", lines(count, "more row"));
        self.sayings.extend((count > 0).then(saying));
    }

    /// Of a row that was printed.
    pub(super) fn row(&mut self, row: &Drawn) {
        self.cut |= row.cut;
        self.left_out |= row.left_out;
    }

    /// Whether a name in a table was too long.
    pub(super) fn cut(&mut self, cut: bool) {
        self.cut |= cut;
    }

    pub(super) fn print(mut self, screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
        let wide = match (self.cut, self.left_out) {
            (true, _) => "lines with … go on past the edge of the terminal: --wide shows all",
            (false, true) => "sizes, ports and the like are left out: --wide shows all",
            (false, false) => "",
        };
        self.sayings.extend(self.links.told());
        self.sayings.extend((!wide.is_empty()).then(|| wide.to_owned()));
        if !self.sayings.is_empty() {
            writeln!(out)?;
        }
        for saying in &self.sayings {
            writeln!(out, "{}", screen.paint.dim(&screen.wrap(saying, 0)))?;
        }
        Ok(())
    }
}

/// Who links to the stories.
#[derive(Debug, Default)]
struct Links {
    from: Rc<LinkedFrom>,
    /// What they link to that is shown.
    shown: HashSet<Key>,
    /// Why there may be more.
    reach: Option<String>,
}

impl Links {
    /// What the rows do not tell.
    fn told(self) -> Vec<String> {
        let elsewhere = self.from.elsewhere(&self.shown);
        let told = elsewhere.first().map(|first| {
            let more = match elsewhere.len() - 1 {
                0 => String::new(),
                more => format!(", and {}", many(more as u64, "more trace")),
            };
            let (trace, name) = (shown(short(&first.trace_id)), first.told(None));
            format!("spans that are not here are linked from trace {trace} ({name}){more}")
        });
        told.into_iter().chain(self.reach).collect()
    }
}

/// The spans of the traces that runs are of.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) of_run: Vec<Vec<Line>>,
    /// Whether the job has too many traces to look for the spans of others in them.
    pub(super) has_too_many: bool,
    /// Whether there are more spans than were read.
    pub(super) is_cut_off: bool,
    /// Where they are from.
    pub(super) dirs: Vec<PathBuf>,
}

/// Traces whose lines below a level are counted each for itself.
const TRACES_MAX: usize = 10_000;
/// Ids of traces have 32 bytes; what others write there may be anything.
const TRACE_BYTES_MAX: usize = 128;
/// Pairs of machines whose clocks are told of.
const APART_MAX: usize = 3;

/// `1 line is`, `4 lines are`.
fn lines(count: u64, noun: &str) -> String {
    format!("{} {}", many(count, noun), if count == 1 { "is" } else { "are" })
}

pub(super) fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(trace: &str, id: &str) -> Line {
        let text = format!(
            r#"{{"ts":"2025-10-06T11:50:01Z","level":"info","evt":"log","trace_id":"{trace}","id":"{id}"}}"#
        );
        Line::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn lines_of_any_number_of_traces_are_counted_in_so_much_memory() {
        let mut below = Below::new(Level::Warning);
        let long = "t".repeat(TRACE_BYTES_MAX + 1);
        below.add(line(&long, "aaaaaaaa.1.0"));
        for nth in 0..=TRACES_MAX {
            below.add(line(&nth.to_string(), &format!("aaaaaaaa.1.{}", nth + 1)));
        }
        // Of the last one there is no room for its own; of the first there is, and this is no copy.
        below.add(line("0", "aaaaaaaa.2.1"));
        below.add(line("0", "aaaaaaaa.2.1"));
        assert_eq!((below.count, below.of_trace.len()), (TRACES_MAX as u64 + 3, TRACES_MAX));
        let runs = [vec![line("0", "")]];
        let told = |all| below.told(&runs, all).unwrap();
        assert_eq!(told(true), "10003 more lines are below warning: --level trace");
        assert_eq!(told(false), "at least 2 more lines are below warning: --level trace");
    }
}
