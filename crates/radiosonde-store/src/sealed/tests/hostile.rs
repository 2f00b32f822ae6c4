//! Files made to cost much: memory, or time in which nobody asks whether to go on.

use super::*;
use crate::fuzzing;
use crate::query::Query;
use crate::sealed::reader;

/// How often it is asked whether to go on while the lines of a file are counted.
fn asked_in(path: &Path) -> (u64, LineCount) {
    let mut asked = 0;
    let count = count_lines(path, &mut || {
        asked += 1;
        true
    });
    (asked, count.unwrap())
}

fn sealed_with(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEALED);
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// The beginning of a frame that does not say how much it holds, with blocks of nothing.
fn empty_blocks(blocks: usize) -> Vec<u8> {
    let mut file = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0];
    file.resize(6 + 3 * blocks, 0);
    file
}

/// The last block of such a frame.
const LAST_BLOCK: [u8; 3] = [1, 0, 0];

/// A frame that is known as one wherever it is.
fn checked(raw: &[u8]) -> Vec<u8> {
    let mut zstd = zstd::bulk::Compressor::new(3).unwrap();
    zstd.include_checksum(true).unwrap();
    zstd.compress(raw).unwrap()
}

#[test]
fn whatever_a_file_is_made_of_it_is_asked_soon() {
    let skippable = [0x184d_2a50_u32.to_le_bytes(), [0; 4]].concat();
    let empty_frame = zstd::bulk::compress(b"", 3).unwrap();
    let beginnings = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00];
    for (what, least, bytes) in [
        // Gone through as blocks, and then to find the next frame.
        ("empty blocks", 6, empty_blocks(1 << 20)),
        ("skippable frames", 3, skippable.repeat(1 << 16)),
        ("empty frames", 3, empty_frame.repeat(1 << 10)),
        ("beginnings of frames", 3, beginnings.repeat((3 << 20) / beginnings.len())),
        ("nothing", 3, vec![0; 3 << 20]),
    ] {
        let (_dir, path) = sealed_with(&bytes);
        let (asked, count) = asked_in(&path);
        assert!(asked >= least, "{what}: {asked}");
        assert_eq!((count.lines, count.complete), (0, false), "{what}");
        // Whenever it is, it ends.
        for at in [1, asked / 2, asked] {
            let mut left = at;
            let stopped = count_lines(&path, &mut || {
                left -= 1;
                left > 0
            });
            assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted, "{what} at {at}");
        }
    }
}

#[test]
fn frames_of_a_few_bytes_that_hold_more_than_is_taken_apart_are_asked_about_each() {
    let bomb = with_window(&vec![b'\n'; RAW_BYTES_MAX + 1], 20);
    let (_dir, path) = sealed_with(&[bomb.clone(), checked(b"a line\n")].concat().repeat(8));
    let (asked, count) = asked_in(&path);
    // For the damage and for the lines, and once more.
    assert!(bomb.len() < 4_000 && asked >= 3 * 8, "{asked}");
    assert_eq!((count.lines, count.complete), (8, false));
}

#[test]
fn a_line_without_an_end_is_counted_and_asked_about() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(PLAIN);
    fs::write(&path, vec![b'x'; 40 << 20]).unwrap();
    let (asked, count) = asked_in(&path);
    assert!(asked >= 39, "{asked}");
    assert_eq!((count.lines, count.complete), (1, true));
}

#[test]
fn a_frame_has_so_many_blocks_and_no_more() {
    let behind = checked(b"a line\n");
    let checked = checked(b"another\n");
    for (blocks, damages) in [(look::BLOCKS_MAX, 1), (look::BLOCKS_MAX + 1, 2)] {
        let mut file = empty_blocks(blocks as usize - 1);
        file.extend(LAST_BLOCK);
        file.extend(&checked);
        file.extend(&behind);
        let (_dir, path) = sealed_with(&file);
        let seen = read_sealed(&path);
        assert_eq!(seen.lines.len(), 2, "{blocks}: {:?}", seen.damaged);
        // That there is no index is said besides.
        assert_eq!(seen.damaged.len(), damages, "{:?}", seen.damaged);
    }
}

#[test]
fn a_frame_without_a_checksum_among_others_with_one_is_not_believed() {
    let plain = zstd::bulk::compress(b"a line\n", 3).unwrap();
    for (frames, lines) in [
        ([&plain, &plain], 2),
        ([&checked(b"another\n"), &plain], 1),
        ([&checked(b"another\n"), &checked(b"one more\n")], 2),
    ] {
        let (_dir, path) = sealed_with(&frames.map(Vec::as_slice).concat());
        let seen = read_sealed(&path);
        assert_eq!(seen.lines.len(), lines, "{:?}", seen.damaged);
        assert_eq!(seen.damaged.iter().filter(|damage| damage.lines_lost).count(), 3 - lines);
    }
}

/// A sealed file of one frame, with an index whose checksums are right.
fn indexed(frame: &[u8], raw: &[u8]) -> Vec<u8> {
    indexed_with(frame, raw, 1.min(raw.len() as u64))
}

fn indexed_with(frame: &[u8], raw: &[u8], lines: u64) -> Vec<u8> {
    let number = |number: u64| number.to_le_bytes();
    let length = raw.len() as u64;
    let crc = |bytes: &[u8]| crc32c::crc32c(bytes).to_le_bytes();
    let totals =
        [[lines, length, 1, 0, 0].map(number).concat(), [crc(raw), [0; 4]].concat()].concat();
    let entry = [
        [0, frame.len() as u64, length, lines, 0, 0].map(number).concat(),
        [crc(frame), [0; 4], [0; 4], [0; 4]].concat(),
    ];
    let index = fuzzing::index(&[(1, &totals), (2, &entry.concat()), (3, b""), (4, b"")]);
    [frame.to_vec(), index].concat()
}

