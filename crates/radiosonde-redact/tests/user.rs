//! Rules of the user: what they add and allow, what is wrong with them, how they are stored.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicUsize, Ordering};

use radiosonde_redact::{REDACTED, Rules, Verdict};

mod common;

use common::{counted, redacted};

#[test]
fn what_the_user_adds_is_counted_under_its_name_and_what_he_allows_stays() {
    let rules = Rules::standard()
        .with_pattern("staff", r"\bstaff-\d{4}\b")
        .with_pattern("nothing", "x*")
        .allow_value("4111111111111111")
        .allow_pattern(r"sk_test_\w+");
    assert_eq!(redacted(&rules, "staff-1234 and staff-12"), "[redacted] and staff-12");
    assert_eq!(counted(&rules, "staff-1234"), ["staff"]);
    assert_eq!(redacted(&rules, "4111111111111111 xx"), "4111111111111111 [redacted]");
    let test_key = format!("sk_{}_{}", "test", "aZ3kD9fLq2Rt7YwB4nM8cV1p");
    assert_eq!(redacted(&rules.clone(), &test_key), test_key);
}

#[test]
fn a_pattern_that_cannot_be_used_is_named_and_the_others_go_on() {
    let rules = Rules::standard()
        .with_pattern("open", "(")
        .with_pattern("huge", "((a{100}){100}){100}")
        .with_pattern("long", &"a".repeat(5000))
        .with_pattern("good", "staff-[0-9]+")
        .allow_pattern("[");
    let faults: Vec<_> = rules.faults().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 4, "{faults:#?}");
    for (fault, name) in faults.iter().zip(["`open`", "`huge`", "`long`", "`[`"]) {
        assert!(fault.contains(name) && fault.contains("fix: "), "{fault}");
    }
    assert_eq!(redacted(&rules, "staff-7"), REDACTED);
}

#[test]
fn callbacks_keep_redact_and_replace_and_cost_a_value_when_they_panic() {
    let rules = Rules::standard().with_callback("mail", &["meta.user"], |path, value| {
        match (path, value) {
            ("meta.user.email", mail) => Verdict::Replace(mail.replace("ada", "a***")),
            ("meta.user.name", _) => Verdict::Redact,
            (_, "boom") => panic!("a callback of the application"),
            _ => Verdict::Keep,
        }
    });
    let at = |path: &str, value: &str| {
        let mut names = Vec::new();
        let redacted = rules.redact_at(path, value, &mut |rule| names.push(rule.to_owned()));
        (redacted.unwrap_or_else(|| value.to_owned()), names.join(","))
    };
    let pair = |value: &str, names: &str| (value.to_owned(), names.to_owned());
    assert_eq!(at("meta.user.email", "ada@example.org"), pair("a***@example.org", "mail"));
    assert_eq!(at("meta.user.name", "Ada"), pair(REDACTED, "mail"));
    assert_eq!(at("meta.user.city", "Turin"), pair("Turin", ""));
    assert_eq!(at("meta.user.city", "Bearer abc123def456"), pair("Bearer [redacted]", "bearer"));
    assert_eq!(at("meta.username", "boom"), pair("boom", ""));
    // What it says is redacted as well.
    assert_eq!(
        at("meta.user.email", "ada Bearer abc123def456"),
        pair("a*** Bearer [redacted]", "mail,bearer")
    );
    assert_eq!(rules.panicked_callbacks().count(), 0);
    assert_eq!(at("meta.user.city", "boom"), pair(REDACTED, "mail"));
    // From now on nobody knows what it would say.
    assert_eq!(rules.panicked_callbacks().collect::<Vec<_>>(), ["mail"]);
    assert_eq!(at("meta.user.city", "Turin"), pair(REDACTED, "mail"));
    assert_eq!(at("meta.username", "Turin"), pair("Turin", ""));
}

