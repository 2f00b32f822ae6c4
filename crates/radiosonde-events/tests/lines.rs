//! What callers record, and the lines that come out: form, order, redaction, hostile values.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use radiosonde_context::scope;
use radiosonde_events::recover::recover_directory;
use radiosonde_events::{
    Console, ConsoleFormat, DaySink, Owner, Portion, Redactions, event, log_event,
};
use radiosonde_record::{
    Drain, FIELD_MAX, Filter, Instance, Journal, Lease, Level, Placement, Slot, Unsynced, Value,
    with_journal,
};
use radiosonde_redact::Rules;
use serde_json::Value as Json;

/// A pipeline of journal and drain in a directory of its own.
struct Pipeline {
    root: tempfile::TempDir,
    journal: Journal,
    slot: Slot,
    instance: Instance,
    redactions: Redactions,
}

fn owner() -> Owner {
    Owner::new("shop", "1.0.0", Some("m-7"), Rules::standard())
}

impl Pipeline {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        let instance = slot.create_instance(&owner().to_json()).unwrap();
        let filter = Filter::at(Level::Debug);
        let placement = Placement::Directory(instance.path.clone());
        let journal = Journal::open(placement, filter).unwrap();
        Self { root, journal, slot, instance, redactions: Redactions::default() }
    }

    /// Records by `f`, drains, and returns the lines of the signal.
    fn record(&self, console: Option<Console>, f: impl FnOnce()) -> Vec<String> {
        with_journal(&self.journal, f);
        let slot = Slot::take(self.root.path(), &mut |_, _| {}).unwrap();
        let number = slot.number();
        let sink = DaySink::new(owner(), "instance", number, self.redactions.clone(), console);
        let drain = Drain::new(
            &self.journal,
            Some(Lease::new(self.root.path(), slot)),
            &Unsynced::default(),
            Box::new(sink),
            Box::new(|notice| panic!("{notice:?}")),
        );
        let thread = std::thread::spawn(move || drain.run());
        assert!(self.journal.control().stop(Duration::from_secs(20)));
        thread.join().unwrap();
        lines(self.root.path(), "events-")
    }
}

fn lines(root: &Path, prefix: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with(prefix) {
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.ends_with('\n'));
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines
}

fn json(line: &str) -> Json {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn an_event_line_has_the_documented_keys_in_the_documented_order() {
    let pipeline = Pipeline::new();
    let status = 429;
    let lines = pipeline.record(None, || {
        scope().job("job-123").worker("w-1").session("s-1").run(|| {
            event!("openrouter_error", level: error, source: "translation_service",
                status, code = "rate_limited", ratio = 0.5, retry = true, next = None::<u32>,
                "429 {}", "Rate limit");
        });
    });
    assert_eq!(lines.len(), 1);
    let head = r#"{"ts":"2"#;
    assert!(lines[0].starts_with(head), "{}", lines[0]);
    let after_ts = lines[0].split_once("Z\",").unwrap().1;
    let expected = concat!(
        r#""level":"error","evt":"openrouter_error","source":"translation_service","#,
        r#""msg":"429 Rate limit","service":"shop","job_id":"job-123","machine_id":"m-7","#,
        r#""worker_id":"w-1","session_id":"s-1","#,
        r#""meta":{"status":429,"code":"rate_limited","ratio":0.5,"retry":true,"next":null},"#,
        r#""id":"instance.1.0"}"#,
    );
    assert_eq!(after_ts, expected);
}

#[test]
fn secrets_are_replaced_by_key_and_counted_and_look_alikes_stay() {
    let pipeline = Pipeline::new();
    let lines = pipeline.record(None, || {
        event!(
            "call",
            api_key = "sk-1",
            headers.authorization = "Bearer x",
            token_count = 12,
            session_id = "s-9",
            author = "ann",
            key_id = "key-7",
            "calling"
        );
        let meta = [("password", Value::Str("hunter2")), ("status", Value::U64(1))];
        log_event("dynamic", Level::Info, "somewhere", "hello", &meta);
    });
    let text = lines.join("\n");
    for secret in ["sk-1", "Bearer", "hunter2"] {
        assert!(!text.contains(secret), "{text}");
    }
    let meta = &json(&lines[0])["meta"];
    assert_eq!(meta["api_key"], "[redacted]");
    assert_eq!(meta["headers.authorization"], "[redacted]");
    assert_eq!(meta["token_count"], 12);
    assert_eq!(meta["session_id"], "s-9");
    assert_eq!(meta["author"], "ann");
    assert_eq!(meta["key_id"], "key-7");
    assert_eq!(pipeline.redactions.counts().values().sum::<u64>(), 3);
}

#[test]
fn what_does_not_fit_is_cut_or_left_out_and_the_line_says_so() {
    let pipeline = Pipeline::new();
    let text = "x".repeat(FIELD_MAX);
    let lines = pipeline.record(None, || {
        event!("whole", a = text, b = text, c = text, d = text);
        event!("left.out", a = text, b = text, c = text, d = text, e = text, f = text, g = 7);
        event!("own", truncated = "by hand", a = "y".repeat(FIELD_MAX + 1));
    });
    let [whole, left_out, own] = [0, 1, 2].map(|at| json(&lines[at])["meta"].clone());
    assert_eq!(whole.as_object().unwrap().len(), 4, "nothing is said of what is whole");
    let keys: Vec<_> = left_out.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["a", "b", "c", "d", "e", "g", "truncated"], "what still fits is kept");
    assert!("abcde".chars().all(|key| left_out[key.to_string()] == text), "no field in parts");
    assert_eq!(left_out["truncated"], true);
    assert_eq!(own["truncated"], "by hand", "a field of that name keeps its value");
    assert!(own["a"].as_str().unwrap().ends_with("y…[cut, 12289 bytes in all]"));
    assert_eq!(pipeline.journal.account(radiosonde_record::Kind::Event).truncated, 2);
}

