//! What the code asks for about traces, and what the layer has to say of them.

use radiosonde_tracing::{Counted, Keep, SpanCounts, SpanEvents};

use crate::config::Config;
use crate::problem::Problem;
use crate::settings::Settings;

/// What becomes of spans, as the code asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TraceConfig {
    pub(crate) keep: Keep,
    pub(crate) span_events: SpanEvents,
    pub(crate) skip_unsampled: Option<bool>,
}

/// What holds for traces, as the report has it.
#[derive(Clone, Debug)]
pub(crate) struct TraceWords {
    pub(crate) all: String,
    /// What keeps spans from being made, if something does.
    pub(crate) off_by: Option<&'static str>,
}

impl TraceWords {
    pub(crate) fn of(settings: &Settings) -> Self {
        // Disabled or not: contexts travel.
        let travel = settings.propagation.words();
        let all = match settings.disabled {
            true => travel,
            false => format!("{}; {travel}", settings.traces.words()),
        };
        Self { all, off_by: settings.spans_off_by }
    }
}

impl Config {
    /// Records spans that ended with an error, or took long, though their trace is not sampled: for
    /// whoever reads the local files. They then cost what sampled ones do. Default: none.
    /// Environment: `RADIOSONDE_TRACES_KEEP`, such as `errors,slow=500ms`.
    pub fn keep_traces(mut self, keep: Keep) -> Self {
        self.traces.keep = keep;
        self
    }

    /// Which events of `tracing` become events of the span they happen in, besides their own lines.
    /// Default: [`SpanEvents::Exceptions`]. Environment: `RADIOSONDE_SPAN_EVENTS`, `exceptions`, `all`
    /// or `none`.
    pub fn span_events(mut self, span_events: SpanEvents) -> Self {
        self.traces.span_events = span_events;
        self
    }

    /// Whether spans of traces that are not sampled are left out where they seem to be missed by
    /// nobody: they then cost next to nothing, and are on no `/report`. See
    /// [`Layer::skip_unsampled`](radiosonde_tracing::Layer::skip_unsampled). Nothing changes with
    /// layers of the application. Default: only with the sampler `always_off` and nothing to
    /// [keep](Self::keep_traces). Environment: `RADIOSONDE_TRACES_UNSAMPLED`, `skip` or `track`.
    pub fn skip_unsampled(mut self, skip: bool) -> Self {
        self.traces.skip_unsampled = Some(skip);
        self
    }
}

/// What is wrong with how spans are used.
pub(crate) fn problem(counts: &SpanCounts) -> Option<Problem> {
    let late = counts.of(Counted::LateParent);
    (late > 0).then(|| {
        Problem::warning(
            format!("set_parent came too late for {late} spans and changed nothing"),
            "call it before the span is entered, has a child or an event, or is asked for its \
             context",
        )
    })
}
