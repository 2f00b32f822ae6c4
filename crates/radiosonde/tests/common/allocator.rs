//! A global allocator that records an event, for tests that install it. Whatever allocates,
//! radiosonde's own code included, then records.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Records every so many allocations; 0 is never.
static EVERY: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static RECORDED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// How deep an allocation is in events of allocations.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static DEEPEST: Cell<u32> = const { Cell::new(0) };
    /// How deep it may be, on a thread of the test.
    static DEPTH_MAX: Cell<Option<u32>> = const { Cell::new(None) };
}

/// How deep it may be on every other thread, those of telemetry included.
static OTHERS_DEPTH_MAX: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Recording;

impl Recording {
    fn record(layout: Layout) {
        let every = EVERY.load(Ordering::Relaxed);
        let depth = DEPTH.get();
        let others = || OTHERS_DEPTH_MAX.load(Ordering::Relaxed);
        if every == 0 || depth >= DEPTH_MAX.get().unwrap_or_else(others) {
            return;
        }
        if ALLOCATIONS.fetch_add(1, Ordering::Relaxed).is_multiple_of(every) {
            DEPTH.set(depth + 1);
            DEEPEST.set(DEEPEST.get().max(depth + 1));
            RECORDED.fetch_add(1, Ordering::Relaxed);
            radiosonde::event!("allocated", size = layout.size(), depth, "allocated");
            DEPTH.set(depth);
        }
    }
}

// SAFETY: what is asked for is handed to the system's allocator as it is; what is done beside it
// touches neither the layout nor the memory.
unsafe impl GlobalAlloc for Recording {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::record(layout);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the memory came from `System`, with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The first record of a thread, first uses of call sites over all front ends, text that is
/// formatted, a scope and a span: all of what allocates.
fn work(round: u64) {
    radiosonde::scope().job("job-1").worker("w-1").run(|| {
        let span = tracing::info_span!("work", round);
        let _entered = span.enter();
        tracing::info!(text = %format!("{round}"), "tracing");
        log::info!("log {round}");
        radiosonde::event!("work.done", round, list = ?vec![round; 3], "done {}", round);
        radiosonde::log_event("dynamic", radiosonde::Level::Info, "test", "dynamic", &[]);
        // Held back, and counted by call site.
        radiosonde::event!("limited", ratelimit: 0, "limited");
    });
}

/// Works on a thread of its own, with a ring of its own, while every so many allocations are
/// events, and those of the events too, to a depth; on all threads when asked. How deep it was.
pub(crate) fn phase(
    what: &'static str,
    every: u64,
    depth_max: u32,
    all_threads: bool,
    rounds: u64,
) -> u32 {
    let _watchdog = super::Watchdog::start(what);
    let thread = std::thread::spawn(move || {
        DEPTH_MAX.set(Some(depth_max));
        OTHERS_DEPTH_MAX.store(if all_threads { depth_max } else { 0 }, Ordering::Relaxed);
        EVERY.store(every, Ordering::Relaxed);
        (0..rounds).for_each(work);
        EVERY.store(0, Ordering::Relaxed);
        DEEPEST.get()
    });
    thread.join().expect("a thread that works")
}

/// Checks the books, and that every event of an allocation and of the work is in its file or
/// counted.
pub(crate) fn check(telemetry: &radiosonde::Guard, rounds: u64) {
    let _watchdog = super::Watchdog::start("the last flush");
    let report = telemetry.flush(std::time::Duration::from_secs(15));
    let events = &report.events;
    assert_eq!(
        events.offered,
        events.delivered + events.rejected + events.dropped + events.pending,
        "{report}"
    );
    let recorded = RECORDED.load(Ordering::Relaxed);
    assert!(recorded > 100, "{recorded}: the allocator was hardly in use");
    let lines = super::event_lines(telemetry.directory().expect("a directory"));
    let named = |name: &str| lines.iter().filter(|line| line["evt"] == name).count() as u64;
    let by_reason = events.dropped_by_reason.iter();
    let lost: u64 =
        by_reason.filter(|(reason, _)| reason != "rate_limited").map(|(_, count)| count).sum();
    assert!(named("work.done") + lost >= rounds, "{report}");
    assert!(named("log") + lost >= 2 * rounds, "{report}");
    // Those of telemetry's own threads are not recorded at all.
    assert!(named("allocated") <= recorded, "{report} of {recorded}");
    assert!(named("allocated") + lost > 100, "{report} of {recorded}");
}
