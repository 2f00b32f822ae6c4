//! A ring against a plain queue, and a ring file after its process is gone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::format::{Buffer, Builder, Record, Site, SpanPart, Stamp, seal};
use crate::level::{DropReason, Kind, Level};
use crate::value::Value;

fn event(message: &str) -> Vec<u8> {
    record(Kind::Event, message)
}

pub(super) fn record(kind: Kind, message: &str) -> Vec<u8> {
    let mut buffer = Buffer::take();
    let site = Site::Registered(1);
    let mut builder = Builder::new(&mut buffer, kind, Level::Info, 7, &site);
    if kind == Kind::Span {
        builder.span(&SpanPart::default());
    }
    builder.message(Value::Str(message));
    builder.finish();
    buffer.written().to_vec()
}

fn message(bytes: &[u8]) -> String {
    Record::decode_whole(bytes).expect("a record that was pushed decodes").message.to_owned()
}

fn push(producer: &mut Producer, record: &[u8], level: Level) -> Result<bool, Full> {
    producer.push(record.len(), Kind::Event, level, false, copy(record))
}

/// As of a call that has waited.
fn push_at_last(producer: &mut Producer, record: &[u8], level: Level) -> Result<bool, Full> {
    producer.push_at_last(record.len(), Kind::Event, level, false, copy(record))
}

fn copy(record: &[u8]) -> impl FnOnce(&mut [u8], Stamp) {
    |place, stamp| {
        place.copy_from_slice(record);
        seal(place, stamp);
    }
}

/// The next record, copied; passes it.
fn read(source: &mut impl Source) -> Result<Option<Vec<u8>>, u64> {
    let Some(length) = source.next()? else { return Ok(None) };
    let bytes = source.record(length, <[u8]>::to_vec);
    let position = source.position() + length as u64;
    source.advance(position);
    Ok(Some(bytes))
}

proptest! {
    /// Whatever the order of pushes, reads and releases: what comes out is what went in, in order,
    /// and a push is refused only when it does not fit in one piece, the reserve left free. It is to
    /// wait before that.
    #[test]
    fn a_ring_is_a_queue(
        steps in prop::collection::vec((0u8..3, 0usize..900, any::<bool>()), 1..200)
    ) {
        const CAPACITY: usize = 4096;
        let memory = Memory::anonymous(Ring::memory_size(CAPACITY)).unwrap();
        let (ring, mut producer, mut consumer) = Ring::split(memory, 0);
        let mut model = VecDeque::new();
        let (mut head, mut tail, mut accepted, mut dropped) = (0usize, 0usize, 0, 0);
        for (step, size, urgent) in steps {
            match step {
                0 => {
                    let text = "x".repeat(size);
                    let bytes = event(&text);
                    let to_end = CAPACITY - head % CAPACITY;
                    let skipped = if bytes.len() > to_end { to_end } else { 0 };
                    let after = head + skipped + bytes.len();
                    let kept = if urgent { 8 } else { CAPACITY / 8 };
                    let waits = kept + if urgent { CAPACITY / 16 } else { CAPACITY / 8 };
                    let fits = after - tail <= CAPACITY - kept;
                    let level = if urgent { Level::Error } else { Level::Info };
                    if after - tail <= CAPACITY - waits || head == tail {
                        prop_assert!(push(&mut producer, &bytes, level).is_ok());
                    } else {
                        prop_assert_eq!(push(&mut producer, &bytes, level), Err(Full::MayWait));
                        let pushed = push_at_last(&mut producer, &bytes, level);
                        prop_assert_eq!(pushed.is_ok(), fits);
                    }
                    if fits {
                        head = after;
                        accepted += 1;
                        model.push_back((text, after));
                    }
                }
                1 => {
                    let found = read(&mut consumer).unwrap();
                    prop_assert_eq!(found.is_some(), !model.is_empty());
                    if let (Some(bytes), Some((text, after))) = (found, model.pop_front()) {
                        prop_assert_eq!(message(&bytes), text);
                        consumer.release(consumer.position());
                        tail = after;
                    }
                }
                _ => {
                    producer.drop_record(Kind::Event, DropReason::RingFull, Level::Info);
                    dropped += 1;
                }
            }
        }
        let counters = ring.counters();
        prop_assert_eq!(counters.accepted, [accepted, 0, 0]);
        prop_assert_eq!(counters.dropped.iter().flatten().flatten().sum::<u64>(), dropped);
        while let Some(bytes) = read(&mut consumer).unwrap() {
            prop_assert_eq!(Some(message(&bytes)), model.pop_front().map(|(text, _)| text));
        }
        prop_assert!(model.is_empty());
    }
}

