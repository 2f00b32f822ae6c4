//! The journal's side of open spans.

use super::{Interrupted, OpenSpan, Opened, RunningSpan, RunningSpans, remains};
use crate::format::{Builder, Site, SpanPart};
use crate::journal::Journal;
use crate::level::{Kind, Level};

impl Journal {
    /// Says that a span is open, until [`Journal::close_span`]: it is among
    /// [`Journal::running_spans`], and should the process die meanwhile, whoever recovers it says
    /// what was running. Of `part` the parent and the start count. Neither waits nor fails; the
    /// [`OPEN_SPANS_MAX`](crate::OPEN_SPANS_MAX)th is counted and not listed.
    #[inline(always)]
    pub fn open_span(&self, site: &Site, context: &[u8], part: &SpanPart) -> OpenSpan {
        let site = match site {
            Site::Registered(id) => *id,
            Site::Inline(_) => 0,
        };
        let (parent, start_ns) = (part.parent, part.start_ns);
        self.spans().open(Opened { site, parent, start_ns, context })
    }

    /// Says that the context of an open span, or its parent, has become another one.
    pub fn change_span(&self, span: &mut OpenSpan, context: &[u8], part: &SpanPart) {
        self.spans().change(span, part.parent, context);
    }

    /// Says that a span is closed: after its record, so that a process that dies in between has
    /// either. On any thread.
    #[inline(always)]
    #[expect(clippy::needless_pass_by_value, reason = "a span closes once")]
    pub fn close_span(&self, span: OpenSpan) {
        self.spans().close(span.0);
    }

    /// The spans that are open now, the oldest `limit` of them by name. Nothing in a forked child.
    pub fn running_spans(&self, limit: usize) -> RunningSpans {
        if self.is_forked() {
            return RunningSpans::default();
        }
        self.spans().running(limit, |site| self.descriptor(site))
    }

    /// Records the event `span.interrupted` of each span that is open, the oldest `limit` of them, as
    /// recovery does when the process has died: for the end of telemetry, after which nobody says
    /// what was stuck. `describe` fills it in. A recovery of what is left leaves out who has an event.
    ///
    /// Ends when `go_on`, which is called before each, says no. How many spans have their event now: it counts
    /// in the books as any other, and is dropped for the same reasons.
    pub fn interrupt_spans(
        &self,
        limit: usize,
        describe: &dyn Fn(&Interrupted, &mut Builder<'_>),
        go_on: &mut dyn FnMut() -> bool,
    ) -> u64 {
        if self.is_forked() {
            return 0;
        }
        let now_ns = crate::thread::now_ns();
        let pid = std::process::id();
        let mut tell = |span: RunningSpan| {
            let found = Interrupted { span, died_ns: now_ns, pid, is_shutdown: true };
            let site = remains::event(&found.span);
            let what = (Kind::Event, Level::Warning);
            // On whichever thread telemetry ends.
            self.build_at(now_ns, what, &site, &found.span.context, |record| {
                describe(&found, record);
            });
        };
        self.spans().interrupt(limit, |site| self.descriptor(site), &mut tell, go_on)
    }

    /// How many spans are open: those that are listed, and those past the table.
    pub fn open_span_counts(&self) -> (u64, u64) {
        if self.is_forked() { (0, 0) } else { self.spans().count() }
    }
}
