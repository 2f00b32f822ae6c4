//! Rules for values: what goes, what stays, and what holds whatever the text is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;

use proptest::prelude::*;
use radiosonde_redact::{REDACTED, Rules, Verdict, may_match};

/// The text, redacted.
fn redacted(rules: &Rules, text: &str) -> String {
    rules.redact(text, &mut |_| ()).unwrap_or_else(|| text.to_owned())
}

fn counted(rules: &Rules, text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let _ = rules.redact(text, &mut |rule| names.push(rule.to_owned()));
    names
}

#[test]
fn only_what_is_secret_is_replaced_and_the_rule_is_named() {
    let rules = Rules::standard();
    let jwt = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiI3In0", "c2lnbmF0dXJlLW9mLXRoaXM"].join(".");
    let pem = |word: &str| format!("-----{word} RSA PRIVATE KEY-----");
    let block = format!(
        "key: {}\\nMIIEpAIBAAKCAQEAtzq1Q0a8f6k2Lq9d\nQ0a8f6k2Lq9d\n{} ok",
        pem("BEGIN"),
        pem("END")
    );
    for (text, expected, rule) in [
        ("sent Bearer abc123def456 twice", "sent Bearer [redacted] twice", "bearer"),
        ("Authorization: Basic cm9vdDpyb290", "Authorization: Basic [redacted]", "basic"),
        ("postgres://app:hunter2@db/x", "postgres://app:[redacted]@db/x", "url_password"),
        ("redis://:hunter2@cache:6379/0", "redis://:[redacted]@cache:6379/0", "url_password"),
        ("amqp://a:p/ss#wo?rd@mq/%2f", "amqp://a:[redacted]@mq/%2f", "url_password"),
        (
            "GET /x?page=2&access_token=abc&z=1",
            "GET /x?page=2&access_token=[redacted]&z=1",
            "token",
        ),
        ("paid by 4111 1111 1111 1111 12/27", "paid by [redacted] 12/27", "card_number"),
        ("pan=4111111111111111;", "pan=[redacted];", "card_number"),
        (&format!("got {jwt}, thanks"), "got [redacted], thanks", "jwt"),
        (&block, &format!("key: {}[redacted]{} ok", pem("BEGIN"), pem("END")), "private_key_block"),
        ("Authorization: Bearer%20abc123def456", "Authorization: Bearer%20[redacted]", "bearer"),
        ("Bearer \"abc123def456\"", "Bearer \"[redacted]\"", "bearer"),
        (
            "Authorization: Token 9f2c1a7b44d0e8aabbccdd17, then",
            "Authorization: Token [redacted], then",
            "authorization",
        ),
        ("\"X-Api-Key\":\"9f2c1a7b44d0e8aabbccdd17\"", "\"X-Api-Key\":\"[redacted]\"", "api_key"),
        ("Cookie: a=b; sid=9f2c1a7b", "Cookie: a=b; sid=[redacted]", "cookie"),
        ("client_secret=x&scope=y", "client_secret=[redacted]&scope=y", "secret"),
        ("/?token=[hunter2]&x=1", "/?token=[redacted]&x=1", "token"),
        (&format!("id {}{}.", "AKIA", "QX7ZEXAMPLE2K5LM"), "id [redacted].", "api_key_prefix"),
    ] {
        assert_eq!(redacted(&rules, text), expected);
        assert_eq!(counted(&rules, text), [rule], "{text}");
    }
}

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
    assert!(rules.faults().is_empty());
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
    assert_eq!(at("meta.user.city", "boom"), pair(REDACTED, "mail"));
    assert_eq!(at("meta.user.city", "Turin"), pair("Turin", ""));
    assert_eq!(at("meta.user.city", "Bearer abc123def456"), pair("Bearer [redacted]", "bearer"));
    assert_eq!(at("meta.username", "boom"), pair("boom", ""));
    // What it says is redacted as well.
    assert_eq!(
        at("meta.user.email", "ada Bearer abc123def456"),
        pair("a*** Bearer [redacted]", "mail,bearer")
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

#[test]
fn json_is_redacted_at_every_depth_and_the_rest_stays_as_it_was_written() {
    let rules = Rules::standard().with_callback("born", &["meta.user.born"], |_, value| {
        if value == "1815" { Verdict::Redact } else { Verdict::Keep }
    });
    let key = ["sk-ant-", "api03-aB3dE5fG7hJ9kL1mN3pQ5rS7"].concat();
    let json = format!(
        r#" {{"b":[1.50, 12345678901234567890123,{{"password" : {{"x":[1,"]"]}}}}],"a\u0062":"x\"y",
        "{key}":true,"user":{{"born":1815,"token_count":2,"cookie":null}},"u":"ftp://a:b@c"}}"#
    );
    let mut names = Vec::new();
    let out = rules.redact_json("meta", &json, &mut |rule| names.push(rule.to_owned())).unwrap();
    let expected = json
        .replace(r#"{"x":[1,"]"]}"#, "\"[redacted]\"")
        .replace(&key, REDACTED)
        .replace("1815", "\"[redacted]\"")
        .replace("a:b@c", "a:[redacted]@c");
    assert_eq!(out, expected);
    names.sort();
    assert_eq!(names, ["api_key_prefix", "born", "password", "url_password"]);
    assert_eq!(rules.redact_json("meta", &out, &mut |_| ()), None);
    let broken = r#"{"a": Bearer abc123def456"#;
    let out = rules.redact_json("meta", broken, &mut |_| ()).unwrap();
    assert_eq!(out, r#""{\"a\": Bearer [redacted]""#);
}

#[test]
fn deep_json_goes_as_a_whole() {
    let deep = |depth: usize| format!("{}\"x\"{}", "[".repeat(depth), "]".repeat(depth));
    let rules = Rules::standard();
    assert_eq!(rules.redact_json("meta", &deep(100), &mut |_| ()), None);
    let out = rules.redact_json("meta", &deep(100_000), &mut |_| ()).unwrap();
    assert_eq!(out, deep(128).replace('x', REDACTED));
}

/// Parts that secrets and what looks like them are made of.
fn pieces() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "Bearer ",
        "bearer ",
        "Basic ",
        "cm9vdDpyb290",
        "://",
        "a://u:",
        "@",
        "?token=",
        "&key=",
        "=",
        "eyJhbGciOiJIUzI1NiJ9.",
        "eyJhIjoxfQ",
        ".",
        "-----BEGIN PRIVATE KEY-----",
        "-----END",
        "ghp_",
        "sk-",
        "AKIA",
        "4111",
        " ",
        "-",
        "1111 1111 1111",
        "4111111111111111",
        "xoxb-",
        "[redacted]",
        "[",
        "]",
        "\\n",
        "%3D",
        "ä",
        "\n",
        "\"",
        "/",
        "#",
        ";Password=",
        "SG.",
        "B",
        "Authorization: Token ",
        "\"x-api-key\": \"",
        "Cookie: ",
        "; a=",
        "pwd=",
        "&a=",
        "\t",
        "+",
        "%20",
        "…",
        "*",
        "${",
        "}",
    ]);
    let random = prop_oneof![
        "[0-9]{8}(-[0-9]{4}){3}-[0-9]{12}",
        "[a-f]{8}-4111-1111-1111-1111[0-9]{8}",
        "[A-Za-z0-9]{1,48}",
        "[0-9]{1,20}",
        "[A-Z2-7]{16}",
        "[a-f0-9]{32,64}"
    ];
    let piece = prop_oneof![3 => fixed.prop_map(str::to_owned), 2 => random];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 16 } else { 2_000 }))]

    #[test]
    fn the_quick_look_never_rejects_what_a_rule_matches(text in pieces(), pad in 0_usize..40) {
        let rules = Rules::standard();
        for text in [text.clone(), " ".repeat(pad) + &text, "a ".repeat(pad) + &text] {
            let found = radiosonde_redact::fuzzing::matches(&rules, &text);
            prop_assert!(found == 0 || may_match(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn to_redact_twice_is_to_redact_once(text in pieces()) {
        static RULES: LazyLock<Rules> = LazyLock::new(|| {
            Rules::standard().with_pattern("word", r"\bred\w*\]?|ac").with_pattern("d", "d. ?")
        });
        let rules = &*RULES;
        let once = redacted(rules, &text);
        prop_assert_eq!(rules.redact(&once, &mut |_| ()), None, "{:?} of {:?}", once, text);
    }

    #[test]
    fn any_text_is_redacted_without_a_panic(text in any::<String>()) {
        let once = redacted(&Rules::standard(), &text);
        prop_assert_eq!(redacted(&Rules::standard(), &once), once);
    }

    #[test]
    fn json_stays_json(texts in prop::collection::vec(pieces(), 1..5), key in pieces()) {
        let rules = Rules::standard();
        let value = serde_json::json!({"a": texts, &key: {"b": 1.5, "c": [null, true]}});
        let json = serde_json::to_string_pretty(&value).unwrap();
        if let Some(out) = rules.redact_json("meta", &json, &mut |_| ()) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
            prop_assert_eq!(rules.redact_json("meta", &out, &mut |_| ()), None);
        }
    }
}
