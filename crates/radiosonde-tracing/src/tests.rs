//! What only shows from inside: the memory of spans that have ended, and code of others that runs while
//! we are at work.

use std::cell::Cell;
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use radiosonde_context::{Baggage, Context};
use radiosonde_record::{Filter, Journal, Kind, Level, Placement, with_journal};
use tracing::field::Empty;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Dispatch, Event, Metadata};

use crate::callsites;
use crate::span::Span;
use crate::store::Store;
use crate::subscriber::Subscriber;
use crate::{Counted, Layer, Sampler, SpanCounts, context_of};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn journal() -> Journal {
    Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap()
}

/// Runs `f` in a subscriber of its own; it gets the dispatch.
fn with_subscriber(journal: &Journal, layer: Layer, f: impl FnOnce(&Dispatch)) {
    let dispatch = Dispatch::new(layer.into_subscriber());
    tracing::dispatcher::with_default(&dispatch, || with_journal(journal, || f(&dispatch)));
}

fn ours(dispatch: &Dispatch) -> &Subscriber {
    dispatch.downcast_ref().unwrap()
}

/// Bytes of what a span holds beside its slot, with one of what few spans have as a megabyte.
fn held(span: &Span) -> usize {
    let carried: usize = span.context.baggage().iter().map(|(_, value, _)| value.len()).sum();
    span.fields.encoded.room() + carried + usize::from(span.rest.is_some()) * (1 << 20)
}

#[test]
fn what_spans_held_is_given_back_when_they_end() {
    const SPANS: usize = 100;
    let journal = journal();
    let baggage = Baggage::default().with("tenant", &"x".repeat(4_000)).unwrap();
    let long = "x".repeat(100 * 1024);
    with_subscriber(&journal, Layer::new(&journal, Sampler::default()), |dispatch| {
        let store = &ours(dispatch).tracker().store;
        let held = || {
            let mut all = 0;
            store.each(|span| all += held(span));
            all
        };
        let spans: Vec<_> = Context::default().with_baggage(baggage).run(|| {
            let span = || {
                // A megabyte in all.
                let span = tracing::info_span!(
                    "large",
                    a = long,
                    b = long,
                    c = long,
                    d = long,
                    e = long,
                    f = long,
                    g = long,
                    h = long,
                    i = long,
                    j = Empty,
                    otel.status_description = long
                );
                span.record("j", &*long);
                span
            };
            (0..SPANS).map(|_| span()).collect()
        });
        assert!(held() > SPANS * (1 << 20), "{}", held());
        drop(spans);
        assert!(held() <= SPANS * 4096, "{}", held());
        // What most spans need is there for the next one.
        drop(tracing::info_span!("small", items = 3));
        let after = held();
        assert!(after > 0 && after <= SPANS * 4096, "{after}");
    });
    assert_eq!(journal.account(Kind::Span).offered, SPANS as u64 + 1);
}

thread_local! {
    static ASKED: Cell<Option<u32>> = const { Cell::new(None) };
}

/// A subscriber beside ours that uses one of our spans whenever it is asked about a call site.
#[derive(Clone, Default)]
struct Meddling(Arc<OnceLock<tracing::Span>>);

impl tracing_core::Subscriber for Meddling {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        if let (Some(times), Some(span)) = (ASKED.get(), self.0.get()) {
            ASKED.set(Some(times + 1));
            span.record("late", 1);
            assert!(context_of(span).span_id().is_some());
            span.in_scope(|| {});
        }
        Interest::sometimes()
    }
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn subscribers_asked_again_when_a_call_site_is_switched_off_find_our_spans_unlocked() {
    let meddling = Meddling::default();
    let _asked = Dispatch::new(meddling.clone());
    let (journal, counts) = (journal(), SpanCounts::default());
    let off = Sampler::parse("always_off", None).unwrap();
    let layer = Layer::new(&journal, off).with_counts(&counts).skip_unsampled(true);
    with_subscriber(&journal, layer, |_| {
        fn child() -> tracing::Span {
            tracing::info_span!("child")
        }
        let root = tracing::info_span!("root", late = Empty);
        root.in_scope(|| {
            (1..callsites::WATCHED).for_each(|_| child().in_scope(|| {}));
            let last = child();
            last.in_scope(|| {});
            meddling.0.get_or_init(|| root.clone());
            ASKED.set(Some(0));
            drop(last);
            assert!(ASKED.take() > Some(0), "it is asked as the last one that is watched ends");
            assert!(child().is_disabled());
        });
        // Let go of here, where ours is the subscriber.
        meddling.0.get().into_iter().for_each(|span| assert!(!span.is_disabled()));
    });
    assert_eq!(counts.of(Counted::Nested), 0, "nothing was left out");
}

#[test]
fn a_forked_child_waits_for_no_lock_of_its_parent() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "tests::in_a_forked_child"])
        .spawn()
        .unwrap();
    let (sender, ended) = mpsc::channel();
    let id = child.id();
    std::thread::spawn(move || sender.send(child.wait().unwrap().success()));
    let ended = ended.recv_timeout(PATIENCE);
    assert_eq!(ended, Ok(true), "process {id} waits, or failed");
}

/// That it is a child holds for the whole process: hence one of its own.
#[test]
#[ignore = "the test before starts it"]
fn in_a_forked_child() {
    let store = Store::new(&SpanCounts::default());
    let open = |store: &Store| store.open(|_| {}).unwrap();
    let id = open(&store);
    let (forked, is_forked) = mpsc::channel::<()>();
    let (opened, has_opened) = mpsc::channel();
    let (sender, ended) = mpsc::channel();
    let theirs = Arc::clone(&store);
    let thread = std::thread::spawn(move || {
        // It keeps free slots, which it would give back at its end.
        open(&theirs);
        opened.send(()).unwrap();
        is_forked.recv().unwrap_err();
        assert_eq!(theirs.open(|_| panic!("a child has no spans")), None);
    });
    std::thread::spawn(move || sender.send(thread.join().is_ok()));
    has_opened.recv_timeout(PATIENCE).unwrap();
    // As by threads that are not there any more.
    let _lists = store.hold_lists();
    let _span = store.lock(&id).unwrap();
    radiosonde_context::reseed_after_fork();
    drop(forked);
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
    assert!(store.lock(&id).is_none() && !store.drop_handle(&id, |_| panic!("locked")));
}
