//! The spans that are open: what runs now, and what is stuck.

use std::collections::HashMap;
use std::fmt;
use std::time::Instant;

use radiosonde_context::packed::unpack;
use radiosonde_events::describe_interrupted;
use radiosonde_record::{Journal, OPEN_SPANS_MAX, RunningSpan};
use serde::Serialize;

use crate::traces::TraceWords;
use crate::words::{counted, grouped};

/// Spans that are named, and as many groups of them; of the others the number is told.
const NAMED_MAX: usize = 20;
/// Spans of one group that are named.
const NAMED_OF_GROUP_MAX: usize = 3;
/// With more groups than these, of each only the oldest has a line.
const GROUPS_IN_DETAIL_MAX: usize = 5;
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
    /// Whether of traces that are not sampled most spans are not here, as
    /// [`Config::skip_unsampled`](crate::Config::skip_unsampled) asks for.
    pub unsampled_left_out: bool,
    /// The oldest 20, the oldest first.
    pub oldest: Vec<OpenSpanReport>,
    /// Those of one name and module together; the group with the oldest first, at most 20.
    pub groups: Vec<OpenSpanGroup>,
    /// How many groups of these there are besides.
    pub groups_more: u64,
}

/// The open spans of one name and module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenSpanGroup {
    /// Their name, as [`OpenSpanReport::name`].
    pub name: String,
    /// The module they come from.
    pub source: String,
    /// How many there are.
    pub open: u64,
    /// The oldest three, the oldest first.
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
    pub(crate) fn of(journal: &Journal, words: &TraceWords) -> Self {
        let running = journal.running_spans(OPEN_SPANS_MAX);
        let now_ns = radiosonde_record::now_ns();
        let (groups, groups_more) = grouped_by_name(&running.oldest, now_ns);
        let oldest = running.oldest.iter().take(NAMED_MAX);
        Self {
            open: running.open,
            unlisted: running.unlisted,
            off_by: words.off_by.map(str::to_owned),
            unsampled_left_out: words.unsampled_left_out,
            oldest: oldest.map(|span| OpenSpanReport::of(span, now_ns)).collect(),
            groups,
            groups_more,
        }
    }
}

const LEFT_OUT: &str = "; of traces that are not sampled most are left out";

/// Spans, the oldest first, by name and module; and how many groups there are past those.
fn grouped_by_name(spans: &[RunningSpan], now_ns: u64) -> (Vec<OpenSpanGroup>, u64) {
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut groups: Vec<OpenSpanGroup> = Vec::new();
    for span in spans {
        let next = places.len();
        let place = *places.entry((&span.site.name, &span.site.source)).or_insert(next);
        if place == groups.len() && place < NAMED_MAX {
            let (name, source) = (span.site.name.clone(), span.site.source.clone());
            groups.push(OpenSpanGroup { name, source, ..OpenSpanGroup::default() });
        }
        let Some(group) = groups.get_mut(place) else { continue };
        group.open += 1;
        if group.oldest.len() < NAMED_OF_GROUP_MAX {
            group.oldest.push(OpenSpanReport::of(span, now_ns));
        }
    }
    let more = places.len() - groups.len();
    (groups, more as u64)
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
    pub(crate) fn of(span: &RunningSpan, now_ns: u64) -> Self {
        let ids = unpack(&span.context);
        let parent = (span.parent != 0).then(|| format!("{:016x}", span.parent));
        Self {
            age_us: now_ns.saturating_sub(span.start_ns) / 1_000,
            trace_id: ids.trace_id.map(|id| id.to_string()),
            span_id: ids.span_id.map(|id| id.to_string()),
            parent_span_id: parent,
            job_id: ids.job_id.map(str::to_owned),
            thread: Some(span.thread.clone()).filter(|name| !name.is_empty()),
            name: span.site.name.clone(),
            source: span.site.source.clone(),
        }
    }

    /// ` · job job-1 · trace … · span … · thread worker-2`
    fn ids(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// `open       14 spans, those with the oldest first` and a line or more for each name, or nothing
/// when none is open, and that is known. Where spans are left out it is said.
impl fmt::Display for OpenSpansReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.open, &self.off_by) {
            (0, None) if self.unsampled_left_out => {
                return writeln!(f, "open       no spans that are listed{LEFT_OUT}");
            }
            (0, None) => return Ok(()),
            (0, Some(origin)) => {
                return writeln!(f, "open       not known: spans are off ({origin})");
            }
            _ => {}
        }
        write!(f, "open       {}", counted(self.open, "span"))?;
        if self.unlisted > 0 {
            write!(f, " ({} past the table, without a name)", grouped(self.unlisted))?;
        }
        if self.groups.len() > 1 {
            write!(f, ", the name with the oldest first")?;
        }
        if self.unsampled_left_out {
            f.write_str(LEFT_OUT)?;
        }
        writeln!(f)?;
        let in_detail = self.groups.len() <= GROUPS_IN_DETAIL_MAX && self.groups_more == 0;
        for group in &self.groups {
            writeln!(f, "- {group}")?;
            if in_detail {
                group.others(f)?;
            }
        }
        if self.groups_more > 0 {
            let named: u64 = self.groups.iter().map(|group| group.open).sum();
            let more = self.open.saturating_sub(self.unlisted).saturating_sub(named);
            let names = counted(self.groups_more, "more name");
            writeln!(f, "- and {}, of {names}", counted(more, "span"))?;
        }
        Ok(())
    }
}

