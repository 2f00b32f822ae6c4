//! Compressed files of other programs, made of the bytes of an input, against the libraries' own way
//! to unpack them.

use std::io::Write as _;

use radiosonde_store::foreign::Reader;
use radiosonde_store::fuzzing::{self, Packing};
use radiosonde_store::reader::Chunk;

use super::dice::Dice;
use super::sealed::lines;

/// Of what is compared; files made to hold more only have to end.
const COMPARED_BYTES_MAX: usize = 8 << 20;

/// What is given out, up to the bytes compared, and whether something was said to be wrong or left
/// out.
fn read(content: &[u8]) -> (Vec<u8>, bool) {
    thread_local! {
        static FILE: tempfile::NamedTempFile =
            tempfile::NamedTempFile::new().expect("a temporary file");
    }
    FILE.with(|file| {
        std::fs::write(file.path(), content).expect("room for a small file");
        let Ok(mut reader) = Reader::open(file.path()) else { return (Vec::new(), true) };
        let (mut out, mut is_told) = (Vec::new(), false);
        loop {
            match reader.next_chunk() {
                Ok(Some(Chunk::Lines { bytes, .. } | Chunk::HalfLine { bytes, .. })) => {
                    let room = COMPARED_BYTES_MAX.saturating_sub(out.len());
                    out.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Ok(Some(_)) => is_told = true,
                Ok(None) => return (out, is_told),
                Err(_) => {
                    assert!(reader.bytes_read() <= content.len() as u64, "a place behind the end");
                    assert!(matches!(reader.next_chunk(), Ok(None)), "something behind an error");
                    return (out, true);
                }
            }
        }
    })
}

/// Reads a compressed file and compares.
fn judge(content: &[u8], packing: Packing) {
    let (found, is_told) = read(content);
    let (expected, is_whole) = fuzzing::unpack(content, packing, COMPARED_BYTES_MAX);
    if expected.len() >= COMPARED_BYTES_MAX {
        return;
    }
    let shorter = found.len().min(expected.len());
    assert!(found[..shorter] == expected[..shorter], "something else is given out");
    if is_whole && !is_told {
        assert_eq!(found.len(), expected.len(), "bytes given out");
    }
    // Zeros behind a member are no damage here.
    let is_padded = packing == Packing::Gzip && content.last() == Some(&0);
    assert!(is_whole || is_told || is_padded, "damage, and nobody says so");
}

/// Bytes as they are, behind the first bytes of a format; or what a program wrote, in pieces, with
/// some bytes changed or its end cut off.
pub fn foreign_reader(data: &[u8]) {
    let mut dice = Dice(data);
    let choice = dice.u8();
    let packing = if choice & 1 == 0 { Packing::Gzip } else { Packing::Zstd };
    if choice & 2 != 0 {
        judge(&[packing.magic(), dice.0].concat(), packing);
        return;
    }
    let mut content = Vec::new();
    for _ in 0..=(choice >> 6) {
        let text = lines(dice.counted());
        content.write_all(&fuzzing::pack(&text, packing, choice & 4 == 0)).expect("memory");
    }
    if choice & 8 != 0 {
        content.truncate(usize::from(dice.u16()).clamp(4, content.len()));
    }
    while !dice.is_empty() {
        let at = usize::from(dice.u16()) % content.len();
        content[at] ^= dice.u8();
    }
    if content.starts_with(packing.magic()) {
        judge(&content, packing);
    }
}

/// Whole files, cut ones, damaged ones, and bytes of nobody.
pub fn seeds() -> Vec<Vec<u8>> {
    let text = [5, 0, 1, 2, 3, 4, 5];
    vec![
        [&[0], &text[..]].concat(),
        [&[1], &text[..]].concat(),
        [&[0x45], &text[..], &text[..]].concat(),
        [&[0x40], &text[..], &text[..]].concat(),
        [&[8], &text[..], &[30, 0]].concat(),
        [&[9], &text[..], &[30, 0, 12, 0, 1]].concat(),
        [&[2, 8, 0, 0, 0, 0, 0, 0, 3], &b"no deflate"[..]].concat(),
        // A block of 128 KiB of one byte, and another.
        vec![3, 0, 0x88, 2, 0, 0x10, b'\n', 3, 0, 0x10, b'{'],
    ]
}
