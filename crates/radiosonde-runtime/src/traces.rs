//! What the code asks for about traces, and what the layer has to say of them.

use radiosonde_context::{CorrelationId, first_sanitized_id, sanitized_ids};
use radiosonde_tracing::{Counted, Keep, SpanCounts, SpanEvents};

use crate::config::Config;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::words::counted;

/// What becomes of spans, as the code asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TraceConfig {
    pub(crate) keep: Keep,
    pub(crate) span_events: SpanEvents,
    pub(crate) skip_unsampled: bool,
    pub(crate) otel_bridge: bool,
    /// Whether the program puts its subscriber together itself.
    pub(crate) in_parts: bool,
}

/// What holds for traces, as the report has it.
#[derive(Clone, Debug)]
pub(crate) struct TraceWords {
    pub(crate) all: String,
    /// What keeps spans from being made, if something does.
    pub(crate) off_by: Option<&'static str>,
    /// Whether spans of traces that are not sampled are left out.
    pub(crate) unsampled_left_out: bool,
}

impl TraceWords {
    pub(crate) fn of(settings: &Settings) -> Self {
        // Disabled or not: contexts travel.
        let travel = settings.propagation.words();
        let all = match settings.disabled {
            true => travel,
            false => format!("{}; {travel}", settings.traces.words()),
        };
        let unsampled_left_out = settings.traces.skip_unsampled && !settings.disabled;
        Self { all, off_by: settings.spans_off_by, unsampled_left_out }
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
    /// layers of the application. Default: `false`. Environment: `RADIOSONDE_TRACES_UNSAMPLED`, `skip` or `track`.
    pub fn skip_unsampled(mut self, skip: bool) -> Self {
        self.traces.skip_unsampled = skip;
        self
    }
}

impl Config {
    /// Whether the OpenTelemetry API is ours: `opentelemetry::global` gets a tracer provider and a
    /// propagator, spans of `tracing` go through tracing-opentelemetry, and all of them are recorded as
    /// natively. `OpenTelemetrySpanExt` and the middlewares that build on it work then; a span
    /// costs what it costs there. Needs the feature `otel-bridge`. docs/opentelemetry.md has the whole.
    /// Default: `false`. Environment: `RADIOSONDE_OTEL_BRIDGE`, `on` or `off`.
    pub fn otel_bridge(mut self, on: bool) -> Self {
        self.traces.otel_bridge = on;
        self
    }
}

/// What is wrong with how spans are used.
pub(crate) fn problems(counts: &SpanCounts) -> impl Iterator<Item = Problem> {
    [late_parents(counts), unanswered(counts), unlisted_names(counts)].into_iter().flatten()
}

/// The ids of this process that did not fit.
pub(crate) fn changed_ids() -> Option<Problem> {
    unfit_ids(sanitized_ids(), first_sanitized_id().as_ref())
}

fn unfit_ids(count: u64, first: Option<&CorrelationId>) -> Option<Problem> {
    let what = match (count, first) {
        (0, _) => return None,
        (_, None) => format!("{} were empty and are not used", counted(count, "id")),
        (_, Some(first)) => format!(
            "{} did not fit and were changed, the first to `{first}`: two that differ may have \
             become one",
            counted(count, "id")
        ),
    };
    let fix = "give jobs, workers, sessions and machines ids of 1 to 128 characters of \
               A-Z a-z 0-9 . _ : -";
    Some(Problem::warning(what, fix))
}

fn late_parents(counts: &SpanCounts) -> Option<Problem> {
    let late = counts.of(Counted::LateParent);
    let first = counts.first_late_parent().map(|first| format!(", first for {first}"));
    (late > 0).then(|| {
        Problem::warning(
            format!(
                "set_parent came too late for {} and changed nothing{}",
                spans(late),
                first.unwrap_or_default()
            ),
            "call it before the span is entered, has a child or an event, or is asked for its \
             context",
        )
    })
}

fn unanswered(counts: &SpanCounts) -> Option<Problem> {
    let asked = counts.of(Counted::Unanswered);
    let first = counts.first_unanswered().map(|first| format!(", first {first}"));
    (asked > 0).then(|| {
        Problem::warning(
            format!(
                "{} made for a part of another tracing layer that is not there{}, and did nothing: \
                 set_parent, context and their like of tracing-opentelemetry's OpenTelemetrySpanExt \
                 ask like that, and so does a SpanTrace of tracing-error",
                match asked {
                    1 => "1 request was".to_owned(),
                    more => format!("{} were", counted(more, "request")),
                },
                first.unwrap_or_default()
            ),
            "for OpenTelemetry, init!(otel_bridge = true) with the feature otel-bridge, or \
             radiosonde::set_parent and context_of in its place; for tracing-error, its ErrorLayer \
             in init!(layers = [...])",
        )
    })
}

fn unlisted_names(counts: &SpanCounts) -> Option<Problem> {
    let unlisted = counts.of(Counted::UnlistedName);
    (unlisted > 0).then(|| {
        Problem::warning(
            format!(
                "too many or too long names were given to spans, as otel.name or through an API: {} \
                 had a common name in the list of open spans",
                spans(unlisted)
            ),
            "give spans the names of routes and operations, and put ids and paths into attributes",
        )
    })
}

/// `1 span`, `2 spans`.
fn spans(count: u64) -> String {
    if count == 1 { "1 span".to_owned() } else { format!("{count} spans") }
}

#[cfg(test)]
mod tests {
    use radiosonde_context::Context;
    use radiosonde_record::{Filter, Journal, Level, Placement, with_journal};
    use radiosonde_tracing::{Layer, Sampler, set_parent};

