//! Records through rings, drain and stage into day files and a spool: what is in the one is in the other,
//! once, of living and of dead processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use radiosonde_context::{Context, SpanId, TraceId};
use radiosonde_events::recover::{Host, recover_directory_with};
use radiosonde_events::{DaySink, Filing, Live, Owner, Redactions, event};
use radiosonde_otlp::{Destinations, OtlpSink, Stream, entries, settings_from};
use radiosonde_record::{
    Descriptor, Drain, EncodedFields, EndedSpan, Filter, Instance, Journal, Kind, Lease, Level,
    Placement, Sink, Site, Slot, SpanExtras, SpanPart, Unsynced, spool_of, with_journal,
};
use radiosonde_redact::Rules;
use radiosonde_spool::{Limit, Options, Spool, StreamOptions};
use serde_json::Value as Json;

fn options() -> Options {
    let options = |stream: Stream| StreamOptions::new(stream.name(), stream.rank(), 1024 * 1024);
    Options::new(Stream::ALL.map(options).to_vec())
}

/// A process with a slot, a journal and a spool.
struct Process {
    slot: Slot,
    instance: Instance,
    owner: Owner,
    journal: Journal,
    spool: Spool,
}

impl Process {
    fn start(root: &Path, lines: [bool; 3]) -> Self {
        let slot = Slot::take(root, &mut |_, _| {}).unwrap();
        let mut owner = Owner::new("shop", "1.0.0", Some("m-7"), Rules::standard());
        (owner.exports, owner.lines) = (true, lines);
        let instance = slot.create_instance(&owner.to_json()).unwrap();
        let placement = Placement::Directory(instance.path.clone());
        let journal = Journal::open(placement, Filter::at(Level::Debug)).unwrap();
        let place = slot.place_for_spool(&instance.id).unwrap();
        let spool = Spool::create(&place, b"manifest", &options()).unwrap();
        Self { slot, instance, owner, journal, spool }
    }

    /// Some of everything.
    fn record(&self, count: u64) {
        with_journal(&self.journal, || {
            for nth in 0..count {
                event!("user.action", nth = nth, password = "hunter2", "clicked");
            }
        });
        let site = Site::from(Descriptor { name: "render".to_owned(), ..Descriptor::default() });
        let context = Context::default().with_span(TraceId::random(), SpanId::random(), true);
        for _ in 0..count {
            let (extras, fields) = (SpanExtras::default(), EncodedFields::default());
            let ended = EndedSpan {
                part: SpanPart::default(),
                name: "",
                extras: &extras,
                message: "no route to postgres://app:hunter2@db/x",
                fields: &fields,
                end_ns: 1,
            };
            self.journal.span(Level::Info, &site, &context.packed(), &ended);
        }
    }

    /// Drains all of it in order, and ends. What was counted as redacted.
    fn end(self, root: &Path) -> (Spool, BTreeMap<String, u64>) {
        self.end_sending(root, None)
    }

    /// The same, with everything else to be sent nowhere.
    fn end_sending(
        self,
        root: &Path,
        destinations: Option<&Destinations>,
    ) -> (Spool, BTreeMap<String, u64>) {
        let Self { slot, instance, owner, journal, spool } = self;
        let redactions = Redactions::default();
        let kinds: Vec<Kind> =
            Kind::ALL.into_iter().filter(|kind| owner.lines[*kind as usize]).collect();
        let sink =
            DaySink::new(owner.clone(), &instance.id, slot.number(), redactions.clone(), None);
        let sink = sink.lines_of(&kinds);
        let sink = OtlpSink::new(sink, &owner, &instance.id, redactions.clone(), spool.clone());
        let sink = match destinations {
            Some(destinations) => sink.sending(destinations),
            None => sink,
        };
        let drain = Drain::new(
            &journal,
            Some(Lease::new(root, slot)),
            &Unsynced::default(),
            Box::new(sink),
            Box::new(|notice| panic!("{notice:?}")),
        );
        let thread = std::thread::spawn(move || drain.run());
        assert!(journal.control().stop(Duration::from_secs(20)));
        thread.join().unwrap();
        (spool, redactions.counts())
    }
}

