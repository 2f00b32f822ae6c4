//! What is staged is there, what is torn is not.

use super::*;
use crate::level::Kind;

fn staged(file: &str) -> Staged {
    Staged { file: file.into(), inode: 5, offset: 9, bytes: b"\n{}\n".to_vec() }
}

fn to_stage<'a>(file: &'a str, lines: &'a Lines) -> ToStage<'a> {
    ToStage { file, inode: 5, offset: 9, on_new_line: true, lines }
}

fn lines(of: &mut Batch, bytes: &[u8]) {
    of.lines(Kind::Event).extend_from_slice(bytes);
}

#[test]
fn a_ready_batch_is_found_and_a_free_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stage");
    let (mut stage, mut batch) = Stage::create(&path, false).unwrap();
    assert_eq!(stage.contents().unwrap(), None);
    lines(&mut batch, b"{}\n");
    let target = to_stage("events-2026-11-21.jsonl", batch.of(Kind::Event));
    stage.ready(&[(2, 800)], &[target], None).unwrap();

    let opened = Stage::open(&path).unwrap();
    let contents = opened.contents().unwrap().unwrap();
    assert_eq!(contents.ranges, [(2, 800)]);
    assert_eq!(contents.targets, [staged("events-2026-11-21.jsonl")]);
    stage.free().unwrap();
    assert_eq!(opened.contents().unwrap(), None);
}

#[test]
fn lines_past_the_mapping_and_a_stage_that_is_not_mapped_are_read_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stage");
    let large = vec![b'x'; 2 * SEGMENT];
    let many: Vec<(u32, u64)> = (0..20_000).map(|ring| (ring, 8)).collect();
    for mapped in [true, false] {
        let (mut stage, mut batch) = if mapped {
            Stage::create(&path, false).unwrap()
        } else {
            (Stage::open(&path).unwrap(), Batch::default())
        };
        lines(&mut batch, &large);
        batch.lines(Kind::Span).extend_from_slice(b"{}\n");
        let [large_lines, small] = [Kind::Event, Kind::Span].map(|kind| batch.of(kind));
        let first = ToStage { on_new_line: false, ..to_stage("f", large_lines) };
        let ranges = if mapped { &[] } else { &many[..] };
        stage.ready(ranges, &[first, to_stage("g", small)], None).unwrap();
        let contents = Stage::open(&path).unwrap().contents().unwrap().unwrap();
        assert_eq!(contents.ranges, ranges);
        assert_eq!(contents.targets[0].bytes, large);
        assert_eq!(contents.targets[1], staged("g"));
        stage.free().unwrap();
        assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
    }
}

#[test]
fn a_batch_that_is_made_ready_again_is_ready_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stage");
    let (mut stage, mut batch) = Stage::create(&path, false).unwrap();
    lines(&mut batch, b"{}\n");
    let ready = |stage: &mut Stage, name| {
        stage.ready(&[(2, 800)], &[to_stage(name, batch.of(Kind::Event))], None).unwrap();
        std::fs::read(&path).unwrap()
    };
    let first = ready(&mut stage, "first");
    let second = ready(&mut stage, "second");
    let name = |bytes: &[u8]| {
        let path = directory.path().join("copy");
        std::fs::write(&path, bytes).unwrap();
        Stage::open(&path).unwrap().contents().unwrap().unwrap().targets.remove(0).file
    };
    assert_eq!((name(&first).as_str(), name(&second).as_str()), ("first", "second"));
    // Killed in between, with more and more of what the second writes before its state.
    let (header, heads) = (HEADERS[0], HEADS[0]);
    let written = (heads..heads + 70).chain(header + 16..header + HEADER_SIZE);
    let mut torn = first.clone();
    for at in written {
        torn[at] = second[at];
        assert_eq!(name(&torn), "first", "byte {at}");
    }
    // Both ready, before the first is freed.
    let mut both = second;
    let first_header = HEADERS[1];
    both[first_header..first_header + 16].copy_from_slice(&first[first_header..first_header + 16]);
    assert_eq!(name(&both), "second");
    stage.free().unwrap();
    assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
}

#[test]
fn a_torn_or_hostile_stage_is_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stage");
    for name in ["../outside", ".hidden", "a/b", ""] {
        let (mut stage, batch) = Stage::create(&path, false).unwrap();
        stage.ready(&[], &[to_stage(name, batch.of(Kind::Event))], None).unwrap();
        assert_eq!(stage.contents().unwrap(), None, "{name}");
        std::fs::remove_file(&path).unwrap();
    }
    let (mut stage, mut batch) = Stage::create(&path, false).unwrap();
    lines(&mut batch, b"{}\n");
    let target = to_stage("events-2026-11-21.jsonl", batch.of(Kind::Event));
    stage.ready(&[(1, 2)], &[target], None).unwrap();
    let good = std::fs::read(&path).unwrap();
    let (header, heads) = (HEADERS[1], HEADS[1]);
    let damage = (header..header + 44).chain(heads..heads + 70).chain(FRONT..FRONT + 3);
    for at in damage {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None, "byte {at}");
    }
    std::fs::write(&path, &good[..10]).unwrap();
    assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
}

