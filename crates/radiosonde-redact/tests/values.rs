//! Rules for values: what goes, what stays, and what holds whatever the text is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;

use proptest::prelude::*;
use radiosonde_redact::{REDACTED, Rules, Verdict, may_match};

mod common;

use common::{counted, redacted};

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
fn what_may_stand_in_a_password_does_not_end_it() {
    let rules = Rules::standard();
    for (text, expected) in [
        ("/x?password=abc)def", "/x?password=[redacted]"),
        ("/x?password=it's&b=1", "/x?password=[redacted]&b=1"),
        ("/x?password=a}b,c", "/x?password=[redacted]"),
        ("/x?password=abc)&b=1", "/x?password=[redacted]&b=1"),
        ("(see /x?password=abc), then", "(see /x?password=[redacted]), then"),
        ("(/x?password=a(b)c)d", "(/x?password=[redacted])d"),
        ("get('/x?a=1&password=abc',{a:1})", "get('/x?a=1&password=[redacted]',{a:1})"),
        ("{url=/x?password=abc} {}", "{url=/x?password=[redacted]} {}"),
        ("q='/x?a=1&password=abc', p", "q='/x?a=1&password=[redacted]', p"),
        ("p=it's&password=d'e&c=1", "p=it's&password=[redacted]&c=1"),
        ("client_secret=a)b&scope=y", "client_secret=[redacted]&scope=y"),
        ("Server=db;Password='x1;y2';A=1", "Server=db;Password='[redacted]';A=1"),
        ("Server=db;Password=\"x1 y2\";A=1", "Server=db;Password=\"[redacted]\";A=1"),
        ("Server=db;Password={hun;ter2};A=1", "Server=db;Password=[redacted];A=1"),
        ("Server=db;Password=\\\"x y\\\";A=1", "Server=db;Password=\\\"[redacted]\\\";A=1"),
        ("Server=db;Password={hun}}ter;2};A=1", "Server=db;Password=[redacted];A=1"),
        ("Server=db;Password='it''s;1';A=1", "Server=db;Password='[redacted]';A=1"),
        ("Server=db;Pwd=/etc;A=1", "Server=db;Pwd=[redacted];A=1"),
        ("/x?token={{token}}", "/x?token={{token}}"),
        ("token=null&page=2", "token=null&page=2"),
        ("user_%s_token=abc, %+5token=abc", "user_%s_token=abc, %+5token=abc"),
        ("Name=a;AccountKey=c2VjcmV0/a+b==;E=x", "Name=a;AccountKey=[redacted];E=x"),
        ("\"Server=db;Password=\" + p + \";A=1\"", "\"Server=db;Password=\" + p + \";A=1\""),
    ] {
        assert_eq!(redacted(&rules, text), expected);
    }
}

#[test]
fn what_is_encoded_is_seen_as_what_it_stands_for() {
    let rules = Rules::standard();
    let pem = |word: &str| format!("-----{word}+RSA+PRIVATE+KEY-----");
    let block = format!("key={}%0AMIIEpAIBAAKCAQEAtzq1Q0a8f6k2Lq9d%0A{}", pem("BEGIN"), pem("END"));
    for (text, expected) in [
        ("user%5Bpassword%5D=hunter2&a=1", "user%5Bpassword%5D=[redacted]&a=1"),
        ("user%5Bpassword%5D=hunter2", "user%5Bpassword%5D=[redacted]"),
        ("pan%3D4111111111111111%26b", "pan%3D[redacted]%26b"),
        ("%22pan%22%3A%224111111111111111%22", "%22pan%22%3A%22[redacted]%22"),
        ("/x?p%61ssword=hunter2", "/x?p%61ssword=[redacted]"),
        ("/x?access%5Ftoken=hunter2", "/x?access%5Ftoken=[redacted]"),
        ("/x?p%6=hunter2&%=1", "/x?p%6=hunter2&%=1"),
        (
            "/x?to=https%3A%2F%2Fada%3Ahunter2%40host%2Fa%40b",
            "/x?to=https%3A%2F%2Fada%3A[redacted]%40host%2Fa%40b",
        ),
        ("https:\\/\\/ada:hunter2@host\\/", "https:\\/\\/ada:[redacted]@host\\/"),
        ("https:\\\\/\\\\/ada:hunter2@host", "https:\\\\/\\\\/ada:[redacted]@host"),
        ("%B4111111111111111^LOVELACE/ADA^27", "%B[redacted]^LOVELACE/ADA^27"),
        (&block, &format!("key={}[redacted]{}", pem("BEGIN"), pem("END"))),
    ] {
        assert_eq!(redacted(&rules, text), expected);
    }
}

