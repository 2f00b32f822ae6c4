//! The processing rules of the W3C recommendation, a case each: what a caller sends, and what has to
//! come out at the other side of a server.
//!
//! TC1 is Trace Context level 1 (recommendation of 23 November 2021), TC2 its level 2, BG Baggage;
//! with the number of the section.

/// What a request has, and what has to become of it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) trace: Trace,
    /// The `tracestate` that is sent on, members joined by a comma; `None` when there must be none.
    pub(crate) state: Option<String>,
}

/// What becomes of the caller's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It goes on, with these flags sent on.
    Continued(u8),
    /// Another one begins: nothing of what came may be in it.
    Restarted,
}

pub(crate) const TRACE: &str = "12345678901234567890123456789012";
pub(crate) const PARENT: &str = "1234567890123456";

fn case(rule: &'static str, headers: &[(&'static str, &str)], trace: Trace) -> Case {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Case { rule, headers, trace, state: None }
}

/// With a valid `traceparent`.
fn state(rule: &'static str, states: &[&str], expected: Option<&str>) -> Case {
    let parent = ("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    let states = states.iter().map(|state| ("tracestate", (*state).to_owned()));
    let headers = std::iter::once(parent).chain(states).collect();
    let state = expected.map(str::to_owned);
    Case { rule, headers, trace: Trace::Continued(1), state }
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = parents();
    all.extend(parents_that_are_none());
    all.extend(states());
    all.extend(states_by_their_limits());
    all.extend(states_that_are_none());
    all
}

fn parents() -> Vec<Case> {
    use Trace::{Continued, Restarted};
    let valid = format!("00-{TRACE}-{PARENT}-01");
    let with = |flags: &str| format!("00-{TRACE}-{PARENT}-{flags}");
    vec![
        case("TC1 2.2: nothing came", &[], Restarted),
        case("TC1 2.2: a valid parent", &[("traceparent", &valid)], Continued(1)),
        case("TC1 3.2: the name has no case", &[("TraceParent", &valid)], Continued(1)),
        case("TC1 3.2: the name has no case", &[("TRACEPARENT", &valid)], Continued(1)),
        case("TC1 3.2: another name", &[("trace-parent", &valid)], Restarted),
        case("TC1 3.2: another name", &[("trace.parent", &valid)], Restarted),
        case(
            "TC1 4.2: two parents, alike",
            &[("traceparent", &valid), ("traceparent", &valid)],
            Restarted,
        ),
        case(
            "TC1 4.2: two parents",
            &[
                ("traceparent", &valid),
                ("traceparent", "00-22345678901234567890123456789012-1234567890123456-01"),
            ],
            Restarted,
        ),
        case(
            "TC1 4.2: two parents in one header",
            &[("traceparent", &format!("{valid},{valid}"))],
            Restarted,
        ),
        case("TC1 3.2.2.5: not sampled", &[("traceparent", &with("00"))], Continued(0)),
        case("TC2 3.2.2.5: sampled and random", &[("traceparent", &with("03"))], Continued(3)),
        case("TC2 3.2.2.5: random alone", &[("traceparent", &with("02"))], Continued(2)),
        case(
            "TC1 3.2.2.5: flags nobody knows are not sent on",
            &[("traceparent", &with("ff"))],
            Continued(3),
        ),
        case(
            "TC1 3.2.2.5: flags nobody knows are not sent on",
            &[("traceparent", &with("fc"))],
            Continued(0),
        ),
        case(
            "RFC 9110 5.5: blanks around",
            &[("traceparent", &format!(" \t{valid}\t "))],
            Continued(1),
        ),
        case(
            "TC1 3.2.3: a higher version",
            &[("traceparent", &valid.replacen("00", "cc", 1))],
            Continued(1),
        ),
        case(
            "TC1 3.2.3: a higher version that has more to say",
            &[("traceparent", &format!("cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like"))],
            Continued(1),
        ),
        case(
            "TC1 3.2.3: a higher version, of flags only the known ones",
            &[("traceparent", &format!("cc-{TRACE}-{PARENT}-09-more"))],
            Continued(1),
        ),
    ]
}

fn parents_that_are_none() -> Vec<Case> {
    let with = |version: &str, trace: &str, parent: &str, rest: &str| {
        format!("{version}-{trace}-{parent}-{rest}")
    };
    let text = [
        ("TC1 3.2.2.1: version ff", with("ff", TRACE, PARENT, "01")),
        ("TC1 3.2.2.1: version in capitals", with("CC", TRACE, PARENT, "01")),
        ("TC1 3.2.2.1: no hexadecimal version", with(".0", TRACE, PARENT, "01")),
        ("TC1 3.2.2.1: no hexadecimal version", with("0.", TRACE, PARENT, "01")),
        ("TC1 3.2.2.1: version too long", with("000", TRACE, PARENT, "01")),
        ("TC1 3.2.2.1: version too long", with("0000", TRACE, PARENT, "01")),
        ("TC1 3.2.2.1: version too short", with("0", TRACE, PARENT, "01")),
        ("TC1 3.2.2.3: a trace of zeroes", with("00", &"0".repeat(32), PARENT, "01")),
        ("TC1 3.2.2.3: trace in capitals", with("00", &"AB".repeat(16), PARENT, "01")),
        (
            "TC1 3.2.2.3: no hexadecimal",
            with("00", ".2345678901234567890123456789012", PARENT, "01"),
        ),
        (
            "TC1 3.2.2.3: no hexadecimal",
            with("00", "1234567890123456789012345678901.", PARENT, "01"),
        ),
        ("TC1 3.2.2.3: trace too long", with("00", &"1".repeat(33), PARENT, "01")),
        ("TC1 3.2.2.3: trace too short", with("00", &"1".repeat(31), PARENT, "01")),
        ("TC1 3.2.2.4: a parent of zeroes", with("00", TRACE, &"0".repeat(16), "01")),
        ("TC1 3.2.2.4: parent in capitals", with("00", TRACE, &"AB".repeat(8), "01")),
        ("TC1 3.2.2.4: no hexadecimal", with("00", TRACE, ".234567890123456", "01")),
        ("TC1 3.2.2.4: no hexadecimal", with("00", TRACE, "123456789012345.", "01")),
        ("TC1 3.2.2.4: parent too long", with("00", TRACE, &"1".repeat(17), "01")),
        ("TC1 3.2.2.4: parent too short", with("00", TRACE, &"1".repeat(15), "01")),
        ("TC1 3.2.2.5: flags no hexadecimal", with("00", TRACE, PARENT, ".0")),
        ("TC1 3.2.2.5: flags no hexadecimal", with("00", TRACE, PARENT, "0.")),
        ("TC1 3.2.2.5: flags in capitals", with("00", TRACE, PARENT, "0A")),
        ("TC1 3.2.2.5: flags too long", with("00", TRACE, PARENT, "001")),
        ("TC1 3.2.2.5: flags too short", with("00", TRACE, PARENT, "1")),
        ("TC1 3.2.2: version 00 ends there", with("00", TRACE, PARENT, "01.")),
        ("TC1 3.2.2: version 00 ends there", with("00", TRACE, PARENT, "01-")),
        ("TC1 3.2.2: version 00 ends there", with("00", TRACE, PARENT, "01-more")),
        ("TC1 3.2.3: more after something else than `-`", with("cc", TRACE, PARENT, "01.more")),
        ("TC1 3.2.3: a higher version is not shorter", with("cc", TRACE, PARENT, "0")),
        ("TC1 3.2.2: an underscore", format!("00_{TRACE}_{PARENT}_01")),
        ("TC1 3.2.2: empty", String::new()),
        ("TC1 3.2.2: not ASCII", format!("00-{TRACE}-{PARENT}-0\u{661}")),
        ("TC1 3.2.2: oversized", "0".repeat(7_000)),
    ];
    let with_state = text.into_iter().flat_map(|(rule, parent)| {
        let alone = vec![("traceparent", parent.clone())];
        // TC1 3.3: what is valid by itself goes with the parent it came with.
        let beside = vec![("traceparent", parent), ("tracestate", "foo=1,bar=2".to_owned())];
        [alone, beside].map(|headers| Case { rule, headers, trace: Trace::Restarted, state: None })
    });
    let orphan =
        case("TC1 4.2: a state without a parent", &[("tracestate", "foo=1")], Trace::Restarted);
    with_state.chain([orphan]).collect()
}

fn states() -> Vec<Case> {
    let keys = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    // Every character of a value but the comma and the equals sign.
    let value: String = ('\u{20}'..='\u{7e}').filter(|c| !matches!(c, ',' | '=')).collect();
    let any = format!("{keys}={value}x");
    let multi = format!("{keys}@a-z0-9_-*/=1");
    vec![
        state("TC1 3.3: none", &[], None),
        state("TC1 3.3: one", &["foo=1"], Some("foo=1")),
        state("TC1 3.3.1: in their order", &["foo=1,bar=2"], Some("foo=1,bar=2")),
        state("TC1 3.3.1: several headers", &["foo=1", "bar=2"], Some("foo=1,bar=2")),
        state(
            "TC1 3.3.1: several headers of several",
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
            Some("foo=1,bar=2,rojo=1,congo=2,baz=3"),
        ),
        state("TC1 3.3.1.1: empty", &[""], None),
        state("TC1 3.3.1.1: empty headers beside others", &["foo=1", ""], Some("foo=1")),
        state("TC1 3.3.1.1: empty headers beside others", &["", "foo=1"], Some("foo=1")),
        state("TC1 3.3.1.1: empty members", &["foo=1,,bar=2,"], Some("foo=1,bar=2")),
        state("TC1 3.3.1.1: blanks", &["foo=1 \t , \t bar=2, \t baz=3"], Some("foo=1,bar=2,baz=3")),
        state("TC1 3.3.1.1: blanks around", &[" \tfoo=1\t "], Some("foo=1")),
        state("TC1 3.3.1.3: every character", &[&any], Some(&any)),
        state("TC1 3.3.1.3: a key with a tenant", &[&multi], Some(&multi)),
        state("TC1 3.3.1.3: a tenant begins with a digit", &["0t@system=1"], Some("0t@system=1")),
        state("TC1 3.3.1.3: a blank within a value", &["foo=a b"], Some("foo=a b")),
    ]
}

fn states_by_their_limits() -> Vec<Case> {
    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!("k{n}=1")).collect();
        members.join(",")
    };
    let key = |length: usize| format!("{}=1", "z".repeat(length));
    let tenant =
        |tenant: usize, system: usize| format!("{}@{}=1", "t".repeat(tenant), "v".repeat(system));
    let value = |length: usize| format!("foo={}", "v".repeat(length));
    let mut cases = Vec::new();
    for whole in [members(32), key(256), tenant(241, 14), value(256)] {
        cases.push(state("TC1 3.3.1: at a limit", &[&whole], Some(&whole)));
    }
    for beyond in [members(33), key(257), value(257)] {
        cases.push(state("TC1 3.3.1: past a limit", &[&beyond], None));
    }
    let (first, rest) = (members(32), "last=1");
    cases.push(state("TC1 3.3.1.1: past 32 in two headers", &[&first, rest], None));
    cases
}

fn states_that_are_none() -> Vec<Case> {
    let text = [
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo",
        "foo=1,bar",
        "=1",
        "foo=",
        "foo=,bar=3",
        "foo=bar=baz",
        "foo=\u{e9}",
        "f\u{f6}\u{f6}=1",
        "@foo=1,bar=2",
        "foo=1,foo=2",
        "foo=1,bar=2,foo=1",
    ];
    let mut cases: Vec<Case> = text
        .iter()
        .map(|text| {
            state("TC1 3.3.1.3: what cannot be read is dropped, the parent is not", &[text], None)
        })
        .collect();
    cases.push(state("TC1 3.3.1.3: a key in two headers", &["foo=1", "foo=2"], None));
    cases.push(state("TC1 3.3: another name", &[], None));
    if let Some(case) = cases.last_mut() {
        case.headers.push(("trace-state", "foo=1".to_owned()));
    }
    cases
}
