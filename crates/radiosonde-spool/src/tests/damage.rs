//! Damage of every kind: at most one frame goes with a flipped byte, and the books say what is gone.

use std::path::PathBuf;

use super::*;
use crate::format::{SEGMENT_HEAD, segment_name};
use crate::{DropReason, Tally};

/// Records of each frame below.
const RECORDS: u32 = 3;
const FRAMES: u64 = 30;

/// A small spool of three segments, synced, with a range taken and one settled.
fn sample() -> Bench {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    let mut next = 0;
    for batch in 1..=FRAMES {
        next = append(&stream, batch, next, &[(RECORDS, 250)]);
    }
    let limit = Limit { records: 6, bytes: 10_000 };
    let _taken = stream.take(limit).unwrap().unwrap();
    settle(&stream, &stream.take(limit).unwrap().unwrap());
    spool.sync().unwrap();
    bench.after_kill()
}

fn path_of(name: &str) -> PathBuf {
    Path::new(PATH).join("events").join(name)
}

/// Opens what is there, takes everything: the records that came, and the account.
fn recover(bench: &Bench) -> (Vec<u64>, Account) {
    let spool = bench.open();
    account(&spool, 0);
    let records = drain(&spool.stream(0), Limit { records: 50, bytes: 4000 });
    let found = account(&spool, 0);
    assert_eq!(found.pending.records, 0);
    // It goes on all the same.
    let next = append(&spool.stream(0), spool.next_batch(), 1_000_000, &[(1, 100)]) - 1;
    assert_eq!(drain(&spool.stream(0), ALL), [next]);
    account(&spool, 0);
    (records, found)
}

fn assert_rising(records: &[u64]) {
    assert!(records.is_sorted_by(|a, b| a < b), "{records:?}");
}

#[test]
fn any_flipped_byte_costs_one_frame_at_most() {
    let whole = sample();
    let settled = 2 * u64::from(RECORDS);
    let all = FRAMES * u64::from(RECORDS);
    let (records, found) = recover(&sample());
    assert_eq!((records.len() as u64, found.delivered.records), (all - settled, all));
    let mut lossy = 0;
    for path in whole.memory.paths() {
        let content = whole.memory.content(&path);
        let is_cursor = path.ends_with("cursor");
        // Of the room between the slots of a cursor, which nobody reads, some.
        let is_looked_at = |at: &usize| !is_cursor || at % 4096 < 500 || at.is_multiple_of(64);
        for at in (0..content.len()).filter(is_looked_at) {
            let bench = whole.after_kill();
            let mut damaged = content.clone();
            damaged[at] ^= 1 << (at % 8);
            bench.memory.set_content(&path, damaged);
            let (records, found) = recover(&bench);
            let lost = found.dropped_in_all().records;
            let place = format!("{} at {at}: {found:?}", path.display());
            assert_rising(&records);
            assert_eq!(found.appended.records, all, "{place}");
            assert!(lost <= u64::from(RECORDS), "{place}");
            // What was settled may come again, if the last slot was hit. Nothing else is missing.
            assert!(records.len() as u64 >= all - settled - lost, "{place}");
            assert!(is_cursor || records.len() as u64 == all - settled - lost, "{place}");
            assert!(found.dropped.iter().all(|(why, _)| *why == DropReason::Damaged), "{place}");
            lossy += u64::from(lost > 0);
        }
    }
    // Else nothing was hit at all.
    assert!(lossy > 5000, "{lossy}");
}

#[test]
fn a_file_that_ends_anywhere_costs_what_is_behind_its_end() {
    let whole = sample();
    let all = FRAMES * u64::from(RECORDS);
    for path in whole.memory.paths() {
        let content = whole.memory.content(&path);
        for length in (0..content.len()).rev().step_by(7) {
            let bench = whole.after_kill();
            bench.memory.set_content(&path, content[..length].to_vec());
            let (records, found) = recover(&bench);
            assert_rising(&records);
            assert_eq!(found.appended.records, all, "{} {length}: {found:?}", path.display());
            let frames = (content.len() - length).div_ceil(300) as u64;
            let lost = found.dropped_in_all().records;
            assert!(lost <= frames * u64::from(RECORDS), "{} {length}", path.display());
        }
    }
}