#[test]
fn two_threads_pass_a_million_bytes_in_order() {
    // Miri takes a second for what takes a millisecond.
    const COUNT: u64 = if cfg!(miri) { 200 } else { 20_000 };
    let memory = Memory::anonymous(Ring::memory_size(8192)).unwrap();
    let (_ring, mut producer, mut consumer) = Ring::split(memory, 0);
    let writer = std::thread::spawn(move || {
        for number in 0..COUNT {
            let bytes = event(&number.to_string());
            while push(&mut producer, &bytes, Level::Info).is_err() {
                std::thread::yield_now();
            }
        }
    });
    let mut next = 0;
    while next < COUNT {
        if let Some(bytes) = read(&mut consumer).unwrap() {
            let record = Record::decode_whole(&bytes).unwrap();
            assert_eq!((record.message, record.sequence), (next.to_string().as_str(), next));
            next += 1;
            consumer.release(consumer.position());
        } else {
            std::thread::yield_now();
        }
    }
    writer.join().unwrap();
}

/// A ring of 4 KiB, records of some 230 bytes, and how many of them are pushed until one is not.
fn small() -> (Producer, Consumer, Vec<u8>) {
    let memory = Memory::anonymous(Ring::memory_size(4096)).unwrap();
    let (_ring, producer, consumer) = Ring::split(memory, 0);
    (producer, consumer, event(&"x".repeat(180)))
}

fn free(consumer: &mut Consumer, bytes: usize) {
    let goal = consumer.position() + bytes as u64;
    while consumer.position() < goal {
        assert!(read(consumer).unwrap().is_some());
        consumer.release(consumer.position());
    }
}

#[test]
fn a_full_ring_keeps_room_for_those_that_have_waited_and_for_errors() {
    let (mut producer, mut consumer, bytes) = small();
    let records = |end: usize| end / bytes.len();
    let mut fill = |level, push: fn(&mut Producer, &[u8], Level) -> Result<bool, Full>| {
        let mut pushed = 0;
        loop {
            match push(&mut producer, &bytes, level) {
                Ok(_) => pushed += 1,
                Err(full) => return (pushed, full),
            }
        }
    };
    let mut all = 0;
    for (level, push, end, why) in [
        (Level::Warning, push as fn(&mut _, &[u8], _) -> _, 4096 * 6 / 8, Full::MayWait),
        (Level::Warning, push_at_last, 4096 * 7 / 8, Full::Stalled),
        (Level::Error, push, 4096 * 15 / 16, Full::MayWait),
        (Level::Critical, push_at_last, 4096 - 8, Full::Stalled),
    ] {
        let (pushed, full) = fill(level, push);
        all += pushed;
        assert_eq!((all, full), (records(end), why), "{level}");
    }
    let large = event(&"x".repeat(2000));
    assert_eq!(push(&mut producer, &large, Level::Error), Err(Full::TooLarge));
    // In an empty ring nothing is too early: there is nobody to wait for.
    while read(&mut consumer).unwrap().is_some() {}
    consumer.release(consumer.position());
    for _ in 0..11 {
        assert!(push(&mut producer, &bytes, Level::Info).is_ok());
    }
    while read(&mut consumer).unwrap().is_some() {}
    consumer.release(consumer.position());
    let large = event(&"x".repeat(1600));
    assert!(push(&mut producer, &large, Level::Info).is_ok());
}

