//! Requests for parts of other layers: seen where nobody answers them, and only there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::noop::NoopTracer;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry::trace::{SpanId, TraceId};
use radiosonde_context::Context;
use radiosonde_record::{Filter, Journal, Level, Placement, with_journal};
use radiosonde_tracing::{Counted, Layer, Sampler, SpanCounts, add_link, context_of, set_parent};
use tracing::{Dispatch, dispatcher, info, info_span};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as AnyLayer, SubscriberExt as _};
use tracing_subscriber::{Registry, fmt, registry, reload};

type Stock = OpenTelemetryLayer<Registry, NoopTracer>;
type Build = fn(Layer, Stock) -> Dispatch;
type Boxed = Box<dyn AnyLayer<Registry> + Send + Sync>;

struct Telemetry {
    journal: Journal,
    counts: SpanCounts,
}

impl Telemetry {
    fn new() -> Self {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        Self { journal, counts: SpanCounts::default() }
    }

    fn layer(&self) -> Layer {
        Layer::new(&self.journal, Sampler::default()).with_counts(&self.counts)
    }

    fn within<R>(&self, dispatch: impl Into<Dispatch>, f: impl FnOnce() -> R) -> R {
        dispatcher::with_default(&dispatch.into(), || with_journal(&self.journal, f))
    }

    fn unanswered(&self) -> u64 {
        self.counts.of(Counted::Unanswered)
    }

    fn first(&self) -> String {
        self.counts.first_unanswered().unwrap().to_string()
    }
}

fn remote() -> OtelContext {
    let (trace, span) = (TraceId::from(7), SpanId::from(8));
    let remote = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    OtelContext::new().with_remote_span_context(remote)
}

/// The stock `set_parent`. Whether it found its layer.
fn foreign_set_parent() -> bool {
    info_span!("request").set_parent(remote()).is_ok()
}

#[test]
fn without_its_layer_the_stock_set_parent_is_seen() {
    let alone = Telemetry::new();
    alone.within(alone.layer().into_subscriber(), || assert!(!foreign_set_parent()));
    assert_eq!((alone.unanswered(), alone.first()), (1, "outside of spans".to_owned()));

    let beside = Telemetry::new();
    let plain = fmt::layer().with_writer(std::io::sink);
    beside.within(registry().with(beside.layer()).with(plain), || {
        let line = line!() + 1;
        info_span!("worker").in_scope(|| assert!(!foreign_set_parent()));
        let place = format!("inside worker at {}:{line}", file!());
        assert_eq!((beside.unanswered(), beside.first()), (1, place));
        // The extension asks each time.
        let span = info_span!("again");
        let _nothing = span.context();
        span.set_attribute("key", "value");
    });
    assert_eq!(beside.unanswered(), 3);
    assert!(beside.first().starts_with("inside worker"), "the first one stays");
}

#[test]
fn what_another_layer_answers_is_no_business_of_ours() {
    let cases: [(&str, Build); 4] = [
        ("inside of ours", |ours, stock| registry().with(stock).with(ours).into()),
        ("behind ours in a list", |ours, stock| {
            let all: Vec<Boxed> = vec![Box::new(ours.among::<Vec<Boxed>>()), Box::new(stock)];
            registry().with(all).into()
        }),
        ("before ours in a list", |ours, stock| {
            let all: Vec<Boxed> = vec![Box::new(stock), Box::new(ours.among::<Vec<Boxed>>())];
            registry().with(all).into()
        }),
        ("in one piece with ours", |ours, stock| registry().with(ours.and_then(stock)).into()),
    ];
    for (place, build) in cases {
        let telemetry = Telemetry::new();
        telemetry.within(build(telemetry.layer(), tracing_opentelemetry::layer()), || {
            assert!(foreign_set_parent(), "{place}");
        });
        assert_eq!(telemetry.unanswered(), 0, "{place}");
    }
    let outside = Telemetry::new();
    let around = registry().with(outside.layer()).with(tracing_opentelemetry::layer());
    outside.within(around, || assert!(foreign_set_parent()));
    assert_eq!(outside.unanswered(), 0);
}

/// A layer that formats for nobody, for any subscriber.
macro_rules! quiet {
    () => {
        fmt::layer().with_writer(std::io::sink)
    };
}

/// Spans, events and our own functions, as programs use them.
fn work() {
    let span = info_span!("work", number = 3);
    set_parent(&span, &Context::default());
    add_link(&span, &context_of(&info_span!("other")));
    span.in_scope(|| {
        info!("inside");
        info_span!("child").in_scope(|| tracing::warn!(target: "quiet", "held back elsewhere"));
    });
}

#[test]
fn nothing_that_programs_do_otherwise_is_counted() {
    let telemetry = Telemetry::new();
    // With a second one `tracing` asks each for its levels whenever these change.
    let _another = Dispatch::new(registry());
    telemetry.within(telemetry.layer().into_subscriber(), work);
    telemetry.within(registry().with(telemetry.layer().sole()), work);
    telemetry.within(registry().with(quiet!()).with(telemetry.layer()), work);
    let filtered = quiet!().with_filter(Targets::new().with_default(LevelFilter::INFO));
    telemetry.within(registry().with(telemetry.layer()).with(filtered), work);
    let filter = EnvFilter::new("info,quiet=off");
    telemetry.within(registry().with(filter).with(telemetry.layer()).with(quiet!()), work);
    let each = quiet!().with_filter(EnvFilter::new("info"));
    let ours = telemetry.layer().with_filter(LevelFilter::INFO);
    telemetry.within(registry().with(each).with(ours), work);
    let (changed, handle) = reload::Layer::new(LevelFilter::WARN);
    let none: Option<tracing_subscriber::layer::Identity> = None;
    let stack = registry().with(telemetry.layer()).with(changed).with(none).with(quiet!());
    telemetry.within(stack, || {
        work();
        handle.modify(|level| *level = LevelFilter::INFO).unwrap();
        work();
    });
    let all: Vec<Boxed> = vec![
        Box::new(telemetry.layer().among::<Vec<Boxed>>()),
        Box::new(quiet!().with_filter(LevelFilter::INFO)),
        Box::new(reload::Layer::new(LevelFilter::INFO).0),
    ];
    telemetry.within(registry().with(all), work);
    assert_eq!(telemetry.unanswered(), 0, "{:?}", telemetry.counts.first_unanswered());
}

#[test]
fn where_others_cannot_be_found_nothing_is_claimed() {
    let telemetry = Telemetry::new();
    let dispatch = Dispatch::new(registry().with(telemetry.layer()));
    let span = dispatcher::with_default(&dispatch, || info_span!("handed on"));
    // On a thread without a subscriber.
    std::thread::scope(|scope| {
        let _joined = scope.spawn(|| assert!(span.set_parent(remote()).is_err())).join();
    });
    assert_eq!(telemetry.unanswered(), 0);
    dispatcher::with_default(&dispatch, || assert!(span.set_parent(remote()).is_err()));
    assert_eq!(telemetry.unanswered(), 1);
}
