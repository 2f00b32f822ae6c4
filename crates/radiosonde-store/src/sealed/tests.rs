//! Sealing, reading back, and damage.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::reader::{self, Chunk, LINE_BYTES_MAX};
use crate::sealed::frames::RAW_BYTES_MAX;

mod choosing;
mod damage;
mod hostile;
mod sealing;

/// Everything a file holds, taken apart.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    lines: Vec<(u64, Vec<u8>)>,
    half: Option<(u64, Vec<u8>)>,
    overlong: Vec<u64>,
    damaged: Vec<Damage>,
}

impl Seen {
    fn add(&mut self, chunk: Chunk<'_>) {
        match chunk {
            Chunk::Damaged(damage) => self.damaged.push(damage),
            Chunk::HalfLine { offset, bytes } => self.half = Some((offset, bytes.to_vec())),
            Chunk::Lines { mut offset, bytes } => {
                assert_eq!(bytes.last(), Some(&b'\n'));
                for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                    self.lines.push((offset, line.to_vec()));
                    offset += line.len() as u64;
                }
            }
            Chunk::Overlong { offset } => self.overlong.push(offset),
        }
    }
}

fn read_sealed(path: &Path) -> Seen {
    let mut reader = Reader::open(path).unwrap();
    let mut seen = Seen::default();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        seen.add(chunk);
    }
    seen
}

fn read_plain(path: &Path) -> Seen {
    let mut reader = reader::Reader::open(path).unwrap();
    let mut seen = Seen::default();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        seen.add(chunk);
    }
    seen
}

/// A directory with a source and its sealed form.
struct Pair {
    dir: tempfile::TempDir,
    seal: Seal,
}

impl Pair {
    fn of(content: &[u8]) -> Self {
        Self::in_frames(content, FRAME_BYTES)
    }

    fn in_frames(content: &[u8], frame_bytes: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(PLAIN), content).unwrap();
        let pair = |seal| Self { dir, seal };
        let pair = pair(Seal { raw_bytes: 0, sealed_bytes: 0, lines: 0, frames: 0 });
        let (plain, sealed) = (pair.plain(), pair.sealed());
        let seal = crate::fuzzing::seal_in_frames(&plain, &sealed, frame_bytes).unwrap();
        Self { seal, ..pair }
    }

    fn plain(&self) -> PathBuf {
        self.dir.path().join(PLAIN)
    }

    fn sealed(&self) -> PathBuf {
        self.dir.path().join(SEALED)
    }
}

const PLAIN: &str = "events-2025-10-06.jsonl";
const SEALED: &str = "events-2025-10-06.jsonl.zst";

/// Lines of which no two are the same, about 100 bytes each.
fn lines(range: std::ops::Range<u32>) -> Vec<u8> {
    range
        .map(|n| {
            format!(
                "{{\"ts\":\"2025-10-06T10:{:02}:{:02}.000000Z\",\"evt\":\"log\",\"msg\":\"{:08x}\",\"job_id\":\"job-{}\",\"id\":\"aaaaaaaa.1.{n}\"}}\n",
                n / 6_000 % 60,
                n / 100 % 60,
                n.wrapping_mul(0x9e37_79b9),
                n / 500,
            )
        })
        .collect::<String>()
        .into_bytes()
}

