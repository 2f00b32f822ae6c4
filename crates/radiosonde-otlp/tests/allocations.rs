//! What the entry of a record allocates, counted. One test: the allocator counts for all threads.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::alloc::System;

use common::{bytes, context, owner};
use radiosonde_events::Redactions;
use radiosonde_otlp::fuzzing::Encoding;
use radiosonde_otlp::{Packer, Stream};
use radiosonde_record::{Descriptor, Kind, Level, Record, SpanPart, Value};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The fewest allocations, and changes of their size, of several runs: other threads of the test program
/// may have some of their own, and would not in each.
fn fewest(mut run: impl FnMut()) -> usize {
    let counts = (0..5).map(|_| {
        let region = Region::new(ALLOCATOR);
        (0..100).for_each(|_| run());
        let change = region.change();
        change.allocations + change.reallocations
    });
    counts.min().unwrap()
}

#[test]
fn entries_of_events_and_spans_allocate_nothing() {
    let (context, ..) = context();
    let site = Descriptor {
        name: "user.action".to_owned(),
        source: "shop::cart".to_owned(),
        keys: ["status", "user", "password"].map(str::to_owned).to_vec(),
        ..Descriptor::default()
    };
    for kind in [Kind::Event, Kind::Span] {
        let long = "a longer text, ".repeat(20);
        let record = bytes((kind, Level::Info), 1_759_758_190_123_456_789, &context, |record| {
            if kind == Kind::Span {
                record.span(&SpanPart { parent: 7, status: 2, ..SpanPart::default() });
            }
            record.message(Value::Str("rendered the site"));
            record.field(0, Value::U64(429));
            record.field(1, Value::Str(&long));
            record.field(2, Value::Str("hunter2"));
        });
        let mut encoding = Encoding::new(&owner(), common::INSTANCE, Redactions::default());
        let (mut entry, mut packer) = (Vec::new(), Packer::default());
        let mut encode = || {
            let record = Record::decode(&record).unwrap();
            let stream = encoding.encode(&record, &site, 1, &mut entry).unwrap();
            packer.clear();
            assert!(packer.push(stream, &entry));
            assert_eq!(packer.frames(Stream::LogsInfo).count(), 0);
        };
        encode();
        assert_eq!(fewest(encode), 0, "{kind:?}");
    }
}
