//! What can be seen of a capture.

use std::collections::HashMap;
use std::fmt::Write as _;

use radiosonde_record::{Account, DropReason, Kind, OPEN_SPANS_MAX, now_ns};

use super::entry::{Event, Recorded, Span};
use super::found::Found;
use super::metric::Metric;
use super::pipeline::Captured;
use super::sink::All;
use crate::open_spans::OpenSpanReport;
use crate::report::RefusedWrites;
use crate::words::counted;

impl Captured {
    /// The events of `event!` and `log_event`.
    #[track_caller]
    pub fn events(&self) -> Found<Event> {
        Found::new(self.all_events(false))
    }

    /// The log lines, of `tracing` and of `log`.
    #[track_caller]
    pub fn logs(&self) -> Found<Event> {
        Found::new(self.all_events(true))
    }

    /// The spans that have ended. Those that have not: [`Captured::open_spans`].
    #[track_caller]
    pub fn spans(&self) -> Found<Span> {
        Found::new(self.look().spans)
    }

    /// Every series that is there, with what was done to it. Of a registry, counters and histograms of
    /// listed labels are there from the start, at 0.
    pub fn metrics(&self) -> Vec<Metric> {
        Metric::all(&self.snapshot())
    }

    /// What was done to the series of that name with these labels, and perhaps more: of several series
    /// all together. `None` where there is no such series.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<Metric> {
        Metric::of(&self.snapshot(), name, labels)
    }

    /// Writes to metrics that were refused, or folded into an overflow set.
    pub fn refusals(&self) -> Vec<RefusedWrites> {
        self.metrics_hub().refusals().iter().map(RefusedWrites::from).collect()
    }

    /// The spans that are open, the oldest first.
    pub fn open_spans(&self) -> Vec<OpenSpanReport> {
        let (running, now_ns) = (self.journal().running_spans(OPEN_SPANS_MAX), now_ns());
        running.oldest.iter().map(|span| OpenSpanReport::of(span, now_ns)).collect()
    }

    /// Every line as it would be on disk, in the order they were recorded: events, spans, and what a
    /// job did to a metric.
    #[track_caller]
    pub fn lines(&self) -> Vec<String> {
        let _books = self.settle();
        let all = self.store().all();
        all.records.iter().map(|(_, record)| record.json().to_owned()).collect()
    }

    /// The whole story: events and spans as they came, spans that are open, metrics, refusals, and what
    /// could not be captured.
    #[track_caller]
    pub fn text(&self) -> String {
        let look = self.look();
        let mut text = look.story;
        // Writing to a string does not fail.
        for open in self.open_spans() {
            let _ = writeln!(text, "open: {}, {open}", open.name);
        }
        for metric in self.metrics() {
            let _ = writeln!(text, "metric {metric}");
        }
        for refused in self.refusals() {
            let _ = writeln!(text, "refused: {}", refused.text);
        }
        for lost in look.lost {
            let _ = writeln!(text, "not here: {lost}");
        }
        text
    }

    #[track_caller]
    pub(super) fn all_events(&self, is_log: bool) -> Vec<Event> {
        let events = self.look().events.into_iter();
        events.filter(|event| event.is_log() == is_log).collect()
    }

    #[track_caller]
    pub(super) fn look(&self) -> Look {
        // Before the records: a span that ends in between is in both, and never in none.
        let mut tree = Tree::default();
        for open in self.open_spans() {
            tree.add(open.span_id.as_deref(), open.parent_span_id.as_deref(), &open.name);
        }
        let books = self.settle();
        let all = self.store().all();
        let mut look = Look { tree, ..Look::default() };
        look.lost = lost(&all, &books);
        for (kind, record) in all.records {
            look.add(kind, record);
        }
        for span in &look.spans {
            look.tree.add(span.span_id(), span.parent_span_id(), span.name());
        }
        look
    }
}

/// What was recorded and cannot be seen.
fn lost(all: &All, books: &[Account; 3]) -> Vec<String> {
    let mut lost = Vec::new();
    if all.omitted > 0 {
        let records = counted(all.omitted, "record");
        lost.push(format!("{records} past the 100,000, or 64 MiB, that a capture keeps"));
    }
    if all.unreadable > 0 {
        lost.push(format!("{} that cannot be read", counted(all.unreadable, "line")));
    }
    for (kind, account) in Kind::ALL.into_iter().zip(books) {
        // What a limit holds back is not lost, and who comes too late is not of this capture.
        let is_loss = |reason: &DropReason| {
            !matches!(reason, DropReason::RateLimited | DropReason::AfterShutdown)
        };
        for (reason, count) in account.dropped.iter().filter(|(reason, _)| is_loss(reason)) {
            let records = counted(*count, "record");
            lost.push(format!("{records} of {} dropped: {}", kind.as_str(), reason.as_str()));
        }
        if account.rejected > 0 {
            let records = counted(account.rejected, "record");
            lost.push(format!("{records} of {} could not be encoded", kind.as_str()));
        }
    }
    lost
}

/// All that there is at one moment.
#[derive(Default)]
pub(super) struct Look {
    /// Log lines too.
    pub(super) events: Vec<Event>,
    pub(super) spans: Vec<Span>,
    pub(super) tree: Tree,
    /// Events and spans, as they came.
    pub(super) story: String,
    pub(super) lost: Vec<String>,
}

impl Look {
    fn add(&mut self, kind: Kind, record: Recorded) {
        match kind {
            Kind::Event => {
                self.story.push_str(record.shown());
                self.events.push(Event(record));
            }
            Kind::Span => {
                self.story.push_str(record.shown());
                self.spans.push(Span(record));
            }
            Kind::Metric => {
                // Writing to a string does not fail.
                let _ = writeln!(self.story, "  + {}", record.message());
            }
        }
    }
}

/// Spans by their ids: name, and the one each is in.
#[derive(Clone, Default)]
pub(super) struct Tree(HashMap<String, (String, Option<String>)>);

impl Tree {
    fn add(&mut self, span: Option<&str>, parent: Option<&str>, name: &str) {
        if let Some(span) = span {
            self.0.insert(span.to_owned(), (name.to_owned(), parent.map(str::to_owned)));
        }
    }

    /// The names of a span and those around it, the innermost first.
    pub(super) fn path(&self, span: Option<&str>) -> Vec<&str> {
        let mut names = Vec::new();
        let mut next = span;
        // A circle of ids, which somebody may have given by hand, ends.
        while let Some((name, parent)) = next.and_then(|id| self.0.get(id))
            && names.len() < self.0.len()
        {
            names.push(name.as_str());
            next = parent.as_deref();
        }
        names
    }
}
