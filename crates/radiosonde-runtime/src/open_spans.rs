//! The spans that are open: what runs now, and what is stuck.

use std::fmt;
use std::time::Instant;

use radiosonde_context::packed::unpack;
use radiosonde_events::describe_interrupted;
use radiosonde_record::{Journal, RunningSpan};
use serde::Serialize;

use crate::words::{counted, grouped};

/// Spans that are named; of the others the number is told.
const NAMED_MAX: usize = 20;
/// Spans that have an event of their own when telemetry is shut down before they have ended.
const INTERRUPTED_MAX: usize = 1_000;
/// Events of them that are recorded before the drain is waited for: they fit in any ring.
const AT_ONCE: usize = 32;

/// The spans that are open at the moment of the report, sampled or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenSpansReport {
    /// How many there are.
    pub open: u64,
    /// How many of them are only counted: the table of open spans holds 8,192 at a time, and less
    /// with more than 512 threads that open some.
    pub unlisted: u64,
    /// What keeps spans of the level `info` and below from being made, `RUST_LOG` or `filter`: then
    /// what runs is not known.
    pub off_by: Option<String>,
    /// The oldest 20, the oldest first.
    pub oldest: Vec<OpenSpanReport>,
}

/// A span that has not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenSpanReport {
    /// The name it was given as it began (`otel.name`), of at most 48 bytes, the first 256 of these; else
    /// that of the call site. One that is given later is known at its end.
    pub name: String,
    /// The module it comes from.
    pub source: String,
    /// For how long it has been open, in microseconds.
    pub age_us: u64,
    /// Its trace, 32 hex digits.
    pub trace_id: Option<String>,
    /// Its own id, 16 hex digits.
    pub span_id: Option<String>,
    /// The span it is in, 16 hex digits.
    pub parent_span_id: Option<String>,
    /// The job it is part of.
    pub job_id: Option<String>,
    /// The thread that opened it; `None` when that has no name, or has ended.
    pub thread: Option<String>,
}

impl OpenSpansReport {
    pub(crate) fn of(journal: &Journal, off_by: Option<&str>) -> Self {
        let running = journal.running_spans(NAMED_MAX);
        let now_ns = radiosonde_record::now_ns();
        let oldest = running.oldest.into_iter().map(|span| OpenSpanReport::of(span, now_ns));
        Self {
            open: running.open,
            unlisted: running.unlisted,
            off_by: off_by.map(str::to_owned),
            oldest: oldest.collect(),
        }
    }
}

/// Says what is still open when telemetry ends, as nobody says it afterwards: an event
/// `span.interrupted` of each, the oldest first. What is past the deadline or 1,000 is counted in the
/// report.
pub(crate) fn interrupt(journal: &Journal, deadline: Instant) {
    let mut told = 0;
    let mut go_on = || {
        told += 1;
        if told % AT_ONCE == 0 {
            journal.control().flush(deadline.saturating_duration_since(Instant::now()));
        }
        Instant::now() < deadline || told <= AT_ONCE
    };
    let _told = journal.interrupt_spans(INTERRUPTED_MAX, &describe_interrupted, &mut go_on);
}

impl OpenSpanReport {
    fn of(span: RunningSpan, now_ns: u64) -> Self {
        let ids = unpack(&span.context);
        let parent = (span.parent != 0).then(|| format!("{:016x}", span.parent));
        Self {
            age_us: now_ns.saturating_sub(span.start_ns) / 1_000,
            trace_id: ids.trace_id.map(|id| id.to_string()),
            span_id: ids.span_id.map(|id| id.to_string()),
            parent_span_id: parent,
            job_id: ids.job_id.map(str::to_owned),
            thread: Some(span.thread).filter(|name| !name.is_empty()),
            name: span.site.name,
            source: span.site.source,
        }
    }
}

/// `open       2 spans` and a line for each, or nothing when none is open, and that is known.
impl fmt::Display for OpenSpansReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.open, &self.off_by) {
            (0, None) => return Ok(()),
            (0, Some(origin)) => {
                return writeln!(f, "open       not known: spans are off ({origin})");
            }
            _ => {}
        }
        write!(f, "open       {}", counted(self.open, "span"))?;
        let named = self.oldest.len() as u64;
        if named < self.open {
            write!(f, ", the oldest {named}")?;
        }
        if self.unlisted > 0 {
            write!(f, " ({} past the table, without a name)", grouped(self.unlisted))?;
        }
        writeln!(f)?;
        self.oldest.iter().try_for_each(|span| writeln!(f, "- {span}"))
    }
}

/// `2.1 s checkout of shop::orders · job job-1 · trace … · span … · thread worker-2`
impl fmt::Display for OpenSpanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "(a span of an unknown place)" } else { &self.name };
        write!(f, "{} {name}", age(self.age_us))?;
        if !self.source.is_empty() {
            write!(f, " of {}", self.source)?;
        }
        let parts = [
            ("job", &self.job_id),
            ("trace", &self.trace_id),
            ("span", &self.span_id),
            ("thread", &self.thread),
        ];
        let mut known = parts.iter().filter_map(|(what, value)| Some((what, value.as_ref()?)));
        known.try_for_each(|(what, value)| write!(f, " · {what} {value}"))
    }
}

/// `350 µs`, `35 ms`, `2.1 s`, `12 min`, `3.4 h`.
fn age(us: u64) -> String {
    let seconds = us as f64 / 1e6;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..120_000_000 => format!("{seconds:.1} s"),
        120_000_000..7_200_000_000 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_told_with_its_ids_and_what_is_only_counted_too() {
        let span = OpenSpanReport {
            name: "checkout".into(),
            source: "shop::orders".into(),
            age_us: 2_140_000,
            job_id: Some("job-1".into()),
            span_id: Some("00f067aa0ba902b7".into()),
            thread: Some("worker-2".into()),
            ..OpenSpanReport::default()
        };
        let nameless = OpenSpanReport { age_us: 350, ..OpenSpanReport::default() };
        let oldest = vec![span, nameless];
        let report = OpenSpansReport { open: 9_000, unlisted: 808, off_by: None, oldest };
        assert_eq!(
            report.to_string(),
            "open       9,000 spans, the oldest 2 (808 past the table, without a name)\n\
             - 2.1 s checkout of shop::orders · job job-1 · span 00f067aa0ba902b7 · thread worker-2\n\
             - 350 µs (a span of an unknown place)\n"
        );
        assert_eq!(OpenSpansReport::default().to_string(), "");
        let off = OpenSpansReport { off_by: Some("RUST_LOG".into()), ..OpenSpansReport::default() };
        assert_eq!(off.to_string(), "open       not known: spans are off (RUST_LOG)\n");
    }

    #[test]
    fn ages_are_told_in_the_unit_people_use() {
        let cases = [
            (0, "0 µs"),
            (35_900, "35 ms"),
            (119_000_000, "119.0 s"),
            (720_000_000, "12 min"),
            (12_240_000_000, "3.4 h"),
        ];
        for (us, text) in cases {
            assert_eq!(age(us), text);
        }
    }
}