#[test]
fn what_was_sealed_is_read_back_and_counted() {
    let content = lines(0..30_000);
    let pair = Pair::of(&content);
    assert_eq!(pair.seal.raw_bytes, content.len() as u64);
    assert_eq!(pair.seal.lines, 30_000);
    assert_eq!(pair.seal.frames, content.len().div_ceil(FRAME_BYTES) as u64);
    assert_eq!(pair.seal.sealed_bytes, fs::metadata(pair.sealed()).unwrap().len());
    assert_eq!(read_sealed(&pair.sealed()), read_plain(&pair.plain()));
    assert!(is_sealed_copy(&pair.plain(), &pair.sealed(), &mut || true).unwrap());
    assert!(stands_for(&pair.plain(), &pair.sealed()).unwrap());
    assert_eq!(fs::read(pair.plain()).unwrap(), content, "the source stays");
    let names: Vec<_> = pair.dir.path().read_dir().unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(pair.sealed()).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn sources_of_every_shape_are_kept_as_they_are() {
    let long = |length: usize| [vec![b'x'; length], b"\n".to_vec()].concat();
    let a_frame_exactly = long(FRAME_BYTES - 1);
    for (content, frames) in [
        (Vec::new(), 0),
        (b"\n".to_vec(), 1),
        (b"no end".to_vec(), 1),
        (b"\0\xff\n\r\n\n{}\nhalf".to_vec(), 1),
        (a_frame_exactly.clone(), 1),
        ([a_frame_exactly.clone(), b"a\nb".to_vec()].concat(), 2),
        ([b"a\n".to_vec(), long(3 << 20), b"b\n".to_vec()].concat(), 3),
        (vec![b'x'; 3 << 20], 1),
        (long(LINE_BYTES_MAX), 1),
        ([b"a\n".to_vec(), long(LINE_BYTES_MAX + 1), b"b\n".to_vec()].concat(), 3),
        ([b"a\n".to_vec(), long(20 << 20), b"b\n".to_vec()].concat(), 3),
        (vec![b'x'; 20 << 20], 1),
    ] {
        let pair = Pair::of(&content);
        assert_eq!(pair.seal.frames, frames, "{} bytes", content.len());
        assert!(
            read_sealed(&pair.sealed()) == read_plain(&pair.plain()),
            "{} bytes",
            content.len()
        );
        assert!(is_sealed_copy(&pair.plain(), &pair.sealed(), &mut || true).unwrap());
        let all = zstd::stream::decode_all(fs::File::open(pair.sealed()).unwrap()).unwrap();
        assert!(all == content, "{} bytes", content.len());
    }
}

#[test]
fn a_long_line_in_a_frame_of_its_own_is_told_as_overlong_even_where_it_could_be_taken_apart() {
    let mut content = vec![b'x'; LINE_BYTES_MAX + 1000];
    content.extend(b"\nb\n");
    assert!(content.len() < RAW_BYTES_MAX);
    let pair = Pair::of(&content);
    let seen = read_sealed(&pair.sealed());
    assert_eq!((seen.overlong, seen.lines.len()), (vec![0], 1));
}

#[test]
fn another_file_is_no_copy() {
    let content = lines(0..20_000);
    let pair = Pair::of(&content);
    let other = pair.dir.path().join("other");
    let mut same_length = content.clone();
    same_length[content.len() / 2] ^= 1;
    for bytes in [&content[..content.len() - 1], &same_length, b""] {
        fs::write(&other, bytes).unwrap();
        assert!(!is_sealed_copy(&other, &pair.sealed(), &mut || true).unwrap());
        assert!(!stands_for(&other, &pair.sealed()).unwrap());
    }
    assert!(!is_sealed_copy(&pair.plain(), &pair.plain(), &mut || true).unwrap());
    assert!(is_sealed_copy(&other, &pair.dir.path().join("none"), &mut || true).is_err());
}

/// Lines as they may come: ours, others, empty, long.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => (0u32..60, 0u32..9).prop_map(|(second, job)| format!(
            "{{\"ts\":\"2025-10-06T10:00:{second:02}.000000Z\",\"job_id\":\"job-{job}\",\"id\":\"aaaaaaaa.{job}.{second}\"}}\n"
        ).into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..50),
        1 => Just(b"\n".to_vec()),
        1 => (0usize..2_000_000, b'a'..=b'z').prop_map(|(length, byte)| vec![byte; length]),
        1 => Just(lines(0..12_000)),
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn sealing_changes_no_byte(content in any_content(), level in -3i32..8) {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join(PLAIN), dir.path().join(SEALED));
        fs::write(&source, &content).unwrap();
        let sealed = seal(&source, &target, &SealOptions::default().level(level), &mut || true).unwrap();
        prop_assert_eq!(sealed.raw_bytes, content.len() as u64);
        let plain = read_plain(&source);
        prop_assert!(read_sealed(&target) == plain);
        prop_assert_eq!(sealed.lines, (plain.lines.len() + usize::from(plain.half.is_some())) as u64);
        let all = zstd::stream::decode_all(fs::File::open(&target).unwrap()).unwrap();
        prop_assert!(all == content);
    }
}
