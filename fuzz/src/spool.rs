//! Files of a spool: segments and cursors, whatever is in them.

use std::path::Path;

use radiosonde_spool::fuzzing::{self, Sample};

use super::dice::Dice;

/// A segment as it stands, or a whole one with changes whose checksums are made right; and a spool
/// that has it before another one.
pub fn segment(data: &[u8]) {
    let mut dice = Dice(data);
    let is_mended = dice.u8() % 2 == 1;
    let acts = acts(&mut dice);
    let mut files = fuzzing::sample(2, u64::from(dice.u8() % 16));
    let bytes = &mut files.segments[0];
    if is_mended {
        while !dice.0.is_empty() {
            let at = dice.u64() as usize % bytes.len();
            bytes[at] = dice.u8();
            // The frame whose head this may be in.
            let frame = at.saturating_sub(usize::from(dice.u8() % 56)) / 8 * 8;
            fuzzing::mend_frame(bytes, frame);
        }
    } else {
        dice.0.clone_into(bytes);
    }
    fuzzing::segment(bytes);
    spool(&files, acts);
}

/// The file of a cursor as it stands, or with its first checksum, and its books, made right; and a spool
/// that goes by it.
pub fn cursor(data: &[u8]) {
    let mut dice = Dice(data);
    let is_mended = dice.u8() % 2 == 1;
    let acts = acts(&mut dice);
    let mut files = fuzzing::sample(u64::from(dice.u8() % 4), 8);
    files.cursor = dice.0.to_vec();
    if is_mended {
        fuzzing::mend_cursor(&mut files.cursor);
    }
    fuzzing::cursor(&files.cursor);
    spool(&files, acts);
}

fn acts<'a>(dice: &mut Dice<'a>) -> &'a [u8] {
    let count = usize::from(dice.u8() % 32);
    dice.bytes(count)
}

fn spool(files: &Sample, acts: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary directory");
    }
    FOLDER.with(|folder| {
        let path: &Path = folder.path();
        // What a finding left there.
        let _ = std::fs::remove_dir_all(path.join("spool"));
        fuzzing::spool(path, files, acts).expect("room for small files");
    });
}

/// A segment, and changes in one.
pub fn segment_seeds() -> Vec<Vec<u8>> {
    let change = [&900_u64.to_le_bytes()[..], &[7, 4]].concat();
    let whole = [&[0, 3, 0, 4, 14, 9][..], &fuzzing::sample(1, 12).segments[0]].concat();
    vec![whole, vec![0], [&[1, 4, 0x20, 8, 0, 14, 9][..], &change, &change].concat()]
}

/// A slot, as it is and to be mended, and four of them.
pub fn cursor_seeds() -> Vec<Vec<u8>> {
    let slot = fuzzing::sample(3, 8).cursor;
    let mut file = slot.clone();
    file.resize(4096, 0);
    let four = file.repeat(4);
    vec![
        [&[0, 2, 0, 0x14, 3][..], &slot].concat(),
        [&[1, 6, 0x30, 0x28, 14, 0, 4, 12, 3][..], &slot].concat(),
        [&[1, 5, 0x88, 0x10, 10, 0x19, 7, 2][..], &slot].concat(),
        [&[0, 0, 3][..], &four].concat(),
        vec![0],
    ]
}
