//! Values and rules of the user on their way to a line: living, and recovered by somebody else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use radiosonde_events::fuzzing::Encoding;
use radiosonde_events::recover::{RecoveryReport, recover_directory};
use radiosonde_events::{DaySink, Filing, Live, Owner, Redactions, event, log_event};
use radiosonde_record::fuzzing::{self, Front};
use radiosonde_record::{
    Descriptor, Drain, Filter, Journal, Kind, Lease, Level, Lines, Placement, Record, Site, Slot,
    Unsynced, Value, with_journal,
};
use radiosonde_redact::{Rules, Verdict};
use serde_json::{Value as Json, json};

/// Records into rings under these rules, and dies.
fn die(rules: &Rules, record: impl FnOnce()) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
    let owner = Owner::new("shop", "1.0.0", None, rules.clone());
    let instance = slot.create_instance(&owner.to_json()).unwrap();
    let placement = Placement::Directory(instance.path.clone());
    let journal = Journal::open(placement, Filter::at(Level::Debug)).unwrap();
    with_journal(&journal, record);
    let path = instance.path.clone();
    drop((slot, instance));
    (root, path)
}

/// Records under these rules; the lines, and what was counted.
fn live(rules: &Rules, record: impl FnOnce()) -> (Vec<Json>, Vec<(String, u64)>) {
    let root = tempfile::tempdir().unwrap();
    let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
    let owner = Owner::new("shop", "1.0.0", None, rules.clone());
    let instance = slot.create_instance(&owner.to_json()).unwrap();
    let placement = Placement::Directory(instance.path.clone());
    let journal = Journal::open(placement, Filter::at(Level::Debug)).unwrap();
    with_journal(&journal, record);
    let redactions = Redactions::default();
    let sink = DaySink::new(owner, "instance", slot.number(), redactions.clone(), None);
    let drain = Drain::new(
        &journal,
        Some(Lease::new(root.path(), slot)),
        &Unsynced::default(),
        Box::new(sink),
        Box::new(|notice| panic!("{notice:?}")),
    );
    let thread = std::thread::spawn(move || drain.run());
    assert!(journal.control().stop(std::time::Duration::from_secs(20)));
    thread.join().unwrap();
    (lines(root.path()), redactions.counts().into_iter().collect())
}

fn lines(root: &Path) -> Vec<Json> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("events-") {
            let text = std::fs::read_to_string(path).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()));
        }
    }
    lines
}

fn recover(root: &Path) -> RecoveryReport {
    let report = recover_directory(root, false).unwrap();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    report
}

