//! Contexts out of any headers, and into headers again.

use std::collections::BTreeMap;

use radiosonde_context::propagation::{Destinations, Propagators};
use radiosonde_context::{Baggage, Context, TraceState};

use super::dice::{Dice, utf8};

const NAMES: [&str; 8] = [
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
    "x-b3-flags",
];
const BAGGAGE_MAX: usize = 8192;
const STATE_MAX: usize = 512;

/// Headers: what is read of them is written as valid headers, within the limits, and reads back.
pub fn propagation_extract(data: &[u8]) {
    let mut dice = Dice(data);
    let formats = ["tracecontext,baggage", "b3,baggage", "b3multi,tracecontext,baggage,b3"];
    let formats = formats[usize::from(dice.u8()) % formats.len()];
    let propagators = Propagators::parse(formats).expect("names that are known");
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    while !dice.0.is_empty() && headers.len() < 16 {
        let name = NAMES[usize::from(dice.u8()) % NAMES.len()];
        headers.push((name, dice.counted()));
    }
    let context = propagators.extract(&headers.as_slice());
    let written = written(propagators, &context);
    let back = propagators.extract(&written);
    assert_eq!(back.trace_id(), context.trace_id());
    assert_eq!(back.span_id(), context.span_id());
    assert_eq!(back.is_sampled(), context.is_sampled());
    assert_eq!(back.baggage(), context.baggage());
    let ids = |context: &Context| {
        [context.job_id(), context.worker_id(), context.session_id()]
            .map(|id| id.map(str::to_owned))
    };
    assert_eq!(ids(&back), ids(&context));
    assert_eq!(self::written(propagators, &back), written);
}

fn written(propagators: Propagators, context: &Context) -> BTreeMap<String, String> {
    let mut carrier = BTreeMap::new();
    propagators.inject(context, true, &mut carrier);
    for (name, value) in &carrier {
        assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "{name}: {value}");
        let limit = if name == "tracestate" { STATE_MAX } else { BAGGAGE_MAX };
        assert!(!value.is_empty() && value.len() <= limit, "{name}");
    }
    carrier
}

/// Texts that users and operators give: a list of hosts with a host, a trace state, baggage.
pub fn propagation_texts(data: &[u8]) {
    let mut dice = Dice(data);
    let (list, host) = (utf8(dice.counted()), utf8(dice.counted()));
    if let Ok(destinations) = Destinations::parse(list) {
        let allowed = destinations.allows(host);
        assert_eq!(destinations.allows(&host.to_ascii_uppercase()), allowed, "{list} {host}");
        assert!(!allowed || list != "none");
    }
    let text = utf8(dice.0);
    if let Ok(state) = TraceState::parse(text) {
        let again = TraceState::parse(state.as_str()).expect("it was valid");
        assert_eq!(again, state);
        assert!(state.iter().count() <= 32);
    }
    if let Ok(baggage) = Baggage::default().with_metadata(list, text, host) {
        assert_eq!(baggage.get(list), Some(text));
        let written = written(Propagators::default(), &Context::default().with_baggage(baggage));
        assert_eq!(written.len(), 1);
    }
}

/// Headers as they come, and as they should not.
pub fn extract_seeds() -> Vec<Vec<u8>> {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let single = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-d-05e3ac9a4f6e3b90";
    let inputs: [&[(u8, &str)]; 6] = [
        &[(0, parent), (1, "rojo=1,congo@t=t61rcWkgMzE"), (1, ""), (2, "job_id=j-1,a=%C3%A4;p=1")],
        &[(0, "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-more"), (1, "a=1,a=2")],
        &[(0, parent), (0, parent), (2, "a=1, b = 2 ;q, c=%FF%zz%, a=3,,=")],
        &[(3, single), (2, "worker_id=w 1,session_id=s-1")],
        &[(4, "a3ce929d0e0e4736"), (5, "00f067aa0ba902b7"), (6, "true"), (7, "1")],
        &[(3, "0"), (4, "A3CE929D0E0E4736"), (5, "00f067aa0ba902b7"), (6, "0")],
    ];
    let input = |headers: &[(u8, &str)]| {
        let header = |(name, value): &(u8, &str)| [&[*name], &counted(value)[..]].concat();
        headers.iter().map(header).collect::<Vec<_>>().concat()
    };
    let with = |format: u8| inputs.map(move |headers| [&[format][..], &input(headers)].concat());
    (0..3).flat_map(with).collect()
}

/// Lists with hosts they allow and others.
pub fn texts_seeds() -> Vec<Vec<u8>> {
    let texts = [
        ("*.internal,10.0.0.0/8", "api.internal:8080", "foo=1,bar=2"),
        ("fd00::/8,localhost", "[fd00::1]:80", "tenant@vendor= a"),
        ("key", "p=1;q", "größe, 100%"),
        ("none", "127.0.0.1", ""),
    ];
    texts
        .map(|(list, host, text)| [&counted(list)[..], &counted(host), text.as_bytes()].concat())
        .to_vec()
}

fn counted(text: &str) -> Vec<u8> {
    super::seeds::counted(text.as_bytes())
}
