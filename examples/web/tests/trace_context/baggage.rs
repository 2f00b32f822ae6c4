//! W3C Baggage through a running server: what comes in, what is sent on, and what of it is on disk.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cases::{PARENT, TRACE};
use crate::server::{self, Headers, Server};

struct Case {
    rule: &'static str,
    headers: &'static [&'static str],
    /// What is sent on, members joined by a comma.
    sent_on: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case { rule: "3.3.1: one member", headers: &["a=1"], sent_on: Some("a=1") },
    Case { rule: "3.3.1: in their order", headers: &["b=1,a=2"], sent_on: Some("b=1,a=2") },
    Case {
        rule: "3.3.1: several headers",
        headers: &["a=1", "b=2,c=3"],
        sent_on: Some("a=1,b=2,c=3"),
    },
    Case { rule: "3.3.1: blanks", headers: &["  a \t= 1 ,\tb=2 "], sent_on: Some("a=1,b=2") },
    Case { rule: "3.3.1.1: keys have a case", headers: &["A=1,a=2"], sent_on: Some("A=1,a=2") },
    Case {
        rule: "3.3.1.1: every token",
        headers: &["!#$%&'*+-.^_`|~0=1"],
        sent_on: Some("!#$%&'*+-.^_`|~0=1"),
    },
    Case {
        rule: "3.3.1.2: properties",
        headers: &["a=1;p1=v;p2 , b=2"],
        sent_on: Some("a=1;p1=v;p2,b=2"),
    },
    Case {
        rule: "3.3.1.3: an escaped value",
        headers: &["a=%20gr%C3%B6%C3%9Fe%2C%3B%22"],
        sent_on: Some("a=%20gr%C3%B6%C3%9Fe%2C%3B%22"),
    },
    Case {
        rule: "3.3.1.3: what is no UTF-8 is replaced",
        headers: &["a=%FFx"],
        sent_on: Some("a=%EF%BF%BDx"),
    },
    Case {
        rule: "3.3.1.3: an equals sign in a value",
        headers: &["a=b=c"],
        sent_on: Some("a=b=c"),
    },
    Case { rule: "3.3.1.3: an empty value", headers: &["a="], sent_on: Some("a=") },
    Case {
        rule: "3.3.1: what is no member is left out",
        headers: &["a=1,novalue,=2,b c=3,d=4"],
        sent_on: Some("a=1,d=4"),
    },
    Case { rule: "3.3.1: a key again", headers: &["a=1,b=2,a=3"], sent_on: Some("a=3,b=2") },
    Case { rule: "3.3.1: nothing", headers: &[""], sent_on: None },
    Case { rule: "3.3.1: no member at all", headers: &["%%%"], sent_on: None },
    Case {
        rule: "ids that cannot be ids are not sent on",
        headers: &["job_id=a%20b,a=1"],
        sent_on: Some("a=1"),
    },
    Case {
        rule: "secrets are not sent on",
        headers: &["password=hunter2,a=1"],
        sent_on: Some("a=1"),
    },
];

fn headers(baggage: &[&str]) -> Vec<(&'static str, String)> {
    let parent = ("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    let baggage = baggage.iter().map(|text| ("baggage", (*text).to_owned()));
    std::iter::once(parent).chain(baggage).collect()
}

fn sent_on(headers: &Headers) -> Option<String> {
    let all = headers.all("baggage");
    (!all.is_empty()).then(|| all.join(","))
}

pub(crate) async fn rules(server: &Server) {
    for (number, Case { rule, headers: given, sent_on: expected }) in CASES.iter().enumerate() {
        let got = server.forward(1_000 + number, &headers(given)).await;
        assert_eq!(sent_on(&got).as_deref(), *expected, "{rule}: {given:?}");
    }
}

/// As much goes through as the recommendation asks (3.3.2), and no more.
pub(crate) async fn limits(server: &Server) {
    let many = |count: usize| (0..count).map(|n| format!("k{n}=v{n}")).collect::<Vec<_>>();
    for (count, kept) in [(64, 64), (65, 64), (180, 64)] {
        let all = many(count).join(",");
        let got = server.forward(2_000 + count, &headers(&[&all])).await;
        let expected = many(count)[..kept].join(",");
        assert_eq!(sent_on(&got), Some(expected), "{count} members");
    }
    let long = |length: usize| format!("a={}", "x".repeat(length - 2));
    let at = server.forward(3_000, &headers(&[&long(8_192)])).await;
    assert_eq!(sent_on(&at), Some(long(8_192)));
    // What does not fit is left out, and what does stays.
    let past = server.forward(3_001, &headers(&[&long(8_193), "b=1"])).await;
    assert_eq!(sent_on(&past).as_deref(), Some("b=1"));
}

/// A request whose baggage has ids, to be looked for on disk.
pub(crate) struct Ids;

pub(crate) async fn ids(server: &Server) -> Ids {
    let given = "tenant=acme,job_id=job-77,worker_id=w-3,session_id=s.1:2";
    let got = server.forward(4_000, &headers(&[given])).await;
    let text = sent_on(&got).unwrap();
    let members: BTreeMap<&str, &str> =
        text.split(',').map(|member| member.split_once('=').unwrap()).collect();
    let expected =
        [("job_id", "job-77"), ("session_id", "s.1:2"), ("tenant", "acme"), ("worker_id", "w-3")];
    assert_eq!(members, BTreeMap::from(expected));
    Ids
}

impl Ids {
    /// They stand on the span and on the event.
    pub(crate) fn judge(&self, directory: &Path) {
        let spans = server::lines(directory, "spans-");
        let of_case = |line: &&serde_json::Value| {
            line["meta"]["attributes"]["url.path"] == "/case/4000"
                && line["meta"]["kind"] == "server"
        };
        let span = spans.iter().find(of_case).unwrap();
        let events = server::lines(directory, "events-");
        let event = events.iter().find(|line| line["meta"]["case"] == "4000").unwrap();
        for line in [span, event] {
            assert_eq!(line["job_id"], "job-77", "{line}");
            assert_eq!(line["worker_id"], "w-3", "{line}");
            assert_eq!(line["session_id"], "s.1:2", "{line}");
            assert_eq!(line["trace_id"], TRACE, "{line}");
        }
    }
}