#[test]
fn hostile_text_arrives_whole_and_stays_on_one_line() {
    let pipeline = Pipeline::new();
    let texts =
        ["a\0b", "\"quoted\" \\ back", "line\nbreak\r\n\ttab", "🦀 日本語", "\u{1b}[31mred", ""];
    let lines = pipeline.record(None, || {
        for text in texts {
            event!("hostile", text, "{text}");
        }
        event!("bytes", raw = *b"ok\xff\xfe".as_slice(), "bytes");
        event!("huge", text = "x".repeat(1 << 20), "{}", "y".repeat(1 << 20));
        event!("nan", a = f64::NAN, b = f64::INFINITY, c = i64::MIN, d = u128::MAX);
        event!("constant", "a \"constant\" message, longer than what is copied at once\n\u{1}");
    });
    assert_eq!(lines.len(), texts.len() + 4);
    for (line, text) in lines.iter().zip(texts) {
        assert_eq!(json(line)["msg"], text);
        assert_eq!(json(line)["meta"]["text"], text);
    }
    assert_eq!(json(&lines[6])["meta"]["raw"], "b2v//g==");
    let huge = json(&lines[7]);
    assert_eq!(huge["meta"]["truncated"], true);
    assert!(huge["msg"].as_str().unwrap().ends_with("…[cut]"), "nobody knows how long it is");
    assert!(huge["meta"]["text"].as_str().unwrap().ends_with("x…[cut, 1048576 bytes in all]"));
    assert!(lines[7].len() < 64 * 1024);
    let nan = &json(&lines[8])["meta"];
    assert_eq!(nan["a"], "NaN");
    assert_eq!(nan["b"], "+Inf");
    assert_eq!(nan["c"], i64::MIN);
    assert_eq!(nan["d"], u128::MAX.to_string());
    let constant = "a \"constant\" message, longer than what is copied at once\n\u{1}";
    assert_eq!(json(&lines[9])["msg"], constant);
}

#[test]
fn levels_and_rate_limits_hold_and_what_is_held_back_is_counted() {
    let pipeline = Pipeline::new();
    let lines = pipeline.record(None, || {
        event!("quiet", level: trace, "below the filter");
        for _ in 0..1000 {
            event!("often", ratelimit: 3, "often");
        }
    });
    let passed = lines.len() as u64;
    // A turn of the second in between doubles the allowance.
    assert!((3..=6).contains(&passed), "{passed}");
    let account = pipeline.journal.account(radiosonde_record::Kind::Event);
    assert_eq!(account.dropped_total(), 1000 - passed);
    assert_eq!(account.offered, 1000, "what the filter holds back is not offered");
}

