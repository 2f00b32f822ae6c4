//! What damage costs, and what it is called.

use std::collections::BTreeSet;

use super::*;
use crate::query::Query;

/// Lines that hardly compress, in frames of a KiB: see [`SMALL`].
fn several_frames() -> Vec<u8> {
    let mut content = Vec::new();
    let mut state = 1_u64;
    for n in 0..24_u32 {
        let mut noise = String::new();
        while noise.len() < 160 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise += &format!("{state:x}");
        }
        content.extend(
            format!("{{\"ts\":\"2025-10-06T10:00:{n:02}Z\",\"msg\":\"{noise}\",\"job_id\":\"job-{n}\"}}\n")
                .bytes(),
        );
    }
    content
}

/// Bytes of lines in the frames of such a file, so that every byte of it can be tried.
const SMALL: usize = 1 << 10;

/// What damage may do: lines of the source stay, in order and once, but for those of one frame.
fn judge(content: &[u8], sealed: &Path, what: &str) -> Seen {
    let seen = read_sealed(sealed);
    assert!(!seen.damaged.is_empty(), "{what}: nothing is said");
    let mut lost: BTreeSet<u64> = BTreeSet::new();
    let mut found = seen.lines.iter().chain(&seen.half).map(|(_, line)| line.as_slice()).peekable();
    let mut at = 0;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if found.peek() == Some(&line) {
            let _ = found.next();
        } else {
            let _ = lost.insert(at);
        }
        at += line.len() as u64;
    }
    assert_eq!(found.next(), None, "{what}: a line that was not there, or not in its place");
    if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
        assert!(last - first < SMALL as u64, "{what}: more than a frame is lost");
        assert!(seen.damaged.iter().any(|damage| damage.lines_lost), "{what}: {:?}", seen.damaged);
    }
    seen
}

fn damaged(bytes: &[u8], at: usize, flip: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= flip;
    bytes
}

/// Tries one flip in a sealed file with its index, and without.
fn try_flip(content: &[u8], pair: &Pair, bytes: &[u8], index_at: usize, at: usize, flip: u8) {
    let target = pair.dir.path().join("damaged");
    fs::write(&target, damaged(bytes, at, flip)).unwrap();
    if at >= index_at {
        judge_index(content, &target, at);
        return;
    }
    let _ = judge(content, &target, &format!("byte {at} ^ {flip}"));
    fs::write(&target, damaged(&bytes[..index_at], at, flip)).unwrap();
    let _ = judge(content, &target, &format!("byte {at} ^ {flip}, no index"));
}

fn index_of(bytes: &[u8], path: &Path) -> index::Index {
    match index::Index::read(&fs::File::open(path).unwrap(), bytes.len() as u64) {
        Ok(index) => index,
        Err(_) => panic!("an index"),
    }
}

#[test]
fn a_flipped_bit_of_any_byte_costs_one_frame_at_most_and_is_named() {
    let content = several_frames();
    let pair = Pair::in_frames(&content, SMALL);
    assert!(pair.seal.frames >= 4);
    let bytes = fs::read(pair.sealed()).unwrap();
    let index_at = index_of(&bytes, &pair.sealed()).start as usize;
    for at in 0..bytes.len() {
        try_flip(&content, &pair, &bytes, index_at, at, 1 << (at % 8));
    }
}

#[test]
fn any_flip_where_a_frame_begins_or_ends_costs_one_frame_at_most_and_is_named() {
    let content = several_frames();
    let pair = Pair::in_frames(&content, SMALL);
    let bytes = fs::read(pair.sealed()).unwrap();
    let index = index_of(&bytes, &pair.sealed());
    let last = index.frames.last().unwrap();
    for edge in [0, index.frames[1].offset, last.offset, index.start] {
        let edge = edge as usize;
        for at in edge.saturating_sub(8)..edge + 16 {
            for flip in [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xff] {
                try_flip(&content, &pair, &bytes, index.start as usize, at, flip);
            }
        }
    }
}

/// A damaged index costs no line, and a query that uses it says so.
fn judge_index(content: &[u8], sealed: &Path, at: usize) {
    let mut query = Query::new(Vec::new());
    query.job = Some("job-7".to_owned());
    // The name of every line there, so that the values are asked as well.
    query.evt = vec![String::new()];
    let mut reader = Reader::open(sealed).unwrap();
    reader.narrow(&Wanted::of(&query)).unwrap();
    let mut seen = Seen::default();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        seen.add(chunk);
    }
    let wanted = b"\"job_id\":\"job-7\"";
    let holds = |bytes: &[u8]| memchr::memmem::find(bytes, wanted).is_some();
    assert_eq!(seen.lines.iter().filter(|(_, line)| holds(line)).count(), 1, "byte {at}");
    assert!(!seen.damaged.is_empty(), "byte {at}: nothing is said");
    assert!(
        seen.lines.iter().all(|(offset, line)| { content[*offset as usize..].starts_with(line) })
    );
    assert!(seen.damaged.iter().all(|damage| !damage.lines_lost), "byte {at}: {:?}", seen.damaged);
}