#[test]
fn a_callback_that_panics_is_asked_once_by_all_clones_and_says_so_while_it_runs() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("in a payload");
        }
    }
    let rules = Rules::standard().with_callback("mail", &[], |_, _| {
        assert!(radiosonde_redact::is_in_callback());
        ASKED.fetch_add(1, Ordering::Relaxed);
        std::panic::panic_any(Nasty)
    });
    let clone = rules.clone();
    for rules in [&rules, &clone, &rules] {
        let shown = rules.redact_at("meta.x", "Turin", &mut |_| ());
        assert_eq!(shown.as_deref(), Some(REDACTED));
        assert!(!radiosonde_redact::is_in_callback());
    }
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    assert_eq!(clone.panicked_callbacks().collect::<Vec<_>>(), ["mail"]);
}

#[test]
fn what_does_nothing_or_not_what_it_seems_to_is_named_and_the_rest_of_it_is_used() {
    for (rules, names, fix) in [
        (Rules::standard().with_key("*"), "redacted key `*`", "add a pattern"),
        (Rules::standard().with_key("--"), "redacted key `--`", "add a pattern"),
        (Rules::standard().with_key("type;kind"), "`type;kind` has a ';'", "commas"),
        (Rules::standard().allow_key("kind*"), "allowed key `kind*` has a '*'", "commas"),
        (Rules::standard().with_key("meta.type"), "`meta.type` is a path", "write `type`"),
        (Rules::standard().with_pattern("none", "x*"), "pattern `none` matches the empty", "`x+`"),
        (Rules::standard().with_pattern("bar", "|"), "pattern `bar` matches the empty", "`x+`"),
        (Rules::standard().with_pattern("edge", r"\b"), "pattern `edge` matches the empty", "`x+`"),
        (Rules::standard().allow_pattern(".*"), "pattern `.*` matches the empty", "`x+`"),
    ] {
        let faults: Vec<_> = rules.faults().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(names) && faults[0].contains(fix), "{faults:?}");
        // They are no reason to refuse what a dead process has left.
        let stored = serde_json::to_string(&rules).unwrap();
        assert!(serde_json::from_str::<Rules>(&stored).is_ok(), "{stored}");
    }
    let rules =
        Rules::standard().with_key("é").with_key("größe").with_key("db.pin").with_key("x-y z");
    assert_eq!(rules.faults(), []);
    for key in ["é", "user.é", "größe", "db.pin", "dbPin", "x_y_z"] {
        assert!(rules.rule_for_key(key).is_some(), "{key}");
    }
    let rules = Rules::standard().with_pattern("none", "x*").with_key("type;kind");
    assert_eq!(redacted(&rules, "axxa"), "a[redacted]a");
    assert_eq!(rules.rule_for_key("type_kind"), Some("type;kind"));
}

#[test]
fn rules_are_bounded_so_that_they_can_be_read_back_and_what_has_no_room_is_named() {
    let huge = "k".repeat(3_000_000);
    for (rules, kind) in [
        (Rules::standard().with_key(&huge), "the redacted key `kkk"),
        (Rules::standard().allow_key(&huge), "the allowed key `kkk"),
        (Rules::standard().allow_value(&huge), "the allowed value `kkk"),
        (Rules::standard().with_callback("c", &[&huge], |_, _| Verdict::Keep), "callback `c`"),
        (Rules::standard().with_pattern(&huge, "x"), "the redaction pattern `kkk"),
    ] {
        let fault = rules.faults()[0].to_string();
        assert!(fault.contains(kind) && fault.contains("512 KiB together"), "{fault}");
        assert!(fault.len() < 400, "{fault}");
        assert_eq!(rules.names().filter(|name| name.contains("kkk")).count(), 0);
    }
    let many = |add: fn(Rules, &str) -> Rules| {
        (0..1_200).fold(Rules::standard(), |rules, n| add(rules, &format!("\u{1}\u{1}{n}")))
    };
    for (add, count) in [
        ((|rules, text| rules.with_key(text)) as fn(Rules, &str) -> Rules, 1_024),
        (|rules, text| rules.allow_key(text), 1_024),
        (|rules, text| rules.allow_value(text), 1_024),
    ] {
        let rules = many(add);
        let last = rules.faults().last().unwrap();
        assert_eq!((rules.faults().len(), last.fix()), (64, "mend the ones above first"));
        let stored = serde_json::to_string(&rules).unwrap();
        assert_eq!(stored.matches("\\u0001\\u0001").count(), count);
    }
    let full = (0..10_000).fold(Rules::standard(), |rules, n| {
        rules.allow_value(&format!("{n}{}", "\u{1}\"x".repeat(300)))
    });
    let stored = serde_json::to_string(&full).unwrap();
    assert!((400 * 1024..600 * 1024).contains(&stored.len()), "{}", stored.len());
    // Rules that were stored whole are not those that lost some on the way.
    assert_eq!(serde_json::from_str::<Rules>(&stored).unwrap().summary(), full.summary());
}