/// A process that recorded an event with secrets and died.
fn dead() -> (tempfile::TempDir, std::path::PathBuf) {
    let Pipeline { root, slot, instance, journal, .. } = Pipeline::new();
    with_journal(&journal, || {
        const RATE: u32 = 10;
        event!("last.words", ratelimit: RATE, password = "hunter2", user = "ann", "bye");
    });
    let path = instance.path.clone();
    // Its locks go with it, its rings stay.
    drop((slot, instance));
    (root, path)
}

#[test]
fn recovered_lines_carry_the_identity_and_the_redaction_of_their_process() {
    let (root, instance) = dead();
    let report = recover_directory(root.path(), false).unwrap();
    assert_eq!(report.instances.len(), 1);
    assert_eq!(report.instances[0].recovered.records, [1, 0, 0]);
    let lines = lines(root.path(), "events-");
    assert_eq!(lines.len(), 1);
    let line = json(&lines[0]);
    assert_eq!(line["service"], "shop");
    assert_eq!(line["machine_id"], "m-7");
    assert_eq!(line["meta"], serde_json::json!({"password": "[redacted]", "user": "ann"}));
    let id = instance.file_name().unwrap().to_str().unwrap();
    assert!(line["id"].as_str().unwrap().starts_with(id));
    assert_eq!(recover_directory(root.path(), false).unwrap().instances.len(), 0);
}

#[test]
fn values_whose_keys_are_lost_are_not_shown_by_recovery() {
    let (root, instance) = dead();
    std::fs::write(instance.join("callsites"), "gone").unwrap();
    recover_directory(root.path(), false).unwrap();
    let lines = lines(root.path(), "events-");
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains("hunter2") && !lines[0].contains("ann"), "{}", lines[0]);
    // A message without arguments stands at its call site.
    assert_eq!(json(&lines[0])["msg"], "[its call site is lost]");
}

#[test]
fn records_of_an_owner_whose_rules_are_unknown_wait_for_him() {
    for owner in [r#"{"redact":{"version":99}}"#, "{\"service\":", ""] {
        let (root, instance) = dead();
        std::fs::write(instance.join("owner.json"), owner).unwrap();
        let report = recover_directory(root.path(), false).unwrap();
        assert!(report.failed[0].1.to_string().contains("redaction rules are not known"));
        assert!(lines(root.path(), "events-").is_empty());
        std::fs::write(instance.join("owner.json"), "{}").unwrap();
        recover_directory(root.path(), false).unwrap();
        assert_eq!(lines(root.path(), "events-").len(), 1);
    }
}

#[test]
fn the_console_shows_people_text_and_programs_the_line() {
    let shown = |format| {
        let pipeline = Pipeline::new();
        let out = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&out);
        let write = Box::new(move |lines: &Portion<'_>| {
            sink.lock().unwrap().extend_from_slice(lines.text);
            true
        });
        let lines = pipeline.record(Some(Console::new(format, write)), || {
            scope().job("j-1").run(|| {
                event!("order.paid", order = 17, token = "t", "paid\u{1b}[2J");
            });
        });
        (String::from_utf8(out.lock().unwrap().clone()).unwrap(), lines[0].clone())
    };
    let (json, line) = shown(ConsoleFormat::Json);
    assert_eq!(json, format!("{line}\n"));
    let (pretty, _) = shown(ConsoleFormat::Pretty { color: false });
    let expected =
        "Z INFO  order.paid  paid\\u{1b}[2J  order=17  token=[redacted]  job=j-1  (lines)\n";
    assert_eq!(&pretty[13..], expected);
    let (colored, _) = shown(ConsoleFormat::Pretty { color: true });
    assert!(colored.contains("\u{1b}[") && !colored.contains("\u{1b}[2J"), "{colored:?}");
}
