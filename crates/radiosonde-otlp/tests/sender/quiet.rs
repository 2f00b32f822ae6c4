//! The sender records nothing of its own work.

use std::sync::atomic::{AtomicU64, Ordering};

use radiosonde_testkit::Receiver;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::common::*;

static SUPPRESSED: AtomicU64 = AtomicU64::new(0);
static HEARD: AtomicU64 = AtomicU64::new(0);

/// Hears everything, at the level trace, and asks whether radiosonde would record it.
struct Ear;

impl Ear {
    fn hear(&self) {
        let thread = std::thread::current();
        if thread.name() == Some("radiosonde-otlp") {
            let counter = if radiosonde_record::is_suppressed() { &SUPPRESSED } else { &HEARD };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.hear();
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.hear();
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn what_its_libraries_say_is_never_recorded() {
    tracing::subscriber::set_global_default(Ear).unwrap();
    let receiver = Receiver::start().unwrap();
    for protocol in PROTOCOLS {
        let mut bed = Bed::new();
        bed.append(200);
        let mut destination = to(&receiver, protocol);
        // A name, so that the threads that resolve it take part.
        destination.endpoint = destination.endpoint.replace("127.0.0.1", "localhost");
        let sender = bed.send(&destination);
        assert!(sender.flush(LONG), "{:?}", sender.status());
    }
    assert!(SUPPRESSED.load(Ordering::Relaxed) > 0, "HTTP/2 says a lot at the level trace");
    assert_eq!(HEARD.load(Ordering::Relaxed), 0);
}
