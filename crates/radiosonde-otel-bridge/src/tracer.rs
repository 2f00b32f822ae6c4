//! `TracerProvider` and `Tracer` of the OpenTelemetry API.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::{self, SpanBuilder, SpanContext, SpanKind, TraceContextExt as _};
use opentelemetry::{
    Array, Context as OtelContext, InstrumentationScope, KeyValue, StringValue, Value,
};
use radiosonde_context::{Context, TraceState};
use radiosonde_record::{Level, Value as Recorded};
use radiosonde_tracing::{SpanEditor, SpanKind as Kind, SpanStart, SpanStatus, Spans};

use crate::convert::Attributes;
use crate::open::Open;
use crate::span::Span;
use crate::{around, baggage, convert, current, open};

/// The provider of tracers whose spans are recorded by radiosonde. Clones are the same.
///
/// Set by `init!(otel_bridge = true)`; for `opentelemetry::global::set_tracer_provider` where it is
/// done by hand.
#[derive(Clone, Debug)]
pub struct TracerProvider {
    spans: Spans,
}

/// Makes spans, in the name of a library.
///
/// The parent of a span is the context of the API that it is given. Where that is the current one, it
/// is the context of radiosonde, which is the same, or was attached later.
#[derive(Clone, Debug)]
pub struct Tracer {
    spans: Spans,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// The layer of tracing-opentelemetry, which says what it knows of a call site by attributes.
    Layer,
    /// A library.
    Scope(Arc<InstrumentationScope>),
}

/// What is known of the place where a span is made.
#[derive(Debug)]
struct Site<'a> {
    source: &'a str,
    file: &'a str,
    line: u32,
    level: Level,
    /// How many attributes that were.
    said: usize,
}

impl TracerProvider {
    pub(crate) fn new(spans: Spans) -> Self {
        Self { spans }
    }

    pub(crate) fn of_layer(&self) -> Tracer {
        Tracer { spans: self.spans.clone(), origin: Origin::Layer }
    }
}

impl trace::TracerProvider for TracerProvider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        Tracer { spans: self.spans.clone(), origin: Origin::Scope(Arc::new(scope)) }
    }
}

impl trace::Tracer for Tracer {
    type Span = Span;

    fn span_builder<T>(&self, name: T) -> SpanBuilder
    where
        T: Into<Cow<'static, str>>,
    {
        if self.origin.is_layer() {
            around::parent_is_taken();
        }
        SpanBuilder::from_name(name)
    }

    fn build_with_context(&self, builder: SpanBuilder, parent_cx: &OtelContext) -> Span {
        // As the SDK has it: what telemetry does itself is nobody's business.
        if parent_cx.is_telemetry_suppressed() || radiosonde_record::is_suppressed() {
            return Span::inert(SpanContext::NONE);
        }
        // What the layer hands over was looked at when the span was made.
        let parent = match self.origin {
            Origin::Layer => current::alone(parent_cx),
            Origin::Scope(_) => current::meant_by(parent_cx),
        };
        let attributes = builder.attributes.as_deref().unwrap_or_default();
        let site = self.origin.site(attributes);
        let attributes = attributes.get(site.said..).unwrap_or_default();
        let mut start = SpanStart::new(&builder.name, &parent);
        (start.source, start.file, start.line) = (site.source, site.file, site.line);
        start.level = site.level;
        start.kind = builder.span_kind.as_ref().map_or(Kind::Internal, kind);
        start.start_ns = builder.start_time.map(convert::nanoseconds);
        let begun = self.spans.start(&start, |editor| {
            self.origin.describe(editor);
            record(editor, attributes, self.origin.is_layer());
            for event in builder.events.iter().flatten() {
                let at = convert::nanoseconds(event.timestamp);
                let attributes = Attributes::of(&event.attributes);
                editor.event(at, &event.name, attributes.iter());
            }
            for link in builder.links.iter().flatten() {
                let to = convert::in_span(&link.span_context);
                editor.link(&to, Attributes::of(&link.attributes).iter());
            }
        });
        let around = || convert::span_context(&parent).unwrap_or(SpanContext::NONE);
        let Some((inside, started)) = begun.and_then(|started| Some((started.context()?, started)))
        else {
            // Held back, or one too many: what is inside of it is in what is around.
            return Span::inert(around());
        };
        let span = context_of(&inside, parent_cx.span().span_context());
        if let (Some(id), Some(number)) = (inside.span_id(), started.number()) {
            let given = baggage::ids(opentelemetry::baggage::BaggageExt::baggage(parent_cx));
            let given = given.iter().any(Option::is_some).then(|| Arc::new(given));
            open::insert(id, Open { spans: self.spans.clone(), number, given });
        }
        Span::new(started, span)
    }
}

impl Origin {
    fn is_layer(&self) -> bool {
        matches!(self, Self::Layer)
    }

    fn site<'a>(&'a self, attributes: &'a [KeyValue]) -> Site<'a> {
        match self {
            Self::Layer => Site::said(attributes),
            Self::Scope(scope) => {
                Site { source: scope.name(), file: "", line: 0, level: Level::Info, said: 0 }
            }
        }
    }

