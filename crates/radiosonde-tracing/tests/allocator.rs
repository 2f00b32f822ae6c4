//! An allocator that opens spans and records events, wherever it is called: also in the middle of our
//! own work. A program of its own, since it has the allocator, and the subscriber of the process: only
//! that one is asked by `tracing` while it is at work.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use radiosonde_context::Context;
use radiosonde_record::{Filter, Journal, Kind, Level, Placement};
use radiosonde_tracing::{
    Counted, Layer, Sampler, SpanCounts, SpanEvents, add_link, context_of, set_parent,
};
use tracing::field::Empty;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const ROUNDS: u64 = 200;

thread_local! {
    /// Whether allocations of this thread open spans: not those of the spans they open.
    static OPENS: Cell<bool> = const { Cell::new(false) };
    static OPENED: Cell<u64> = const { Cell::new(0) };
}

struct Opening;

#[global_allocator]
static ALLOCATOR: Opening = Opening;

// SAFETY: what is asked for is handed to the system's allocator as it is; what is done beside it
// touches neither the layout nor the memory.
unsafe impl GlobalAlloc for Opening {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if OPENS.replace(false) {
            open(layout.size());
            OPENED.set(OPENED.get() + 1);
            OPENS.set(true);
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if OPENS.replace(false) {
            open(layout.size());
            OPENS.set(true);
        }
        // SAFETY: the memory came from `System`, with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Everything one can do with a span.
fn open(size: usize) {
    let around = Context::current();
    let span = tracing::info_span!("allocated", size, late = Empty, otel.name = Empty);
    set_parent(&span, &around);
    add_link(&span, &around);
    span.record("late", size);
    span.record("otel.name", "allocation");
    span.clone().in_scope(|| tracing::error!(error = "none", "allocated"));
    assert_eq!(Context::current().span_id(), around.span_id());
    drop(context_of(&span));
    tracing::Span::current().record("late", 1);
}

struct Formatted;

impl fmt::Debug for Formatted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        open(0);
        write!(f, "{}", "formatted ".repeat(10))
    }
}

/// What an application does: `late` is long enough that memory is needed for it.
fn work(round: u64) {
    let long = "x".repeat(3_000);
    let span = tracing::info_span!("work", round, value = ?Formatted, late = Empty, job_id = Empty);
    let other = tracing::info_span!(parent: None, "other");
    set_parent(&other, &context_of(&span));
    add_link(&other, &context_of(&span));
    span.record("late", &*long).record("late", tracing::field::debug(Formatted));
    span.record("job_id", "job");
    span.in_scope(|| {
        let error = std::io::Error::other("no luck");
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::error!(error, value = ?Formatted, "failed");
        tracing::info!(round, "inside");
        other.in_scope(|| tracing::info!("beside"));
    });
}

#[test]
fn an_allocator_that_opens_spans_neither_waits_for_itself_nor_costs_others() {
    let (sender, ended) = mpsc::channel();
    // A thread that waits for itself would not end.
    std::thread::spawn(move || {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        let counts = SpanCounts::default();
        let layer = Layer::new(&journal, Sampler::default())
            .with_span_events(SpanEvents::All)
            .with_counts(&counts);
        tracing::subscriber::set_global_default(layer.into_subscriber()).unwrap();
        // `tracing` keeps a lock while call sites are met the first time, and allocates.
        work(0);
        let before = [Kind::Span, Kind::Event].map(|kind| journal.account(kind).offered);
        OPENS.set(true);
        (1..=ROUNDS).for_each(work);
        OPENS.set(false);
        // Also where a thread ends meanwhile, which gives back what it kept.
        let ending = || {
            OPENS.set(true);
            work(ROUNDS);
        };
        std::thread::spawn(ending).join().unwrap();
        let after = [Kind::Span, Kind::Event].map(|kind| journal.account(kind).offered);
        sender.send((before, after, OPENED.get(), counts, journal)).unwrap();
    });
    let (before, after, opened, counts, journal) = ended.recv_timeout(PATIENCE).unwrap();
    assert!(opened > 10 * ROUNDS, "{opened}");
    assert!(counts.of(Counted::Nested) > 0, "some came in the middle of our work");
    // Two spans and three events a round, besides those of the formatters and the allocator.
    assert!(after[0] - before[0] >= 2 * ROUNDS, "{before:?} {after:?}");
    assert!(after[1] - before[1] >= 3 * ROUNDS, "{before:?} {after:?}");
    assert_eq!(journal.open_span_counts(), (0, 0), "all of them have ended");
    assert!(Context::current().is_empty());
}
