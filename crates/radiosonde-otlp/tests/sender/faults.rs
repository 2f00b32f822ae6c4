//! Collectors that fail for a while: everything arrives, once unless an answer was lost.

use std::time::Duration;

use radiosonde_otlp::Protocol;
use radiosonde_testkit::{Fault, Receiver, Script};

use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);

/// With each: whether it may keep what it does not acknowledge.
fn faults() -> Vec<(Fault, bool)> {
    let mut faults = vec![
        (Fault::Reset, false),
        (Fault::HangBeforeBody, false),
        (Fault::HangAfterBody, false),
        (Fault::SlowAnswer { every: Duration::from_millis(1) }, true),
        (Fault::HalfAnswer, true),
        (Fault::LoseAnswer, true),
        (Fault::Garbage, true),
        (Fault::status(500), false),
        (Fault::status(502), false),
        (Fault::status(503), false),
        (Fault::status(504), false),
        (Fault::status(429), false),
        (Fault::status_with(429, "Retry-After", "1"), false),
        (Fault::status_with(503, "Retry-After", "0"), false),
        (Fault::status_with(503, "Retry-After", "-7"), false),
        (Fault::status_with(503, "Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT"), false),
    ];
    faults.extend([1, 2, 4, 8, 10, 11, 13, 14, 15].map(|code| (Fault::grpc(code, None), false)));
    faults.push((Fault::grpc(8, Some(SECOND)), false));
    faults.push((Fault::grpc(14, Some(SECOND / 2)), false));
    faults
}

/// All at once: most of the time is spent waiting.
#[test]
fn a_fault_for_two_requests_costs_nothing() {
    let runs: Vec<_> = faults()
        .into_iter()
        .flat_map(|(fault, keeps)| PROTOCOLS.map(|protocol| (fault.clone(), keeps, protocol)))
        // Over HTTP some codes of gRPC become statuses that are held.
        .filter(|(fault, _, protocol)| {
            *protocol == Protocol::Grpc || !matches!(fault, Fault::Grpc { .. })
        })
        .map(|(fault, keeps, protocol)| {
            std::thread::spawn(move || survives(&fault, keeps, protocol))
        })
        .collect();
    for run in runs {
        run.join().unwrap();
    }
}

fn survives(fault: &Fault, keeps: bool, protocol: Protocol) {
    let script = Script::healthy().requests(1, Fault::Healthy).requests(2, fault.clone());
    let receiver = Receiver::with(script).unwrap();
    let mut bed = Bed::new();
    bed.append(100);
    let mut destination = to(&receiver, protocol);
    destination.timeout_ms = 1_500;
    let sender = bed.send(&destination);
    assert!(sender.flush(LONG), "{fault:?} {protocol:?}: {:?}", sender.status());
    bed.append(200);
    let is_flushed = sender.flush(LONG);
    let what = format!("{fault:?} {protocol:?}: {:?}", sender.status());
    assert!(is_flushed, "{what}");
    assert_eq!(bed.books(), (300, 0, 0), "{what}");
    let counts = receiver.counts();
    assert_eq!(counts.unique, 300, "{what}");
    assert!(keeps || counts.duplicates() == 0, "{what}: {counts:?}");
    // What was lost on the way is sent again as it was.
    assert!(counts.duplicates() <= 2 * 200, "{what}: {counts:?}");
}

#[test]
fn an_outage_is_waited_out_and_what_comes_meanwhile_arrives() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
        let mut bed = Bed::new();
        bed.append(200);
        let sender = bed.send(&to(&receiver, protocol));
        let found = status(&sender, |status| status.next_attempt.is_some());
        assert!(
            found.last_error.as_deref().is_some_and(|text| text.contains("efused")),
            "{found:?}"
        );
        bed.append(200);
        receiver.next_step();
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!((bed.books(), receiver.counts().unique), ((400, 0, 0), 400), "{protocol:?}");
    }
}
