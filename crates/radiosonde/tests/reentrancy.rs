//! Recording from inside of recording: from formatters that record or panic, from a layer's
//! callback, from destructors of a thread that ends, and while a panic unwinds. Nothing deadlocks,
//! nothing recurses without end, and each record is in its file or in the books.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::cell::Cell;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use radiosonde::Guard;
use serde_json::Value as Json;
use tracing_subscriber::layer::Context;

const WITHIN: Duration = Duration::from_secs(15);
/// Events of one panic.
const PANIC: u64 = cfg!(feature = "panic") as u64;

/// One test at a time, so that the books before and after are those of the test.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Case {
    telemetry: Guard,
    before: u64,
    lines_before: usize,
    _one: MutexGuard<'static, ()>,
    _watchdog: common::Watchdog,
}

impl Case {
    fn begin(what: &'static str) -> Self {
        let one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let watchdog = common::Watchdog::start(what);
        let telemetry = radiosonde::init!(filter = "debug", layers = [Echo]);
        let before = telemetry.flush(WITHIN).events.offered;
        let lines_before = common::event_lines(telemetry.directory().unwrap()).len();
        Self { telemetry, before, lines_before, _one: one, _watchdog: watchdog }
    }

    /// The lines since the beginning, after a look at the books.
    fn lines(&self, offered: u64) -> Vec<Json> {
        let report = self.telemetry.flush(WITHIN);
        let events = &report.events;
        assert_eq!(events.pending, 0, "{report}");
        assert_eq!(events.offered, events.delivered + events.rejected + events.dropped, "{report}");
        assert_eq!((events.rejected, events.dropped), (0, 0), "{report}");
        let lines = common::event_lines(self.telemetry.directory().unwrap());
        let lines = lines[self.lines_before..].to_vec();
        assert_eq!(lines.len() as u64, offered, "{lines:#?}");
        assert_eq!(events.offered - self.before, offered, "{report}");
        lines
    }
}

fn message<'a>(lines: &'a [Json], message: &str) -> &'a Json {
    let found = lines.iter().find(|line| line["msg"] == message);
    found.unwrap_or_else(|| panic!("no line says `{message}`: {lines:#?}"))
}

/// A layer of the application that records in its callbacks, over all three front ends.
struct Echo;

thread_local! {
    static ECHOING: Cell<bool> = const { Cell::new(false) };
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Echo {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().name() == "echo" && !ECHOING.replace(true) {
            radiosonde::event!("layer.event", "of the layer: event");
            tracing::info!("of the layer: tracing");
            log::info!("of the layer: log");
            ECHOING.set(false);
        }
    }
}

/// Records over all three front ends while it is formatted, itself included to a depth.
struct Recording(u32);

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 {
            let inner = Self(self.0 - 1);
            radiosonde::event!("formatter.event", value = %inner, "formatter: event {inner}");
            tracing::info!(value = %inner, "formatter: tracing");
            log::info!("formatter: log {inner}");
        }
        write!(f, "depth {}", self.0)
    }
}

#[test]
fn a_formatter_may_record() {
    let case = Case::begin("a formatter that records");
    radiosonde::event!("formatter.outer", value = %Recording(2), "formatter: outer");
    // Depth 2 is formatted once and records three events. Their four values of depth 1 are
    // formatted once each, and record three events each; depth 0 records nothing.
    let lines = case.lines(1 + 3 + 4 * 3);
    assert_eq!(message(&lines, "formatter: outer")["meta"]["value"], "depth 2");
    let inner = message(&lines, "formatter: event depth 1");
    assert_eq!(
        (&inner["evt"], &inner["meta"]["value"]),
        (&"formatter.event".into(), &"depth 1".into())
    );
    message(&lines, "formatter: log depth 1");
}

/// Records, and panics then.
struct Panicking;

impl fmt::Display for Panicking {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        radiosonde::event!("panicking.inner", "panicking: before");
        panic!("panicking: on purpose");
    }
}

#[test]
fn a_formatter_may_panic() {
    let case = Case::begin("a formatter that panics");
    radiosonde::event!("panicking.outer", a = 1, value = %Panicking, b = 2, "panicking: event");
    tracing::info!(value = %Panicking, "panicking: tracing");
    log::info!("panicking: log {Panicking}");
    radiosonde::event!("panicking.after", "panicking: after");
    // Each formatter records once, and its panic is an event, too.
    let lines = case.lines(3 + 3 + 3 * PANIC + 1);
    let replaced = "[panicked while formatting]";
    let expected = serde_json::json!({"a": 1, "value": replaced, "b": 2});
    assert_eq!(message(&lines, "panicking: event")["meta"], expected);
    assert_eq!(message(&lines, "panicking: tracing")["meta"]["value"], replaced);
    message(&lines, "panicking: after");
    let count = |text: &str| lines.iter().filter(|line| line["msg"] == text).count() as u64;
    let counts = (count("panicking: before"), count("panicking: on purpose"));
    assert_eq!(counts, (3, 3 * PANIC), "{lines:#?}");
}

#[test]
fn a_layer_may_record_in_its_callback() {
    let case = Case::begin("a layer that records");
    tracing::info!(name: "echo", "of the layer: outer");
    let lines = case.lines(4);
    for part in ["outer", "event", "tracing", "log"] {
        message(&lines, &format!("of the layer: {part}"));
    }
}

/// Records when it is dropped.
struct AtTheEnd(&'static str);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        radiosonde::event!("ending.event", "ending: event {}", self.0);
        log::info!("ending: log {}", self.0);
        tracing::info!("ending: tracing {}", self.0);
        radiosonde::event!("ending.event", value = %Recording(1), "ending: formatter {}", self.0);
    }
}

#[test]
fn destructors_of_a_thread_may_record_before_and_after_its_ring_is_gone() {
    thread_local! {
        static BEFORE: AtTheEnd = const { AtTheEnd("before") };
        static AFTER: AtTheEnd = const { AtTheEnd("after") };
    }
    let case = Case::begin("destructors that record");
    let thread = || {
        // Destructors run in the reverse order of first uses: this one when our own have run.
        BEFORE.with(|_| {});
        radiosonde::event!("ending.alive", "ending: alive");
        tracing::info_span!("ending").in_scope(|| tracing::info!("ending: alive"));
        AFTER.with(|_| {});
    };
    std::thread::spawn(thread).join().unwrap();
    // A thread that did nothing else records for the first time when it ends.
    std::thread::spawn(|| AFTER.with(|_| {})).join().unwrap();
    let lines = case.lines(2 + 3 * (4 + 3));
    for (part, name) in
        [("event", "before"), ("log", "before"), ("event", "after"), ("log", "after")]
    {
        message(&lines, &format!("ending: {part} {name}"));
    }
}

#[test]
fn an_unwinding_thread_may_record() {
    let case = Case::begin("a thread that unwinds");
    let thread = std::thread::spawn(|| {
        let _at_the_end = AtTheEnd("unwinding");
        panic!("unwinding: on purpose");
    });
    assert!(thread.join().is_err());
    let lines = case.lines(PANIC + 4 + 3);
    message(&lines, "ending: event unwinding");
    message(&lines, "ending: tracing unwinding");
}
