//! A ring against a plain queue, and a ring file after its process is gone.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::format::{Builder, Record, Site};
use crate::level::{DropReason, Kind, Level};
use crate::value::Value;

fn record(message: &str) -> Vec<u8> {
    let mut buffer = Vec::new();
    let site = Site::Registered(1);
    let mut builder = Builder::new(&mut buffer, Kind::Event, Level::Info, 7, &site, &[]);
    builder.message(Value::Str(message));
    builder.finish();
    buffer
}

fn message(bytes: &[u8]) -> String {
    Record::decode(bytes).expect("a record that was pushed decodes").message.to_owned()
}

proptest! {
    /// Whatever the order of pushes, reads and releases: what comes out is what went in, in order,
    /// and a push is refused only when it does not fit.
    #[test]
    fn a_ring_is_a_queue(steps in prop::collection::vec((0u8..3, 0usize..900), 1..200)) {
        let memory = Memory::anonymous(Ring::memory_size(4096)).unwrap();
        let (ring, mut producer, mut consumer) = Ring::split(memory, 0);
        let mut model = VecDeque::new();
        let (mut used, mut accepted, mut dropped) = (0, 0, 0);
        let mut out = Vec::new();
        for (step, size) in steps {
            match step {
                0 => {
                    let text = "x".repeat(size);
                    let mut bytes = record(&text);
                    let fits = used + bytes.len() <= 4096;
                    prop_assert_eq!(producer.push(&mut bytes, Kind::Event, false).is_ok(), fits);
                    if fits {
                        used += bytes.len();
                        accepted += 1;
                        model.push_back((text, bytes.len()));
                    }
                }
                1 => {
                    let read = consumer.read(&mut out).unwrap();
                    prop_assert_eq!(read, !model.is_empty());
                    if let Some((text, size)) = model.pop_front() {
                        prop_assert_eq!(message(&out), text);
                        consumer.release(consumer.position());
                        used -= size;
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
        while consumer.read(&mut out).unwrap() {
            prop_assert_eq!(Some(message(&out)), model.pop_front().map(|(text, _)| text));
        }
        prop_assert!(model.is_empty());
    }
}

#[test]
fn two_threads_pass_a_million_bytes_in_order() {
    let memory = Memory::anonymous(Ring::memory_size(8192)).unwrap();
    let (_ring, mut producer, mut consumer) = Ring::split(memory, 0);
    const COUNT: u64 = 20_000;
    let writer = std::thread::spawn(move || {
        for number in 0..COUNT {
            let mut bytes = record(&number.to_string());
            while producer.push(&mut bytes, Kind::Event, false).is_err() {
                std::thread::yield_now();
            }
        }
    });
    let mut out = Vec::new();
    let mut next = 0;
    while next < COUNT {
        if consumer.read(&mut out).unwrap() {
            let record = Record::decode(&out).unwrap();
            assert_eq!((record.message, record.sequence), (next.to_string().as_str(), next));
            next += 1;
            consumer.release(consumer.position());
        } else {
            std::thread::yield_now();
        }
    }
    writer.join().unwrap();
}

#[test]
fn a_dead_ring_is_read_from_its_file_and_damage_costs_the_rest_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("3.ring");
    let memory = Memory::create(&path, Ring::memory_size(4096)).unwrap();
    let (_ring, mut producer, _consumer) = Ring::split(memory, 3);
    for text in ["one", "two", "three"] {
        producer.push(&mut record(text), Kind::Event, false).unwrap();
    }
    producer.drop_record(Kind::Span, DropReason::RingFull, Level::Error);

    let mut image = image::Image::open(&path).unwrap();
    assert_eq!(image.number(), 3);
    assert_eq!(image.counters().accepted, [3, 0, 0]);
    let dropped = image.counters().dropped[Kind::Span as usize][DropReason::RingFull as usize];
    assert_eq!(dropped[Level::Error as usize], 1);
    let mut out = Vec::new();
    assert!(image.read(&mut out).unwrap());
    assert_eq!(message(&out), "one");
    image.release(image.position()).unwrap();

    // Reopened, it goes on behind the released record.
    let mut image = image::Image::open(&path).unwrap();
    assert!(image.read(&mut out).unwrap());
    assert_eq!(message(&out), "two");

    // The length of the second record is destroyed: the rest cannot be found, and is counted.
    let mut bytes = std::fs::read(&path).unwrap();
    let second = 4096 + record("one").len();
    bytes[second..second + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let mut image = image::Image::open(&path).unwrap();
    assert!(image.read(&mut out).unwrap_err() > 0);
    assert!(!image.read(&mut out).unwrap());
}

#[test]
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
        damaged(2048, 8),
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callsites");
    let region = Region::new(Memory::create(&path, 64 * 1024).unwrap());
    let site = |name: String| crate::callsite::Descriptor { name, ..Default::default() };
    let ids: Vec<(String, u32)> = std::thread::scope(|scope| {
        let append = |thread: usize| {
            let region = &region;
            move || {
                (0..50)
                    .map(|n| format!("site.{thread}.{n}"))
                    .map(|name| (name.clone(), region.append(&site(name)).unwrap()))
                    .collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(append(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let file = std::fs::read(&path).unwrap();
    for (name, id) in ids {
        assert_eq!(region::lookup(&file, id), Some(site(name)));
    }
    for id in 0..9000 {
        let _ = region::lookup(&file, id);
    }
    assert_eq!(region::lookup(&file, u32::MAX), None);
    while region.append(&site("filler".repeat(50))).is_some() {}
    assert_eq!(region.append(&site("filler".repeat(50))), None, "a full file says so");
}