/// Compresses with a window, without saying how much comes.
fn with_window(raw: &[u8], log: u32) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(log).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(raw).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn comparing_takes_no_longer_window_than_the_lines_need() {
    let raw = b"a line\n";
    for (log, is_copy) in [(10, true), (11, false), (25, false), (27, false)] {
        let (dir, path) = sealed_with(&indexed(&with_window(raw, log), raw));
        let source = dir.path().join(PLAIN);
        fs::write(&source, raw).unwrap();
        assert_eq!(is_sealed_copy(&source, &path, &mut || true).unwrap(), is_copy, "{log}");
    }
}

#[test]
fn frames_of_other_programs_are_read_whatever_their_level_and_window() {
    let raw = lines(0..2_000);
    let mut files: Vec<Vec<u8>> =
        [1, 3, 19, 22].map(|level| zstd::stream::encode_all(raw.as_slice(), level).unwrap()).into();
    files.extend([20, 23, 27].map(|log| with_window(&raw, log)));
    for (number, file) in files.iter().enumerate() {
        let (_dir, path) = sealed_with(file);
        let seen = read_sealed(&path);
        assert!(seen.lines.concat_lines() == raw, "{number}: {:?}", seen.damaged);
    }
}

trait ConcatLines {
    fn concat_lines(&self) -> Vec<u8>;
}

impl ConcatLines for Vec<(u64, Vec<u8>)> {
    fn concat_lines(&self) -> Vec<u8> {
        self.iter().flat_map(|(_, line)| line.clone()).collect()
    }
}

#[test]
fn comparing_stops_when_told_also_in_one_frame() {
    // A line that is a frame of its own, and a frame of blocks of nothing.
    let long = vec![b'x'; 8 << 20];
    let pair = Pair::of(&long);
    let mut empty = empty_blocks(3 << 20);
    empty.extend(LAST_BLOCK);
    let (dir, blocks) = sealed_with(&indexed(&empty, b""));
    let source = dir.path().join(PLAIN);
    fs::write(&source, b"").unwrap();
    for (source, sealed, same) in [(pair.plain(), pair.sealed(), true), (source, blocks, true)] {
        let mut asked = 0;
        let is_copy = is_sealed_copy(&source, &sealed, &mut || {
            asked += 1;
            true
        });
        assert_eq!(is_copy.unwrap(), same);
        assert!(asked >= 8, "{asked}");
        for at in [1, asked / 2, asked] {
            let mut left = at;
            let stopped = is_sealed_copy(&source, &sealed, &mut || {
                left -= 1;
                left > 0
            });
            assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted, "at {at}");
        }
    }
}

#[test]
fn bytes_behind_a_frame_are_no_part_of_a_copy() {
    let raw = b"a line\n";
    let frame = zstd::bulk::compress(raw, 3).unwrap();
    for (behind, same) in [(&b""[..], true), (b"?", false), (&frame, false)] {
        let (dir, path) = sealed_with(&indexed(&[&frame, behind].concat(), raw));
        let source = dir.path().join(PLAIN);
        fs::write(&source, raw).unwrap();
        assert_eq!(is_sealed_copy(&source, &path, &mut || true).unwrap(), same, "{behind:?}");
    }
}

#[test]
fn a_file_whose_end_is_cut_off_says_that_it_is_the_index() {
    let content = lines(0..30_000);
    let pair = Pair::of(&content);
    let whole = fs::read(pair.sealed()).unwrap();
    let plain = read_plain(&pair.plain());
    fs::write(pair.sealed(), &whole[..whole.len() - 20]).unwrap();
    let seen = read_sealed(&pair.sealed());
    assert!(seen.lines == plain.lines);
    let [damage] = &seen.damaged[..] else { panic!("{:?}", seen.damaged) };
    assert_eq!((damage.part, damage.frame, damage.lines_lost), (Part::Index, None, false));
    assert_eq!(damage.bytes.end, whole.len() as u64 - 20);
    assert!(damage.reason.contains("its index is cut off"), "{damage:?}");
    let answer = Query::new(vec![pair.dir.path().to_owned()]).run();
    assert!(!answer.reading.is_partial(), "{:?}", answer.reading);
}

#[test]
fn an_index_that_tells_of_more_lines_than_bytes_is_not_believed() {
    let raw = b"a line\n";
    let frame = zstd::bulk::compress(raw, 3).unwrap();
    for (lines, counted) in [(7, 7), (8, 1), (u64::MAX, 1)] {
        let (_dir, path) = sealed_with(&indexed_with(&frame, raw, lines));
        assert_eq!(asked_in(&path).1.lines, counted, "{lines}");
    }
}

#[test]
fn frames_without_number_are_not_all_remembered() {
    // One raw block of one byte.
    let tiny = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 9, 0, 0, b'\n'];
    assert_eq!(zstd::stream::decode_all(&tiny[..]).unwrap(), b"\n");
    for (frames, fits) in [(reader::PLACES_MAX, true), (reader::PLACES_MAX + 1, false)] {
        let (_dir, path) = sealed_with(&tiny.repeat(frames));
        let places = Reader::open(&path).unwrap().into_places();
        assert_eq!(places.is_ok_and(|(_, places)| places.len() == frames), fits);
    }
}
