//! What the tests share: a bridge over a journal in memory whose records become the lines of day files.
#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use radiosonde_events::Owner;
use radiosonde_events::fuzzing::Encoding;
use radiosonde_otel_bridge::Bridge;
use radiosonde_record::{
    Batch, Descriptor, Drain, Filter, Journal, Kind, Level, Placement, Record, Sink, Unsynced,
    suppress_thread, with_journal,
};
use radiosonde_redact::Rules;
use radiosonde_tracing::{Layer, Sampler};
use serde_json::Value;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lines a program leaves.
pub(crate) struct Lines {
    pub(crate) spans: Vec<Value>,
    pub(crate) events: Vec<Value>,
}

impl Lines {
    /// The one span of this name.
    #[track_caller]
    pub(crate) fn span(&self, name: &str) -> &Value {
        let mut found = self.spans.iter().filter(|span| span["msg"] == name);
        let (one, more) = (found.next(), found.next());
        assert!(one.is_some() && more.is_none(), "one span {name}: {self}");
        one.unwrap()
    }

    /// The one event of this message.
    #[track_caller]
    pub(crate) fn event(&self, message: &str) -> &Value {
        let mut found = self.events.iter().filter(|event| event["msg"] == message);
        let (one, more) = (found.next(), found.next());
        assert!(one.is_some() && more.is_none(), "one event {message}: {self}");
        one.unwrap()
    }

    /// Each event was said in the span, and has its ids.
    #[track_caller]
    pub(crate) fn said_in(&self, span: &str, events: &[&str]) {
        let span = self.span(span);
        for event in events {
            let event = self.event(event);
            for id in ["trace_id", "span_id", "job_id", "worker_id", "session_id"] {
                assert_eq!(event[id], span[id], "{id} of {event}\nin {span}");
            }
        }
    }

    /// One span is in another one.
    #[track_caller]
    pub(crate) fn is_child(&self, child: &str, parent: &str) {
        let (child, parent) = (self.span(child), self.span(parent));
        assert_eq!(child["trace_id"], parent["trace_id"], "{self}");
        assert_eq!(child["meta"]["parent_span_id"], parent["span_id"], "{self}");
    }

    /// A span begins a trace.
    #[track_caller]
    pub(crate) fn is_root(&self, span: &str) {
        assert!(self.span(span)["meta"].get("parent_span_id").is_none(), "{self}");
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.iter().chain(&self.events).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Runs `f` with the bridge as the subscriber of the thread, and returns the lines.
pub(crate) fn capture(f: impl FnOnce(&Bridge)) -> Lines {
    capture_with(Sampler::default(), |layer| layer, f)
}

pub(crate) fn capture_with(
    sampler: Sampler,
    make: impl FnOnce(Layer) -> Layer,
    f: impl FnOnce(&Bridge),
) -> Lines {
    capture_in(sampler, make, |bridge, dispatch| {
        tracing::dispatcher::with_default(dispatch, || f(bridge));
    })
}

/// With a dispatch that `f` puts in place.
pub(crate) fn capture_in(
    sampler: Sampler,
    make: impl FnOnce(Layer) -> Layer,
    f: impl FnOnce(&Bridge, &Dispatch),
) -> Lines {
    let filter = Filter::parse("info,otel::tracing=trace", Level::Info).0;
    let journal = Journal::open(Placement::Memory, filter).unwrap();
    let bridge = Bridge::new(make(Layer::new(&journal, sampler)));
    assert!(bridge.is_observing());
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(bridge.layer()));
    let lines = Arc::new(Mutex::new([Vec::new(), Vec::new(), Vec::new()]));
    let owner = Owner::new("test", "1", None, Rules::standard());
    let sink = Collecting { encoding: Encoding::new(owner, "i"), lines: Arc::clone(&lines) };
    let draining = journal.clone();
    let drain = std::thread::spawn(move || {
        suppress_thread();
        let notify = Box::new(|_| {});
        Drain::new(&draining, None, &Unsynced::default(), Box::new(sink), notify).run();
    });
    with_journal(&journal, || f(&bridge, &dispatch));
    assert!(journal.control().flush(PATIENCE));
    assert!(journal.control().stop(PATIENCE));
    drain.join().unwrap();
    let [events, spans, _] = &*lines.lock().unwrap();
    let parse = |lines: &[u8]| {
        let lines = std::str::from_utf8(lines).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    Lines { spans: parse(spans), events: parse(events) }
}

struct Collecting {
    encoding: Encoding,
    lines: Arc<Mutex<[Vec<u8>; 3]>>,
}

impl Sink for Collecting {
    fn begin(&mut self, _now: SystemTime) {}

    fn file(&self, kind: Kind) -> &str {
        ["events", "spans", "metrics"][kind as usize]
    }

    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        self.encoding.append(record, site, ring, batch.lines(record.kind));
    }

    fn show(&mut self, batch: &Batch) -> [bool; 3] {
        let mut lines = self.lines.lock().unwrap();
        for kind in Kind::ALL {
            lines[kind as usize].extend_from_slice(batch.bytes(kind));
        }
        [true; 3]
    }

    fn move_to(&mut self, _slot: u32) {}

    fn renamed(&self, file: &str) -> String {
        file.to_owned()
    }

    fn next_part(&mut self, _is_taken: &dyn Fn(&str) -> bool) {}

    fn alternate(&self, file: &str, part: u32) -> String {
        format!("{part}.{file}")
    }
}
