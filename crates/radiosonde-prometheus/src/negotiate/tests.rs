//! Formats, codings and qualities, as clients ask for them.

use hyper::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
    let values = values.iter().map(|value| HeaderValue::from_str(value).expect("a header"));
    values.map(|value| (name.clone(), value)).collect()
}

#[test]
fn the_format_is_what_the_client_likes_best() {
    let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
                        application/openmetrics-text;version=0.0.1;q=0.75,\
                        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                        application/openmetrics-text;version=0.0.1;q=0.5,\
                        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                        text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let protobuf_first = "application/vnd.google.protobuf;\
                          proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                          application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";
    for (accept, expected) in [
        (&[][..], TEXT),
        (&[""], TEXT),
        (&["*/*"], TEXT),
        (&["text/*"], TEXT),
        (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], TEXT),
        (&["text/plain"], TEXT),
        (&["text/plain;version=0.0.4"], TEXT),
        (&["text/plain;version=1.0.0"], TEXT),
        (&["text/plain;version=0.0.4;q=1,*/*;q=0.1"], TEXT),
        (&["application/json"], TEXT),
        (&["nonsense, ;;, /"], TEXT),
        (&["application/openmetrics-text"], OPEN),
        (&["Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8"], OPEN),
        (&["application/openmetrics-text; version=\"1.0.0\""], OPEN),
        (&["application/openmetrics-text;version=0.0.1"], OPEN_DRAFT),
        (&["application/openmetrics-text;version=2.0.0"], TEXT),
        (&["application/openmetrics-text;version=2.0.0,application/openmetrics-text;q=0.1"], OPEN),
        (&["application/*"], OPEN),
        (&["application/openmetrics-text, text/plain"], OPEN),
        (&["text/plain, application/openmetrics-text"], OPEN),
        (&["text/plain", "application/openmetrics-text"], OPEN),
        (&["application/openmetrics-text;q=0.4, text/plain;q=0.5"], TEXT),
        (&["application/openmetrics-text;q=0.5, text/plain;q=0.4"], OPEN),
        (&["application/openmetrics-text;q=0, */*"], TEXT),
        (&["application/openmetrics-text;q=0"], TEXT),
        (&["application/openmetrics-text;q=2"], TEXT),
        (&["application/openmetrics-text;q=0.3, */*;q=0.9"], TEXT),
        (&["application/openmetrics-text;a=\"x,text/plain;q=1\";q=0.2"], OPEN),
        (&[prometheus_2], OPEN),
        (&[prometheus_3], OPEN),
        (&[protobuf_first], OPEN),
    ] {
        assert_eq!(format(&headers(&ACCEPT, accept)), expected, "{accept:?}");
    }
}

#[test]
fn gzip_is_for_who_wants_it() {
    for (accept, expected) in [
        (&[][..], false),
        (&["gzip"], true),
        (&["GZIP;q=0.5"], true),
        (&["x-gzip"], true),
        (&["deflate", "gzip"], true),
        (&["deflate, br"], false),
        (&["gzip;q=0"], false),
        (&["gzip;q=0.000, *"], false),
        (&["*"], true),
        (&["*;q=0"], false),
        (&["identity;q=0.5, gzip;q=0.4"], false),
        (&["identity, gzip"], true),
        (&["gzip;q=nonsense"], false),
    ] {
        assert_eq!(gzip(&headers(&ACCEPT_ENCODING, accept)), expected, "{accept:?}");
    }
}

#[test]
fn json_must_be_named() {
    for (accept, expected) in [
        ("application/json", true),
        ("text/html, Application/JSON;q=0.5", true),
        ("application/json; charset=utf-8", true),
        ("*/*", false),
        ("application/*", false),
        ("application/json;q=0.000", false),
        ("application/jsonp", false),
    ] {
        assert_eq!(json(&headers(&ACCEPT, &[accept])), expected, "{accept}");
    }
}

#[test]
fn qualities_have_three_digits_at_most() {
    for (text, expected) in [
        ("0", Some(0)),
        ("1", Some(1000)),
        ("1.0", Some(1000)),
        ("1.000", Some(1000)),
        ("0.", Some(0)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("0.005", Some(5)),
        ("0.0005", None),
        ("1.001", None),
        ("-1", None),
        ("+0.5", None),
        ("0.+5", None),
        ("", None),
        (".5", None),
        ("NaN", None),
    ] {
        assert_eq!(parse_quality(text), expected, "{text}");
    }
}

/// Pieces that headers are made of, in any order.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("application/openmetrics-text".to_owned()),
        Just("text/plain".to_owned()),
        Just("version=".to_owned()),
        Just("1.0.0".to_owned()),
        Just("0.0.4".to_owned()),
        Just(";q=".to_owned()),
        "[,;=\"\\\\*/ ]{1,3}",
        "[0-9.]{1,5}",
        "[ -~\u{80}-\u{ff}]{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_accepted_there_is_an_answer(pieces in proptest::collection::vec(piece(), 0..30)) {
        let Ok(value) = HeaderValue::from_bytes(pieces.concat().as_bytes()) else { return Ok(()) };
        let of = |name: HeaderName| HeaderMap::from_iter([(name, value.clone())]);
        let agreed = format(&of(ACCEPT));
        prop_assert!(OFFERS.iter().any(|(offer, _)| *offer == agreed));
        if agreed.format == Format::OpenMetrics {
            prop_assert!(pieces.concat().contains("application"));
        }
        let _ = (gzip(&of(ACCEPT_ENCODING)), json(&of(ACCEPT)));
    }

    #[test]
    fn the_better_quality_wins(open in 0_u16..=1000, text in 0_u16..=1000, swapped: bool) {
        let quality = |thousandths: u16| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let mut ranges = [
            format!("application/openmetrics-text;version=1.0.0;q={}", quality(open)),
            format!("text/plain;version=0.0.4;q={}", quality(text)),
        ];
        if swapped {
            ranges.swap(0, 1);
        }
        let agreed = format(&headers(&ACCEPT, &[&ranges.join(",")]));
        let expected = if open > 0 && open >= text { OPEN } else { TEXT };
        prop_assert_eq!(agreed, expected);
    }
}