fn export(batch: &mut Batch, stream: u8, bytes: &[u8]) {
    batch.export(stream, |exports| exports.extend_from_slice(bytes));
}

fn found(path: &Path) -> Contents {
    Stage::open(path).unwrap().contents().unwrap().unwrap()
}

#[test]
fn exports_are_read_back_wherever_they_stand_also_without_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stage");
    for (mapped, size) in [(true, 10), (true, 2 * SEGMENT), (false, 10), (false, 2 * SEGMENT)] {
        let _new = std::fs::remove_file(&path);
        let (mut stage, mut batch) = if mapped {
            Stage::create(&path, true).unwrap()
        } else {
            (Stage::open_or_create(&path).unwrap(), Batch::default())
        };
        lines(&mut batch, b"{}\n");
        export(&mut batch, 6, &vec![b'x'; size]);
        export(&mut batch, 2, b"two");
        let bytes = batch.exported();
        for (number, with_lines) in [(7, true), (8, false)] {
            let target = to_stage("f", batch.of(Kind::Event));
            let targets = if with_lines { &[target][..] } else { &[] };
            stage.ready(&[(2, 800)], targets, Some(ExportsToStage { number, bytes })).unwrap();
            let Contents { ranges, targets, exports } = found(&path);
            let (found, bytes) = exports.unwrap();
            assert_eq!(
                (ranges, targets.len(), found),
                (vec![(2, 800)], usize::from(with_lines), number)
            );
            let entries: Vec<_> = crate::Exports::new(&bytes).collect();
            assert_eq!(entries, [(6, &vec![b'x'; size][..]), (2, b"two")], "{mapped} {size}");
        }
        stage.free().unwrap();
        assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None);
    }
}

#[test]
fn who_has_no_exports_pays_for_none() {
    let directory = tempfile::tempdir().unwrap();
    let size = |has_exports| {
        let path = directory.path().join(format!("stage-{has_exports}"));
        let (stage, batch) = Stage::create(&path, has_exports).unwrap();
        drop((stage, batch));
        std::fs::metadata(path).unwrap().len() as usize
    };
    assert_eq!((size(false), size(true)), (FRONT + 3 * SEGMENT, FRONT + 4 * SEGMENT));
}

#[test]
fn a_stage_of_the_version_before_is_read_and_one_of_a_later_version_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stage");
    let (mut stage, mut batch) = Stage::create(&path, false).unwrap();
    lines(&mut batch, b"{}\n");
    let target = to_stage("events-2026-11-21.jsonl", batch.of(Kind::Event));
    stage.ready(&[(2, 800)], &[target], None).unwrap();
    let now = std::fs::read(&path).unwrap();
    let of_version = |version: u8, heads_cut: u32| {
        let (mut bytes, at) = (now.clone(), HEADERS[1]);
        bytes[at + 7] = version;
        let word = |bytes: &[u8], at| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        let length = word(&bytes, at + 32) - heads_cut;
        let crc = crc32c::crc32c(&bytes[HEADS[1]..HEADS[1] + length as usize]);
        bytes[at + 32..at + 36].copy_from_slice(&length.to_le_bytes());
        bytes[at + 36..at + 40].copy_from_slice(&crc.to_le_bytes());
        let check = crc32c::crc32c(&bytes[at..at + 40]);
        bytes[at + 40..at + 44].copy_from_slice(&check.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        Stage::open(&path).unwrap().contents()
    };
    // Its heads ended behind the targets.
    let before = of_version(b'2', 4).unwrap().unwrap();
    assert_eq!((before.ranges, before.exports), (vec![(2, 800)], None));
    assert_eq!(before.targets, [staged("events-2026-11-21.jsonl")]);
    assert!(of_version(b'3', 0).unwrap().is_some());
    assert_eq!(of_version(b'3', 4).unwrap(), None, "heads that end too early");
    assert_eq!(of_version(b'4', 0).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn damaged_exports_make_a_batch_that_was_never_ready() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stage");
    let (mut stage, mut batch) = Stage::create(&path, true).unwrap();
    export(&mut batch, 1, b"one");
    let bytes = batch.exported();
    stage.ready(&[], &[], Some(ExportsToStage { number: 1, bytes })).unwrap();
    let good = std::fs::read(&path).unwrap();
    let (heads, exports) = (HEADS[1], FRONT + 3 * SEGMENT);
    for at in (heads..heads + 36).chain(exports..exports + 8) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Stage::open(&path).unwrap().contents().unwrap(), None, "byte {at}");
    }
}
