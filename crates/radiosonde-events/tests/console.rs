//! What the sink tells the console of spans, and what the console tells whoever writes its lines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use radiosonde_context::{Context, SpanId, TraceId};
use radiosonde_events::{
    Console, ConsoleFormat, DaySink, Owner, Portion, Redactions, SpanNames, event,
};
use radiosonde_record::{
    Descriptor, Drain, Filter, Journal, Kind, Level, Placement, SpanPart, Unsynced, Value,
    with_journal,
};
use radiosonde_redact::Rules;

/// What happened, in its order.
type Seen = Arc<Mutex<Vec<String>>>;

struct Names(Seen);

impl SpanNames for Names {
    fn path(&mut self, span: SpanId, names: &mut Vec<&'static str>) {
        self.0.lock().unwrap().push(format!("path of {span}"));
        names.extend(["outer", "inner"]);
    }

    fn ended(&mut self, span: SpanId) {
        self.0.lock().unwrap().push(format!("end of {span}"));
    }
}

/// A line without its mark and time.
fn without_time(line: &str) -> String {
    format!("\n{}", line.chars().skip(14).collect::<String>())
}

/// Records, and lets a drain show it.
fn shown(seen: &Seen, has_files: bool, record: impl FnOnce(&Journal)) {
    let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
    with_journal(&journal, || record(&journal));
    let into = Arc::clone(seen);
    let write = move |portion: &Portion<'_>| {
        let Portion { text, events, errors, file } = portion;
        let text = std::str::from_utf8(text).unwrap();
        let lines: String = text.lines().map(without_time).collect();
        let file = file.map(|file| format!("{}…{}", &file[..7], &file[17..]));
        let told = format!("{events} events, {errors} errors, {file:?}:{lines}");
        into.lock().unwrap().push(told);
        true
    };
    let format = ConsoleFormat::Pretty { color: false };
    let console = Console::new(format, Box::new(write)).with_spans(Names(Arc::clone(seen)));
    let console = if has_files { console } else { console.without_files() };
    let owner = Owner::new("shop", "1.0.0", None, Rules::standard());
    let sink = DaySink::new(owner, "instance", 3, Redactions::default(), Some(console));
    let unsynced = Unsynced::default();
    let drain = Drain::new(
        &journal,
        None,
        &unsynced,
        Box::new(sink),
        Box::new(|notice| panic!("{notice:?}")),
    );
    let thread = std::thread::spawn(move || drain.run());
    assert!(journal.control().stop(Duration::from_secs(20)));
    thread.join().unwrap();
}

#[test]
fn a_path_is_asked_for_before_its_span_has_ended() {
    let seen = Seen::default();
    let span = SpanId::random();
    let context = Context::default().with_span(TraceId::random(), span, true);
    shown(&seen, true, |journal| {
        let site = journal.site(1, || Descriptor {
            name: "log".to_owned(),
            source: "shop".to_owned(),
            ..Descriptor::default()
        });
        for kind in [Kind::Event, Kind::Span] {
            journal.record(kind, Level::Error, &site, context.packed(), |record| {
                if kind == Kind::Span {
                    record.span(&SpanPart::default());
                }
                record.message(Value::Str("failed"));
            });
        }
    });
    let trace = &context.trace_id().unwrap().to_string()[..8];
    let expected = [
        format!("path of {span}"),
        format!("end of {span}"),
        format!(
            "1 events, 1 errors, Some(\"events-….3.jsonl\"):\n \
             ERROR outer > inner: failed  trace={trace}  (shop)"
        ),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn without_files_none_is_named() {
    let seen = Seen::default();
    shown(&seen, false, |_| event!("order.paid", source: "shop", "paid"));
    let expected = ["1 events, 0 errors, None:\n INFO  order.paid  paid  (shop)"];
    assert_eq!(*seen.lock().unwrap(), expected);
}
