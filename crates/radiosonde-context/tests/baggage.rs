//! W3C Baggage, rule by rule, and the ids that travel in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::{alone, newly_ignored};
use radiosonde_context::propagation::{Destinations, Propagators, inject_to, set_baggage_filter};
use radiosonde_context::{Baggage, BaggageError, Context, CorrelationId, scope};

fn extract(headers: &[&str]) -> Context {
    let headers: Vec<_> = headers.iter().map(|value| ("baggage", *value)).collect();
    Propagators::parse("baggage").unwrap().extract(&headers.as_slice())
}

fn injected(context: &Context) -> Option<String> {
    let mut carrier = BTreeMap::new();
    Propagators::parse("baggage").unwrap().inject(context, true, &mut carrier);
    carrier.remove("baggage")
}

fn members(context: &Context) -> Vec<(String, String, String)> {
    let owned = |(k, v, m): (&str, &str, &str)| (k.to_owned(), v.to_owned(), m.to_owned());
    context.baggage().iter().map(owned).collect()
}

#[test]
fn what_is_baggage_is_read_and_passed_on() {
    let _alone = alone();
    // Headers, what they say, and how it goes on.
    type Members<'a> = &'a [(&'a str, &'a str, &'a str)];
    let cases: [(&[&str], Members<'_>, &str); 14] = [
        // A plus is none but a plus.
        (&["a=x+y%20z"], &[("a", "x+y z", "")], "a=x+y%20z"),
        (&["userId=alice"], &[("userId", "alice", "")], "userId=alice"),
        (
            &["userId=alice", "serverNode=DF%2028,isProduction=false"],
            &[("userId", "alice", ""), ("serverNode", "DF 28", ""), ("isProduction", "false", "")],
            "userId=alice,serverNode=DF%2028,isProduction=false",
        ),
        (
            &[
                "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue",
            ],
            &[
                ("key1", "value1", "property1;property2"),
                ("key2", "value2", ""),
                ("key3", "value3", "propertyKey=propertyValue"),
            ],
            "key1=value1;property1;property2,key2=value2,key3=value3;propertyKey=propertyValue",
        ),
        (&["\tk \t=\t v \t;\t p \t=\t q "], &[("k", "v", "p \t=\t q")], "k=v;p \t=\t q"),
        // A value may be empty, and have equals signs.
        (&["k="], &[("k", "", "")], "k="),
        (&["k=a=b==c"], &[("k", "a=b==c", "")], "k=a=b==c"),
        (&["k=v;"], &[("k", "v", "")], "k=v"),
        // Every character of a token, and every octet of a value.
        (
            &["!#$%&'*+-.^_`|~09azAZ=1"],
            &[("!#$%&'*+-.^_`|~09azAZ", "1", "")],
            "!#$%&'*+-.^_`|~09azAZ=1",
        ),
        (
            &["k=!#$&'()*+-./:<=>?@[]^_`{|}~"],
            &[("k", "!#$&'()*+-./:<=>?@[]^_`{|}~", "")],
            "k=!#$&'()*+-./:<=>?@[]^_`{|}~",
        ),
        // Escapes: of UTF-8, in either case, and of what is no UTF-8.
        (
            &["k=%C3%A4%c3%a4%22%2C%3B%5C%25"],
            &[("k", "ää\",;\\%", "")],
            "k=%C3%A4%C3%A4%22%2C%3B%5C%25",
        ),
        (&["k=a%FFb%C3"], &[("k", "a\u{fffd}b\u{fffd}", "")], "k=a%EF%BF%BDb%EF%BF%BD"),
        // What is no escape stands for itself.
        (&["k=100%,l=%zz%4"], &[("k", "100%", ""), ("l", "%zz%4", "")], "k=100%25,l=%25zz%254"),
        // Nothing between commas is nothing.
        (&["", ",k=v,, ,"], &[("k", "v", "")], "k=v"),
    ];
    for (headers, expected, passed_on) in cases {
        let (context, ignored) = newly_ignored(|| extract(headers));
        let expected: Vec<_> =
            expected.iter().map(|(k, v, m)| ((*k).into(), (*v).into(), (*m).into())).collect();
        assert_eq!(members(&context), expected, "{headers:?}");
        assert_eq!(injected(&context).as_deref(), Some(passed_on), "{headers:?}");
        assert_eq!(ignored, Vec::<String>::new(), "{headers:?}");
    }
    assert_eq!(injected(&extract(&[""])), None, "no header rather than an empty one");
}

#[test]
fn members_that_are_none_are_left_out_and_the_others_stay() {
    let _alone = alone();
    for member in [
        "k",
        "=v",
        "k k=v",
        "k=a b",
        "k=a\"b",
        "k=a\\b",
        "k=größe",
        "größe=1",
        "k[]=v",
        "k=v;;p",
        "k=v; =q",
        "k=v;p=a b",
        "k=v;p,=w",
        "k\u{1}=v",
    ] {
        let header = format!("first=1,{member},last=2");
        let (context, ignored) = newly_ignored(|| extract(&[&header]));
        let keys: Vec<_> = members(&context).into_iter().map(|(key, ..)| key).collect();
        let expected: &[&str] =
            if member == "k=v;p,=w" { &["first", "k", "last"] } else { &["first", "last"] };
        assert_eq!(keys, expected, "{member}");
        assert_eq!(ignored, ["baggage malformed 1"], "{member}");
    }
}

#[test]
fn a_key_that_comes_again_has_its_last_value() {
    let _alone = alone();
    let (context, ignored) = newly_ignored(|| extract(&["a=1;p,b=2", "a=3"]));
    let expected = [("a", "3", ""), ("b", "2", "")];
    assert_eq!(members(&context), expected.map(|(k, v, m)| (k.into(), v.into(), m.into())));
    assert_eq!(ignored, ["baggage duplicate_key 1"]);
}

#[test]
fn sixty_four_members_of_8192_bytes_are_passed_on_and_no_more() {
    let _alone = alone();
    let list = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    let (context, ignored) = newly_ignored(|| extract(&[&list(64)]));
    assert_eq!((context.baggage().len(), ignored.len()), (64, 0));
    assert_eq!(injected(&context), Some(list(64)));
    let (context, ignored) = newly_ignored(|| extract(&[&list(67)]));
    assert_eq!(ignored, ["baggage too_many_members 3"]);
    assert_eq!(injected(&context), Some(list(64)), "the first ones stay");

    let exact = format!("a={},b={}", "x".repeat(4000), "y".repeat(8192 - 4002 - 3));
    assert_eq!(exact.len(), 8192);
    let (context, ignored) = newly_ignored(|| extract(&[&exact]));
    assert_eq!((injected(&context), ignored.len()), (Some(exact.clone()), 0));
    // One that does not fit is left out whole; a shorter one after it still fits.
    let long = format!("b={}", "x".repeat(8190));
    let (context, ignored) = newly_ignored(|| extract(&["a=1", &long, "c=3"]));
    assert_eq!(injected(&context).as_deref(), Some("a=1,c=3"));
    assert_eq!(ignored, ["baggage too_long 1"]);
    // What a longer value takes the place of makes room for it.
    let (context, ignored) = newly_ignored(|| extract(&["a=1", &exact, "c=3"]));
    assert_eq!(injected(&context), Some(exact));
    assert_eq!(ignored, ["baggage duplicate_key 1", "baggage too_long 1"]);
}

#[test]
fn baggage_of_code_is_held_to_the_limits() {
    let none = Baggage::default();
    assert_eq!(none.with("", "v"), Err(BaggageError::Key));
    assert_eq!(none.with("two words", "v"), Err(BaggageError::Key));
    assert_eq!(none.with_metadata("k", "v", "a b"), Err(BaggageError::Metadata));
    // A value has any characters, and takes three bytes for each that is encoded.
    assert!(none.with("k", &"ä".repeat((8192 - 2) / 6)).is_ok());
    assert_eq!(none.with("k", &"ä".repeat(8192 / 6 + 1)), Err(BaggageError::TooLong));
    let full = (0..64).fold(none.clone(), |all, n| all.with(&format!("k{n}"), "v").unwrap());
    assert_eq!(full.with("k64", "v"), Err(BaggageError::TooManyMembers));
    let replaced = full.with("k63", "another").unwrap();
    assert_eq!((replaced.len(), replaced.get("k63")), (64, Some("another")));
    assert_eq!(full.get("k63"), Some("v"), "the one before is as it was");
    let fewer = full.without("k0");
    assert_eq!((fewer.len(), fewer.get("k0")), (63, None));
    assert!(none.with("k", "v").unwrap().without("k").is_empty());
}

#[test]
fn nobody_reads_values_in_a_debug_text() {
    let baggage = Baggage::default().with("token", "hunter2").unwrap();
    let text = format!("{:?}", Context::default().with_baggage(baggage));
    assert!(text.contains("token") && !text.contains("hunter2"), "{text}");
}

#[test]
fn job_worker_and_session_travel_and_are_ids_on_the_other_side() {
    let context = scope().job("job-7").worker("w.1").session("s:2").run(Context::current);
    let header = injected(&context).unwrap();
    assert_eq!(header, "job_id=job-7,worker_id=w.1,session_id=s:2");
    let there = extract(&[&header, "tenant=a"]);
    let ids = (there.job_id(), there.worker_id(), there.session_id());
    assert_eq!(ids, (Some("job-7"), Some("w.1"), Some("s:2")));
    assert_eq!(members(&there), [("tenant".into(), "a".into(), String::new())]);
    assert_eq!(injected(&there).unwrap(), format!("{header},tenant=a"));
}

#[test]
fn an_id_of_the_context_wins_over_a_member_of_its_name() {
    let baggage = Baggage::default().with("job_id", "of the member").unwrap();
    let context = Context::default().with_baggage(baggage.with("a", "1").unwrap());
    let job = CorrelationId::parse("of-the-context").unwrap();
    let context = context.with_ids(Some(job), None, None);
    assert_eq!(injected(&context).unwrap(), "job_id=of-the-context,a=1");
}

#[test]
fn an_id_outside_the_alphabet_is_ignored_and_not_made_to_fit() {
    let _alone = alone();
    let long = "x".repeat(129);
    for id in ["", "a%20b", "a/b", "%0A", long.as_str()] {
        let header = format!("job_id={id},worker_id=w-1");
        let (context, ignored) = newly_ignored(|| extract(&[&header]));
        assert_eq!((context.job_id(), context.worker_id()), (None, Some("w-1")), "{id}");
        assert_eq!(ignored, ["baggage invalid_id 1"], "{id}");
        assert_eq!(injected(&context).unwrap(), "worker_id=w-1", "and it is not passed on");
    }
}

#[test]
fn ids_are_the_last_to_be_left_out() {
    let _alone = alone();
    let baggage = Baggage::default().with("big", &"x".repeat(8000)).unwrap();
    let baggage = baggage.with("small", "1").unwrap();
    let context = Context::default().with_baggage(baggage);
    let id = || CorrelationId::parse(&"j".repeat(128)).ok();
    let context = context.with_ids(id(), id(), id());
    let (header, ignored) = newly_ignored(|| injected(&context).unwrap());
    assert!(header.len() <= 8192);
    let keys: Vec<_> = header.split(',').map(|member| member.split_once('=').unwrap().0).collect();
    assert_eq!(keys, ["job_id", "worker_id", "session_id", "small"]);
    assert_eq!(ignored, ["baggage too_long 1"]);
    let full = (0..64).fold(Baggage::default(), |all, n| all.with(&format!("k{n}"), "").unwrap());
    let context = context.with_baggage(full);
    let (header, ignored) = newly_ignored(|| injected(&context).unwrap());
    assert_eq!((header.split(',').count(), header.starts_with("job_id=")), (64, true));
    assert_eq!(ignored, ["baggage too_many_members 3"]);
}

#[test]
fn who_may_have_the_baggage() {
    // A list, hosts it allows, hosts it does not.
    let cases: [(&str, &[&str], &[&str]); 9] = [
        (
            "*.internal,10.0.0.0/8",
            &[
                "api.internal",
                "a.b.Internal:8080",
                "api.internal.",
                "10.1.2.3",
                "10.1.2.3:80",
                "[::ffff:10.0.0.1]:80",
            ],
            &[
                "internal",
                "evil-internal",
                "api.internal.com",
                "11.0.0.1",
                "localhost",
                "127.0.0.1",
                "::1",
                "",
            ],
        ),
        (
            "api.internal",
            &["api.internal", "API.INTERNAL:443"],
            &["b.api.internal", "api.internal.evil.com"],
        ),
        ("fd00::/8", &["fd12::1", "[fd12::1]:80"], &["fe80::1", "10.0.0.1", "fd00.example"]),
        ("10.0.0.1", &["10.0.0.1"], &["10.0.0.2", "10.0.0.1.example.com"]),
        ("0.0.0.0/0", &["1.2.3.4"], &["::1", "example.com"]),
        ("192.168.1.128/25", &["192.168.1.128", "192.168.1.255"], &["192.168.1.127"]),
        ("*", &["anything", "1.2.3.4", "::1"], &["", ":80"]),
        ("none", &[], &["localhost", "127.0.0.1"]),
        ("", &[], &["localhost"]),
    ];
    for (list, allowed, refused) in cases {
        let destinations = Destinations::parse(list).unwrap();
        for host in allowed {
            assert!(destinations.allows(host), "{list} allows {host}");
        }
        for host in refused {
            assert!(!destinations.allows(host), "{list} does not allow {host}");
        }
    }
    let default = Destinations::default();
    for host in
        ["localhost", "LOCALHOST:80", "a.localhost", "127.0.0.1", "127.8.9.1:80", "::1", "[::1]:80"]
    {
        assert!(default.allows(host), "{host}");
    }
    for host in [
        "localhost.example.com",
        "notlocalhost",
        "127.0.0.1.example.com",
        "10.0.0.1",
        "::2",
        "0.0.0.0",
    ] {
        assert!(!default.allows(host), "{host}");
    }
    for list in [
        "*internal",
        "a..b",
        "10.0.0.0/33",
        "10.0.0.0/x",
        "10.0.0.0/+8",
        "::/129",
        "a/8",
        "http://a",
        "a b",
        "*.",
        "none,a.b/",
        "a:80",
    ] {
        let error = Destinations::parse(list).unwrap_err();
        assert!(!error.entry().is_empty(), "{list}");
    }
    assert_eq!(Destinations::parse("a,b*c").unwrap_err().entry(), "b*c");
}

#[test]
fn a_stranger_gets_the_trace_and_nothing_else() {
    let span = radiosonde_context::SpanId::random();
    let context = scope().job("job-7").run(Context::current);
    let context = context.with_span(radiosonde_context::TraceId::random(), span, true);
    let context = context.with_baggage(Baggage::default().with("tenant", "a").unwrap());
    let names = |host: &str| {
        let mut carrier = BTreeMap::new();
        carrier.insert("Baggage".to_owned(), "of=before".to_owned());
        inject_to(host, &context, &mut carrier);
        carrier.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(names("example.com"), ["traceparent"]);
    assert_eq!(names("localhost:8080"), ["baggage", "traceparent"]);
}

#[test]
fn what_the_filter_keeps_back_is_sent_to_nobody_and_counted() {
    let _alone = alone();
    // Of keys no other test has: the filter is the process's.
    set_baggage_filter(|key, value| !key.starts_with("secret") && value != "secret-value");
    let baggage = [
        ("secret-key", "1", ""),
        ("k", "secret-value", ""),
        ("m", "1", "secret-value"),
        ("ok", "1", ""),
    ]
    .iter()
    .fold(Baggage::default(), |all, (key, value, metadata)| {
        all.with_metadata(key, value, metadata).unwrap()
    });
    let context = Context::default().with_baggage(baggage);
    let (header, ignored) = newly_ignored(|| injected(&context).unwrap());
    assert_eq!(header, "ok=1");
    assert_eq!(ignored, ["baggage filtered 3"]);
}
