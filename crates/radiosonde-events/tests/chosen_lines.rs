//! Which kinds of records have lines in files, and what becomes of the others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use radiosonde_context::{Context, SpanId, TraceId};
use radiosonde_events::recover::recover_directory;
use radiosonde_events::{Console, ConsoleFormat, DaySink, Owner, Portion, Redactions, SpanNames};
use radiosonde_record::metric_line::{KEYS, KIND, NAME};
use radiosonde_record::{
    Descriptor, Drain, DropReason, Filter, Journal, Kind, Lease, Level, Placement, Slot, SpanPart,
    Unsynced, Value,
};
use radiosonde_redact::Rules;

/// What a console was told, in order.
type Told = Arc<Mutex<Vec<String>>>;

struct Names(Told);

impl SpanNames for Names {
    fn path(&mut self, _span: SpanId, _names: &mut Vec<&'static str>) {}

    fn ended(&mut self, _span: SpanId) {
        self.0.lock().unwrap().push("a span has ended".to_owned());
    }
}

fn console(format: ConsoleFormat, told: &Told) -> Console {
    let into = Arc::clone(told);
    let write = move |portion: &Portion<'_>| {
        let text = std::str::from_utf8(portion.text).unwrap();
        let has = |what: &str| text.matches(what).count();
        let told = format!("{} paid, {} failed, {:?}", has("paid"), has("failed"), portion.file);
        into.lock().unwrap().push(told);
        true
    };
    Console::new(format, Box::new(write)).with_spans(Names(Arc::clone(told)))
}

/// One event, one span, and metric lines: a snapshot and a delta of our own, a delta of an SDK.
fn record(journal: &Journal) {
    let context = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    let site = |key: usize, source: &str| {
        journal.site(key, || Descriptor {
            name: "tick".to_owned(),
            source: source.to_owned(),
            keys: KEYS.map(str::to_owned).to_vec(),
            ..Descriptor::default()
        })
    };
    let shop = site(16, "shop");
    journal
        .record(Kind::Event, Level::Info, &shop, &[], |record| record.message(Value::Str("paid")));
    journal.record(Kind::Span, Level::Info, &shop, &context.packed(), |record| {
        record.span(&SpanPart::default());
        record.message(Value::Str("failed"));
    });
    let metrics = [
        (Descriptor::OWN_METRICS, "snapshot"),
        (Descriptor::OWN_METRICS, "delta"),
        ("opentelemetry", "delta"),
    ];
    for (key, (source, kind)) in metrics.into_iter().enumerate() {
        let site = site(32 + 16 * key, source);
        journal.record(Kind::Metric, Level::Info, &site, &[], |record| {
            record.message(Value::Str(&format!("{kind} of {source}")));
            record.field(NAME, Value::Str("orders_total"));
            record.field(KIND, Value::Str(kind));
        });
    }
}

/// The messages in files, by signal.
fn lines(root: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<_, Vec<String>>::new();
    for entry in fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let name = entry.file_name().into_string().unwrap();
        let signal = name.split('-').next().unwrap_or_default().to_owned();
        for line in fs::read_to_string(entry.path()).unwrap().lines() {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = json["msg"].as_str().unwrap().to_owned();
            found.entry(signal.clone()).or_default().push(text);
        }
    }
    found
}

const DELTA: &str = "delta of metrics";

fn expected(kinds: &[Kind]) -> BTreeMap<String, Vec<String>> {
    let mut expected = BTreeMap::new();
    let mut expect = |signal: &str, texts: &[&str]| {
        expected.insert(signal.to_owned(), texts.iter().map(ToString::to_string).collect());
    };
    expect("metrics", &[DELTA]);
    if kinds.contains(&Kind::Event) {
        expect("events", &["paid"]);
    }
    if kinds.contains(&Kind::Span) {
        // Its name: what failed is another member.
        expect("spans", &["tick"]);
    }
    if kinds.contains(&Kind::Metric) {
        expect("metrics", &["snapshot of metrics", DELTA, "delta of opentelemetry"]);
    }
    expected
}