#[test]
fn segments_that_are_gone_copied_swapped_or_torn_are_counted() {
    let whole = sample();
    let all = FRAMES * u64::from(RECORDS);
    let [first, second, third] = [1, 2, 3].map(|number| path_of(&segment_name(number)));
    let content = |path: &Path| whole.memory.content(path);
    let zeros = |path: &Path| {
        let mut bytes = content(path);
        bytes[1024..2048].fill(0);
        bytes
    };
    let swapped = [(first.clone(), content(&second)), (second.clone(), content(&first))];
    let garbage = [content(&third), vec![0xA5; 3000]].concat();
    type Case<'a> = (&'a str, &'a [(PathBuf, Vec<u8>)], std::ops::RangeInclusive<u64>);
    let cases: [Case<'_>; 6] = [
        ("empty", &[(second.clone(), Vec::new())], 36..=42),
        ("a page of zeros", &[(second.clone(), zeros(&second))], 9..=15),
        ("garbage behind the end", &[(third.clone(), garbage)], 0..=0),
        ("copied", &[(path_of(&segment_name(9)), content(&second))], 0..=0),
        ("swapped", &swapped, 1..=84),
        ("all of it garbage", &[(third.clone(), vec![0x5A; 4096])], 6..=42),
    ];
    for (name, changes, lost) in cases {
        let bench = whole.after_kill();
        for (path, content) in changes {
            bench.memory.set_content(path, content.clone());
        }
        let (records, found) = recover(&bench);
        assert_rising(&records);
        assert_eq!(found.appended.records, all, "{name}: {found:?}");
        assert!(lost.contains(&found.dropped_in_all().records), "{name}: {found:?}");
    }
    let bench = whole.after_kill();
    crate::files::Files::unlink(&bench.memory, &second).unwrap();
    let (_, found) = recover(&bench);
    assert!((36..=42).contains(&found.dropped_in_all().records), "{found:?}");
}

#[test]
fn without_a_cursor_everything_is_taken_again() {
    let all = FRAMES * u64::from(RECORDS);
    for content in [Vec::new(), vec![0; 16_384], vec![0xEE; 16_384]] {
        let bench = sample();
        bench.memory.set_content(&path_of("cursor"), content);
        let (records, found) = recover(&bench);
        assert_eq!(records, (0..all).collect::<Vec<_>>());
        assert_eq!((found.delivered.records, found.dropped_in_all().records), (all, 0));
    }
    // Of what is gone nobody can say any more whether it was delivered.
    let bench = sample();
    let spool = bench.open();
    let stream = spool.stream(0);
    for _ in 0..10 {
        settle(&stream, &stream.take(Limit { records: 6, bytes: 10_000 }).unwrap().unwrap());
    }
    spool.sync().unwrap();
    let bench = bench.after_kill();
    bench.memory.set_content(&path_of("cursor"), Vec::new());
    let spool = bench.open();
    let gaps = tell(&spool);
    let (records, found) = recover(&bench.after_kill());
    let unknown = all - records.len() as u64;
    assert!(unknown > 0);
    assert_eq!(found.dropped, [(DropReason::CursorLost, found.dropped_in_all())]);
    assert_eq!(found.dropped_in_all().records, unknown);
    assert_eq!((gaps.len(), gaps[0].reason), (1, DropReason::CursorLost));
}

#[test]
fn a_stream_nobody_knows_waits_for_the_others_then_is_lost_and_told() {
    let mut bench = Bench::new(options(&[("events", 1, 0), ("profiles", 2, 0)]));
    let spool = bench.create();
    append(&spool.stream(0), 1, 0, &[(3, 300)]);
    append(&spool.stream(1), 1, 0, &[(5, 500)]);
    spool.sync().unwrap();
    bench = bench.after_kill();
    bench.options = one_stream();
    let spool = bench.open();
    spool.sync().unwrap();
    assert!(spool.take_gaps().is_empty());
    let found = account(&spool, 1);
    assert_eq!((found.stream.as_str(), found.pending.records), ("profiles", 5));
    assert_eq!(drain(&spool.stream(0), ALL).len(), 3);
    assert!(!spool.is_done());
    let [gap] = &tell(&spool)[..] else { panic!("one gap") };
    assert_eq!((gap.stream, gap.reason), (1, DropReason::UnknownStream));
    assert_eq!(gap.lost, Tally::new(5, 500));
    assert_eq!(account(&spool, 1).dropped, [(DropReason::UnknownStream, gap.lost)]);
    spool.remove().unwrap();
    assert!(bench.memory.paths().is_empty(), "{:?}", bench.memory.paths());
}

