//! The grammar of `event!`: what each part becomes in the line, what the filter looks at, and what
//! is never evaluated.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use radiosonde_events::{
    Console, ConsoleFormat, DaySink, Owner, Portion, Redactions, event, log_event,
};
use radiosonde_record::{
    Drain, DropReason, Filter, Journal, Kind, Level, LevelLimits, Placement, Unsynced, Value,
    with_journal,
};
use radiosonde_redact::Rules;
use serde_json::{Value as Json, json};

fn journal(filter: Filter) -> Journal {
    Journal::open(Placement::Memory, filter).unwrap()
}

fn filter(directives: &str) -> Filter {
    let (filter, refused) = Filter::parse(directives, Level::Info);
    assert_eq!(refused, Vec::<String>::new());
    filter
}

/// The lines of what `f` records.
fn lines(journal: &Journal, f: impl FnOnce()) -> Vec<Json> {
    with_journal(journal, f);
    let out = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&out);
    let write = move |lines: &Portion<'_>| {
        into.lock().unwrap().extend_from_slice(lines.text);
        true
    };
    let console = Console::new(ConsoleFormat::Json, Box::new(write));
    let owner = Owner::new("shop", "1.0.0", None, Rules::standard());
    let sink = DaySink::new(owner, "instance", 0, Redactions::default(), Some(console));
    let unsynced = Unsynced::default();
    let drain = Drain::new(
        journal,
        None,
        &unsynced,
        Box::new(sink),
        Box::new(|notice| panic!("{notice:?}")),
    );
    let thread = std::thread::spawn(move || drain.run());
    assert!(journal.control().stop(Duration::from_secs(20)));
    thread.join().unwrap();
    let text = String::from_utf8(std::mem::take(&mut *out.lock().unwrap())).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_form_of_a_field_has_its_key_and_its_type() {
    struct Order {
        id: u64,
        tags: [&'static str; 2],
    }
    let order = Order { id: 17, tags: ["a", "b"] };
    let (r#type, note) = ("gift", None::<&str>);
    let lines = lines(&journal(filter("info")), || {
        event!(
            "order.paid",
            order.id,
            %order.id,
            ?order.tags,
            r#type,
            note,
            cents = 1999_u16 + 1,
            http.status = 200,
            "any-key" = true,
            "shown as" = %Level::Error,
            "debugged" = ?Some(1),
            ratio = 0.5,
        );
        event!("order.paid", order.id, "paid {} as {note:?}", order.id);
        event!("order.paid", "no field,");
        event!("bare");
        event!("bare",);
    });
    let meta = json!({
        "order.id": "17", "order.tags": r#"["a", "b"]"#, "type": "gift", "note": null,
        "cents": 2000, "http.status": 200, "any-key": true, "shown as": "error",
        "debugged": "Some(1)", "ratio": 0.5,
    });
    assert_eq!(lines[0]["meta"], meta, "of two fields with one key the last is read");
    assert_eq!(lines[0]["msg"], "");
    assert_eq!(
        (&lines[1]["msg"], &lines[1]["meta"]),
        (&json!("paid 17 as None"), &json!({"order.id": 17}))
    );
    assert_eq!((&lines[2]["msg"], &lines[2]["meta"]), (&json!("no field,"), &json!({})));
    assert_eq!(lines.len(), 5);
    assert!(lines[3..].iter().all(|line| line["evt"] == "bare"));
}

#[test]
fn the_filter_looks_at_the_target_and_the_line_shows_the_source() {
    const TARGET: &str = "shop::cart";
    let journal = journal(filter("warn,shop::cart=debug,billing=trace,event=error"));
    let lines = lines(&journal, || {
        event!("here", "below the level of this module");
        event!("here", level: error, "module path");
        event!("target", target: "shop::cart::inner", level: debug, "target alone");
        event!("source", source: "billing", "a source opens no filter");
        event!("both", source: "billing", target: TARGET, n = 1, "both");
        event!("both", ratelimit: 5, target: concat!("shop", "::", "cart"), level: trace, "below");
        log_event("dynamic", Level::Trace, "billing", "the source is the target here", &[]);
    });
    let shown: Vec<_> = lines.iter().map(|line| [&line["evt"], &line["source"]]).collect();
    let expected = [
        ["here", module_path!()],
        ["target", "shop::cart::inner"],
        ["both", "billing"],
        ["dynamic", "billing"],
    ];
    assert_eq!(json!(shown), json!(expected));
}

#[test]
fn what_is_not_recorded_is_not_evaluated() {
    let evaluated = Cell::new(0);
    let value = || {
        evaluated.set(evaluated.get() + 1);
        evaluated.get()
    };
    let all = || {
        event!("quiet", level: debug, n = value(), "{}", value());
        event!("off", target: "off", ratelimit: 100, n = value(), "{}", value());
        event!("limited", ratelimit: 0, n = value(), "{}", value());
        event!("heard", n = value(), "{}", value());
    };
    let limits = LevelLimits::default();
    let journal = journal(filter("off=off").limited(limits));
    assert_eq!(lines(&journal, all).len(), 1);
    assert_eq!(evaluated.get(), 2);
    // Nobody listens: no journal on this thread, and none of the process.
    all();
    assert_eq!(evaluated.get(), 2);
}

/// One call site, two journals: what one filter said is not what the other one says.
#[test]
fn a_call_site_obeys_the_filter_of_the_journal_it_writes_to() {
    let (open, shut) = (journal(filter("debug")), journal(filter("off,event=error")));
    let call = || event!("both", level: warning, "to whom it may concern");
    for _ in 0..10 {
        with_journal(&open, call);
        with_journal(&shut, call);
    }
    assert_eq!(open.account(Kind::Event).offered, 10);
    assert_eq!(shut.account(Kind::Event).offered, 0);
}

#[test]
fn a_limit_by_level_holds_for_each_call_site_and_the_lower_one_wins() {
    let limits = LevelLimits::default().with(Level::Info, 100).with(Level::Warning, 1);
    let journal = journal(filter("info").limited(limits));
    let call = |n: usize| {
        event!("one", source: "cart", n);
        event!("two", n);
        event!("own", ratelimit: 5, n);
        event!("error", level: error, n);
        for evt in ["dynamic.one", "dynamic.two"] {
            log_event(evt, Level::Info, "somewhere", "", &[("n", Value::U64(n as u64))]);
        }
    };
    const CALLS: u64 = 1000;
    let second = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let begin = second();
    with_journal(&journal, || (0..CALLS as usize).for_each(call));
    // Every second of the clock that was touched has an allowance of its own.
    let seconds = second() - begin + 1;
    let held_back = journal.held_back();
    for (name, limit) in
        [("one", 100), ("two", 100), ("own", 5), ("dynamic.one", 100), ("dynamic.two", 100)]
    {
        let found = held_back.iter().find(|site| site.site.name == name);
        let found = found.unwrap_or_else(|| panic!("{name}: {held_back:?}"));
        assert!((limit..=limit * seconds).contains(&(CALLS - found.count)), "{found:?}");
        assert!(found.site.file.ends_with("event.rs") && found.site.line > 0, "{found:?}");
        assert_eq!(found.level, Level::Info);
    }
    assert_eq!(held_back.len(), 5, "errors have no limit here: {held_back:?}");
    let one = held_back.iter().find(|site| site.site.name == "one").unwrap();
    assert_eq!(one.site.source, "cart");
    let sum: u64 = held_back.iter().map(|site| site.count).sum();
    // Nobody drains: what passed has filled the ring as well.
    let dropped = journal.account(Kind::Event).dropped;
    let limited = dropped.iter().find(|(reason, _)| *reason == DropReason::RateLimited);
    assert_eq!(limited, Some(&(DropReason::RateLimited, sum)));
    assert_eq!(journal.account(Kind::Event).offered, 6 * CALLS);
}

#[test]
fn a_hundred_fields_fit_into_one_event() {
    let lines = lines(&journal(filter("info")), || {
        let n = 7;
        event!("many", level: info, target: "app", source: "app", ratelimit: 5,
            k00 = n, k01 = n, k02 = n, k03 = n, k04 = n, k05 = n, k06 = n, k07 = n, k08 = n, k09 = n,
            k10 = n, k11 = n, k12 = n, k13 = n, k14 = n, k15 = n, k16 = n, k17 = n, k18 = n, k19 = n,
            k20 = n, k21 = n, k22 = n, k23 = n, k24 = n, k25 = n, k26 = n, k27 = n, k28 = n, k29 = n,
            k30 = n, k31 = n, k32 = n, k33 = n, k34 = n, k35 = n, k36 = n, k37 = n, k38 = n, k39 = n,
            k40 = n, k41 = n, k42 = n, k43 = n, k44 = n, k45 = n, k46 = n, k47 = n, k48 = n, k49 = n,
            k50 = n, k51 = n, k52 = n, k53 = n, k54 = n, k55 = n, k56 = n, k57 = n, k58 = n, k59 = n,
            k60 = n, k61 = n, k62 = n, k63 = n, k64 = n, k65 = n, k66 = n, k67 = n, k68 = n, k69 = n,
            k70 = n, k71 = n, k72 = n, k73 = n, k74 = n, k75 = n, k76 = n, k77 = n, k78 = n, k79 = n,
            k80 = n, k81 = n, k82 = n, k83 = n, k84 = n, k85 = n, k86 = n, k87 = n, k88 = n, k89 = n,
            k90 = n, k91 = n, k92 = n, k93 = n, k94 = n, k95 = n, k96 = n, k97 = n, k98 = n, k99 = n,
            "all of {n}");
    });
    assert_eq!(lines[0]["msg"], "all of 7");
    let meta = lines[0]["meta"].as_object().unwrap();
    assert_eq!(meta.len(), 100);
    assert!(meta.values().all(|value| value == 7), "{meta:?}");
}

#[test]
fn warn_is_the_level_warning_as_for_tracing() {
    let lines = lines(&journal(filter("warn")), || {
        event!("short", level: warn, "as in tracing");
        event!("long", level: warning, "as in the line");
    });
    let levels: Vec<_> = lines.iter().map(|line| &line["level"]).collect();
    assert_eq!(levels, ["warning", "warning"]);
}

#[test]
fn what_the_caller_calls_its_own_things_changes_nothing() {
    #[allow(non_upper_case_globals, reason = "as a column of a table is called in some crates")]
    static fields: &str = "mine";
    let journal = journal(filter("info"));
    let lines = lines(&journal, || {
        let (site, message, list) = (1, 2, 3);
        event!("named", fields, site, message, list, "{fields} {}", fields.len());
    });
    assert_eq!(lines[0]["msg"], "mine 4");
    assert_eq!(lines[0]["meta"], json!({"fields": "mine", "site": 1, "message": 2, "list": 3}));
}