fn counts(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn each_line_is_counted_and_what_stands_at_the_call_site_too() {
    let (lines, counted) = live(&Rules::standard(), || {
        for _ in 0..3 {
            event!("constant", n = 1, "postgres://app:hunter2@db/x");
        }
        let url = "redis://:hunter2@cache";
        event!("formatted", url, password = "hunter2", "to {}", url);
        let json = r#"{"a":{"password":"hunter2"},"b":1.50}"#;
        let meta = [("redis://:hunter2@as-a-key", Value::U64(1)), ("json", Value::Json(json))];
        log_event("dynamic", Level::Info, "somewhere", "Bearer abc123def456", &meta);
    });
    assert!(lines[..3].iter().all(|line| line["msg"] == "postgres://app:[redacted]@db/x"));
    assert_eq!(lines[3]["msg"], "to redis://:[redacted]@cache");
    let expected = json!({"url": "redis://:[redacted]@cache", "password": "[redacted]"});
    assert_eq!(lines[3]["meta"], expected);
    assert_eq!(lines[4]["msg"], "Bearer [redacted]");
    let inner = json!({"a": {"password": "[redacted]"}, "b": 1.50});
    assert_eq!(lines[4]["meta"], json!({"redis://:[redacted]@as-a-key": 1, "json": inner}));
    assert_eq!(counted, counts(&[("bearer", 1), ("password", 2), ("url_password", 6)]));
}

#[test]
fn a_line_that_grows_by_what_replaces_has_room() {
    let rules = Rules::standard().with_pattern("x", "x");
    let (lines, counted) = live(&rules, || {
        event!("grows", a = "xy".repeat(5000), b = "x", "{}", "xy".repeat(9000));
    });
    assert_eq!(lines[0]["msg"], "[redacted]y".repeat(9000));
    assert_eq!(lines[0]["meta"]["a"], "[redacted]y".repeat(5000));
    assert_eq!(counted, counts(&[("x", 14_001)]));
}

#[test]
fn callbacks_see_every_value_with_its_path() {
    let rules = Rules::standard().with_callback("all", &[], |path, value| match (path, value) {
        ("msg", "hidden") | ("meta.n", "7") | ("meta.user.name", _) => Verdict::Redact,
        ("meta.mail", mail) => Verdict::Replace(mail.replace("ada", "a")),
        (_, "boom") => panic!("a callback of the application"),
        _ => Verdict::Keep,
    });
    let (lines, counted) = live(&rules, || {
        event!("constant", n = 7, m = 8, mail = "ada@x", "hidden");
        let json = r#"{"name":"Ada","n":7}"#;
        log_event("json", Level::Info, "here", "shown", &[("user", Value::Json(json))]);
        event!("panics", a = 1, boom = "boom", b = 2, "number {}", 3);
        // From here on nobody knows what it would say.
        event!("after", a = 1, b = "x", "number {}", 4);
    });
    assert_eq!(lines[0]["msg"], "[redacted]");
    assert_eq!(lines[0]["meta"], json!({"n": "[redacted]", "m": 8, "mail": "a@x"}));
    assert_eq!(lines[1]["meta"], json!({"user": {"name": "[redacted]", "n": 7}}));
    let (gone, msg) = ("[redacted]", |at: usize| &lines[at]["msg"]);
    assert_eq!(lines[2]["meta"], json!({"a": 1, "boom": gone, "b": gone}));
    assert_eq!(lines[3]["meta"], json!({"a": gone, "b": gone}));
    assert!(msg(2) == gone && msg(3) == gone);
    assert_eq!(counted, counts(&[("all", 10)]));
}

#[test]
fn keys_that_differ_in_a_secret_only_both_stay() {
    let (lines, _) = live(&Rules::standard(), || {
        let (one, two) = ("redis://:hunter2@cache", "redis://:hunter3@cache");
        let meta = [
            (one, Value::U64(1)),
            (two, Value::U64(2)),
            ("redis://:[redacted]@cache_2", Value::U64(3)),
            // Recorded again: the last value in the place of the first.
            (one, Value::U64(4)),
        ];
        log_event("dynamic", Level::Info, "somewhere", "", &meta);
    });
    let expected = json!({
        "redis://:[redacted]@cache": 4,
        "redis://:[redacted]@cache_2": 2,
        "redis://:[redacted]@cache_2_2": 3,
    });
    assert_eq!(lines[0]["meta"], expected);
}

#[test]
fn patterns_are_applied_by_whoever_recovers_and_callbacks_cost_what_they_would_have_seen() {
    let rules = Rules::standard().with_key("pin").with_pattern("staff", r"P-\d{4}").with_callback(
        "mail",
        &["meta.mail", "meta.user"],
        |_, _| Verdict::Keep,
    );
    let record = || {
        event!(
            "left",
            mail = "ada@x",
            pin = 7,
            user.age = 36,
            city = "Turin",
            "by P-1234 ftp://a:b@c"
        );
    };
    let (root, _) = die(&rules, record);
    recover(root.path());
    let line = lines(root.path()).remove(0);
    assert_eq!(line["msg"], "by [redacted] ftp://a:[redacted]@c");
    let lost = json!({
        "mail": "[redacted]", "pin": "[redacted]", "user.age": "[redacted]", "city": "Turin",
    });
    assert_eq!(line["meta"], lost);

    // The program itself knows its callback by name, with rules that are otherwise other ones.
    let (root, _) = die(&rules, record);
    let own = Rules::standard().with_callback("mail", &[], |path, _| match path {
        "meta.mail" => Verdict::Replace("somebody".to_owned()),
        _ => Verdict::Keep,
    });
    let redactions = Redactions::with_callbacks_of(&own);
    let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
    let mut report = RecoveryReport::default();
    struct Alone;
    impl radiosonde_events::recover::Host for Alone {}
    radiosonde_events::recover::recover_slot(
        &slot,
        &Filing::new(root.path(), &Live::default()),
        &redactions,
        &mut report,
        &mut Alone,
    );
    let line = lines(root.path()).remove(0);
    let kept = json!({"mail": "somebody", "pin": "[redacted]", "user.age": 36, "city": "Turin"});
    assert_eq!(line["meta"], kept);
    let counted: Vec<_> = redactions.counts().into_iter().collect();
    assert_eq!(counted, counts(&[("mail", 1), ("pin", 1), ("staff", 1), ("url_password", 1)]));
}

#[test]
fn rules_of_version_one_are_applied_and_newer_ones_wait() {
    let (root, instance) = die(&Rules::standard(), || {
        event!("left", pin = 7, cookie = "oat", "Bearer abc123def456");
    });
    let owner = std::fs::read_to_string(instance.join("owner.json")).unwrap();
    let mut owner: Json = serde_json::from_str(&owner).unwrap();
    assert_eq!(owner["redact"]["version"], 2);
    owner["redact"] = json!({"version": 3, "keys": []});
    std::fs::write(instance.join("owner.json"), owner.to_string()).unwrap();
    let refused = recover_directory(root.path(), false).unwrap();
    assert!(refused.failed[0].1.to_string().contains("version 3"), "{:?}", refused.failed);
    owner["redact"] = json!({"version": 1, "keys": ["pin"], "allow": ["cookie"]});
    std::fs::write(instance.join("owner.json"), owner.to_string()).unwrap();
    recover(root.path());
    let line = lines(root.path()).remove(0);
    assert_eq!(line["msg"], "Bearer [redacted]");
    assert_eq!(line["meta"], json!({"pin": "[redacted]", "cookie": "oat"}));
}

/// The line of a record with one field, of a dead process.
fn line_of_dead(key: &str, value: Value<'_>) -> String {
    let site =
        Descriptor { name: "log".to_owned(), keys: vec![key.to_owned()], ..Descriptor::default() };
    let front = Front { kind: Kind::Event, level: Level::Info, timestamp_ns: 1, context: &[] };
    let bytes = fuzzing::record(front, &Site::Registered(9), |record| record.field(0, value));
    let record = Record::decode_whole(&bytes).unwrap();
    let mut lines = Lines::default();
    let owner = Owner::new("shop", "1.0.0", None, Rules::standard());
    Encoding::of_dead_process(owner, "instance").append(&record, &site, 1, &mut lines);
    String::from_utf8(lines.to_vec()).unwrap()
}

#[test]
fn neither_half_json_nor_a_key_of_the_code_shows_a_secret() {
    // Half a surrogate pair: JSON to some, text to others, and the secret is one to all.
    let half = line_of_dead("body", Value::Json(r#"{"password\udc00":"hunter2-key","n":1}"#));
    let key = line_of_dead("Authorization: Bearer abc123def456", Value::U64(1));
    for line in [half, key] {
        assert!(line.contains("[redacted]"), "{line}");
        assert!(!line.contains("hunter2-key") && !line.contains("abc123def456"), "{line}");
    }
}