    /// The attributes of the conventions for who made a span.
    fn describe(&self, editor: &mut SpanEditor<'_>) {
        let Self::Scope(scope) = self else { return };
        if !scope.name().is_empty() {
            editor.attribute("otel.scope.name", Recorded::Str(scope.name()));
        }
        if let Some(version) = scope.version() {
            editor.attribute("otel.scope.version", Recorded::Str(version));
        }
    }
}

impl<'a> Site<'a> {
    /// What the layer says of a call site stands before the fields of the span: file, module, line,
    /// level and target, where there are such.
    fn said(attributes: &'a [KeyValue]) -> Self {
        let mut site = Self { source: "", file: "", line: 0, level: Level::Info, said: 0 };
        for attribute in attributes {
            match (attribute.key.as_str(), &attribute.value) {
                ("code.file.path", Value::String(file)) => site.file = file.as_str(),
                ("code.module.name", Value::String(_)) => {}
                ("code.line.number", Value::I64(line)) => {
                    site.line = u32::try_from(*line).unwrap_or_default();
                }
                ("level", Value::String(level)) => site.level = self::level(level.as_str()),
                ("target", Value::String(target)) => {
                    site.source = target.as_str();
                    site.said += 1;
                    break;
                }
                _ => break,
            }
            site.said += 1;
        }
        site
    }
}

/// Records attributes. Those of an error that the layer found in a field become an event, as natively.
pub(crate) fn record(editor: &mut SpanEditor<'_>, attributes: &[KeyValue], of_layer: bool) {
    let mut rest = attributes;
    while let [first, others @ ..] = rest {
        rest = others;
        if of_layer && let Some((error, behind)) = Failure::in_front(first, others) {
            rest = behind;
            error.record(editor);
            continue;
        }
        for (key, value) in Attributes::of(std::slice::from_ref(first)).iter() {
            editor.attribute(key, value);
        }
    }
}

/// An error among the fields of a span, as the layer has it: four attributes.
struct Failure<'a> {
    message: &'a Value,
    sources: &'a Array,
    key: &'a str,
}

impl<'a> Failure<'a> {
    fn in_front(first: &'a KeyValue, others: &'a [KeyValue]) -> Option<(Self, &'a [KeyValue])> {
        if first.key.as_str() != "exception.message" {
            return None;
        }
        let [trace, field, chain, behind @ ..] = others else { return None };
        let (key, chain_key) = (field.key.as_str(), chain.key.as_str());
        let is_it = trace.key.as_str() == "exception.stacktrace"
            && chain_key.strip_suffix(".chain") == Some(key);
        let Value::Array(sources) = &trace.value else { return None };
        is_it.then_some((Self { message: &first.value, sources, key }, behind))
    }

    fn record(&self, editor: &mut SpanEditor<'_>) {
        let message = self.message.as_str();
        let sources: Vec<&str> = match self.sources {
            Array::String(sources) => sources.iter().map(StringValue::as_str).collect(),
            _ => Vec::new(),
        };
        let whole = std::iter::once(&*message).chain(sources.iter().copied());
        let whole = whole.collect::<Vec<_>>().join(": ");
        editor.attribute(self.key, Recorded::Str(&whole));
        let trace: Vec<String> =
            sources.iter().map(|source| format!("caused by: {source}")).collect();
        let trace = trace.join("\n");
        let attributes = [("exception.message", &*message), ("exception.stacktrace", &*trace)];
        let known = attributes.into_iter().filter(|(_, text)| !text.is_empty());
        let known = known.map(|(key, text)| (key, Recorded::Str(text)));
        editor.event(radiosonde_record::now_ns(), "exception", known);
        editor.status_unless_set(SpanStatus::Error(&message));
    }
}

/// Where the span is, with the state of its trace as the API has it where it goes on.
fn context_of(inside: &Context, parent: &SpanContext) -> SpanContext {
    let Some(span) = convert::span_context(inside) else { return SpanContext::NONE };
    let goes_on = parent.trace_id() == span.trace_id();
    let state = inside.trace_state().map(TraceState::as_str).unwrap_or_default();
    if !goes_on || parent.trace_state().header() != state {
        return span;
    }
    let state = parent.trace_state().clone();
    SpanContext::new(span.trace_id(), span.span_id(), span.trace_flags(), false, state)
}

fn kind(kind: &SpanKind) -> Kind {
    match kind {
        SpanKind::Client => Kind::Client,
        SpanKind::Server => Kind::Server,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
        SpanKind::Internal => Kind::Internal,
    }
}

fn level(level: &str) -> Level {
    match level {
        "ERROR" => Level::Error,
        "WARN" => Level::Warning,
        "DEBUG" => Level::Debug,
        "TRACE" => Level::Trace,
        _ => Level::Info,
    }
}

/// Of a message, its text.
pub(crate) fn status(status: &trace::Status) -> Option<SpanStatus<'_>> {
    match status {
        trace::Status::Unset => None,
        trace::Status::Ok => Some(SpanStatus::Ok),
        trace::Status::Error { description: Cow::Borrowed(text) } => Some(SpanStatus::Error(text)),
        trace::Status::Error { description } => Some(SpanStatus::Error(description)),
    }
}
