//! What the tests share: a journal in memory whose records become the lines of day files.
#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use radiosonde_events::Owner;
use radiosonde_events::fuzzing::Encoding;
use radiosonde_record::{
    Batch, Descriptor, Drain, Filter, Journal, Kind, Level, Placement, Record, Sink, Unsynced,
    suppress_thread,
};
use radiosonde_redact::Rules;
use radiosonde_tracing::{Layer, Sampler};
use serde_json::Value;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The ways a program can have the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Without other layers.
    Own,
    /// The same, and spans that seem to be missed by nobody are left out.
    Skipping,
    /// On a registry.
    Registry,
    /// On a registry, in a list of boxed layers.
    Boxed,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Own, Self::Registry, Self::Boxed];

    pub(crate) fn dispatch(self, layer: Layer) -> Dispatch {
        type Boxed = Box<dyn tracing_subscriber::Layer<tracing_subscriber::Registry> + Send + Sync>;
        match self {
            Self::Own => Dispatch::new(layer.into_subscriber()),
            Self::Skipping => Dispatch::new(layer.skip_unsampled(true).into_subscriber()),
            Self::Registry => Dispatch::new(tracing_subscriber::registry().with(layer)),
            Self::Boxed => {
                let all: Vec<Boxed> = vec![Box::new(layer)];
                Dispatch::new(tracing_subscriber::registry().with(all))
            }
        }
    }
}

/// The lines a program leaves.
pub(crate) struct Lines {
    pub(crate) spans: Vec<Value>,
    pub(crate) events: Vec<Value>,
    /// The call site of each of these events.
    pub(crate) sites: Vec<Descriptor>,
    /// How many spans the books have as cut.
    pub(crate) truncated: u64,
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
        let found = self.events.iter().find(|event| event["msg"] == message);
        found.unwrap_or_else(|| panic!("no event {message}: {self}"))
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.iter().chain(&self.events).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Runs `f` with the layer as `make` has it, and returns its lines.
pub(crate) fn capture(way: Way, make: impl FnOnce(Layer) -> Layer, f: impl FnOnce()) -> Lines {
    capture_sampled(way, Sampler::default(), make, f)
}

pub(crate) fn capture_sampled(
    way: Way,
    sampler: Sampler,
    make: impl FnOnce(Layer) -> Layer,
    f: impl FnOnce(),
) -> Lines {
    capture_filtered(way, Filter::at(Level::Info), sampler, make, f)
}

pub(crate) fn capture_filtered(
    way: Way,
    filter: Filter,
    sampler: Sampler,
    make: impl FnOnce(Layer) -> Layer,
    f: impl FnOnce(),
) -> Lines {
    let journal = Journal::open(Placement::Memory, filter).unwrap();
    let dispatch = way.dispatch(make(Layer::new(&journal, sampler)));
    let lines = Arc::new(Mutex::new([Vec::new(), Vec::new(), Vec::new()]));
    let owner = Owner::new("test", "1", None, Rules::standard());
    let sites = Arc::default();
    let sink = Collecting {
        encoding: Encoding::new(owner, "i"),
        lines: Arc::clone(&lines),
        sites: Arc::clone(&sites),
    };
    let draining = journal.clone();
    let drain = std::thread::spawn(move || {
        suppress_thread();
        let notify = Box::new(|_| {});
        Drain::new(&draining, None, &Unsynced::default(), Box::new(sink), notify).run();
    });
    tracing::dispatcher::with_default(&dispatch, f);
    assert!(journal.control().flush(PATIENCE));
    assert!(journal.control().stop(PATIENCE));
    drain.join().unwrap();
    let [events, spans, _] = &*lines.lock().unwrap();
    let parse = |lines: &[u8]| {
        let lines = std::str::from_utf8(lines).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let truncated = journal.account(Kind::Span).truncated;
    let sites = std::mem::take(&mut *sites.lock().unwrap());
    Lines { spans: parse(spans), events: parse(events), sites, truncated }
}

struct Collecting {
    encoding: Encoding,
    lines: Arc<Mutex<[Vec<u8>; 3]>>,
    sites: Arc<Mutex<Vec<Descriptor>>>,
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
        if record.kind == Kind::Event {
            self.sites.lock().unwrap().push(Descriptor::clone(site));
        }
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