    use super::*;

    fn told(f: impl FnOnce()) -> Vec<String> {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        let counts = SpanCounts::default();
        let layer = Layer::new(&journal, Sampler::default()).with_counts(&counts);
        tracing::subscriber::with_default(layer.into_subscriber(), || with_journal(&journal, f));
        problems(&counts).map(|problem| problem.what).collect()
    }

    #[test]
    fn ids_that_were_changed_are_told_with_the_first_as_it_is_stored() {
        let told = |count, first: Option<&str>| {
            let first = first.map(|id| CorrelationId::parse(id).unwrap());
            unfit_ids(count, first.as_ref()).map(|problem| problem.what)
        };
        assert_eq!(told(0, None), None);
        let changed = told(3, Some("order_17__")).unwrap();
        assert!(
            changed.starts_with("3 ids did not fit and were changed, the first to `order_17__`")
        );
        assert_eq!(told(2, None).unwrap(), "2 ids were empty and are not used");
        let _changed = CorrelationId::sanitize("order 18/ä");
        assert!(changed_ids().unwrap().what.contains('`'), "what was changed was seen");
    }

    #[test]
    fn a_late_parent_is_told_with_the_place_of_the_first() {
        let late = || {
            let span = tracing::info_span!("consume");
            span.in_scope(|| {});
            span
        };
        let nowhere = Context::default();
        let above = line!();
        let first = |span: tracing::Span| set_parent(&span, &nowhere);
        let below = line!();
        let second = |span: tracing::Span| set_parent(&span, &nowhere);
        let place = |told: &[String], beginning: &str| {
            let place = told[0].strip_prefix(beginning).unwrap_or_else(|| panic!("{told:?}"));
            let line = place.strip_prefix(&format!("first for consume at {}:", file!()));
            let line: u32 = line.unwrap_or_else(|| panic!("{told:?}")).parse().unwrap();
            assert!(above < line && line < below, "{told:?}");
        };
        place(&told(|| first(late())), "set_parent came too late for 1 span and changed nothing, ");
        let both = told(|| {
            first(late());
            second(late());
        });
        place(&both, "set_parent came too late for 2 spans and changed nothing, ");
        assert!(told(|| first(tracing::info_span!("in time"))).is_empty());
    }

    #[test]
    fn requests_that_nobody_answers_are_told_with_the_span_of_the_first() {
        /// Stands for what a crate keeps in a layer of its own.
        struct OfAnotherLayer;
        let ask = || {
            tracing::dispatcher::get_default(|dispatch| {
                assert!(dispatch.downcast_ref::<OfAnotherLayer>().is_none());
            });
        };
        let once = told(|| tracing::info_span!("consume").in_scope(ask));
        assert!(once[0].starts_with("1 request was made for a part of another"), "{once:?}");
        assert!(once[0].contains(&format!(", first inside consume at {}:", file!())), "{once:?}");
        let twice = told(|| {
            ask();
            ask();
        });
        assert!(twice[0].starts_with("2 requests were made"), "{twice:?}");
        assert!(twice[0].contains(", first outside of spans, "), "{twice:?}");
        assert!(twice[0].contains("OpenTelemetrySpanExt"), "{twice:?}");
        assert!(told(|| tracing::info_span!("nothing").in_scope(|| {})).is_empty());
    }

    #[test]
    fn too_many_names_are_told() {
        let open = |count: u64| {
            told(|| {
                for nth in 0..count {
                    tracing::info_span!("route", otel.name = format!("GET /{nth}"));
                }
            })
        };
        assert!(open(256).is_empty());
        let told = open(257);
        assert!(told[0].contains("1 span had a common name"), "{told:?}");
    }
}
