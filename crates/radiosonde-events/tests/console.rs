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
use radiosonde_redact::{Rules, Verdict};

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
    shown_by(Rules::standard(), seen, has_files, record);
}

fn shown_by(rules: Rules, seen: &Seen, has_files: bool, record: impl FnOnce(&Journal)) {
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
    let owner = Owner::new("shop", "1.0.0", None, rules);
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
            journal.record(kind, Level::Error, &site, &context.packed(), |record| {
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
fn of_heartbeats_people_see_the_message_unless_nothing_else_has_the_rest() {
    let lines = |has_files, is_ours| {
        let seen = Seen::default();
        shown(&seen, has_files, |_| {
            if is_ours {
                event!("machine.status", source: "radiosonde", uptime_s = 60, "up 60 s");
            } else {
                event!("machine.status", source: "shop", uptime_s = 60, "up 60 s");
            }
        });
        let seen = seen.lock().unwrap();
        seen[0].split_once('\n').unwrap().1.to_owned()
    };
    let ours = " INFO  machine.status  up 60 s  (radiosonde)";
    assert_eq!(lines(true, true), ours);
    assert!(lines(false, true).contains("uptime_s=60"));
    assert!(lines(true, false).contains("uptime_s=60"), "an event of the program");
}

#[test]
fn without_files_none_is_named() {
    let seen = Seen::default();
    shown(&seen, false, |_| event!("order.paid", source: "shop", "paid"));
    let expected = ["1 events, 0 errors, None:\n INFO  order.paid  paid  (shop)"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn rules_of_the_user_are_asked_once_for_a_line_and_its_console() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let into = Arc::clone(&asked);
    // It never says the same again.
    let rules = Rules::standard().with_callback("count", &[], move |path, _| {
        let mut asked = into.lock().unwrap();
        asked.push(path.to_owned());
        Verdict::Replace(format!("answer {}", asked.len()))
    });
    let seen = Seen::default();
    let context = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    shown_by(rules, &seen, false, |journal| {
        let site = journal.site(1, || Descriptor { name: "a".to_owned(), ..Descriptor::default() });
        for _ in 0..2 {
            journal.record(Kind::Event, Level::Info, &site, &context.packed(), |record| {
                record.message(Value::Str("a message"));
                record.field_named("number", Value::U64(7));
            });
        }
    });
    // Of the console's span the names "outer" and "inner", once for all lines.
    let expected = ["meta.number", "msg", "name", "name", "meta.number", "msg"];
    assert_eq!(*asked.lock().unwrap(), expected);
    let seen = seen.lock().unwrap().concat();
    for text in [
        "answer 3 > answer 4: answer 2  number=\"answer 1\"",
        "answer 3 > answer 4: answer 6  number=\"answer 5\"",
    ] {
        assert!(seen.contains(text), "{text} in {seen}");
    }
}

#[test]
fn names_of_spans_are_redacted_in_a_path() {
    let seen = Seen::default();
    let rules = Rules::standard().with_pattern("customer", "acme_[a-z]+|oute");
    let context = Context::default().with_span(TraceId::random(), SpanId::random(), true);
    shown_by(rules, &seen, false, |journal| {
        let site = journal.site(1, || Descriptor { name: "a".to_owned(), ..Descriptor::default() });
        journal.record(Kind::Event, Level::Info, &site, &context.packed(), |record| {
            record.message(Value::Str("for acme_corp"));
        });
    });
    let seen = seen.lock().unwrap().concat();
    assert!(seen.contains("[redacted]r > inner: for [redacted]"), "{seen}");
}