#[test]
fn what_is_not_ours_or_newer_is_left_alone_and_told() {
    let bench = sample();
    let future = {
        let mut bytes = vec![0; 200];
        bytes[..8].copy_from_slice(b"RSNDSPL1");
        bytes[8] = 7;
        let spool = crate::format::u64_at(&bench.memory.content(&path_of(&segment_name(1))), 16);
        let seed = crate::format::seed(spool, "events");
        let crc = crate::format::crc_around(&bytes[..SEGMENT_HEAD], seed);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    };
    let newer = bench.after_kill();
    newer.memory.set_content(&path_of(&segment_name(40)), future.clone());
    assert_eq!(newer.try_open().unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(newer.memory.content(&path_of(&segment_name(40))), future);
    let strangers = [
        (path_of("notes.txt"), b"mine".to_vec()),
        (path_of("00000000000000000001.seg.bak"), b"mine".to_vec()),
        (path_of("1.seg"), b"mine".to_vec()),
    ];
    for (path, content) in &strangers {
        bench.memory.set_content(path, content.clone());
    }
    let (_, found) = recover(&bench);
    assert_eq!((found.foreign_files, found.dropped_in_all().records), (3, 0));
    let spool = bench.after_kill().open();
    tell(&spool);
    let removed = spool.remove().unwrap_err();
    assert_eq!(removed.kind(), std::io::ErrorKind::DirectoryNotEmpty);
    for (path, content) in &strangers {
        assert_eq!(&bench.memory.content(path), content, "{}", path.display());
    }

    // A newer cursor or manifest says that a newer version has this spool.
    for name in ["manifest", "events/cursor"] {
        let bench = sample();
        let path = Path::new(PATH).join(name);
        let before = bench.memory.content(&path);
        let mut bytes = before.clone();
        let seed = if name == "manifest" {
            0
        } else {
            crate::format::seed(
                crate::format::u64_at(
                    &bench.memory.content(Path::new("/spools/spool/manifest")),
                    16,
                ),
                "events",
            )
        };
        for slot in bytes.chunks_mut(4096).filter(|slot| slot[0] != 0) {
            slot[8] = 2;
            let length = if name == "manifest" {
                slot.len()
            } else {
                crate::format::u32_at(slot, 16) as usize
            };
            let crc = crate::format::crc_around(&slot[..length], seed);
            slot[12..16].copy_from_slice(&crc.to_le_bytes());
        }
        bench.memory.set_content(&path, bytes.clone());
        assert_eq!(bench.try_open().unwrap_err().kind(), std::io::ErrorKind::Unsupported, "{name}");
        assert_eq!(bench.memory.content(&path), bytes, "{name}");
    }
}

#[test]
fn a_payload_that_looks_like_frames_is_a_payload() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    let stream = spool.stream(0);
    append(&stream, 1, 0, &[(1, 300)]);
    let segment = bench.memory.content(&path_of(&segment_name(1)));
    // Of another spool: what an attacker may know is what his own spool looks like.
    let other = Bench::new(one_stream());
    let _ = append(&other.create().stream(0), 1, 500, &[(9, 300)]);
    let theirs = other.memory.content(&path_of(&segment_name(1)));
    stream.append(2, &[Frame { records: 1, payload: &theirs[SEGMENT_HEAD..] }]);
    append(&stream, 3, 2, &[(1, 300)]);
    spool.sync().unwrap();
    let bench = bench.after_kill();
    let mut bytes = bench.memory.content(&path_of(&segment_name(1)));
    // The head of the frame with the payload.
    bytes[segment.len() + 4] ^= 1;
    bench.memory.set_content(&path_of(&segment_name(1)), bytes);
    let (records, found) = recover(&bench);
    assert_eq!(records, [0, 2]);
    assert_eq!(found.dropped_in_all().records, 1);
}

