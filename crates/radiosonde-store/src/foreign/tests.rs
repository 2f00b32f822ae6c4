//! Files made by hand, of every format, whole and not.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use proptest::prelude::*;

use super::Reader;
use crate::reader::Chunk;

/// What is given out of a file, and how its reading ends.
#[derive(Debug, Default)]
struct Seen {
    bytes: Vec<u8>,
    overlong: Vec<u64>,
    end: Option<(u64, io::Error)>,
}

impl Seen {
    fn error(&self) -> String {
        self.end.as_ref().map(|(_, error)| error.to_string()).unwrap_or_default()
    }
}

fn read(content: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("any");
    fs::write(&path, content).unwrap();
    let mut reader = match Reader::open(&path) {
        Ok(reader) => reader,
        Err(error) => {
            seen.end = Some((0, error));
            return seen;
        }
    };
    loop {
        match reader.next_chunk() {
            Ok(Some(Chunk::Lines { offset, bytes } | Chunk::HalfLine { offset, bytes })) => {
                if seen.overlong.is_empty() {
                    assert_eq!(offset, seen.bytes.len() as u64);
                }
                seen.bytes.extend_from_slice(bytes);
            }
            Ok(Some(Chunk::Overlong { offset })) => seen.overlong.push(offset),
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => break,
            Err(error) => {
                seen.end = Some((reader.bytes_read(), error));
                assert_eq!(reader.next_chunk().unwrap(), None, "nothing behind an error");
                break;
            }
        }
    }
    seen
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// One frame, with or without its length in its head, and with a checksum.
fn zstd(bytes: &[u8], is_length_told: bool) -> Vec<u8> {
    let mut out = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    out.include_checksum(true).unwrap();
    if is_length_told {
        out.set_pledged_src_size(Some(bytes.len() as u64)).unwrap();
    }
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A skippable frame of another program.
fn skippable(length: u32) -> Vec<u8> {
    let mut out = vec![0x5e, 0x2a, 0x4d, 0x18];
    out.extend(length.to_le_bytes());
    out.extend(vec![b'x'; length as usize]);
    out
}

/// Lines that do not compress well.
fn lines(count: u64) -> Vec<u8> {
    let mut state = 1_u64;
    let mut out = Vec::new();
    for n in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n | 1);
        writeln!(out, "{{\"n\":{n},\"x\":\"{state:016x}{:016x}\"}}", state.rotate_left(29))
            .unwrap();
    }
    out
}

#[test]
fn every_format_gives_out_what_it_holds() {
    let text = lines(30_000);
    let (a, b) = text.split_at(700_001);
    let cases: [(&str, Vec<u8>); 9] = [
        ("text", text.clone()),
        ("gzip", gzip(&text)),
        ("members", [gzip(a), gzip(b""), gzip(b)].concat()),
        ("members and zeros", [gzip(a), gzip(b), vec![0; 5_000]].concat()),
        ("zstd", zstd(&text, true)),
        ("zstd of unknown length", zstd(&text, false)),
        ("frames", [zstd(a, false), zstd(b"", true), zstd(b, true)].concat()),
        (
            "skippable frames",
            [skippable(0), zstd(a, true), skippable(70_000), zstd(b, false), skippable(9)].concat(),
        ),
        ("level 19", zstd::bulk::compress(&text, 19).unwrap()),
    ];
    for (what, content) in cases {
        let seen = read(&content);
        assert!(seen.end.is_none(), "{what}: {seen:?}");
        assert!(seen.bytes == text, "{what}: {} bytes", seen.bytes.len());
    }
}

#[test]
fn text_is_read_as_editors_and_crashes_leave_it() {
    for (content, expect) in [
        (b"".as_slice(), b"".as_slice()),
        (b"\n", b"\n"),
        (b"a", b"a"),
        (b"{\"a\":1}\r\nb", b"{\"a\":1}\r\nb"),
        (b"\xef\xbb\xbfa\nb\n", b"a\nb\n"),
        (b"\xef\xbb\xbf", b""),
        (b"\xef\xbb", b"\xef\xbb"),
        (b"\0\0\0\0\0\na\n", b"\0\0\0\0\0\na\n"),
        (b"\x1f", b"\x1f"),
        (b"PK\n", b"PK\n"),
        (b"BZh9\n", b"BZh9\n"),
    ] {
        let seen = read(content);
        assert!(seen.end.is_none(), "{content:?}: {seen:?}");
        assert_eq!(seen.bytes, expect, "{content:?}");
    }
    for content in [b"\xff\xfea\0".as_slice(), b"\xfe\xff\0a"] {
        assert!(read(content).error().contains("UTF-16"), "{content:?}");
    }
}