#[test]
fn keys_in_short_lines_and_behind_long_headers_are_keys() {
    let rules = Rules::standard();
    let pem = |word: &str| format!("-----{word} RSA PRIVATE KEY-----");
    let note = "a note that goes on ".repeat(40);
    for lines in [
        "\nMIIEpAIBAAKCAQEAtzq1\nQ0a8f6k2Lq9dQ0a8f6k2\n".to_owned(),
        "\\nMIIEpAIBAAKCAQEAtzq1\\nQ0a8f6k2Lq9dQ0a8f6k2\\n".to_owned(),
        format!("\nComment: {note}\nX-Note: {note}\n\nMIIEpAIBAAKCAQEAtzq1Q0a8f6k2Lq9d\n"),
    ] {
        let text = format!("{}{lines}{}", pem("BEGIN"), pem("END"));
        assert_eq!(redacted(&rules, &text), format!("{}[redacted]{}", pem("BEGIN"), pem("END")));
    }
    let sentence = format!("{}\nComment: {note}\n{note}", pem("BEGIN"));
    assert_eq!(redacted(&rules, &sentence), sentence);
}

#[test]
fn a_comma_parts_card_numbers_and_a_unit_makes_them_measures() {
    let rules = Rules::standard();
    for (text, expected) in [
        ("17,4111111111111111,12/27", "17,[redacted],12/27"),
        ("[1,4111111111111111]", "[1,[redacted]]"),
        ("(4111111111111111,123)", "([redacted],123)"),
        ("4111111111111111,5555555555554444", "[redacted],[redacted]"),
        ("1:4111111111111111", "1:[redacted]"),
        ("pan 4111111111111111 was", "pan [redacted] was"),
        ("pan=4111111111111111 nsa", "pan=[redacted] nsa"),
    ] {
        assert_eq!(redacted(&rules, text), expected);
    }
    for text in [
        "4111111111111111 ns",
        "4111111111111111 µs",
        "duration_ns=4111111111111111",
        "durationNs: 4111111111111111",
        "at offset 4111111111111111 of it",
        "\"size\": \"4111111111111111\"",
        "10.4111111111111111",
        "0:4111 1111 1111 1111",
    ] {
        assert_eq!(redacted(&rules, text), text);
    }
}

#[test]
fn half_a_surrogate_pair_hides_nothing_in_json() {
    let rules = Rules::standard();
    let shown = |json: &str| rules.redact_json("meta", json, &mut |_| ());
    for (json, expected) in [
        (r#"{"a":"\ud800 https://u:hunter2@h"}"#, r#"{"a":"[redacted]"}"#),
        (r#"{"a":"https://u:hun\udc00ter2@h"}"#, r#"{"a":"[redacted]"}"#),
        (r#"{"password\ud800":"hunter2"}"#, r#"{"password\ud800":"[redacted]"}"#),
        (r#"{"pass\udbffword":"hunter2"}"#, r#"{"pass\udbffword":"[redacted]"}"#),
        (
            r#"{"\ud800user\\\"\ud800password":1}"#,
            r#"{"\ud800user\\\"\ud800password":"[redacted]"}"#,
        ),
        (r#"{"\ud800https://u:hunter2@h":1}"#, r#"{"[redacted]":1}"#),
    ] {
        let out = shown(json);
        assert_eq!(out.as_deref(), Some(expected));
        assert_eq!(shown(expected), None);
    }
    for innocent in [r#"{"a":"cut \ud83d"}"#, r#"["\ud83d\ude80 \\ud800",{"\udc00":1}]"#] {
        assert_eq!(shown(innocent), None);
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
        "'",
        ")",
        "(",
        ",",
        ";pwd={",
        "%3A%2F%2F",
        "%3A",
        "%40",
        "https",
        ":\\/\\/",
        "%B",
        "^",
        "-----BEGIN+PRIVATE+KEY-----",
        " ns",
        "size=",
        "null",
        "p%61ssword=",
        "key-",
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
