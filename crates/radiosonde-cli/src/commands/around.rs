//! The spans around a story that are not of it, in bounded memory: whatever their lines hold, only what
//! is shown of them is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use radiosonde_store::names::Signal;
use radiosonde_store::query::Reading;
use radiosonde_store::{Line, Query};
use serde_json::Value;

use crate::args::Select;
use crate::commands::closing::Around;
use crate::commands::correlate::JOB_TRACES_MAX;
use crate::outcome::Stop;
use crate::story;

impl Around {
    /// For each run the spans of its traces, where some are named and not there: a job often begins
    /// inside a request that does not belong to it. Of a job, those of all its traces: others may have
    /// gone on with it.
    pub(super) fn of(
        select: &Select,
        runs: &[Vec<Line>],
        reading: &mut Reading,
    ) -> Result<Self, Stop> {
        let mut query = Query::new(select.places()?);
        let mut around = Self {
            of_run: vec![Vec::new(); runs.len()],
            dirs: query.dirs.clone(),
            ..Self::default()
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
        if !narrowing(select).is_empty() {
            // What was left out of a trace is known once all of it is.
            let traces = |lines: &[Line]| -> BTreeSet<String> {
                lines.iter().filter_map(|line| line.trace_id.clone()).collect()
            };
            let of: Vec<BTreeSet<String>> = runs.iter().map(|lines| traces(lines)).collect();
            if of.iter().map(BTreeSet::len).sum::<usize>() <= JOB_TRACES_MAX {
                run_of.extend(
                    (0..).zip(of).flat_map(|(run, traces)| {
                        traces.into_iter().map(move |trace| (trace, run))
                    }),
                );
            }
        }
        // A query by trace alone has seen all there is, unless something else narrowed it.
        if run_of.is_empty() {
            return Ok(around);
        }
        query.signals = vec![Signal::Spans];
        query.traces = run_of.keys().cloned().collect();
        let mut spans = Newest::default();
        let mut found = query.scan(&mut |found| spans.add(found.line));
        // And those that had no end.
        query.signals = vec![Signal::Events];
        query.evt = vec![story::INTERRUPTED.to_owned()];
        let mut interrupted = Newest::default();
        found.merge(query.scan(&mut |found| interrupted.add(found.line)));
        around.is_cut_off = spans.is_cut_off || interrupted.is_cut_off;
        // What is wrong with these files is known by now, except what is wrong with other traces' lines,
        // and with files and frames of sealed ones that hold none of the job's.
        reading.bytes_read += found.bytes_read;
        found.skipped = 0;
        found.skips.clear();
        reading.merge_losses(found);
        for line in spans.into_lines().chain(interrupted.into_lines()) {
            let run = line.trace_id.as_deref().and_then(|trace| run_of.get(trace));
            if let Some(run) = run {
                around.of_run[*run].push(line);
            }
        }
        Ok(around)
    }
}

/// The options that leave out something of what the ids ask for.
pub(super) fn narrowing(select: &Select) -> Vec<&'static str> {
    [
        ("--since", select.time.since.is_some()),
        ("--until", select.time.until.is_some()),
        ("--where", !select.conditions.is_empty()),
        ("--level", select.level.is_some()),
        ("--evt", !select.evt.is_empty()),
        ("--service", select.service.is_some()),
    ]
    .into_iter()
    .filter_map(|(option, is_given)| is_given.then_some(option))
    .collect()
}

/// How many spans of what the ids ask for are not among the lines and stand around them.
pub(super) fn left_out(select: &Select, lines: &[Line], around: &[Line]) -> usize {
    let is_of = |line: &&Line| {
        let ids = [
            (&select.job, &line.job_id),
            (&select.session, &line.session_id),
            (&select.worker, &line.worker_id),
            (&select.machine, &line.machine_id),
        ];
        ids.iter().all(|(asked, id)| asked.is_none() || asked == id)
    };
    story::spans_beside(lines, around.iter().filter(is_of))
}

/// The newest of some lines, as many as there is room for.
#[derive(Debug, Default)]
struct Newest {
    /// By time, and in the order of finding, with the bytes each counts for.
    lines: BTreeMap<(Timestamp, u64), (Line, usize)>,
    added: u64,
    bytes: usize,
    /// Whether older ones had to go.
    is_cut_off: bool,
}

impl Newest {
    fn add(&mut self, line: Line) {
        let line = slim(line);
        let bytes = size(&line);
        self.bytes += bytes;
        self.added += 1;
        let _ = self.lines.insert((line.ts, self.added), (line, bytes));
        while self.lines.len() > SPANS_MAX || self.bytes > BYTES_MAX {
            let Some((_, (_, bytes))) = self.lines.pop_first() else { return };
            self.bytes -= bytes;
            self.is_cut_off = true;
        }
    }