#[test]
fn what_is_compressed_otherwise_is_refused_with_what_unpacks_it() {
    for (head, unpack) in [
        (b"\xfd7zXZ\0\0\x04".as_slice(), "`xz -dc FILE | radiosonde logs -`"),
        (b"BZh91AY&SY", "`bzip2 -dc FILE |"),
        (b"BZh9\x17\x72\x45\x38", "`bzip2 -dc FILE |"),
        (b"\x04\x22\x4d\x18", "`lz4 -dc FILE |"),
        (b"PK\x03\x04\n", "`unzip -p FILE |"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "`7z x -so FILE |"),
        (b"LZIP\x01", "`lzip -dc FILE |"),
        (b"\x5d\0\0\x80\0\xff\xff\xff", "`xz -dc FILE |"),
        (b"\x89LZO\0\r\n", "`lzop -dc FILE |"),
        (b"\x1f\x9d\x90", "`gzip -dc FILE |"),
        (b"\xff\x06\0\0sNaPpY", "`snzip -dc FILE |"),
    ] {
        let seen = read(head);
        assert!(seen.error().contains(unpack), "{head:?}: {seen:?}");
        assert_eq!((seen.bytes.len(), seen.end.unwrap().0), (0, 0));
    }
}

#[test]
fn what_stands_before_the_cut_is_given_out_and_the_cut_is_told() {
    let text = lines(20_000);
    for (what, content) in [
        ("gzip", gzip(&text)),
        ("zstd", zstd(&text, true)),
        ("zstd of unknown length", zstd(&text, false)),
    ] {
        for cut in [5, 11, 100, content.len() / 2, content.len() - 1] {
            let seen = read(&content[..cut]);
            let (at, error) = seen.end.as_ref().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{what}, {cut}: {error}");
            assert_eq!(*at, cut as u64, "{what}");
            assert!(text.starts_with(&seen.bytes), "{what}, {cut}");
            // A block of zstd is given out whole or not at all.
            let share = seen.bytes.len() * content.len() / text.len();
            assert!(share + 140_000 > cut, "{what}: {share} of {cut}");
            assert!(seen.bytes.is_empty() || seen.bytes.ends_with(b"\n"), "half a line is none");
        }
    }
}

#[test]
fn damage_in_the_middle_ends_it_with_its_place() {
    let text = lines(40_000);
    for (what, mut content) in [("gzip", gzip(&text)), ("zstd", zstd(&text, false))] {
        let middle = content.len() / 2;
        content[middle..middle + 64].fill(0xa5);
        let seen = read(&content);
        let (at, error) = seen.end.as_ref().unwrap();
        assert!(error.to_string().contains("damaged"), "{what}: {error}");
        // Other bytes may be taken for lines, until the checksum differs at the end.
        assert!((middle - 140_000..=content.len()).contains(&(*at as usize)), "{what}: {at}");
        let share = seen.bytes.len() * content.len() / text.len();
        assert!(share + 140_000 > middle, "{what}: {share} of {middle}");
        let certain = text.len() / 2 - 200_000;
        assert!(seen.bytes[..certain] == text[..certain], "{what}");
    }
    // Also of what is read at once.
    let mut content = gzip(&lines(50));
    let last = content.len() - 36;
    content[last] ^= 0xff;
    let seen = read(&content);
    let (at, error) = seen.end.as_ref().unwrap();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(*at as usize > content.len() / 2, "{at} of {}", content.len());
}

#[test]
fn what_follows_that_is_neither_is_told() {
    let text = lines(10);
    for content in [
        [gzip(&text), b"{}\n".to_vec()].concat(),
        [gzip(&text), zstd(&text, true)].concat(),
        [zstd(&text, true), b"{\"a\":1}\n".to_vec()].concat(),
        [zstd(&text, true), gzip(&text)].concat(),
    ] {
        let seen = read(&content);
        assert_eq!(seen.bytes, text);
        assert!(seen.end.is_some());
    }
}

