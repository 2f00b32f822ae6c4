//! What holds of every carrier: nothing panics, and what is written reads back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use radiosonde_context::propagation::{Destinations, Propagators};
use radiosonde_context::{
    Baggage, Context, CorrelationId, SpanId, TraceFlags, TraceId, TraceState,
};

const ALL: &str = "tracecontext,baggage,b3,b3multi";
const NAMES: [&str; 9] = [
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
    "x-b3-flags",
    "TraceParent",
];

fn state() -> impl Strategy<Value = Option<TraceState>> {
    let member = ("[a-z0-9][a-z0-9_*/@-]{0,20}", "[ -+\\--<>-~]{0,20}[!-+\\--<>-~]");
    vec(member, 0..8).prop_map(|members| {
        let unique: BTreeMap<_, _> = members.into_iter().collect();
        let list: Vec<_> = unique.iter().map(|(key, value)| format!("{key}={value}")).collect();
        TraceState::parse(&list.join(",")).ok()
    })
}

fn baggage() -> impl Strategy<Value = Baggage> {
    let member =
        ("[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}", any::<String>(), "([a-z]{1,5}(=[!-+]{0,5})?)?");
    vec(member, 0..10).prop_map(|members| {
        members.iter().fold(Baggage::default(), |all, (key, value, metadata)| {
            all.with_metadata(key, value, metadata).unwrap_or(all)
        })
    })
}

prop_compose! {
    fn context()(
        trace in 1_u128.., span in 1_u64.., bits in any::<u8>(), state in state(),
        baggage in baggage(), job in proptest::option::of("[A-Za-z0-9._:-]{1,128}"),
        in_span in any::<bool>(),
    ) -> Context {
        let context = Context::default().with_baggage(baggage);
        let job = job.and_then(|job| CorrelationId::parse(&job).ok());
        let context = context.with_ids(job, None, None);
        let trace = TraceId::from_bytes(trace.to_be_bytes()).unwrap();
        let span = SpanId::from_bytes(span.to_be_bytes()).unwrap();
        if !in_span {
            return context;
        }
        context.with_remote_span(trace, span, TraceFlags::from_bits(bits), state)
    }
}

fn same(one: &Context, other: &Context) {
    assert_eq!(one.trace_id(), other.trace_id());
    assert_eq!(one.span_id(), other.span_id());
    assert_eq!(one.is_sampled(), other.is_sampled());
    assert_eq!(one.job_id(), other.job_id());
    assert_eq!(one.baggage(), other.baggage());
}

proptest! {
    #[test]
    fn what_is_injected_is_what_is_extracted(context in context()) {
        let propagators = Propagators::default();
        let mut carrier = BTreeMap::new();
        propagators.inject(&context, true, &mut carrier);
        let back = propagators.extract(&carrier);
        same(&back, &context);
        prop_assert_eq!(back.trace_flags(), context.trace_flags());
        prop_assert_eq!(back.trace_state(), context.trace_state());
        let mut again = BTreeMap::new();
        propagators.inject(&back, true, &mut again);
        prop_assert_eq!(carrier, again, "and what it says does not change on the way");
    }

    #[test]
    fn each_format_brings_the_span_over(context in context(), multi in any::<bool>()) {
        let format = if multi { "b3multi,baggage" } else { "b3,baggage" };
        let propagators = Propagators::parse(format).unwrap();
        let mut carrier = BTreeMap::new();
        propagators.inject(&context, true, &mut carrier);
        same(&propagators.extract(&carrier), &context);
    }

    #[test]
    fn no_bytes_panic_and_what_is_read_is_written_within_the_limits(
        headers in vec((0..NAMES.len(), vec(any::<u8>(), 0..200)), 0..6),
        textual in vec((0..NAMES.len(), "[ -~]{0,100}"), 0..4),
        list in "[0-9a-fd]{30,34}-[0-9a-f]{15,17}(-[01d]{1,2})?(-.*)?",
    ) {
        let mut pairs: Vec<(&str, Vec<u8>)> =
            headers.into_iter().map(|(name, value)| (NAMES[name], value)).collect();
        pairs.extend(textual.into_iter().map(|(name, value)| (NAMES[name], value.into_bytes())));
        pairs.push(("b3", list.clone().into_bytes()));
        pairs.push(("traceparent", format!("00-{list}").into_bytes()));
        let propagators = Propagators::parse(ALL).unwrap();
        let context = propagators.extract(&pairs.as_slice());
        let mut carrier = BTreeMap::new();
        propagators.inject(&context, true, &mut carrier);
        for (name, value) in &carrier {
            prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "{}", name);
            prop_assert!(value.len() <= 8192);
        }
        same(&propagators.extract(&carrier), &context);
    }

    #[test]
    fn no_list_of_hosts_panics(list in any::<String>(), host in any::<String>(), bits in 0..200_u32) {
        if let Ok(destinations) = Destinations::parse(&list) {
            let _ = destinations.allows(&host);
        }
        if let Ok(destinations) = Destinations::parse(&format!("10.0.0.0/{bits},::/{bits}")) {
            let _ = destinations.allows(&host);
            let _ = destinations.allows("10.0.0.1");
            let _ = destinations.allows("::1");
        }
    }
}