const CHOICES: [&[Kind]; 5] = [
    &[],
    &[Kind::Event],
    &[Kind::Span],
    &[Kind::Event, Kind::Metric],
    &[Kind::Event, Kind::Span, Kind::Metric],
];

#[test]
fn only_chosen_kinds_have_lines_and_what_jobs_counted_always_has() {
    for kinds in CHOICES {
        for format in
            [None, Some(ConsoleFormat::Json), Some(ConsoleFormat::Pretty { color: false })]
        {
            let (root, told) = (tempfile::tempdir().unwrap(), Told::default());
            let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
            let instance = slot.create_instance(b"{}").unwrap();
            let placement = Placement::Directory(instance.files.clone());
            let journal = Journal::open(placement, Filter::at(Level::Trace)).unwrap();
            record(&journal);
            let owner = Owner::new("shop", "1.0.0", None, Rules::standard());
            let console = format.map(|format| console(format, &told));
            let sink = DaySink::new(owner, &instance.id, 0, Redactions::default(), console);
            let sink = Box::new(sink.lines_of(kinds));
            let lease = Some(Lease::new(root.path(), slot));
            let notify = Box::new(|notice| panic!("{notice:?}"));
            let drain = Drain::new(&journal, lease, &Unsynced::default(), sink, notify);
            let thread = std::thread::spawn(move || drain.run());
            let patience = Duration::from_secs(30);
            assert!(journal.control().flush(patience) && journal.control().stop(patience));
            thread.join().unwrap();

            let case = format!("{kinds:?} {format:?}");
            assert_eq!(lines(root.path()), expected(kinds), "{case}");
            let told = told.lock().unwrap();
            if format.is_some() {
                let file = if kinds.contains(&Kind::Event) { "Some(\"events-" } else { "None" };
                let paid = format!("1 paid, 0 failed, {file}");
                assert_eq!(
                    told.iter().filter(|told| told.starts_with(&paid)).count(),
                    1,
                    "{case} {told:?}"
                );
                assert_eq!(told[0], "a span has ended", "{case}");
            }
            for (kind, recorded) in Kind::ALL.into_iter().zip([1, 1, 3]) {
                let account = journal.account(kind);
                let has_lines = kinds.contains(&kind);
                let is_shown = kind == Kind::Event && format.is_some();
                let in_files = match kind {
                    _ if has_lines || is_shown => recorded,
                    Kind::Metric => 1,
                    _ => 0,
                };
                let dropped = account.dropped.clone();
                let nowhere = recorded - in_files;
                let expected = (nowhere > 0).then_some((DropReason::NoDestination, nowhere));
                assert_eq!((account.delivered, account.pending), (in_files, 0), "{case} {kind:?}");
                assert_eq!(dropped, expected.into_iter().collect::<Vec<_>>(), "{case} {kind:?}");
            }
        }
    }
}

#[test]
fn whoever_recovers_writes_the_lines_its_owner_wanted() {
    for kinds in CHOICES {
        let root = tempfile::tempdir().unwrap();
        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        let mut owner = Owner::new("shop", "1.0.0", None, Rules::standard());
        owner.lines = Kind::ALL.map(|kind| kinds.contains(&kind));
        let instance = slot.create_instance(&owner.to_json()).unwrap();
        let placement = Placement::Directory(instance.files.clone());
        record(&Journal::open(placement, Filter::at(Level::Trace)).unwrap());
        drop((instance, slot));
        let report = recover_directory(root.path(), false).unwrap();
        assert_eq!(lines(root.path()), expected(kinds), "{kinds:?}");
        let recovered = &report.instances[0].recovered;
        let sum: u64 = recovered.records.iter().chain(&recovered.without_destination).sum();
        assert_eq!((sum, recovered.rejected), (5, 0));
    }
}

#[test]
fn an_owner_of_before_wants_all_lines_and_exports_nothing() {
    let owner = Owner::from_json(b"{\"service\":\"shop\"}").unwrap();
    assert_eq!((owner.exports, owner.lines), (false, [true; 3]));
}