#[test]
fn long_windows_are_taken_up_to_a_bound() {
    // A frame of one line, by the byte: its head, which says only its window, and a block.
    let frame = |log: u8| {
        let line = b"{\"a\":1}\n";
        let block = (line.len() as u32) << 3 | 1;
        let head = [&[0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3], &block.to_le_bytes()[..3]];
        [&head.concat(), line.as_slice()].concat()
    };
    for log in [10, 23, 27] {
        let seen = read(&frame(log));
        assert_eq!((seen.bytes.as_slice(), seen.end.is_none()), (b"{\"a\":1}\n".as_slice(), true));
    }
    let seen = read(&[frame(20), frame(28)].concat());
    assert_eq!(seen.bytes, b"{\"a\":1}\n", "what stands before");
    assert!(seen.error().contains("zstd -dc --long=31"), "{}", seen.error());
}

/// A zstd frame of so many blocks of 128 KiB of one byte, four bytes each.
fn of_one_byte(byte: u8, blocks: usize) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    for n in 1..=blocks {
        let block = (128_u32 << 10) << 3 | 2 | u32::from(n == blocks);
        out.extend(&block.to_le_bytes()[..3]);
        out.push(byte);
    }
    out
}

#[test]
fn a_few_bytes_that_hold_more_than_a_disk_are_given_up() {
    let before = zstd(b"{\"a\":1}\n", true);
    for byte in [b'{', 0, b'\n'] {
        // 10 GiB; no more than 1 and a bit are gone through.
        let bomb = [before.clone(), of_one_byte(byte, 80 << 10)].concat();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bomb");
        fs::write(&path, &bomb).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        let mut held = 0_u64;
        let error = loop {
            match reader.next_chunk() {
                Ok(Some(Chunk::Lines { bytes, .. })) => held += bytes.len() as u64,
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("given up"), "{error}");
        assert!((8..(1 << 30) + (1 << 20)).contains(&held), "{held}");
        assert!(reader.bytes_read() < bomb.len() as u64 / 5, "{}", reader.bytes_read());
    }
}

#[test]
fn nothing_is_looked_for_in_a_file_of_holes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("any");
    fs::write(&path, "{}\n").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let mut reader = crate::reader::Reader::open(&path).unwrap();
    assert!(matches!(reader.next_chunk(), Ok(Some(Chunk::Lines { offset: 0, .. }))));
    let error = reader.next_chunk().unwrap_err();
    assert!(error.to_string().contains("no line break"), "{error}");
    assert!(reader.bytes_read() < (1 << 30) + (17 << 20));
    assert_eq!(reader.next_chunk().unwrap(), None);
}

#[test]
fn a_line_of_twenty_megabytes_is_passed_over_in_any_format() {
    let long = [b"a\n".to_vec(), vec![b'x'; 20 << 20], b"\nb\n".to_vec()].concat();
    for content in [long.clone(), zstd(&long, true), zstd(&long, false)] {
        let seen = read(&content);
        assert!(seen.end.is_none(), "{:?}", seen.end);
        assert_eq!((seen.bytes.as_slice(), seen.overlong), (b"a\nb\n".as_slice(), vec![2]));
    }
    let alone = read(&zstd(&vec![b'x'; 20 << 20], true));
    assert_eq!((alone.bytes.len(), alone.overlong, alone.end.is_none()), (0, vec![0], true));
}

#[cfg(unix)]
#[test]
fn what_is_named_is_followed_and_what_is_found_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    fs::write(at("file"), gzip(b"a\n")).unwrap();
    std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
    std::os::unix::fs::symlink(at("nothing"), at("dangling")).unwrap();
    assert!(Reader::open_named(&at("file")).is_ok());
    assert!(Reader::open_named(&at("link")).is_ok());
    assert!(Reader::open(&at("link")).unwrap_err().to_string().contains("symbolic link"));
    for (path, reason) in [
        (at("dangling"), "No such file"),
        (PathBuf::from("/dev/zero"), "device"),
        (dir.path().to_owned(), "directory"),
    ] {
        let error = Reader::open_named(&path).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_to_its_end_and_what_has_no_length_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    // Nobody waits for a writer of a pipe that was found.
    assert!(Reader::open(&path).is_err());
    let text = lines(5_000);
    let content = gzip(&text);
    let seen = std::thread::scope(|scope| {
        let _ = scope.spawn(|| fs::write(&path, &content).unwrap());
        let mut reader = Reader::open_named(&path).unwrap();
        let mut seen = Vec::new();
        while let Some(Chunk::Lines { bytes, .. }) = reader.next_chunk().unwrap() {
            seen.extend_from_slice(bytes);
        }
        seen
    });
    assert!(seen == text, "{} bytes", seen.len());
    let mut reader = Reader::open_named("/proc/self/status".as_ref()).unwrap();
    assert!(matches!(reader.next_chunk().unwrap(), Some(Chunk::Lines { .. })));
}

