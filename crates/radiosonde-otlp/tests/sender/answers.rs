//! What arrives when all is well, and what a collector says about it.

use radiosonde_otlp::{Compression, State};
use radiosonde_testkit::{Fault, Receiver, Script, Transport};

use crate::common::*;

#[test]
fn records_arrive_once_in_order_over_every_way_there_is() {
    for protocol in PROTOCOLS {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let receiver = Receiver::start().unwrap();
            let mut bed = Bed::new();
            bed.append(3_000);
            let mut destination = to(&receiver, protocol);
            destination.compression = compression;
            destination.headers.push(("api-key".to_owned(), "hunter2".to_owned()));
            let sender = bed.send(&destination);
            assert!(sender.flush(LONG), "{:?}", sender.status());
            let received = receiver.received();
            let texts: Vec<_> = received.logs.iter().map(|log| format!("{:?}", log.body)).collect();
            assert_eq!(texts.len(), 3_000, "{protocol:?} {compression:?}");
            assert!(texts[0].contains("line 0") && texts[2_999].contains("line 2999"));
            assert_eq!(receiver.counts().duplicates(), 0);
            assert_eq!(bed.books(), (3_000, 0, 0));
            let found = status(&sender, |status| status.delivered == 3_000);
            assert_eq!((found.state, found.pending, found.failures), (State::Closed, 0, 0));
            check_requests(&receiver, compression);
        }
    }
}

fn check_requests(receiver: &Receiver, compression: Compression) {
    let requests = receiver.requests();
    let mut next = 0;
    for request in &requests {
        let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
        assert_eq!(header("api-key"), "hunter2");
        assert!(header("user-agent").contains("radiosonde-otlp/"), "{request:?}");
        let encoding = match request.transport {
            Transport::Grpc => header("grpc-encoding"),
            _ => header("content-encoding"),
        };
        let expected = match compression {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            _ => "",
        };
        assert_eq!(encoding.trim_start_matches("identity"), expected);
        let batch = header("x-radiosonde-batch");
        let range = batch.strip_prefix("k3f9q2xw/logs-info/").expect("instance and stream");
        let (first, last) = range.split_once('-').expect("a range");
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(first, next, "{batch}");
        assert_eq!(last - first + 1, request.records as u64, "{batch}");
        next = last + 1;
    }
    assert!(requests.len() > 1 && requests.len() < 20, "{} requests", requests.len());
}

#[test]
fn what_a_partial_success_refuses_is_counted_and_its_reason_kept() {
    for protocol in PROTOCOLS {
        let message = "no unit".to_owned();
        let script = Script::healthy().requests(1, Fault::PartialSuccess { rejected: 3, message });
        let receiver = Receiver::with(script).unwrap();
        let mut bed = Bed::new();
        bed.append(50);
        let sender = bed.send(&to(&receiver, protocol));
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!(bed.books(), (47, 3, 0), "{protocol:?}");
        let found = status(&sender, |status| status.rejected == 3);
        assert!(found.message.is_some_and(|text| text.contains("3 records: no unit")));
        assert_eq!(receiver.request_count(), 1, "it is not sent again");
    }
}

#[test]
fn poison_is_put_aside_and_its_neighbours_arrive() {
    for protocol in PROTOCOLS {
        let script = Script::healthy().until_told(Fault::Poison("poison".to_owned()));
        let receiver = Receiver::with(script).unwrap();
        let mut bed = Bed::new();
        bed.append_as(400, |number| match number {
            77 | 311 => "poison".to_owned(),
            _ => "well".to_owned(),
        });
        let sender = bed.send(&to(&receiver, protocol));
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!(bed.books(), (398, 2, 0), "{protocol:?}");
        assert_eq!(receiver.counts().duplicates(), 0);
        let found = status(&sender, |status| status.quarantined == 2);
        assert!(
            found.last_error.is_some_and(|text| text.contains("400") || text.contains("INVAL"))
        );
    }
}

#[test]
fn a_collector_that_takes_small_requests_only_gets_small_ones() {
    for protocol in PROTOCOLS {
        let script = Script::healthy().until_told(Fault::TooLarge { bytes_max: 40_000 });
        let receiver = Receiver::with(script).unwrap();
        let mut bed = Bed::new();
        bed.append_as(3_000, |number| format!("{number:0>100}"));
        let sender = bed.send(&to(&receiver, protocol));
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!(bed.books(), (3_000, 0, 0), "{protocol:?}");
        assert_eq!(receiver.counts().duplicates(), 0);
    }
}

#[test]
fn the_letter_of_the_specification_drops_what_is_refused() {
    let script = Script::healthy().requests(1, Fault::status(401));
    let receiver = Receiver::with(script).unwrap();
    let mut bed = Bed::new();
    bed.append(50);
    let destination = to(&receiver, radiosonde_otlp::Protocol::Http);
    let sender = bed.send_with(&destination, options_of_sender(), true);
    assert!(sender.flush(LONG), "{:?}", sender.status());
    bed.append(70);
    assert!(sender.flush(LONG), "{:?}", sender.status());
    assert_eq!(bed.books(), (70, 50, 0));
    assert_eq!(status(&sender, |_| true).dropped_by_the_letter, 50);
}