#[test]
fn what_differs_from_the_standard_rules_is_said_in_a_sentence() {
    assert_eq!(Rules::standard().summary(), None);
    let rules = Rules::standard().with_key("b").with_key("a").allow_key("password");
    assert_eq!(rules.summary().unwrap(), "standard rules + keys a, b; not: password");
    let rules = (10..20).fold(Rules::standard(), |rules, n| rules.with_key(&format!("k{n}")));
    let rules = rules
        .with_pattern("staff", "P-[0-9]+")
        .with_callback("mail", &[], |_, _| Verdict::Keep)
        .allow_value("hunter2")
        .allow_value("hunter3")
        .allow_pattern("sk_test_.+");
    assert_eq!(
        rules.summary().unwrap(),
        "standard rules + keys k10, k11, k12, k13, k14, k15, k16, k17, 2 more + patterns staff \
         + callbacks mail; not: 2 values, 1 pattern of values"
    );
}

#[test]
fn whoever_lacks_a_callback_loses_what_it_would_have_seen() {
    let own = Rules::standard().with_callback("mail", &["meta.user"], |_, _| Verdict::Keep);
    let json = serde_json::to_string(&own).unwrap();
    let read: Rules = serde_json::from_str(&json).unwrap();
    assert_eq!(read, own);
    assert_eq!(read.missing_callbacks().collect::<Vec<_>>(), ["mail"]);
    let mut names = Vec::new();
    let lost = read.redact_at("meta.user.city", "Turin", &mut |rule| names.push(rule.to_owned()));
    assert_eq!((lost.as_deref(), names), (Some(REDACTED), vec!["mail".to_owned()]));
    assert_eq!(read.redact_at("meta.city", "Turin", &mut |_| ()), None);
    let complete = read.with_callbacks_of(&own);
    assert_eq!(complete.redact_at("meta.user.city", "Turin", &mut |_| ()), None);
}

#[test]
fn rules_are_read_back_as_they_were_and_those_of_version_one_are_understood() {
    let rules = Rules::standard()
        .with_key("tenant_pin")
        .allow_key("cookie")
        .with_pattern("staff", r"staff-\d+")
        .allow_value("7")
        .allow_pattern("[a-f]+");
    let json = serde_json::to_string(&rules).unwrap();
    assert!(json.starts_with(r#"{"version":2,"#), "{json}");
    assert_eq!(serde_json::from_str::<Rules>(&json).unwrap(), rules);
    let first = r#"{"version":1,"keys":["tenant_pin"],"allow":["cookie"]}"#;
    let first: Rules = serde_json::from_str(first).unwrap();
    assert_eq!(first, Rules::standard().with_key("tenant_pin").allow_key("cookie"));
    for refused in [
        r#"{"version":3}"#,
        r#"{"version":0}"#,
        r#"{"version":2,"patterns":[{"name":"open","pattern":"("}]}"#,
        r#"{"version":2,"unknown":[]}"#,
    ] {
        assert!(serde_json::from_str::<Rules>(refused).is_err(), "{refused}");
    }
}