#[test]
fn a_file_that_is_cut_off_while_it_is_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("any");
    fs::write(&path, lines(40_000)).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    let first = match reader.next_chunk().unwrap() {
        Some(Chunk::Lines { bytes, .. }) => bytes.len(),
        other => panic!("{other:?}"),
    };
    fs::File::options().write(true).open(&path).unwrap().set_len(first as u64).unwrap();
    let error = loop {
        match reader.next_chunk() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("cut off, and nobody says so"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// How going through the rest of a file ends.
fn end(next: &mut dyn FnMut() -> io::Result<bool>) -> String {
    loop {
        match next() {
            Ok(true) => {}
            Ok(false) => return String::new(),
            Err(error) => {
                assert!(!next().unwrap(), "nothing behind an error");
                return error.to_string();
            }
        }
    }
}

#[test]
fn a_file_that_is_rewritten_while_it_is_read_is_told() {
    let (text, mut other) = (lines(40_000), lines(90_000));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events-2025-10-06.jsonl");
    let read = |change: &dyn Fn()| {
        fs::write(&path, &text).unwrap();
        let mut ours = crate::reader::Reader::open(&path).unwrap();
        let mut foreign = Reader::open(&path).unwrap();
        let mut ours = || ours.next_chunk().map(|chunk| chunk.is_some());
        let mut foreign = || foreign.next_chunk().map(|chunk| chunk.is_some());
        assert!(ours().unwrap() && foreign().unwrap());
        change();
        [end(&mut ours), end(&mut foreign)]
    };
    other.reverse();
    for end in read(&|| fs::write(&path, &other).unwrap()) {
        assert!(end.contains("rewritten"), "{end}");
    }
    // Who adds to it leaves its beginning.
    let add = || fs::File::options().append(true).open(&path).unwrap().write_all(b"{}\n").unwrap();
    assert_eq!(read(&add), ["", ""]);
    // What it was called is another one by now.
    let replace = || {
        fs::rename(&path, dir.path().join("old")).unwrap();
        fs::write(&path, b"{}\n").unwrap();
    };
    assert_eq!(read(&replace), ["", ""]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_bytes_come_out_as_they_went_in(
        pieces in proptest::collection::vec((0usize..150_000, 0u8..8, any::<u8>()), 0..6),
    ) {
        let mut text = Vec::new();
        let (mut members, mut frames) = (Vec::new(), skippable(3));
        for (length, kind, seed) in pieces {
            let piece: Vec<u8> = (0..length)
                .map(|n| if n % (usize::from(seed) + 2) == 0 { b'\n' } else { (n * n) as u8 ^ seed })
                .collect();
            members.extend(gzip(&piece));
            frames.extend(zstd(&piece, kind & 1 == 0));
            if kind & 2 != 0 {
                frames.extend(skippable(u32::from(seed)));
            }
            text.extend(piece);
        }
        if !members.is_empty() {
            prop_assert!(read(&members).bytes == text);
        }
        let seen = read(&frames);
        prop_assert!(seen.bytes == text && seen.end.is_none());
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(
        count in 1u64..4_000,
        at in any::<prop::sample::Index>(),
        bits in 1u8..=255,
        is_gzip: bool,
    ) {
        let text = lines(count);
        let mut content = if is_gzip { gzip(&text) } else { zstd(&text, false) };
        let at = at.index(content.len());
        content[at] ^= bits;
        let seen = read(&content);
        // Some bytes of a head mean nothing: when a file was compressed, and by what.
        prop_assert!(seen.end.is_some() || at < 4 || seen.bytes == text, "{seen:?}");
    }
}