#[test]
fn a_damaged_frame_is_named_with_its_number_and_place() {
    let content = several_frames();
    let pair = Pair::in_frames(&content, SMALL);
    let bytes = fs::read(pair.sealed()).unwrap();
    let target = pair.dir.path().join("damaged");
    let index = index_of(&bytes, &pair.sealed());
    let second = &index.frames[1];
    fs::write(&target, damaged(&bytes, second.offset as usize + 300, 0xff)).unwrap();
    let seen = judge(&content, &target, "second");
    let place = second.offset..second.offset + second.compressed;
    assert_eq!(seen.damaged.len(), 1);
    assert_eq!((seen.damaged[0].frame, &seen.damaged[0].bytes), (Some(1), &place));
    assert_eq!(seen.damaged[0].lines, Some(second.lines));
    let (earliest, latest) = seen.damaged[0].time.unwrap();
    assert_eq!((earliest.as_microsecond(), latest.as_microsecond()), second.ts);
    // Lines behind it stand where they stood.
    let plain = read_plain(&pair.plain());
    assert_eq!(seen.lines.last(), plain.lines.last());
    // Without an index the frame is known by its header, and its length as well.
    let cut = &bytes[..index.start as usize];
    fs::write(&target, damaged(cut, second.offset as usize + 300, 0xff)).unwrap();
    let seen = judge(&content, &target, "second, no index");
    assert_eq!((seen.damaged[0].frame, &seen.damaged[0].bytes), (Some(1), &place));
    assert_eq!(seen.lines.last(), plain.lines.last());
    let last = seen.damaged.last().unwrap();
    assert!(last.lines_lost && last.reason.contains("end may be missing"), "{last:?}");
}

#[test]
fn a_file_cut_anywhere_keeps_its_whole_frames() {
    let content = several_frames();
    let pair = Pair::in_frames(&content, SMALL);
    let bytes = fs::read(pair.sealed()).unwrap();
    let target = pair.dir.path().join("cut");
    let index_at = index_of(&bytes, &pair.sealed()).start as usize;
    for length in 0..bytes.len() {
        fs::write(&target, &bytes[..length]).unwrap();
        let seen = read_sealed(&target);
        let found: Vec<u8> = seen.lines.into_iter().flat_map(|(_, line)| line).collect();
        assert!(content.starts_with(&found), "cut to {length}");
        if length <= index_at {
            assert!(seen.damaged.iter().any(|damage| damage.lines_lost), "cut to {length}");
            continue;
        }
        // A byte of the index is enough to know that every frame is there.
        assert!(found == content, "cut to {length}");
        let [damage] = &seen.damaged[..] else { panic!("cut to {length}: {:?}", seen.damaged) };
        assert_eq!((damage.part, damage.lines_lost), (Part::Index, false), "cut to {length}");
        assert_eq!(damage.bytes, index_at as u64..length as u64);
        assert_eq!(damage.reason, "its index is cut off; every line was read without it");
    }
}

#[test]
fn a_damaged_length_of_the_index_costs_no_line() {
    let content = several_frames();
    let pair = Pair::in_frames(&content, SMALL);
    let bytes = fs::read(pair.sealed()).unwrap();
    let index_at = index_of(&bytes, &pair.sealed()).start as usize;
    let target = pair.dir.path().join("damaged");
    for at in index_at + 4..index_at + 8 {
        for flip in [1, 0x40, 0xff] {
            let one = damaged(&bytes, at, flip);
            fs::write(&target, &one).unwrap();
            let seen = judge(&content, &target, "one");
            let [damage] = &seen.damaged[..] else { panic!("{at}: {:?}", seen.damaged) };
            assert_eq!((damage.part, damage.lines_lost), (Part::Index, false), "{at}");
            // Where frames follow it, they are read as well.
            fs::write(&target, [one, bytes.clone()].concat()).unwrap();
            let twice = content.repeat(2);
            let found = read_sealed(&target);
            let lines: Vec<u8> = found.lines.into_iter().flat_map(|(_, line)| line).collect();
            assert!(lines == twice, "{at}: {:?}", found.damaged);
            let parts: Vec<_> = found.damaged.iter().map(|damage| damage.part).collect();
            assert_eq!(parts, [Part::Index, Part::Index], "{at}");
            // Where one may have been behind it, nobody says that nothing is lost.
            let mut hidden = damaged(&bytes, at, flip);
            hidden.extend([0x28, 0xb5, 0x2f, 0xfd, 0xff]);
            fs::write(&target, hidden).unwrap();
            assert!(read_sealed(&target).damaged.iter().any(|damage| damage.lines_lost), "{at}");
        }
    }
}