#[test]
fn what_is_damaged_is_kept_for_a_look_within_bounds() {
    let bench = sample();
    let path = path_of(&segment_name(2));
    let mut bytes = bench.memory.content(&path);
    bytes[200] ^= 1;
    bench.memory.set_content(&path, bytes);
    recover(&bench);
    let kept = Path::new(PATH).join("quarantine/events-000000.bin");
    let content = bench.memory.content(&kept);
    assert!(content.starts_with(b"damaged\n") && content.len() > 250, "{}", content.len());

    let mut options = one_stream();
    options.quarantine_bytes = 3 * 4096;
    let bench = Bench { options, ..bench };
    let spool = bench.open();
    for _ in 0..5 {
        spool.stream(0).quarantine(b"poison", "400 Bad Request:\nno").unwrap();
    }
    assert_eq!(spool.quarantined(), (3 * 4096, 3));
    let kept = bench.memory.content(&Path::new(PATH).join("quarantine/events-000001.bin"));
    assert_eq!(kept, b"400 Bad Request: no\npoison");
}

/// Flips a byte of a file.
fn flip(bench: &Bench, path: &Path, at: usize) {
    let mut bytes = bench.memory.content(path);
    bytes[at] ^= 1;
    bench.memory.set_content(path, bytes);
}

#[test]
fn of_a_range_that_was_damaged_the_rest_comes_however_often_it_is_taken() {
    for (damaged, rest) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
        let bench = Bench::new(one_stream());
        let spool = bench.create();
        append(&spool.stream(0), 1, 0, &[(1, 200); 3]);
        let _held = spool.stream(0).take(ALL).unwrap().unwrap();
        let mut bench = bench.after_kill();
        flip(&bench, &path_of(&segment_name(1)), SEGMENT_HEAD + damaged * (56 + 200) + 60);
        for _ in 0..3 {
            let spool = bench.open();
            let taken = spool.stream(0).take(ALL).unwrap().expect("what is whole");
            assert_eq!(taken_records(&taken), rest, "frame {damaged}");
            assert!(taken.is_again());
            bench = bench.after_kill();
        }
        let found = account(&bench.open(), 0);
        assert_eq!(found.dropped, [(DropReason::Damaged, Tally::new(1, 200))]);
    }
}

#[test]
fn without_a_manifest_the_books_outlast_the_segments() {
    let bench = Bench::new(one_stream());
    append(&bench.create().stream(0), 1, 0, &[(3, 300)]);
    let bench = bench.after_kill();
    let manifest = Path::new(PATH).join("manifest");
    flip(&bench, &manifest, 30);
    let spool = bench.open();
    assert_eq!(spool.manifest(), b"");
    assert_eq!(drain(&spool.stream(0), ALL), [0, 1, 2]);
    spool.sync().unwrap();
    assert_eq!(account(&spool, 0).segments, 0);
    // No segment says whose the cursor is any more.
    let bench = bench.after_kill();
    let spool = bench.open();
    assert_eq!(account(&spool, 0).delivered, Tally::new(3, 300));
    let left = bench.memory.content(&Path::new(PATH).join("quarantine/manifest-000000.bin"));
    assert!(left.starts_with(b"damaged\nRSNDMAN1"), "{left:?}");
    spool.remove().unwrap();
    assert!(bench.memory.paths().is_empty());
}

#[test]
fn what_comes_back_behind_the_end_of_the_books_is_in_nobodys_way() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    append(&spool.stream(0), 1, 0, &[(1, 900); 6]);
    spool.sync().unwrap();
    let bench = bench.after_kill();
    // The later segment has the lower number: its numbers are given again.
    let [first, second] = [1, 2].map(|number| path_of(&segment_name(number)));
    let later = bench.memory.content(&second);
    bench.memory.set_content(&second, bench.memory.content(&first));
    bench.memory.set_content(&first, later);
    bench.memory.set_content(&path_of("cursor"), Vec::new());
    let spool = bench.open();
    let stream = spool.stream(0);
    append(&stream, spool.next_batch(), 100, &[(1, 900); 8]);
    let records = drain(&stream, Limit { records: 2, bytes: 5000 });
    assert!(records.ends_with(&(100..108).collect::<Vec<_>>()), "{records:?}");
    account(&spool, 0);
}