/// `12 × POST /orders of shop::orders, oldest 4 min · trace … · span …`, and of a single span
/// `checkout of shop::orders, for 2.1 s · job job-1 · …`.
impl fmt::Display for OpenSpanGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.open > 1 {
            write!(f, "{} × ", grouped(self.open))?;
        }
        named(&self.name, &self.source, f)?;
        let Some(oldest) = self.oldest.first() else { return Ok(()) };
        let how = if self.open > 1 { "oldest" } else { "for" };
        write!(f, ", {how} {}", age(oldest.age_us))?;
        oldest.ids(f)
    }
}

impl OpenSpanGroup {
    /// A line for each of the next oldest, and one for the rest.
    fn others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for span in self.oldest.iter().skip(1) {
            write!(f, "    {}", age(span.age_us))?;
            span.ids(f)?;
            writeln!(f)?;
        }
        match self.open.saturating_sub(self.oldest.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "    and {} younger", grouped(more)),
        }
    }
}

/// `2.1 s checkout of shop::orders · job job-1 · trace … · span … · thread worker-2`
impl fmt::Display for OpenSpanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", age(self.age_us))?;
        named(&self.name, &self.source, f)?;
        self.ids(f)
    }
}

/// `checkout of shop::orders`
fn named(name: &str, source: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(if name.is_empty() { "(a span of an unknown place)" } else { name })?;
    if source.is_empty() { Ok(()) } else { write!(f, " of {source}") }
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

    /// Open spans of these names, each begun a minute after the one before; the first is the oldest.
    fn running(names: &[&str]) -> Vec<RunningSpan> {
        let running = |(nth, name): (usize, &&str)| {
            let mut span = RunningSpan::default();
            span.site.name = (*name).to_owned();
            span.site.source = "shop".to_owned();
            span.start_ns = nth as u64 * MINUTE_NS;
            span.thread = format!("w-{nth}");
            span
        };
        names.iter().enumerate().map(running).collect()
    }

    /// What is said of these and of so many that are not listed.
    fn told(spans: &[RunningSpan], unlisted: u64) -> String {
        let now_ns = spans.len() as u64 * MINUTE_NS;
        let (groups, groups_more) = grouped_by_name(spans, now_ns);
        let open = spans.len() as u64 + unlisted;
        let report = OpenSpansReport { open, unlisted, groups, groups_more, ..Default::default() };
        report.to_string()
    }

    const MINUTE_NS: u64 = 60_000_000_000;

    #[test]
    fn what_is_open_is_told_by_name_the_oldest_of_each_with_its_ids() {
        let orders = "POST /orders";
        let spans = running(&[orders, "sync", orders, orders, orders, ""]);
        assert_eq!(
            told(&spans, 0),
            "open       6 spans, the name with the oldest first\n\
             - 4 × POST /orders of shop, oldest 6 min · thread w-0\n\
             \x20   4 min · thread w-2\n\
             \x20   3 min · thread w-3\n\
             \x20   and 1 younger\n\
             - sync of shop, for 5 min · thread w-1\n\
             - (a span of an unknown place) of shop, for 60.0 s · thread w-5\n"
        );
        let one = told(&spans[..1], 0);
        assert_eq!(one, "open       1 span\n- POST /orders of shop, for 60.0 s · thread w-0\n");
    }

    #[test]
    fn of_many_names_each_has_one_line_and_of_too_many_the_rest_is_counted() {
        let names: Vec<String> = (0..22).map(|nth| format!("GET /{nth}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let twice = |names: &[&str]| running(&[names, names].concat());
        let six = told(&twice(&names[..6]), 808);
        let head = "open       820 spans (808 past the table, without a name), the name with the oldest first";
        assert_eq!(six.lines().next(), Some(head));
        assert_eq!(six.lines().count(), 1 + 6, "{six}");
        let many = told(&twice(&names), 0);
        assert_eq!(many.lines().count(), 1 + 20 + 1, "{many}");
        assert!(many.contains("\n- 2 × GET /19 of shop, oldest "), "{many}");
        assert!(many.ends_with("\n- and 4 spans, of 2 more names\n"), "{many}");
    }

    #[test]
    fn a_span_is_told_with_its_ids_and_nothing_open_is_told_only_when_that_is_not_known() {
        let span = OpenSpanReport {
            name: "checkout".into(),
            source: "shop::orders".into(),
            age_us: 2_140_000,
            job_id: Some("job-1".into()),
            span_id: Some("00f067aa0ba902b7".into()),
            thread: Some("worker-2".into()),
            ..OpenSpanReport::default()
        };
        assert_eq!(
            span.to_string(),
            "2.1 s checkout of shop::orders · job job-1 · span 00f067aa0ba902b7 · thread worker-2"
        );
        assert_eq!(OpenSpansReport::default().to_string(), "");
        let off = OpenSpansReport { off_by: Some("RUST_LOG".into()), ..OpenSpansReport::default() };
        assert_eq!(off.to_string(), "open       not known: spans are off (RUST_LOG)\n");
        let left_out =
            |open| OpenSpansReport { open, unsampled_left_out: true, ..Default::default() };
        let said = "; of traces that are not sampled most are left out\n";
        assert_eq!(left_out(0).to_string(), format!("open       no spans that are listed{said}"));
        assert!(left_out(2).to_string().starts_with(&format!("open       2 spans{said}")));
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