#[test]
fn waits_end_when_nothing_drains_and_are_armed_again_by_a_quarter() {
    let (mut producer, mut consumer, bytes) = small();
    let level = Level::Info;
    while push_at_last(&mut producer, &bytes, level).is_ok() {}
    let waits = |producer: &mut Producer| {
        let mut waits = 0;
        while push(producer, &bytes, level) == Err(Full::MayWait) {
            waits += 1;
            producer.waited_in_vain();
        }
        waits
    };
    assert_eq!(waits(&mut producer), 100);
    let mut freed = 0;
    while freed + bytes.len() < 4096 / 4 {
        assert_eq!(waits(&mut producer), 0, "{freed} bytes");
        free(&mut consumer, bytes.len());
        freed += bytes.len();
        // What has room goes in, and nobody waits before that.
        while push(&mut producer, &bytes, level).is_ok() {}
        assert_eq!(push(&mut producer, &bytes, level), Err(Full::Stalled));
    }
    free(&mut consumer, bytes.len());
    assert_eq!(waits(&mut producer), 100);
}

#[test]
fn a_shared_ring_has_one_wait_for_each_quarter_and_none_before_it_is_full() {
    let (mut producer, mut consumer, bytes) = small();
    producer.share();
    let mut pushed = 0;
    while push(&mut producer, &bytes, Level::Info).is_ok() {
        pushed += 1;
    }
    assert_eq!(pushed, 4096 * 7 / 8 / bytes.len());
    producer.waited_in_vain();
    assert_eq!(push(&mut producer, &bytes, Level::Info), Err(Full::Stalled));
    free(&mut consumer, 4096 / 4);
    while push(&mut producer, &bytes, Level::Info).is_ok() {}
    assert_eq!(push(&mut producer, &bytes, Level::Info), Err(Full::MayWait));
    let (larger, ..) = small();
    let left = producer.move_to(larger);
    assert!(producer.is_shared() && !left.is_shared(), "a larger one is what it was");
}

#[test]
fn a_producer_under_pressure_goes_on_in_the_larger_ring() {
    let of =
        |size, number| Ring::split(Memory::anonymous(Ring::memory_size(size)).unwrap(), number);
    let (small, mut producer, mut consumer) = of(4096, 0);
    let (_large, larger, mut next) = of(16_384, 1);
    assert!(!small.wants_attention());
    let bytes = event(&"x".repeat(180));
    while push(&mut producer, &bytes, Level::Info).is_ok() {}
    assert!(small.wants_attention() && small.wants_more());
    assert!(small.offer(larger).is_none());
    let (_other, other, _reader) = of(16_384, 2);
    assert!(small.offer(other).is_some(), "one at a time");
    let waited = std::time::Duration::from_secs(1);
    producer.patience().spend(waited);
    producer.waited_in_vain();
    producer.take_larger();
    assert_eq!(producer.patience().state(), (waited, 1), "what was waited goes along");
    push(&mut producer, &bytes, Level::Info).unwrap();
    assert_eq!(producer.ring().capacity(), 16_384);
    let left = small.collect().expect("the end that was left");
    assert_eq!(left.ring().capacity(), 4096);
    assert!(read(&mut consumer).unwrap().is_some(), "what is in the small one is still read");
    assert_eq!(Record::decode(&read(&mut next).unwrap().unwrap()).unwrap().sequence, 0);
}