/// What waits in the streams, decoded.
#[derive(Debug, Default)]
struct Waiting {
    logs: Vec<LogRecord>,
    spans: Vec<Span>,
}

impl Waiting {
    fn of(spool: &Spool) -> Self {
        let mut waiting = Self::default();
        for stream in Stream::ALL {
            let taking = spool.stream(stream.index());
            let limit = Limit { records: u64::MAX, bytes: u64::MAX };
            while let Some(taken) = taking.take(limit).unwrap() {
                for entry in taken.frames().flat_map(|frame| entries(frame.payload)) {
                    let item = entry.unwrap().item;
                    match stream {
                        Stream::Traces => waiting.spans.push(Span::decode(item).unwrap()),
                        Stream::Events => waiting.logs.push(LogRecord::decode(item).unwrap()),
                        other => panic!("nothing was recorded for {other:?}"),
                    }
                }
                let settled = radiosonde_spool::Settled { delivered: taken.records(), rejected: 0 };
                taking.settle(&taken, settled).unwrap();
            }
        }
        waiting
    }

    /// The ids of the log records, in the order of the spool.
    fn uids(&self) -> Vec<String> {
        self.logs.iter().map(|log| text(log, "log.record.uid")).collect()
    }
}

fn text(log: &LogRecord, key: &str) -> String {
    let found = log.attributes.iter().find(|attribute| attribute.key == key).unwrap();
    match found.value.as_ref().unwrap().value.as_ref().unwrap() {
        Any::StringValue(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// The lines of the day files of a kind.
fn lines(root: &Path, prefix: &str) -> Vec<Json> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with(prefix) {
            let text = std::fs::read_to_string(path).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()));
        }
    }
    lines
}

fn ids(lines: &[Json]) -> Vec<String> {
    lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_has_a_line_has_an_entry_and_secrets_count_once() {
    let root = tempfile::tempdir().unwrap();
    let process = Process::start(root.path(), [true; 3]);
    process.record(300);
    let (spool, redacted) = process.end(root.path());
    let waiting = Waiting::of(&spool);
    assert_eq!(waiting.uids(), ids(&lines(root.path(), "events-")));
    assert_eq!(waiting.spans.len(), lines(root.path(), "spans-").len());
    assert_eq!((waiting.logs.len(), waiting.spans.len()), (300, 300));
    assert!(waiting.logs.iter().all(|log| text(log, "password") == "[redacted]"));
    let counted = [("password".to_owned(), 300), ("url_password".to_owned(), 300)];
    assert_eq!(redacted, BTreeMap::from(counted));
    let accounts = spool.accounts();
    let appended: u64 = accounts.iter().map(|account| account.appended.records).sum();
    assert_eq!(appended, 600);
}

#[test]
fn what_has_no_line_counts_its_secrets_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    // Events in files, spans in the spool alone: as with an endpoint and nothing else said.
    let process = Process::start(root.path(), [true, false, false]);
    process.record(50);
    let (spool, redacted) = process.end(root.path());
    let waiting = Waiting::of(&spool);
    assert_eq!((waiting.logs.len(), waiting.spans.len()), (50, 50));
    assert_eq!(lines(root.path(), "spans-").len(), 0);
    let counted = [("password".to_owned(), 50), ("url_password".to_owned(), 50)];
    assert_eq!(redacted, BTreeMap::from(counted));
}