    /// The oldest first.
    fn into_lines(self) -> impl Iterator<Item = Line> {
        self.lines.into_values().map(|(line, _)| line)
    }
}

/// A line without its text, and one of many bytes without what it says besides when and where it was:
/// a statement or a prompt in its attributes may take a megabyte.
fn slim(mut line: Line) -> Line {
    let is_long = line.raw.len() > WHOLE_BYTES_MAX;
    line.raw = String::new();
    if is_long {
        let short = |value: &Value| match value {
            Value::String(text) => text.len() <= WORD_BYTES_MAX,
            other => other.is_number(),
        };
        let meta = line.meta.iter().filter(|(key, value)| SHOWN.contains(key) && short(value));
        let meta = meta.map(|(key, value)| (key.to_owned(), value.clone())).collect();
        line.meta = serde_json::from_value(Value::Object(meta)).unwrap_or_default();
        line.msg = line.msg.filter(|msg| msg.len() <= WORD_BYTES_MAX);
        line.source = None;
    }
    line
}

/// Bytes of its texts, and about what their keys take.
fn size(line: &Line) -> usize {
    let texts = [
        &line.source,
        &line.msg,
        &line.service,
        &line.trace_id,
        &line.span_id,
        &line.job_id,
        &line.machine_id,
        &line.worker_id,
        &line.session_id,
        &line.id,
    ];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    let fields = line.meta.iter().map(|(key, value)| key.len() + size_of_value(value));
    size_of::<Line>() + line.evt.len() + texts + fields.sum::<usize>()
}

/// Of what a line can say without nesting deeper than the parser lets it.
fn size_of_value(value: &Value) -> usize {
    let within = match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(size_of_value).sum(),
        Value::Object(all) => all.iter().map(|(key, value)| key.len() + size_of_value(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    within + size_of::<Value>()
}

/// What a span says in `meta` that is shown even of one whose line is long.
const SHOWN: [&str; 8] = [
    "name",
    "parent_span_id",
    "start",
    "duration_us",
    "open_us",
    "kind",
    "status",
    "status_message",
];
/// Lines of more bytes are not kept whole.
const WHOLE_BYTES_MAX: usize = 16 << 10;
const WORD_BYTES_MAX: usize = 1 << 10;
/// The spans around a story are a detail; a trace of a million spans must not fill the memory for it.
const SPANS_MAX: usize = 50_000;
/// 64 MiB, taken apart.
const BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, filler: usize) -> Line {
        let filler = "x".repeat(filler);
        let text = format!(
            r#"{{"ts":"2025-10-06T11:50:{second:02}Z","evt":"span","msg":"work","trace_id":"t","span_id":"{second}","meta":{{"name":"work","parent_span_id":"p","duration_us":1000,"attributes":{{"prompt":"{filler}"}},"status":"error"}},"id":"aaaaaaaa.1.{second}"}}"#
        );
        Line::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn of_a_long_line_only_what_places_it_is_kept() {
        for (filler, is_whole) in [(100, true), (1 << 20, false)] {
            let was = line(1, filler);
            let kept = slim(was.clone());
            assert_eq!(kept.raw, "");
            assert_eq!(kept.meta.value("attributes").is_some(), is_whole);
            for key in ["name", "parent_span_id", "duration_us", "status"] {
                assert_eq!(kept.meta.value(key), was.meta.value(key), "{key}");
            }
            let ids = |line: &Line| (line.ts, line.trace_id.clone(), line.span_id.clone());
            assert_eq!(ids(&kept), ids(&was));
            assert!(size(&kept) < 4_096, "{}", size(&kept));
        }
    }

    #[test]
    fn older_ones_make_room_and_that_is_told() {
        // Texts that have to be kept, whatever they are.
        let long = |second: u32| {
            let mut line = line(second, 0);
            line.span_id = Some("y".repeat(BYTES_MAX / 4));
            line
        };
        for (count, kept) in [(3, 3), (4, 3), (9, 3)] {
            let mut newest = Newest::default();
            // Not in their order.
            (0..count).rev().for_each(|second| newest.add(long(second)));
            assert_eq!(newest.is_cut_off, count > kept);
            let seconds: Vec<_> = newest.into_lines().map(|line| line.ts.to_string()).collect();
            let expected = (count - kept..count).map(|one| format!("2025-10-06T11:50:0{one}Z"));
            assert_eq!(seconds, expected.collect::<Vec<_>>());
        }
    }
}