#[test]
#[cfg_attr(miri, ignore = "maps a file, which Miri cannot")]
fn a_dead_ring_is_read_from_its_file_and_damage_costs_the_rest_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("3.ring");
    let memory = Memory::create(&path, Ring::memory_size(4096)).unwrap();
    let (_ring, mut producer, _consumer) = Ring::split(memory, 3);
    for text in ["one", "two", "three"] {
        push(&mut producer, &event(text), Level::Info).unwrap();
    }
    producer.drop_record(Kind::Span, DropReason::RingFull, Level::Error);

    let mut image = image::Image::open(&path).unwrap();
    assert_eq!(image.number(), 3);
    assert_eq!(image.counters().accepted, [3, 0, 0]);
    let dropped = image.counters().dropped[Kind::Span as usize][DropReason::RingFull as usize];
    assert_eq!(dropped[Level::Error as usize], 1);
    assert_eq!(message(&read(&mut image).unwrap().unwrap()), "one");
    image.release(image.position()).unwrap();

    // Reopened, it goes on behind the released record.
    let mut image = image::Image::open(&path).unwrap();
    assert_eq!(message(&read(&mut image).unwrap().unwrap()), "two");

    // The length of the second record is destroyed: the rest cannot be found, and is counted.
    let mut bytes = std::fs::read(&path).unwrap();
    let second = 4096 + event("one").len();
    bytes[second..second + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let mut image = image::Image::open(&path).unwrap();
    assert!(read(&mut image).unwrap_err() > 0);
    assert_eq!(read(&mut image), Ok(None));
}

#[test]
#[cfg_attr(miri, ignore = "maps a file, which Miri cannot")]
fn a_push_its_thread_was_killed_in_is_not_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("3.ring");
    let memory = Memory::create(&path, Ring::memory_size(4096)).unwrap();
    let (_ring, mut producer, _consumer) = Ring::split(memory, 3);
    push(&mut producer, &event("one"), Level::Info).unwrap();
    producer.begin(Kind::Span);
    // What the file is between the count and the commit.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[layout::accepted_at(Kind::Span)] = 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(image::Image::open(&path).unwrap().counters().accepted, [1, 0, 0]);
}

#[test]
#[cfg_attr(miri, ignore = "maps a file, which Miri cannot")]
fn files_that_are_no_rings_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("0.ring");
    let memory = Memory::create(&path, Ring::memory_size(4096)).unwrap();
    let (_ring, _producer, _consumer) = Ring::split(memory, 0);
    let good = std::fs::read(&path).unwrap();
    let damaged = |at: usize, value: u64| {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let cases = [
        Vec::new(),
        b"hello".to_vec(),
        good[..5000].to_vec(),
        damaged(0, 1),
        damaged(8, 99),
        damaged(12, u64::MAX),
        damaged(12, 1),
        damaged(128, u64::MAX),
        damaged(128, 4),
        damaged(3072, 8),
    ];
    for case in cases {
        std::fs::write(&path, &case).unwrap();
        let error = image::Image::open(&path).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
    }
    let link = directory.path().join("1.ring");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(image::Image::open(&link).is_err(), "symbolic links are not followed");
}

#[test]
fn call_sites_are_found_again_also_when_threads_race() {
    const THREADS: usize = 4;
    const SITES: usize = if cfg!(miri) { 5 } else { 50 };
    let mut region = Region::new(Memory::anonymous(64 * 1024).unwrap());
    let site = |name: String| crate::descriptor::Descriptor { name, ..Default::default() };
    let ids: Vec<(String, u32)> = std::thread::scope(|scope| {
        let append = |thread: usize| {
            let region = &region;
            move || {
                (0..SITES)
                    .map(|n| format!("site.{thread}.{n}"))
                    .map(|name| (name.clone(), region.append(&site(name)).unwrap()))
                    .collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(append(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let file = region.contents();
    for (name, id) in ids {
        assert_eq!(region::lookup(&file, id), Some(site(name)));
    }
    for id in 0..if cfg!(miri) { 300 } else { 9000 } {
        let _ = region::lookup(&file, id);
    }
    assert_eq!(region::lookup(&file, u32::MAX), None);
    while region.append(&site("filler".repeat(50))).is_some() {}
    assert_eq!(region.append(&site("filler".repeat(50))), None, "a full file says so");
}