#[test]
fn what_has_no_destination_is_not_exported() {
    let root = tempfile::tempdir().unwrap();
    let process = Process::start(root.path(), [true; 3]);
    process.record(20);
    let lookup = |name: &str| {
        (name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            .then(|| "http://127.0.0.1:1/v1/traces".to_owned())
    };
    let destinations = settings_from(&lookup).0.unwrap();
    let (spool, redacted) = process.end_sending(root.path(), Some(&destinations));
    let waiting = Waiting::of(&spool);
    assert_eq!((waiting.logs.len(), waiting.spans.len()), (0, 20));
    assert_eq!((lines(root.path(), "events-").len(), lines(root.path(), "spans-").len()), (20, 20));
    assert_eq!(redacted["password"], 20);
}

/// Recovers with the spool that the dead process left.
struct Heir {
    spools: Vec<Spool>,
}

impl Host for Heir {
    fn sink(&mut self, sink: DaySink, owner: &Owner, instance: &Path) -> io::Result<Box<dyn Sink>> {
        let spool = Spool::open(&spool_of(instance), &options())?;
        self.spools.push(spool.clone());
        let redactions = Redactions::default();
        Ok(Box::new(OtlpSink::of_dead_process(sink, owner, instance, redactions, spool)))
    }
}

fn die(root: &Path) -> PathBuf {
    let process = Process::start(root, [true; 3]);
    process.record(40);
    let Process { slot, instance, .. } = process;
    let path = instance.path.clone();
    drop((slot, instance));
    path
}

#[test]
fn what_a_dead_process_left_goes_into_its_own_spool() {
    let root = tempfile::tempdir().unwrap();
    let instance = die(root.path());
    let mut heir = Heir { spools: Vec::new() };
    let report = recover_directory_with(root.path(), false, &mut heir).unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    let [spool] = &heir.spools[..] else { panic!("one owner died") };
    assert_eq!(spool.manifest(), b"manifest");
    let waiting = Waiting::of(spool);
    assert_eq!(waiting.uids(), ids(&lines(root.path(), "events-")));
    assert_eq!((waiting.logs.len(), waiting.spans.len()), (40, 40));
    let id = instance.file_name().unwrap().to_str().unwrap();
    assert!(waiting.uids().iter().all(|uid| uid.starts_with(id)), "{:?}", waiting.uids());
    assert!(waiting.logs.iter().all(|log| text(log, "password") == "[redacted]"));
    assert!(waiting.logs.iter().all(|log| text(log, "machine_id") == "m-7"));
}

#[test]
fn a_batch_that_comes_again_is_there_once() {
    let root = tempfile::tempdir().unwrap();
    let process = Process::start(root.path(), [true; 3]);
    let spool = process.spool.clone();
    let owner = &process.owner;
    let day = |owner: &Owner| {
        let filing = Filing::new(root.path(), &Live::default());
        DaySink::new(owner.clone(), "k3f9q2xw", 0, Redactions::default(), None).filing(filing)
    };
    let mut sink =
        OtlpSink::new(day(owner), owner, "k3f9q2xw", Redactions::default(), spool.clone());
    assert!(sink.exports());
    assert_eq!(sink.last_export(), 0);
    let mut batch = radiosonde_record::Batch::default();
    let record = radiosonde_record::fuzzing::record(
        radiosonde_record::fuzzing::Front {
            kind: Kind::Event,
            level: Level::Info,
            timestamp_ns: 1,
            context: &[],
        },
        &Site::Registered(9),
        |_| {},
    );
    let record = radiosonde_record::Record::decode(&record).unwrap();
    let site =
        std::sync::Arc::new(Descriptor { name: "user.action".to_owned(), ..Descriptor::default() });
    sink.begin(std::time::SystemTime::now());
    sink.encode(&record, &site, 3, &mut batch);
    assert_eq!(batch.exports().count(), 1);
    for number in [7, 7, 8] {
        sink.export(number, batch.exports());
        assert_eq!(sink.last_export(), number);
    }
    // Somebody else continues the queue: batches are known by their numbers.
    let mut heir =
        OtlpSink::new(day(owner), owner, "k3f9q2xw", Redactions::default(), spool.clone());
    assert_eq!(heir.last_export(), 8);
    let (unsynced, woken) = (Unsynced::default(), Arc::new(AtomicU32::new(0)));
    let wakes = Arc::clone(&woken);
    unsynced.on_write(move || {
        wakes.fetch_add(1, Ordering::Relaxed);
    });
    heir = heir.waking(unsynced);
    heir.export(8, batch.exports());
    heir.export(9, batch.exports());
    assert_eq!(woken.load(Ordering::Relaxed), 2, "whoever syncs each batch has to know of it");
    assert_eq!(Waiting::of(&spool).uids(), ["k3f9q2xw.3.1"; 3]);
}