#[test]
fn what_only_begins_like_an_index_hides_no_frame_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEALED);
    let content = lines(0..200);
    let half = memchr::memchr(b'\n', &content[content.len() / 2..]).unwrap() + 1;
    let (front, back) = content.split_at(content.len() / 2 + half);
    let [front, back] = [front, back].map(|half| {
        let pair = Pair::of(half);
        let bytes = fs::read(pair.sealed()).unwrap();
        bytes[..index_of(&bytes, &pair.sealed()).start as usize].to_vec()
    });
    let begins = [index::SKIPPABLE_MAGIC.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
    fs::write(&path, [&front, &begins, &back, &begins].map(Vec::as_slice).concat()).unwrap();
    let seen = read_sealed(&path);
    assert_eq!(seen.lines.len(), 200);
    let told: Vec<_> = seen.damaged.iter().map(|damage| damage.reason.as_str()).collect();
    let expected = ["its index is damaged", "its index is cut off; every line was read without it"];
    assert_eq!(told, expected);
}

#[test]
fn frames_of_other_programs_are_read_and_unbounded_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEALED);
    let content = lines(0..3_000);
    let of = |bytes: &[u8]| zstd::stream::encode_all(bytes, 1).unwrap();
    let (front, back) = content.split_at(content.len() / 2);
    for bytes in [of(&content), [of(front), of(back)].concat()] {
        fs::write(&path, bytes).unwrap();
        let seen = read_sealed(&path);
        let found: Vec<u8> = seen.lines.into_iter().flat_map(|(_, line)| line).collect();
        assert!(found == content);
        assert_eq!(seen.damaged.len(), 1);
        assert!(seen.damaged[0].reason.contains("no index"), "{:?}", seen.damaged);
    }
    // A few bytes that stand for 40 MiB. Behind damage a frame begins with a line.
    let end = memchr::memchr(b'\n', back).unwrap() + 1;
    let (front, back) = content.split_at(front.len() + end);
    let bomb = zstd::bulk::compress(&vec![b'\n'; 40 << 20], 3).unwrap();
    fs::write(&path, [of(front), bomb, of(back)].concat()).unwrap();
    let seen = judge(&[front, back].concat(), &path, "bomb");
    assert!(seen.damaged[0].reason.contains("more than"), "{:?}", seen.damaged);
    // Two sealed files in one.
    let pair = Pair::of(front);
    let second = Pair::of(back);
    let both = [pair.sealed(), second.sealed()].map(|path| fs::read(path).unwrap()).concat();
    fs::write(&path, both).unwrap();
    let seen = judge(&content, &path, "two");
    assert!(seen.damaged.iter().all(|damage| !damage.lines_lost), "{:?}", seen.damaged);
}

/// A frame of one raw block, which says that it holds so many bytes.
fn frame_that_claims(raw: u64) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    frame.extend(raw.to_le_bytes());
    frame.extend([(2 << 3) | 1, 0, 0, b'a', b'\n']);
    frame
}

#[test]
fn impossible_numbers_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SEALED);
    let content = lines(0..100);
    let good = zstd::bulk::compress(&content, 3).unwrap();
    for claim in [3, 1 << 40, u64::MAX / 2, u64::MAX] {
        let claims = frame_that_claims(claim);
        fs::write(&path, [&claims, &good, &claims, &claims, &good].map(Vec::as_slice).concat())
            .unwrap();
        let seen = read_sealed(&path);
        assert_eq!((seen.lines.len(), seen.damaged.len()), (200, 4), "{claim}");
        let lines = Query::new(vec![dir.path().to_owned()]).run().lines;
        assert_eq!(lines.len(), 100, "the second hundred has the same ids");
    }
    // The same in an index whose checksums are right.
    let number = |number: u64| number.to_le_bytes();
    for raw in [1 << 51, u64::MAX] {
        let totals = [1, raw, 1, 0, 0, 0].map(number).concat();
        let good_length = good.len() as u64;
        let crc = crc32c::crc32c(&good).to_le_bytes();
        let frame = [
            [0, good_length, raw, 1, 0, 0].map(number).concat(),
            [crc, [0; 4], [0; 4], [0; 4]].concat(),
        ];
        let index =
            crate::fuzzing::index(&[(1, &totals), (2, &frame.concat()), (3, b""), (4, b"")]);
        fs::write(&path, [good.clone(), index].concat()).unwrap();
        let seen = read_sealed(&path);
        assert_eq!((seen.lines.len(), seen.damaged.len()), (100, 1));
        assert!(seen.damaged[0].reason.contains("impossible"), "{:?}", seen.damaged);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_flipped_byte_anywhere_costs_one_frame_at_most(
        place: proptest::sample::Index,
        flip in 1u8..=255,
    ) {
        thread_local! {
            static ONCE: (Vec<u8>, Pair, Vec<u8>) = {
                let content = several_frames();
                let pair = Pair::in_frames(&content, SMALL);
                let bytes = fs::read(pair.sealed()).unwrap();
                (content, pair, bytes)
            };
        }
        ONCE.with(|(content, pair, bytes)| {
            let index_at = index_of(bytes, &pair.sealed()).start as usize;
            try_flip(content, pair, bytes, index_at, place.index(bytes.len()), flip);
        });
    }
}
